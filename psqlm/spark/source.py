"""The data source that Spark writes texts to: its committer decides which attempt counts.

An attempt of a task leaves files that nobody knows, and a message that names them. Spark's
coordinator lets one attempt of each task send its own; when all have, the files of the messages get
their places, and last of all the manifest, which says that they are there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceWriter,
    WriterCommitMessage,
)

from psqlm.errors import PsqlmError
from psqlm.parquet.manifest import NAME, UNFINISHED, Manifest, parse_manifest
from psqlm.spark.folder import Folder
from psqlm.spark.plan import Job
from psqlm.spark.task import Written, read_texts, write

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

FORMAT = "psqlm"


@dataclass
class Message(WriterCommitMessage):
    """What a task tells the commit."""

    written: Written


class TextSink(DataSource):
    """Texts in, Parquet files out."""

    @classmethod
    def name(cls) -> str:
        """What Spark knows it by."""
        return FORMAT

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
        """The writer of a wave."""
        return _Writer(Job.from_json(self.options["job"]))


class _Writer(DataSourceArrowWriter):
    def __init__(self, job: Job) -> None:
        self._job = job

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        return Message(write(self._job, read_texts(iterator)))

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        commit(self._job, [cast("Message", message).written for message in messages if message])


def report(job: Job) -> str:
    """The file in which a wave says what it did."""
    return f"{UNFINISHED}/{job.name}/wave-{job.wave}.json"


def commit(job: Job, parts: list[Written]) -> None:
    """Make what tasks have written part of the result.

    Raises:
        PsqlmError: a task has no result.
    """
    for part in parts:
        if part.error is not None:
            raise PsqlmError(part.error)
    folder = Folder(job.out)
    said = folder.read(NAME)
    manifest = Manifest({}, {}, {}) if said is None else parse_manifest(job.out, said)
    left_out: Counter[str] = Counter()
    for part in parts:
        for path, (now, file) in part.files.items():
            folder.move(now, path)
            manifest.files[path] = file
        left_out += part.left_out
    plans = {**manifest.plans, job.plan.key(): job.plan}
    folder.write(NAME, Manifest(job.versions, plans, manifest.files).to_json())
    counted = {
        "n_texts": sum(part.n_texts for part in parts),
        "n_tokens": sum(part.n_tokens for part in parts),
        "left_out": left_out,
    }
    folder.write(report(job), json.dumps(counted))
