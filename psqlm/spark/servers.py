"""The servers of executors on this machine: who has one, and the end of those whose owner is gone.

A file for each of them, in a folder of the user's, says whose it is. That folder is not in an
executor's own, which Spark removes beneath a server that still runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from psqlm.database import processes, system_user
from psqlm.database.server import EmbeddedServer
from psqlm.errors import PsqlmError

PATIENCE = 5.0
"""Seconds that the processes of a server have to end before they are killed."""


@dataclass(frozen=True)
class Process:
    """A process: its number, which another may have later, and when it began."""

    pid: int
    began: float

    def find(self) -> psutil.Process | None:
        """The process, if it is still running."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if process.status() != psutil.STATUS_ZOMBIE and same(process, self):
                return process
        return None


def process_of(process: psutil.Process) -> Process:
    """What a process is known by."""
    return Process(process.pid, process.create_time())


def same(process: psutil.Process, known: Process) -> bool:
    """Whether it is this process and no later one of its number."""
    return abs(process.create_time() - known.began) < 1


@dataclass(frozen=True)
class Owned:
    """A server and the executor whose it is.

    Attributes:
        executor: the executor.
        folder: the server's folder.
    """

    executor: Process
    folder: Path

    @property
    def entry(self) -> Path:
        """The file that says so."""
        return registry() / f"{self.executor.pid}-{int(self.executor.began)}.json"

    @property
    def keeper(self) -> Path:
        """The file that says which process keeps it."""
        return self.entry.with_suffix(".keeper")

    def write(self) -> None:
        """Write the file, at once or not at all."""
        said = {"executor": asdict(self.executor), "folder": str(self.folder)}
        unfinished = self.entry.with_suffix(".new")
        unfinished.write_text(json.dumps(said))
        unfinished.rename(self.entry)


def read(entry: Path) -> Owned | None:
    """What such a file says; None if it has gone."""
    try:
        said = json.loads(entry.read_text())
        return Owned(Process(**said["executor"]), Path(said["folder"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def registry() -> Path:
    """The folder of those files, the user's alone.

    Raises:
        PsqlmError: somebody else has it.
    """
    folder = Path(tempfile.gettempdir()) / f"psqlm-spark-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        # root's servers run as another user, who has to pass through
        folder.mkdir(mode=system_user.PASSABLE if os.geteuid() == 0 else 0o700)
    state = folder.lstat()
    if not (
        stat.S_ISDIR(state.st_mode)
        and state.st_uid == os.geteuid()
        and not stat.S_IMODE(state.st_mode) & 0o066
    ):
        raise PsqlmError(
            f"{folder} is a link, or others may write there: remove it, or set TMPDIR to a folder "
            "of yours"
        )
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time do something about the servers of this machine."""
    import fcntl

    lock = os.open(registry() / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def number_of(folder: Path) -> str | None:
    """The number that the server in a folder says it has; None: there is no server."""
    try:
        return (EmbeddedServer(folder).data / "postmaster.pid").read_text().split("\n")[0]
    except OSError:
        return None


def family(folder: Path) -> list[Process]:
    """The processes of the server that runs in a folder, the first of them first."""
    found = processes.server_of(EmbeddedServer(folder).data)
    if found is None:
        return []
    with contextlib.suppress(psutil.Error):
        return [process_of(process) for process in (found, *found.children())]
    return []


def end(owned: Owned, known: list[Process]) -> None:
    """End a server at once, and remove all that it had.

    Args:
        owned: the server.
        known: processes of it that were seen, for its folder may be gone.
    """
    server = EmbeddedServer(owned.folder)
    seen = {process.pid: process for process in (*known, *family(owned.folder))}
    until = time.monotonic() + PATIENCE
    while running := [found for process in seen.values() if (found := process.find())]:
        for process in running:
            with contextlib.suppress(psutil.Error):
                children = process.children()
                seen |= {child.pid: process_of(child) for child in children}
                if time.monotonic() > until:
                    process.kill()
                elif process.name().startswith("postgres"):
                    process.terminate() if process.ppid() in seen else process.send_signal(3)
        time.sleep(0.05)
    if server.data.exists():
        processes.end_orphans(server.data)
    if server.socket != server.data:
        shutil.rmtree(server.socket, ignore_errors=True)
    shutil.rmtree(owned.folder, ignore_errors=True)
    for left in (owned.entry, owned.keeper, registry() / f"{owned.executor.pid}.lock"):
        left.unlink(missing_ok=True)


def sweep() -> None:
    """End the servers on this machine whose executors are gone."""
    for entry in registry().glob("*.json"):
        owned = read(entry)
        if owned is not None and owned.executor.find() is None:
            end(owned, [])
