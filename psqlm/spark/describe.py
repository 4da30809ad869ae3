"""What a model is and has, asked of an executor's database: the driver needs none of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psycopg

from psqlm.errors import PsqlmError, said_by_server
from psqlm.spark.node import with_model
from psqlm.spark.rows import Capture
from psqlm.spark.setup import Setup

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SAID = re.compile(r"^psqlm\.errors\.\w+: (.+)$", re.MULTILINE)
"""An error of ours in what Spark says of a task that failed."""


@dataclass(frozen=True)
class Described:
    """A model, and what a capture means for it.

    Attributes:
        setup: the model, by the hash of its files.
        sites: the sites, of which all means every one.
        widths: of the vectors of each site; None where they have a number for each key.
        n_ctx: how many tokens a text may have.
        versions: of what is in use.
    """

    setup: Setup
    sites: tuple[str, ...]
    widths: dict[str, int | None]
    n_ctx: int
    versions: dict[str, str]


def describe(spark: SparkSession, setup: Setup, capture: Capture) -> Described:
    """Have an executor load a model, and say what it is.

    Raises:
        PsqlmError: it has no such site, layer or position, or cannot be loaded.
    """

    def on_executor(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            for _ in range(batch.num_rows):
                try:
                    said = with_model(setup, lambda c: _ask(c, setup, capture))
                except PsqlmError as error:  # a task that fails is tried again and again
                    said = {"error": str(error)}
                yield pa.RecordBatch.from_pydict({"said": [json.dumps(said)]})

    spark.sparkContext.setJobDescription(f"psqlm: loads {setup.name}, and looks what it has")
    with errors_of_tasks():
        (row,) = spark.range(0, 1, 1, 1).mapInArrow(on_executor, "said string").collect()
    said = json.loads(row["said"])
    if "error" in said:
        raise PsqlmError(said["error"])
    return Described(
        replace(setup, sha256=said["sha256"]),
        tuple(said["sites"]),
        said["widths"],
        said["n_ctx"],
        said["versions"],
    )


@contextmanager
def errors_of_tasks() -> Iterator[None]:
    """Let an error of ours that a task raised be one of the driver's; of others the last line.

    Raises:
        PsqlmError: a task failed.
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        raise PsqlmError(_said(str(error))) from error
    except Exception as error:  # py4j's, where Spark knows no better
        if type(error).__module__.startswith("py4j"):
            raise PsqlmError(_said(str(error))) from error
        raise


def _said(text: str) -> str:
    if found := SAID.findall(text):
        return str(found[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"Spark ended the job: {lines[0] if lines else 'no message'}"


def _ask(connection: psycopg.Connection, setup: Setup, capture: Capture) -> dict[str, Any]:
    import pyarrow

    try:
        with connection.transaction():
            row = connection.execute(
                """
                SELECT
                    m.sha256,
                    m.n_ctx,
                    lm_internal.capture_sites(%(sites)s::text[], m.model_id)::text[],
                    lm_internal.check_capture(
                        m.model_id, %(layers)s::int[], %(positions)s::int[], %(top_logits)s, m.n_ctx
                    ),
                    current_setting('server_version'),
                    (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'vector')
                FROM lm.model AS m
                WHERE m.name = %(model)s
                """,
                {
                    "model": setup.name,
                    "sites": list(capture.sites),
                    "layers": capture.layers and list(capture.layers),
                    "positions": capture.positions and list(capture.positions),
                    "top_logits": capture.top_logits,
                },
            ).fetchone()
            widths = connection.execute(
                "SELECT s.site::text, s.width FROM lm.model_site AS s"
                " INNER JOIN lm.model AS m ON m.model_id = s.model_id WHERE m.name = %s",
                (setup.name,),
            ).fetchall()
    except psycopg.errors.OperationalError:
        raise
    except psycopg.Error as error:
        raise said_by_server(error) from error
    assert row is not None  # noqa: S101 (the model was loaded)
    sha256, n_ctx, sites, _, server, vector = row
    return {
        "sha256": sha256,
        "n_ctx": n_ctx,
        "sites": sites,
        "widths": dict(widths),
        "versions": {
            "psqlm": version("psqlm"),
            "postgresql": server,
            "pgvector": vector,
            "pyarrow": pyarrow.__version__,
            "pyspark": version("pyspark"),
        },
    }
