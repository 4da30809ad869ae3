"""Runs as Parquet: other tools read what the database has, and the files are as they want them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow.parquet as pq
import pytest
from carried import Carried

from psqlm.parquet import copied, writer
from psqlm.parquet.export import export
from psqlm.parquet.layout import Interventions, Model, Plan

# Other tools --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(carried: Carried) -> pd.DataFrame:
    """What the database says of the tale's attention adjustments, through lm.adjustment_array."""
    with psycopg.connect(carried.dsn) as source:
        cursor = source.execute(
            "SELECT layer, position, norm, adjustment, token_id"
            " FROM lm.adjustment_array INNER JOIN lm.run_token USING (run_id, position)"
            " WHERE run_id = 1 ORDER BY layer, position"
        )
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)


def same(rows: pd.DataFrame, found: pd.DataFrame) -> None:
    """Check rows that another tool read, to the last bit."""
    assert len(rows) == len(found) > 0
    for name in ("layer", "position", "token_id"):
        assert found[name].tolist() == rows[name].tolist()
    assert found["norm"].tolist() == rows["norm"].tolist()
    ours = np.stack([np.array(value, np.float32) for value in rows["adjustment"]])
    theirs = np.stack([np.asarray(value, np.float32) for value in found["value"]])
    assert (ours == theirs).all()


QUERY = """
    SELECT a.layer, a.position, a.token_id, a.norm, a.value
    FROM read_parquet('{0}/activation/**/*.parquet', hive_partitioning = true) AS a
    JOIN read_parquet('{0}/text/**/*.parquet', hive_partitioning = true) AS t
        USING (text_id, model, capture)
    WHERE t.source = 'grimm' AND a.site = 'attn_out' AND a.model = 'demo'
    ORDER BY a.layer, a.position
"""


def test_duckdb(carried: Carried, rows: pd.DataFrame) -> None:
    same(rows, duckdb.sql(QUERY.format(carried.folder)).df())
    # the norm is that of the vector, and a text's key can be computed there
    norms = duckdb.sql(
        "SELECT max(abs(norm - sqrt(list_sum(list_transform(value, lambda x: x::DOUBLE ** 2)))))"
        f" FROM '{carried.folder}/activation/**/site=attn_out/*.parquet'"
    ).fetchall()
    assert norms[0][0] < 1e-9
    keys = duckdb.sql(
        "SELECT DISTINCT text_id = left(sha256(capture || chr(10) || text), 32)"
        f" FROM read_parquet('{carried.folder}/text/**/*.parquet', hive_partitioning = true)"
        " WHERE text IS NOT NULL"
    ).fetchall()
    assert keys == [(True,)]


def test_pandas(carried: Carried, rows: pd.DataFrame) -> None:
    chosen = [("site", "==", "attn_out")]
    read = pd.read_parquet(carried.folder / "activation", filters=chosen)
    texts = pd.read_parquet(carried.folder / "text")
    found = read.merge(texts[texts["source"] == "grimm"], on="text_id")
    same(rows, found.sort_values(["layer", "position"]))


def test_polars(carried: Carried, rows: pd.DataFrame) -> None:
    read = pl.scan_parquet(f"{carried.folder}/activation/**/site=attn_out/*.parquet")
    texts = pl.scan_parquet(f"{carried.folder}/text/**/*.parquet")
    found = read.join(texts.filter(pl.col("source") == "grimm"), on="text_id")
    found = found.select("layer", "position", "token_id", "norm", "value")
    same(rows, found.sort("layer", "position").collect().to_pandas())


