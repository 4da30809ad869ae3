"""The same rows to the last bit, whoever runs the texts: one executor, two, or a task's twin."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from psqlm.parquet.manifest import read_manifest
from psqlm.spark.job import Corpus, run
from psqlm.spark.rows import Capture
from psqlm.spark.setup import make_setup
from spark import lake
from spark.cluster import (
    ask,
    command,
    psqlm,
    standalone,
    wait_until_nothing_is_left,
    workers,
)
from spark.corpora import TALES, sentences, write_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SITES = ("attn_out", "logits", "pattern")


def test_one_executor_and_two(spark: SparkSession, scratch: Path, tmp_path: Path) -> None:
    """With a lone token, a long text among short ones, and texts that begin alike."""
    long = TALES.read_text()[:1850].replace("\n", " ")
    alike = "Once upon a time there was a king who had three daughters".split()
    beginnings = [" ".join(alike[:n]) for n in range(1, len(alike) + 1)]
    texts = ["a", " the", long, *beginnings, *(f"{beginnings[-1]} {x}" for x in "and but".split())]
    texts += [*sentences(12), "a\0b"]
    path = write_lines(tmp_path, texts)
    before = tasks_done(spark)
    run(
        spark,
        Corpus(path),
        str(tmp_path / "two"),
        make_setup("demo"),
        Capture("demo", SITES),
        task_tokens=64,
    )
    after = tasks_done(spark)
    assert sum(n > before.get(name, 0) for name, n in after.items()) == 2
    mine = scratch / "one"
    mine.mkdir(mode=0o711)
    options = ["--capture", ",".join(SITES), "--task-tokens", "300"]
    said = psqlm(
        *command(path, tmp_path / "one", "local-cluster[1,1,1024]", *options),
        env={**os.environ, "TMPDIR": str(mine)},
    )
    assert said.returncode == 0, said.stderr
    one, two = lake.everything(tmp_path / "one"), lake.everything(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name.split("/")[0] for name in one} == {
        "text",
        "token",
        "activation",
        "pattern",
        "logit",
    }
    for name, rows in one.items():
        assert rows == two[name], name
    # other tasks, and so other passes
    assert lake.manifest(tmp_path / "one")["files"] != lake.manifest(tmp_path / "two")["files"]
    assert len(one[next(name for name in one if name.startswith("text/"))]) == len(texts)
    wait_until_nothing_is_left(mine)


def tasks_done(spark: SparkSession) -> dict[str, int]:
    """How many tasks each executor has ended."""
    context = spark.sparkContext
    found = ask(f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/executors")
    return {one["id"]: one["completedTasks"] for one in found if one["id"] != "driver"}


TWINS = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.quantile": "0.5",
    "spark.speculation.multiplier": "1.5",
    "spark.speculation.minTaskRuntime": "1s",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.rolling.enabled": "false",
    "spark.eventLog.compress": "false",
}


def test_a_twin_of_a_slow_task(
    connection: psycopg.Connection, scratch: Path, tmp_path: Path
) -> None:
    """An executor's Python stands still in mid-task: Spark starts the task once more elsewhere."""
    texts = sentences(150)
    path, out, log = write_lines(tmp_path, texts), tmp_path / "lake", tmp_path / "log"
    log.mkdir()
    mine = scratch / "twins"
    mine.mkdir(mode=0o711)
    conf = {**TWINS, "spark.eventLog.dir": log.as_uri()}
    settings = [word for item in conf.items() for word in ("--conf", "=".join(item))]
    # many tasks, in more than one wave: whichever executor is stopped had more of them to come
    settings += ["--task-tokens", "40"]
    environment = {**os.environ, "TMPDIR": str(mine)}
    hosts = {"127.0.0.2", "127.0.0.3"}
    with standalone(mine, sorted(hosts)) as master:
        driver = subprocess.Popen(
            [sys.executable, "-m", "psqlm", *command(path, out, master, *settings)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        stopped: list[psutil.Process] = []
        try:
            wait(lambda: any(out.glob("_temporary/*/*/0.parquet")), driver)
            slow, stopped = wait(lambda: first_at_work(hosts), driver)
            for one in stopped:
                one.suspend()
            twins = wait(lambda: ended_twins(log), driver)
        finally:
            for one in stopped:
                if one.is_running():
                    one.resume()
        _, said = driver.communicate(timeout=300)
        assert driver.returncode == 0, said
    assert {twin["Host"] for twin in twins} == hosts - {slow}
    assert f"{len(texts)} texts run" in said
    assert lake.vectors(out) == lake.one_server(connection, texts, "attn_out")
    assert sorted(row["text"] for row in lake.read(out, "text")) == sorted(texts)
    read_manifest(out)
    assert not (out / "_temporary").exists()
    wait_until_nothing_is_left(mine)


def ended_twins(log: Path) -> list[dict[str, Any]]:
    """Tasks that Spark has started once more, and that have ended first, by Spark's event log.

    Spark writes down what it has at the end of each wave, so the line that is last may be half
    there.
    """
    lines = [line for path in log.iterdir() for line in path.read_text().splitlines(keepends=True)]
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [
        event["Task Info"]
        for event in events
        if event["Event"] == "SparkListenerTaskEnd"
        and event["Task Info"]["Speculative"]
        and event["Task End Reason"]["Reason"] == "Success"
    ]


def first_at_work(hosts: set[str]) -> tuple[str, list[psutil.Process]] | None:
    """The first of the hosts whose executor has Python workers, with them."""
    for host in sorted(hosts):
        if found := workers_of(host):
            return host, found
    return None


def workers_of(host: str) -> list[psutil.Process]:
    """The Python workers of the executor on a host."""
    found = []
    for worker in workers():
        with contextlib.suppress(psutil.Error):  # it has just ended
            above = [one.cmdline() for one in worker.parents() if one.name().startswith("java")]
            if any(host in " ".join(line) for line in above):
                found.append(worker)
    return found


def wait(found: Callable[[], Any], driver: subprocess.Popen[str]) -> Any:
    """What is found in the end, while a driver runs or when it has ended."""
    until = time.monotonic() + 300
    while True:
        ended = driver.poll() is not None
        if said := found():
            return said
        assert not ended and time.monotonic() < until, driver.communicate()
        time.sleep(0.05)
