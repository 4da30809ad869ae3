"""The embedded PostgreSQL: its programs come in a wheel, its data are under PSQLM_HOME.

The server outlives the command that started it; `psqlm stop` ends it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import platformdirs
import psycopg
from psycopg.pq import PGconn, Ping

from psqlm.database import processes, system_user, tcp
from psqlm.database.programs import Programs
from psqlm.database.settings import machine_cores, machine_memory, settings
from psqlm.errors import PsqlmError

VERSION = 18
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 104 on macOS, 108 on Linux


def home() -> Path:
    """The folder of the embedded server: PSQLM_HOME, or the platform's data folder."""
    if chosen := os.environ.get("PSQLM_HOME"):
        return Path(chosen).expanduser().resolve()
    if os.name != "nt" and os.geteuid() == 0:
        return system_user.HOME.resolve()
    return platformdirs.user_data_path("psqlm")


class EmbeddedServer:
    """A PostgreSQL server of the user, with a socket that only they can open."""

    def __init__(
        self,
        folder: Path | None = None,
        version: int = VERSION,
        chosen: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server with its files under `folder`. Nothing is started yet.

        Args:
            folder: where its files are. By default PSQLM_HOME or the platform's data folder.
            version: PostgreSQL's major version, 18 or 16.
            chosen: settings in place of those that fit the machine.
        """
        self.home = folder.resolve() if folder else home()
        self.data = self.home / f"postgresql-{version}"
        self.log = self.data / "server.log"
        self._version = version
        self._chosen = chosen or {}
        self._programs = Programs(self.home, self.data, self.log, version)

    @property
    def socket(self) -> Path:
        """The folder of the socket: the data folder, or a short one if that is too long."""
        if len(os.fsencode(self.data / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"psqlm-{digest}"

    @property
    def binaries(self) -> Path:
        """The folder of the server's programs, psql among them."""
        return self._programs.folder

    @property
    def dsn(self) -> str:
        """Connection string of the server's database."""
        return f"postgresql:///postgres?host={quote(str(self.socket), safe='')}&user=postgres"

    def start(self) -> str:
        """Start the server if it is not running, and return its DSN.

        Raises:
            PsqlmError: its folder cannot be written, or the server does not start.
        """
        if self._answers():
            return self.dsn
        if os.name == "nt":
            raise PsqlmError("the embedded server runs on Linux and macOS only: give --dsn")
        with self.locked() as lock:
            if not self._answers():
                self._prepare(lock)
                self._launch()
        return self.dsn

    def listen(self, port: int | None) -> None:
        """Run the server with a port of 127.0.0.1, or with its socket alone.

        A server that runs otherwise is started again, for PostgreSQL has one port for both.

        Raises:
            PsqlmError: the port is in use, or others are connected to the server that runs.
        """
        if os.name == "nt":
            raise PsqlmError("the embedded server runs on Linux and macOS only: give --dsn")
        with self.locked() as lock:
            running = self._answers()
            if running and tcp.port_of(self.data) == port:
                return
            if port is not None:
                tcp.require_free(port)
            if running:
                tcp.require_alone(self.dsn)
                self._stop()
            self._prepare(lock, port)
            self._launch()

    def stop(self) -> bool:
        """Stop the server. Returns whether one was running."""
        if processes.server_of(self.data) is None:
            return False
        with self.locked():
            if processes.server_of(self.data) is None:
                return False
            self._stop()
        return True

    def _stop(self) -> None:
        # PostgreSQL 18 hangs where a fast shutdown meets the recovery from a crash
        until = time.monotonic() + 30
        while PGconn.ping(self.dsn.encode()) == Ping.REJECT and time.monotonic() < until:
            time.sleep(0.1)
        stop = ("pg_ctl", "stop", "-D", str(self.data), "-w")
        for patience in (10, 110):
            try:
                return self._programs.run(*stop, "-m", "fast", "-t", str(patience))
            except PsqlmError:
                if (server := processes.server_of(self.data)) is None:
                    return None
                if processes.is_idle(server):
                    break
        return self._programs.run(*stop, "-m", "immediate")  # the next start recovers

    def _answers(self) -> bool:
        """Whether the server takes connections."""
        if not (self.data.exists() and (self.socket / ".s.PGSQL.5432").exists()):
            return False
        self._check_socket()
        try:
            psycopg.connect(self.dsn, connect_timeout=10).close()
        except psycopg.Error:
            return False
        return True

    def _check_socket(self) -> None:
        """Refuse a folder where other users can put a socket, for we would connect to their server.

        Raises:
            PsqlmError: the folder, whose name others can guess, does not belong to the user alone.
        """
        if self.socket == self.data:
            return
        state = self.socket.lstat()
        if not (
            stat.S_ISDIR(state.st_mode)
            and stat.S_IMODE(state.st_mode) & 0o777 == 0o700
            and state.st_uid in (os.geteuid(), self._programs.identity().get("user"))
        ):
            raise PsqlmError(
                f"the socket's folder {self.socket} is a link, or not only yours: "
                "remove it, or set PSQLM_HOME to a shorter path, which needs no such folder"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Let one command at a time make, start or stop the server. Gives the lock's descriptor."""
        import fcntl

        try:
            system_user.make_folder(self.home)
            # does not follow links: with one, another user could make root empty any file
            lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise PsqlmError(
                f"cannot write to {self.home} ({error.strerror}): "
                "set PSQLM_HOME to a folder of yours, or PSQLM_DSN to a server"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock
        finally:
            os.close(lock)

    def _prepare(self, lock: int, port: int | None = None) -> None:
        """Make the data folder if it is new, and write settings that fit this machine today."""
        if os.geteuid() == 0:
            self._programs.make_user(self.socket.parent)
        for unfinished in self.home.glob(f"{system_user.UNFINISHED}*"):
            shutil.rmtree(unfinished)  # left by a start that was killed; we have the lock
        if not self.data.exists():
            self._initialise(lock)
        if self.socket != self.data:
            with contextlib.suppress(FileExistsError):
                self.socket.mkdir(mode=0o700)
            self._check_socket()
            self._programs.own(self.socket)
        values = {
            **settings(machine_memory(), shutil.disk_usage(self.data).free, machine_cores()),
            "unix_socket_directories": f'"{self.socket}"',
            **self._chosen,
        }
        if port is not None:
            values |= tcp.settings(self.data, port)
            self._programs.own(self.data / "psqlm_hba.conf")
            # the socket's name has the port in it: those who know it by its usual one find it
            usual = self.socket / ".s.PGSQL.5432"
            usual.unlink(missing_ok=True)
            usual.symlink_to(f".s.PGSQL.{port}")
        lines = (
            f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()
        )
        written = self.data / "psqlm.conf"
        written.unlink(missing_ok=True)
        with written.open("x") as file:  # a new file, even if there is a link of that name
            file.writelines(lines)
        self._programs.own(written)

    def _initialise(self, lock: int) -> None:
        """Make a database cluster: UTF-8, with a locale that is the same everywhere."""
        locale = ["--locale=C", "--encoding=UTF8"]
        if self._version >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # made elsewhere and then moved, so that an interrupted attempt leaves no half cluster
        with tempfile.TemporaryDirectory(
            dir=self.home, prefix=system_user.UNFINISHED, ignore_cleanup_errors=True
        ) as temporary:
            self._programs.own(Path(temporary))
            cluster = Path(temporary) / "data"
            self._programs.run(
                "initdb",
                *("-D", str(cluster)),
                *("--username=postgres", "--auth=trust", "--no-instructions"),
                *locale,
                # initdb keeps the lock until it ends, even if this command is killed
                pass_fds=(lock,),
            )
            with (cluster / "postgresql.conf").open("a") as file:
                file.write(
                    "\n# Written anew at each start; what ALTER SYSTEM sets goes before it.\n"
                )
                file.write("include_if_exists = 'psqlm.conf'\n")
            cluster.rename(self.data)

    def _launch(self) -> None:
        """Start the server, or wait for one that is starting or stopping."""
        until = time.monotonic() + 300
        while not self._answers():
            if time.monotonic() > until:
                raise PsqlmError(f"the embedded server does not answer; its log is {self.log}")
            if processes.server_of(self.data) is None:
                self._clear()
                start = ("pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w")
                try:
                    self._programs.run(*start, "-t", "300")
                except PsqlmError as error:
                    # of an unlogged table that was being made when the server died, PostgreSQL's
                    # first recovery finds half; its second removes that
                    if "File exists" not in str(error):
                        raise
                    self._programs.run(*start, "-t", "300")
            else:
                time.sleep(0.1)

    def _clear(self) -> None:
        """Remove what a dead server has left, which would keep a new one from starting."""
        processes.end_orphans(self.data)
        # their number may now belong to another process, which PostgreSQL would take for a server
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for lock in self.socket.glob(".s.PGSQL.*.lock"):
            lock.unlink()
