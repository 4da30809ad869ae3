"""The processes that use a server's data folder."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import psutil

# When a server dies its idle processes end at once; busy ones do not notice.
UNTIL_ASKED = 1.0  # seconds to end by itself
UNTIL_KILLED = 6.0  # seconds to end when asked
UNTIL_LEFT_ALONE = 12.0


def server_of(data: Path) -> psutil.Process | None:
    """The server that uses these data; None if none is running.

    postmaster.pid survives a crash. Its number may then belong to another process, even to the
    server of another folder.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        return process if _works_in(process, data) else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def is_idle(server: psutil.Process, seconds: float = 1.0) -> bool:
    """Whether no process of a server computes, or waits for a disk, for so long."""

    def done() -> list[tuple[object, ...]]:
        return [(p.pid, p.status(), p.cpu_times()) for p in [server, *server.children()]]

    try:
        before = done()
        time.sleep(seconds)
        after = done()
    except psutil.Error:  # one has just ended
        return False
    return before == after and all(status == psutil.STATUS_SLEEPING for _, status, _ in after)


def end_orphans(data: Path) -> None:
    """End the processes that a dead server left, for they hold the memory that a new one needs.

    This is a crash for them: what they did not commit is undone when a server starts.
    """
    began = time.monotonic()
    while orphans := _orphans(data):
        waited = time.monotonic() - began
        if waited > UNTIL_LEFT_ALONE:
            return  # PostgreSQL will say what is in its way
        for orphan in orphans:
            with contextlib.suppress(psutil.Error):
                if waited > UNTIL_KILLED:
                    orphan.kill()
                elif waited > UNTIL_ASKED:
                    orphan.terminate()
        time.sleep(0.05)


def _orphans(data: Path) -> list[psutil.Process]:
    """Processes that a server started, known by the titles that it gives them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if _works_in(process, data) and "".join(process.cmdline()).startswith("postgres: "):
                found.append(process)
    return found


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether a process is PostgreSQL, belongs to the owner of the data, and uses them."""
    if not process.name().startswith("postgres"):
        return False
    if process.uids().effective != data.stat().st_uid:
        return False
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    try:
        folder = process.cwd()
    except psutil.AccessDenied:
        # root in a container may not inspect processes of other users, but these users may
        folder = subprocess.run(
            ["/bin/sh", "-c", f"cd /proc/{process.pid}/cwd && pwd -P"],
            capture_output=True,
            text=True,
            check=False,
            user=process.uids().effective,
            group=process.gids().effective,
            extra_groups=[],
        ).stdout.rstrip("\n")
    # a server and its children stay in the data folder, even if it is moved
    return bool(folder) and data.samefile(folder)
