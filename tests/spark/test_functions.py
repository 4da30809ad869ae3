"""lm_forward and its kin in Spark SQL: the rows of the same functions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest

import psqlm.spark
from psqlm.errors import PsqlmError
from psqlm.spark import functions
from spark import lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEXTS = ["Once upon a time", "A fox", "", "The king had three", "a\0b", "x"]
GOOD = [text for text in TEXTS if text and "\0" not in text]


@pytest.fixture(scope="module", autouse=True)
def tales(spark: SparkSession) -> Iterator[None]:
    psqlm.spark.register(spark, capture=["attn_out", "pattern"], vectors="float32")
    rows = list(enumerate(TEXTS))
    frame = spark.createDataFrame(rows, "number int, text string").repartition(3)
    frame.createOrReplaceTempView("tales")
    yield
    spark.catalog.dropTempView("tales")


def expected(connection: psycopg.Connection, columns: str, options: str = "") -> list[tuple]:
    return connection.execute(
        f"SELECT {columns} FROM lm.forward_rows(%s{options}) AS r", (GOOD,)
    ).fetchall()


def test_vectors_are_those_of_sql(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql("SELECT * FROM lm_forward(TABLE(SELECT text FROM tales))").collect()
    found = [
        (row.text, row.site, row.layer, row.head, row.position, row.token_id, lake.bits(row.value))
        for row in rows
        if row.left_out is None
    ]
    ours = expected(
        connection,
        "ordinal, site::text, layer, head, position, token_id, value::real[]",
        ", capture => '{attn_out,pattern}'",
    )
    assert sorted(found) == sorted(
        (GOOD[ordinal - 1], *keys, lake.bits(value)) for ordinal, *keys, value in ours
    )
    assert sorted((row.text, row.left_out) for row in rows if row.left_out) == [
        ("", "empty"),
        ("a\0b", "a NUL, which no text may hold"),
    ]
    assert {row.token for row in rows if row.token_id == 335} == {"The"}


def test_arguments_by_name_and_norms(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        """
        SELECT layer, avg(norm) AS mean, count(value) AS n_vectors
        FROM lm_forward(
            TABLE(SELECT number, text FROM tales),
            vectors => 'none', capture => 'resid_post', layers => array(2, 5)
        )
        WHERE position > 0
        GROUP BY layer
        ORDER BY layer
        """
    ).collect()
    ours = connection.execute(
        """
        SELECT r.layer, avg(vector_norm(r.value))
        FROM lm.forward_rows(%s, capture => '{resid_post}', capture_layers => '{2,5}') AS r
        WHERE r.position > 0
        GROUP BY r.layer
        ORDER BY r.layer
        """,
        (GOOD,),
    ).fetchall()
    assert [(row.layer, row.n_vectors) for row in rows] == [(2, 0), (5, 0)]
    assert [row.mean for row in rows] == pytest.approx([mean for _, mean in ours], rel=1e-12)


def test_logits(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        "SELECT text, position, token_id, logit FROM lm_forward(TABLE(SELECT text FROM tales),"
        " capture => 'logits', positions => -1) WHERE logit IS NOT NULL"
    ).collect()
    ours = expected(
        connection,
        "ordinal, position, token_id, logit",
        ", capture => '{logits}', capture_positions => '{-1}'",
    )
    assert sorted(map(tuple, rows)) == sorted((GOOD[n - 1], *rest) for n, *rest in ours)


def test_tokens(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        "SELECT text, position, token_id, token FROM lm_tokenize(TABLE(SELECT text FROM tales))"
        " WHERE left_out IS NULL"
    ).collect()
    ours = connection.execute(
        "SELECT t.text, k.* FROM unnest(%s::text[]) AS t (text), lm.tokenize(t.text) AS k", (GOOD,)
    ).fetchall()
    assert sorted(map(tuple, rows)) == sorted(ours)


def test_scores(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        """
        SELECT continuation, n_tokens, log_probability, left_out
        FROM lm_score(TABLE(
            SELECT 'The king had three' AS prompt, c AS continuation
            FROM VALUES (' daughters'), (' sons and'), ('') AS t (c)
        ))
        ORDER BY continuation
        """
    ).collect()
    ours = connection.execute(
        "SELECT n_tokens, log_probability FROM lm.score("
        "'{The king had three}', '{\" daughters\",\" sons and\"}')"
    ).fetchall()
    assert rows[0].left_out == "continuation 1 is empty"
    assert [row.n_tokens for row in rows[1:]] == [n for n, _ in ours]
    # alone or together: the same but for the last bits
    assert [row.log_probability for row in rows[1:]] == pytest.approx(
        [p for _, p in ours], rel=1e-6
    )


def test_continuations(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        "SELECT text, continuation FROM lm_generate(TABLE(SELECT text FROM tales),"
        " n_tokens => 5, temperature => 0.8D, seed => 3) WHERE left_out IS NULL"
    ).collect()
    ours = connection.execute(
        "SELECT t.text, lm.generate(t.text, 5, temperature => 0.8, seed => 3)"
        " FROM unnest(%s::text[]) AS t (text)",
        (GOOD,),
    ).fetchall()
    assert sorted(map(tuple, rows)) == sorted(ours)


def test_float16_rounds(spark: SparkSession, connection: psycopg.Connection) -> None:
    rows = spark.sql(
        "SELECT value FROM lm_forward(TABLE(SELECT 'A fox' AS text), vectors => 'float16')"
        " WHERE site = 'attn_out' ORDER BY layer, position"
    ).collect()
    ours = connection.execute(
        "SELECT value::halfvec::vector::real[] FROM lm.forward_rows('{A fox}')"
        " ORDER BY layer, position"
    ).fetchall()
    assert [lake.bits(row.value) for row in rows] == [lake.bits(value) for (value,) in ours]


def test_what_is_refused(spark: SparkSession) -> None:
    with pytest.raises(PsqlmError, match="give none, float16 or float32"):
        psqlm.spark.register(spark, vectors="float64")
    with pytest.raises(PsqlmError, match="no folder nowhere/at/all"):
        psqlm.spark.register(spark, model="nowhere/at/all")
    numbers = pa.RecordBatch.from_pydict({"number": [1, 2]})
    with pytest.raises(PsqlmError, match="the table has no column of text: SELECT … AS text"):
        functions.column(numbers, "text")
    with pytest.raises(PsqlmError, match="the table has no column continuation"):
        functions.column(numbers, "continuation", 1)
