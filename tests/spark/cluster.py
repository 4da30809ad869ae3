"""The processes of a cluster on this machine, and what they leave behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

CONF = {
    "spark.ui.port": "0",
    "spark.task.maxFailures": "200",
    "spark.deploy.maxExecutorRetries": "-1",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.memory": "1g",
    # a machine that is busy with other things is not a dead one
    "spark.network.timeout": "600s",
    "spark.worker.timeout": "600",
}
"""Killed executors are started again, however many."""


def executors() -> list[psutil.Process]:
    """The executors below this process."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "CoarseGrainedExecutorBackend" in " ".join(_line(process))
        and process.name().startswith("java")
    ]


def workers() -> list[psutil.Process]:
    """The Python workers of those executors, not the processes that start them."""
    return [
        worker
        for executor in executors()
        for daemon in _children(executor)
        for worker in _children(daemon)
        if "pyspark.daemon" in _line(worker)
    ]


def postmasters(scratch: Path) -> list[psutil.Process]:
    """The servers of executors."""
    found = []
    for path in scratch.glob("**/postmaster.pid"):
        try:
            found.append(psutil.Process(int(path.read_text().split("\n")[0])))
        except (OSError, ValueError, psutil.Error):
            continue
    return found


def leftovers(scratch: Path) -> list[str]:
    """What servers have left: their files, and processes that work in folders below."""
    files = [str(path) for path in scratch.glob("**/postgresql-*")]
    files += [str(path) for path in scratch.glob("psqlm-spark-*/*.json")]
    processes = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and str(scratch) in process.cwd():
                processes.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
            elif str(scratch) in " ".join(process.cmdline()) and "keeper" in str(process.cmdline()):
                processes.append(f"{process.pid} keeper")
        except psutil.Error:
            continue
    return files + processes


def wait_until_nothing_is_left(scratch: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while left := leftovers(scratch):
        assert time.monotonic() < until, left
        time.sleep(0.5)


def ask(page: str) -> Any:
    """What a page of Spark's says in JSON."""
    with urllib.request.urlopen(page, timeout=60) as answer:
        return json.load(answer)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def psqlm(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command, as a shell calls it."""
    return subprocess.run(
        [sys.executable, "-m", "psqlm", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


def command(texts: str, out: Path, master: str, *more: str) -> list[str]:
    settings = [word for item in CONF.items() for word in ("--conf", "=".join(item))]
    options = ["--texts", texts, "--out", str(out), "--master", master, *settings, *more]
    return ["spark", "run", *options]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def standalone(folder: Path, hosts: Sequence[str]) -> Iterator[str]:
    """A master of Spark's own and a worker with one core on each of these hosts; the master's URL.

    To Spark they are machines, as those of local-cluster are not, which all have one name.
    """
    import pyspark

    home = Path(pyspark.__file__).parent
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_DIRS": str(folder)}

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{len(processes)}.log").open("wb") as log:
            return subprocess.Popen(
                [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
            )

    processes: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:
        places = ["--webui-port", "0"]
        where = ["--host", "127.0.0.1", "--port", str(port)]
        processes.append(start("master.Master", *where, *places))
        for host in hosts:
            work = ["--work-dir", str(folder / host), "--cores", "1", "--memory", "1g"]
            processes.append(start("worker.Worker", "--host", host, *work, *places, master))
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield master
