"""Table functions of Spark SQL: lm_forward, lm_tokenize, lm_score and lm_generate over tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from psqlm.errors import PsqlmError
from psqlm.spark import tables
from psqlm.spark.requirements import require_pyspark
from psqlm.spark.rows import Capture
from psqlm.spark.setup import make_setup, ship

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

Vectors = Literal["none", "float16", "float32"]


def register(
    spark: SparkSession,
    model: str,
    capture: Sequence[str],
    layers: Sequence[int] | None,
    positions: Sequence[int] | None,
    vectors: Vectors,
    revision: str | None,
    dtype: str | None,
    top_logits: int | None,
    memory: int | None,
) -> None:
    """What psqlm.spark.register does."""
    require_pyspark()
    from pyspark.sql.functions import arrow_udtf

    _check_vectors(vectors)
    setup = ship(make_setup(model, None, revision, dtype, memory), spark)
    usual = Capture(
        setup.name,
        tuple(dict.fromkeys(capture)),
        None if layers is None else tuple(layers),
        None if positions is None else tuple(positions),
        top_logits,
    )
    usual_vectors = vectors

    # the names of these arguments are those that SQL knows; each comes as an array that repeats it
    class Forward:
        def eval(
            self,
            texts: pa.RecordBatch,
            capture: Any = None,
            layers: Any = None,
            positions: Any = None,
            vectors: Any = None,
        ) -> Iterator[pa.Table]:
            chosen = replace(
                usual,
                sites=_sites(capture) or usual.sites,
                layers=_numbers(layers) or usual.layers,
                positions=_numbers(positions) or usual.positions,
            )
            wanted = _check_vectors(_value(vectors) or usual_vectors)
            yield from tables.forward(setup, chosen, wanted, column(texts, "text"))

    class Tokenize:
        def eval(self, texts: pa.RecordBatch) -> Iterator[pa.Table]:
            yield from tables.tokens(setup, column(texts, "text"))

    class Score:
        def eval(self, pairs: pa.RecordBatch) -> Iterator[pa.Table]:
            prompts = column(pairs, "prompt")
            yield from tables.score(setup, prompts, column(pairs, "continuation", 1))

    class Generate:
        def eval(
            self,
            texts: pa.RecordBatch,
            n_tokens: Any = None,
            temperature: Any = None,
            top_k: Any = None,
            top_p: Any = None,
            seed: Any = None,
        ) -> Iterator[pa.Table]:
            options = {
                "n_tokens": _value(n_tokens),
                "temperature": _value(temperature),
                "top_k": _value(top_k),
                "top_p": _value(top_p),
                "seed": _value(seed),
            }
            given = {name: value for name, value in options.items() if value is not None}
            yield from tables.generate(setup, given, column(texts, "text"))

    for name, function, columns in (
        ("lm_forward", Forward, tables.FORWARD),
        ("lm_tokenize", Tokenize, tables.TOKENIZE),
        ("lm_score", Score, tables.SCORE),
        ("lm_generate", Generate, tables.GENERATE),
    ):
        spark.udtf.register(name, cast("Any", arrow_udtf)(function, returnType=columns))


def _check_vectors(vectors: str) -> Vectors:
    if vectors not in ("none", "float16", "float32"):
        raise PsqlmError(f"vectors is {vectors!r}: give none, float16 or float32")
    return cast("Vectors", vectors)


def column(batch: pa.RecordBatch, name: str, place: int = 0) -> list[str | None]:
    """The column of this name, or else the one at this place."""
    import pyarrow as pa

    names = batch.schema.names
    if name not in names and place >= len(names):
        raise PsqlmError(f"the table has no column {name}: SELECT … AS {name}")
    found = batch.column(name if name in names else place)
    if not (pa.types.is_string(found.type) or pa.types.is_large_string(found.type)):
        raise PsqlmError(f"the table has no column of text: SELECT … AS {name}")
    texts: list[str | None] = found.to_pylist()
    return texts


def _value(argument: Any) -> Any:
    """What an argument is; None if it was not given."""
    return None if argument is None or not len(argument) else argument[0].as_py()


def _sites(argument: Any) -> tuple[str, ...]:
    """Sites, given as an array or as text with commas between."""
    said = _value(argument) or ()
    return tuple(said.replace(",", " ").split() if isinstance(said, str) else said)


def _numbers(argument: Any) -> tuple[int, ...]:
    """Numbers, given as an array or as one."""
    said = _value(argument)
    if said is None:
        return ()
    return tuple(map(int, said)) if isinstance(said, list) else (int(said),)
