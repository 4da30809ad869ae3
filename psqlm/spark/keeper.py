"""The process that outlives an executor to end its server: python -m psqlm.spark.keeper FILE.

Spark may kill an executor in any way, and removes its folder. So the keeper remembers which
processes the server has, and needs neither the executor nor the folder to end them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from psqlm.spark import servers

EVERY = 0.5
"""Seconds between two looks."""


def keep(entry: Path) -> None:
    """Wait until an executor is gone, then end its server.

    Args:
        entry: the file that says whose server it is; when it is removed, there is no more to do.
    """
    known: list[servers.Process] = []
    number = None
    while (owned := servers.read(entry)) is not None:
        found = owned.executor.find()
        now = servers.number_of(owned.folder)
        if now is not None and (now != number or not known):
            number = now
            known = servers.family(owned.folder) or known
        if found is None:
            servers.end(owned, known)
            return
        time.sleep(EVERY)


def start(owned: servers.Owned) -> servers.Process:
    """Start a keeper, in a session of its own: what ends an executor's processes passes it by."""
    import psutil

    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(owned.entry)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    return servers.process_of(psutil.Process(process.pid))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