def test_the_other_tables(carried: Carried) -> None:
    """Patterns, logits, tokens and tags, against the views of the database."""
    folder = carried.folder
    whole = "(SELECT text_id, capture FROM read_parquet('{}/text/**/*.parquet') WHERE line = 7)"
    whole = whole.format(folder)
    pattern = duckdb.sql(
        "SELECT layer, head, position, unnest(range(len(value))), unnest(value)"
        f" FROM read_parquet('{folder}/pattern/**/*.parquet') SEMI JOIN {whole}"
        " USING (text_id, capture) ORDER BY ALL"
    ).fetchall()
    logit = duckdb.sql(
        f"SELECT position, token_id, logit FROM read_parquet('{folder}/logit/**/*.parquet')"
        f" SEMI JOIN {whole} USING (text_id, capture) ORDER BY ALL"
    ).fetchall()
    token = duckdb.sql(
        f"SELECT position, token FROM read_parquet('{folder}/token/**/*.parquet')"
        f" SEMI JOIN {whole} USING (text_id, capture) ORDER BY ALL"
    ).fetchall()
    tag = duckdb.sql(
        f"SELECT position, name, value FROM read_parquet('{folder}/tag/**/*.parquet')"
        f" SEMI JOIN {whole} USING (text_id, capture) ORDER BY name"
    ).fetchall()
    with psycopg.connect(carried.dsn) as source:
        edges = source.execute(
            "SELECT layer, head, query_position, key_position, weight"
            " FROM lm.attention_pattern WHERE run_id = 1 ORDER BY 1, 2, 3, 4"
        ).fetchall()
        logits = source.execute(
            "SELECT position, token_id, logit FROM lm.logit WHERE run_id = 1 ORDER BY 1, 2"
        ).fetchall()
        tokens = source.execute(
            "SELECT position, token FROM lm.token WHERE run_id = 1 ORDER BY 1"
        ).fetchall()
    assert pattern == edges
    assert logit == logits
    assert token == tokens
    assert tag == [(3, "kind", "a 'noun'"), (None, "line", "7"), (None, "source", "grimm")]


def test_arrays_are_the_vectors(carried: Carried) -> None:
    with psycopg.connect(carried.dsn) as source:
        assert source.execute(
            """
            SELECT count(*), bool_and(a.value::vector = c.value), max(pg_typeof(a.value)::text)
            FROM lm.activation_array AS a
            INNER JOIN lm.activation AS c USING (run_id, site, layer, head, position)
            """
        ).fetchall()[0][1:] == (True, "real[]")
        found = source.execute(
            "SELECT token, value FROM lm.embedding_array WHERE model = 'demo' AND token_id = 258"
        ).fetchone()
        row = source.execute(
            "SELECT vector_to_float4(embedding, -1, false)"
            " FROM lm.token_embedding WHERE token_id = 258"
        ).fetchone()
    assert found == (" a", row[0] if row else None)


# The layout ---------------------------------------------------------------------------------------


def test_files_are_as_other_engines_want_them(carried: Carried) -> None:
    """Zstandard, byte-stream-split, no FLOAT16, no codes of a dictionary for vectors."""
    (path,) = (carried.folder / "activation").rglob("site=resid_post/*.parquet")
    assert path.parent.parent.parent.name == "model=demo"
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["value.list.element"].physical_type == "FLOAT"
    assert "BYTE_STREAM_SPLIT" in columns["value.list.element"].encodings
    value = pq.read_schema(path).field("value").type
    assert str(value).startswith("fixed_size_list")


def test_keys_of_texts_do_not_change() -> None:
    """They are in folders that people keep: the same ones, computed by hand."""
    model = Model("m", "hub/m", "abc", "00ff", "float32")
    done = Interventions("s", "d1", None)
    plan = Plan(model, ("attn_out", "z"), (0, 2), None, 10, done, "float32")
    said = (
        '{"capture":["attn_out","z"],"dtype":"float32","interventions":["s","d1"],"layers":[0,2],'
        '"positions":null,"revision":"abc","sha256":"00ff","top_logits":null,"weights":"float32"}'
    )
    key = hashlib.sha256(said.encode()).hexdigest()[:16]
    assert plan.key() == key
    assert plan.text_id("é", []) == hashlib.sha256(f"{key}\né".encode()).hexdigest()[:32]
    assert plan.text_id(None, [1, 2]) == hashlib.sha256(f"{key}\t1,2".encode()).hexdigest()[:32]
    assert plan.text_id("1,2", []) != plan.text_id(None, [1, 2])


def test_groups_end_where_they_are_full(
    carried: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory is bounded, however many runs there are."""
    monkeypatch.setattr(copied, "BATCH", 30_000)
    monkeypatch.setattr(writer, "GROUP", 100_000)
    with psycopg.connect(carried.dsn) as source:
        export(source, "all", tmp_path / "out", sites=["mlp_post"])
    (path,) = (tmp_path / "out" / "activation").rglob("*.parquet")
    parquet = pq.ParquetFile(path)
    sizes = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
    width = parquet.schema_arrow.field("value").type.list_size
    assert len(sizes) > 5
    assert max(sizes) * 4 * width < 140_000
