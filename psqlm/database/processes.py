"""The processes that work in a server's data folder."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import psutil

# An idle process of a server that died leaves at once; one that computes does not notice.
UNTIL_ASKED = 1.0  # seconds that it is given to leave by itself
UNTIL_KILLED = 6.0  # and to leave when asked
UNTIL_LEFT_ALONE = 12.0


def server_of(data: Path) -> psutil.Process | None:
    """The server whose data these are; None if none runs.

    postmaster.pid outlives a crash, and its number may then be another process's, be that
    another folder's server.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        return process if _works_in(process, data) else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def end_orphans(data: Path) -> None:
    """End what a server that died has left behind: it holds the memory that a new one must make.

    A crash in every respect: what they had not committed is undone when a server starts.
    """
    began = time.monotonic()
    while orphans := _orphans(data):
        waited = time.monotonic() - began
        if waited > UNTIL_LEFT_ALONE:
            return  # PostgreSQL says what holds it up
        for orphan in orphans:
            with contextlib.suppress(psutil.Error):
                if waited > UNTIL_KILLED:
                    orphan.kill()
                elif waited > UNTIL_ASKED:
                    orphan.terminate()
        time.sleep(0.05)


def _orphans(data: Path) -> list[psutil.Process]:
    """Processes of a server other than the server itself, by the title that it gives them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if _works_in(process, data) and "".join(process.cmdline()).startswith("postgres: "):
                found.append(process)
    return found


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether a process is PostgreSQL's, of the owner of the data, and at work on them."""
    if not process.name().startswith("postgres"):
        return False
    if process.uids().effective != data.stat().st_uid:
        return False
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    try:
        folder = process.cwd()
    except psutil.AccessDenied:
        # root of a container may not look into other users' processes, but they themselves may
        folder = subprocess.run(
            ["/bin/sh", "-c", f"cd /proc/{process.pid}/cwd && pwd -P"],
            capture_output=True,
            text=True,
            check=False,
            user=process.uids().effective,
            group=process.gids().effective,
            extra_groups=[],
        ).stdout.rstrip("\n")
    # a server and its children stay in the data folder, wherever that may be moved
    return bool(folder) and data.samefile(folder)
