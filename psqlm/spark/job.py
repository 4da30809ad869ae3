"""A corpus on Spark: wave after wave of tasks, each of them committed whole."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import DType
from psqlm.parquet.manifest import NAME, UNFINISHED, Manifest, parse_manifest
from psqlm.runs.texts import Each
from psqlm.spark import texts as corpus
from psqlm.spark.describe import Described, describe, errors_of_tasks
from psqlm.spark.folder import Folder
from psqlm.spark.metrics import metrics
from psqlm.spark.plan import Job, make_plan
from psqlm.spark.progress import Watch
from psqlm.spark.rows import Capture
from psqlm.spark.servers import Process, process_of
from psqlm.spark.setup import Setup, ship

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TASK_TOKENS = 8192
"""Tokens of a task, about; more make larger files, fewer are lost sooner and done again sooner."""

LEAST_TOKENS = 256
"""Tokens of a task of a small corpus, which is to keep every slot at work."""

TASKS_PER_SLOT = 4
"""Tasks that each slot has of a small corpus: the last of them end at about the same time."""

WAVE = 16
"""Tasks that each slot has in a wave: all wait for its slowest; a driver that dies loses it."""

CHARACTERS = 4
"""Characters of a token, about."""

OWNER = f"{UNFINISHED}/job.json"
"""Which driver is at work on a folder."""


@dataclass(frozen=True)
class Corpus:
    """What is run.

    Attributes:
        path: files, as Spark reads them.
        kind: of files.
        each: what is a text in a file of text.
        column: which column has the texts otherwise.
    """

    path: str
    kind: corpus.Kind = "text"
    each: Each = "line"
    column: str = "text"


@dataclass
class Outcome:
    """What became of it.

    Attributes:
        n_texts: texts that were run.
        n_tokens: their tokens.
        n_before: texts that had been run, or left out, by an earlier job.
        left_out: texts that were not run, by the reason.
        seconds: from the first wave to the last.
        key: of the plan, which stands in the names of folders.
    """

    n_texts: int = 0
    n_tokens: int = 0
    n_before: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    seconds: float = 0
    key: str = ""

    def add(self, report: str | None) -> None:
        """Count what a wave says that it did."""
        said = json.loads(report or "{}")
        self.n_texts += said.get("n_texts", 0)
        self.n_tokens += said.get("n_tokens", 0)
        self.left_out.update(said.get("left_out", {}))


def run(
    spark: SparkSession,
    what: Corpus,
    out: str,
    setup: Setup,
    capture: Capture,
    dtype: DType = "float32",
    task_tokens: int = TASK_TOKENS,
    watch: Callable[[], Watch] = Watch,
) -> Outcome:
    """Run the texts that the folder does not have yet, and add what comes of them.

    Args:
        spark: the session.
        what: the texts.
        out: the folder, which may be there, also from a job that was stopped.
        setup: the model.
        capture: what is kept.
        dtype: float16 rounds vectors to it, which take less space then.
        task_tokens: tokens of a task, about.
        watch: makes what shows the progress.

    Raises:
        PsqlmError: the texts cannot be read, the model lacks what is to be kept, another driver is
            at work on the folder, or tasks fail again and again.
    """
    from psqlm.spark.source import TextSink

    folder = Folder(out)
    texts = corpus.read(spark, what.path, what.kind, what.each, what.column)
    owner = _own(folder)
    job_name = uuid4().hex
    try:
        manifest = _tidy(folder)
        described = describe(spark, ship(setup, spark), capture)
        spark.dataSource.register(TextSink)
        job = Job(
            out=folder.where,
            name=job_name,
            wave=0,
            setup=described.setup,
            plan=make_plan(setup, described.setup.sha256 or "", described.sites, capture, dtype),
            widths=described.widths,
            versions=described.versions,
        )
        with errors_of_tasks():
            return _run(spark, folder, job, described, texts, manifest, task_tokens, watch)
    finally:
        if _owner(folder) == owner:
            folder.remove_folder(UNFINISHED)


def _run(
    spark: SparkSession,
    folder: Folder,
    job: Job,
    described: Described,
    texts: DataFrame,
    manifest: Manifest,
    task_tokens: int,
    watch: Callable[[], Watch],
) -> Outcome:
    from pyspark.sql import functions as f

    from psqlm.spark.source import FORMAT, report

    context = spark.sparkContext
    outcome = Outcome(key=job.plan.key())
    context.setJobDescription("psqlm: reads the texts, and leaves out those that are done")
    given = corpus.once(texts, job.plan)
    done = [folder.at(path) for path in manifest.of_table(job.plan, "text")]
    if done:
        known = spark.read.parquet(*done).select("text_id")
        given = given.join(known, "text_id", "left_anti")
        outcome.n_before = known.count()
    # written down, for each wave reads its own
    n_slots = max(1, context.defaultParallelism)
    n_all, n_characters = _size(given, described.n_ctx)
    n_tokens = math.ceil(n_characters / CHARACTERS)
    per_task = min(task_tokens, max(LEAST_TOKENS, n_tokens // (n_slots * TASKS_PER_SLOT)))
    n_tasks = max(1, min(n_all, math.ceil(n_tokens / per_task)))
    n_together = min(n_tasks, n_slots * WAVE)
    staged = folder.at(f"{UNFINISHED}/{job.name}/texts")
    if n_all:
        corpus.shared(given, n_tasks, n_together).write.partitionBy("wave").parquet(staged)
    n_waves = math.ceil(n_tasks / n_together) if n_all else 0
    began = time.monotonic()
    gauges = metrics(context)
    gauges.tell(0, 0, 0, 0)
    with watch() as shown:
        for wave in range(n_waves):
            said = _so_far(outcome, wave, n_waves, time.monotonic() - began)
            context.setJobDescription(f"psqlm: {said}")
            shown.tell(context, said)
            of_wave = spark.read.parquet(staged).where(f.col("wave") == wave)
            now = replace(job, wave=wave)
            (
                of_wave.repartitionById(n_together, f.col("task"))
                .drop("wave", "task")
                .write.format(FORMAT)
                .option("job", now.to_json())
                .mode("append")
                .save()
            )
            outcome.add(folder.read(report(now)))
            gauges.tell(
                outcome.n_tokens,
                outcome.n_texts,
                outcome.left_out.total(),
                time.monotonic() - began,
            )
    outcome.seconds = time.monotonic() - began
    return outcome


def _size(texts: DataFrame, n_ctx: int) -> tuple[int, int]:
    """How many texts there are, and their characters; a text that is too long costs no pass."""
    from pyspark.sql import functions as f

    most = CHARACTERS * n_ctx
    counted = texts.select(
        f.count("*"), f.coalesce(f.sum(f.least(f.length("text"), f.lit(most))), f.lit(0))
    )
    ((n_texts, n_characters),) = counted.collect()
    return int(n_texts), int(n_characters)


def _so_far(outcome: Outcome, wave: int, n_waves: int, seconds: float) -> str:
    """The line that says how far it is, here and on Spark's own pages."""
    rate = f" ({outcome.n_tokens / seconds:,.0f} tokens/s)" if outcome.n_tokens else ""
    n_left_out = outcome.left_out.total()
    return (
        f"wave {wave + 1} of {n_waves}, {outcome.n_tokens:,} tokens{rate} so far"
        f"{f', {n_left_out:,} texts left out' if n_left_out else ''}"
    )


