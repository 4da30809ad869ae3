"""psqlm on Apache Spark: a database in every executor, texts in, rows out.

Nothing here imports pyspark until it is used: pip install 'psqlm[spark]'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from psqlm.spark.functions import Vectors

__all__ = ["register"]


def register(
    spark: SparkSession,
    model: str = "demo",
    capture: Sequence[str] = ("attn_out",),
    layers: Sequence[int] | None = None,
    positions: Sequence[int] | None = None,
    vectors: Vectors = "none",
    *,
    revision: str | None = None,
    dtype: str | None = None,
    top_logits: int | None = 10,
    memory: int | None = None,
) -> None:
    """Make lm_forward, lm_tokenize, lm_score and lm_generate in a session of Spark.

    Each takes a table: SELECT layer, avg(norm) FROM lm_forward(TABLE(SELECT text FROM tales))
    WHERE position > 0 GROUP BY layer.

    Args:
        spark: the session.
        model: a model that comes along, a folder, or a repository of Hugging Face.
        capture: the sites that lm_forward returns, as in lm.forward.
        layers: the layers to return; None: all.
        positions: the positions to return, −1 the last; None: all.
        vectors: none leaves them in the database and returns their norms alone; float16 rounds.
        revision: a branch, tag or commit of the repository.
        dtype: how weights are stored, float32 (the default) or float16.
        top_logits: how many of a position's highest logits are returned, if they are captured.
        memory: megabytes for the database of an executor; by default by the size of the model.

    Raises:
        PsqlmError: there is no such model, or Spark is missing or too old.
    """
    from psqlm.spark.functions import register as make

    make(spark, model, capture, layers, positions, vectors, revision, dtype, top_logits, memory)
