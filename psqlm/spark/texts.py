"""The texts of a job: read, each once, without those that are done, and shared among tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, get_args

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import Plan
from psqlm.runs.texts import Each, split
from psqlm.spark.folder import for_spark

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Kind = Literal["text", "parquet", "json"]

BROKEN = "bytes that are not UTF-8"


def kind_of(path: str) -> Kind:
    """What kind of files those are, by their names."""
    for kind in get_args(Kind)[1:]:
        if path.rstrip("/").endswith((f".{kind}", f".{kind}l", f".{kind}.gz")):
            found: Kind = kind
            return found
    return "text"


def read(spark: SparkSession, path: str, kind: Kind, each: Each, column: str) -> DataFrame:
    """The texts of files: text, source, line and, where it is known, why one is left out.

    Args:
        spark: the session.
        path: a file, a folder, or a pattern, as Spark reads them.
        kind: of files.
        each: what is a text in a file of text.
        column: which column has the texts otherwise.

    Raises:
        PsqlmError: there are no such files, or no such column.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as f

    path = for_spark(path)
    try:
        if kind == "text":
            files = spark.read.text(path, wholetext=True).select(
                "value", f.col("_metadata.file_path").alias("source")
            )
        else:
            found = spark.read.format(kind).load(path)
            files = found.select(
                found[column].cast("string").alias("value"),
                f.col("_metadata.file_path").alias("source"),
            )
    except AnalysisException as error:
        reason = str(error).splitlines()[0]
        raise PsqlmError(f"{path} cannot be read as {kind}: {reason}") from error
    checked = files.select(
        f.make_valid_utf8(f.coalesce("value", f.lit(""))).alias("text"),
        "source",
        f.lit(None).cast("int").alias("line"),
        f.when(~f.is_valid_utf8("value"), f.lit(BROKEN)).alias("left_out"),
    )
    if kind == "text":
        checked = checked.mapInArrow(_cutter(each), checked.schema)
    return checked


def _cutter(each: Each) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What cuts files into their texts."""

    def cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            for text, source, _, left_out in zip(*batch.to_pydict().values(), strict=True):
                texts = split(text, each)
                broken = [left_out if "\ufffd" in part.text else None for part in texts]
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array([part.text for part in texts], pa.string()),
                        pa.array([source] * len(texts), pa.string()),
                        pa.array([part.line for part in texts], pa.int32()),
                        pa.array(broken, pa.string()),
                    ],
                    names=batch.schema.names,
                )

    return cut


def once(texts: DataFrame, plan: Plan) -> DataFrame:
    """Each text once, with its key: the first of those that are the same."""
    from pyspark.sql import functions as f

    said = f.concat(f.lit(plan.key()), f.char(f.lit(10)), f.col("text"))
    keyed = texts.select(
        f.left(f.sha2(said, 256), f.lit(32)).alias("text_id"), f.struct("*").alias("found")
    )
    first = f.min(f.struct("found.source", "found.line", "found.text", "found.left_out"))
    return keyed.groupBy("text_id").agg(first.alias("found")).select("text_id", "found.*")


def shared(texts: DataFrame, n_tasks: int, n_slots: int) -> DataFrame:
    """Texts with their wave, and their task in it: by their keys, which are spread evenly."""
    from pyspark.sql import functions as f

    place = f.conv(f.substring("text_id", 1, 8), 16, 10).cast("bigint")
    task = f.floor(place * n_tasks / 2**32)
    return texts.select(
        "text_id",
        "text",
        "source",
        "line",
        "left_out",
        f.floor(task / n_slots).cast("int").alias("wave"),
        (task % n_slots).cast("int").alias("task"),
    )