def _own(folder: Folder) -> dict[str, object]:
    """Take a folder, which one driver at a time may work on.

    Raises:
        PsqlmError: another driver of this machine has it.
    """
    import psutil

    there = _owner(folder)
    if there is not None and there.get("host") == socket.gethostname():
        found = Process(int(str(there["pid"])), float(str(there["began"]))).find()
        if found is not None and found.pid != os.getpid():
            raise PsqlmError(
                f"another job writes to {folder.where} (process {found.pid}): wait until it has "
                "ended, or give --out another folder"
            )
    folder.remove_folder(UNFINISHED)  # of a driver that was killed
    me = process_of(psutil.Process())
    owner: dict[str, object] = {
        "host": socket.gethostname(),
        "pid": me.pid,
        "began": me.began,
        "name": uuid4().hex,
    }
    folder.write(OWNER, json.dumps(owner))
    return owner


def _owner(folder: Folder) -> dict[str, object] | None:
    said = folder.read(OWNER)
    try:
        found: dict[str, object] | None = json.loads(said) if said else None
    except ValueError:
        return None
    return found


def _tidy(folder: Folder) -> Manifest:
    """Remove what an earlier job has written and not committed; what is committed.

    Raises:
        PsqlmError: files are there that no job of ours has written.
    """
    said = folder.read(NAME)
    manifest = Manifest({}, {}, {}) if said is None else parse_manifest(folder.where, said)
    tables = {"text", "token", "tag", "activation", "pattern", "logit"}
    strange: Sequence[str] = [
        path
        for path in folder.files()
        if path not in manifest.files
        and path not in (NAME, f"{NAME}.new", OWNER)
        and not path.startswith(f"{UNFINISHED}/")
    ]
    for path in strange:
        if path.split("/")[0] not in tables or not path.endswith(".parquet"):
            raise PsqlmError(
                f"{folder.where} has files that are none of psqlm's, {path} say: give --out a new "
                "folder, or one that an earlier job wrote"
            )
    for path in strange:
        folder.remove(path)
    return manifest
