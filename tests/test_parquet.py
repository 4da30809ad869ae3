"""Runs as Parquet: what other tools read is what the database has, and it comes back as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from families import Families
from typer.testing import CliRunner, Result

from psqlm import loader
from psqlm.cli import app
from psqlm.errors import PsqlmError
from psqlm.parquet import copied, writer
from psqlm.parquet.bring import bring
from psqlm.parquet.export import export
from psqlm.parquet.layout import Interventions, Model, Plan
from psqlm.parquet.manifest import hash_of

TALE = "Once upon a time there was a king who had three daughters."
TEXTS = [TALE, "The wolf came to the door.", "A tailor sat at his window.", " ", "„Müller“\n\t é"]


@dataclass
class Carried:
    """Runs of a database, and the folder they were exported to."""

    dsn: str
    folder: Path


@pytest.fixture(scope="module")
def carried(
    create_database: Callable[..., str],
    demo_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Carried:
    """Runs of every kind."""
    dsn = create_database("psqlm_export", template=demo_template)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT lm.forward_many(%s, capture => '{all}')", (TEXTS,))
        connection.execute("SELECT lm.forward(token_ids => '{5,0,7}', capture => '{attn_out,z}')")
        connection.execute(
            "SELECT lm.forward(%s, capture => '{z,embed,logits,attn_out,ln_final,pattern}',"
            " capture_layers => '{2,0}', capture_positions => '{-1,0,3}', top_logits => 3)",
            (TALE,),
        )
        connection.execute(
            "SELECT lm.replace_interventions('louder', lm.make_intervention('attn_out', 'scale',"
            " layer => 1, factor => 1.1), lm.make_intervention('z', 'add', layer => 2, head => 1,"
            " unit => 3, value => '[0.1]'))"
        )
        connection.execute(
            "SELECT lm.replace_interventions('patched', lm.make_intervention('attn_out',"
            " 'replace', layer => 0, \"position\" => 0, from_run => 1))"
        )
        for name in ("louder", "patched"):
            connection.execute("SELECT lm.forward(%s, interventions => %s)", (TALE, name))
        connection.execute("SELECT lm.forward('kept nothing', capture => '{}')")
        connection.execute(
            "INSERT INTO lm.tag (run_id, position, name, value) VALUES"
            " (1, NULL, 'source', 'grimm'), (1, NULL, 'line', '7'), (1, 3, 'kind', 'a ''noun'''),"
            " (2, NULL, 'source', 'aesop')"
        )
    folder = tmp_path_factory.mktemp("export") / "runs"
    with psycopg.connect(dsn) as connection:
        exported = export(connection, "all", folder)
    assert (exported.n_runs, exported.n_older, exported.n_without) == (10, 0, 0)
    return Carried(dsn, folder)


@pytest.fixture
def empty(create_database: Callable[..., str], demo_template: str) -> Iterator[psycopg.Connection]:
    """A database with the model and no runs."""
    with psycopg.connect(create_database("psqlm_import", template=demo_template)) as connection:
        yield connection


IDENTITY = """
    format('%s|%s|%s|%s|%s|%s', m.name, r.prompt, r.token_ids,
        ARRAY(SELECT unnest(r.capture) ORDER BY 1),
        ARRAY(SELECT unnest(r.capture_layers) ORDER BY 1), r.interventions)
"""

CONTENTS = {
    "runs": f"""
        SELECT {IDENTITY}, ARRAY(SELECT unnest(r.capture_positions) ORDER BY 1),
            ARRAY(SELECT unnest(r.capture_layers) ORDER BY 1), r.top_logits, r.started_at,
            r.duration, r.token_ids
        FROM lm.run AS r INNER JOIN lm.model AS m USING (model_id)
    """,
    "tokens": f"""
        SELECT {IDENTITY}, t.position, t.token_id
        FROM lm.run_token AS t INNER JOIN lm.run AS r USING (run_id)
        INNER JOIN lm.model AS m USING (model_id)
    """,
    # as text each float32 is what it is, to the last bit
    "vectors": f"""
        SELECT {IDENTITY}, c.site, c.layer, c.head, c.position, c.value::text
        FROM lm.captured AS c INNER JOIN lm.run AS r USING (run_id)
        INNER JOIN lm.model AS m USING (model_id)
    """,
    "logits": f"""
        SELECT {IDENTITY}, l.position, l.token_id, l.logit
        FROM lm.logit AS l INNER JOIN lm.run AS r USING (run_id)
        INNER JOIN lm.model AS m USING (model_id)
    """,
    "tags": f"""
        SELECT {IDENTITY}, g.position, g.name, g.value
        FROM lm.tag AS g INNER JOIN lm.run AS r USING (run_id)
        INNER JOIN lm.model AS m USING (model_id)
    """,
}


def contents(connection: psycopg.Connection) -> dict[str, list[str]]:
    """All that belongs to the runs of a database, but for their numbers."""
    return {
        name: sorted(map(str, connection.execute(query).fetchall()))
        for name, query in CONTENTS.items()
    }


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


# Round trips --------------------------------------------------------------------------------------


def test_it_comes_back_as_it_was(carried: Carried, empty: psycopg.Connection) -> None:
    brought = bring(empty, carried.folder)
    assert (len(brought.run_ids), brought.n_before) == (10, 0)
    assert brought.notes == [
        'the interventions "patched" cannot be made here, for they took vectors from runs, or '
        "were changed later; the runs that they changed are here"
    ]
    with psycopg.connect(carried.dsn) as source:
        before, after = contents(source), contents(empty)
    assert len(before["vectors"]) > 10_000
    for name, rows in before.items():
        assert rows
        assert after[name] == rows, name
    # what is asked of the runs is answered as before
    row = empty.execute(
        "SELECT run_id FROM lm.find_runs(ARRAY[%s], interventions => 'louder')", (TALE,)
    ).fetchone()
    assert row is not None
    assert row[0] in brought.run_ids
    assert empty.execute("SELECT count(*) FROM lm.intervention").fetchone() == (2,)


def test_what_is_there_is_not_doubled(carried: Carried, empty: psycopg.Connection) -> None:
    first = bring(empty, carried.folder)
    again = bring(empty, carried.folder)
    assert (again.run_ids, again.n_before) == ([], 10)
    # one is missing: that one is made, and nothing else
    victim = first.run_ids[0]
    before = contents(empty)
    empty.execute("SELECT lm.drop_runs(%s::bigint[])", ([victim],))
    empty.commit()
    third = bring(empty, carried.folder)
    assert (len(third.run_ids), third.n_before) == (1, 9)
    assert contents(empty) == before
    with psycopg.connect(carried.dsn) as source:
        home = bring(source, carried.folder)
        assert (home.run_ids, home.n_before) == ([], 10)


def test_a_role_that_may_run(carried: Carried, empty: psycopg.Connection, tmp_path: Path) -> None:
    """Where policies say who may add which rows, PostgreSQL refuses COPY: INSERT does."""
    empty.execute("DROP ROLE IF EXISTS psqlm_importer")
    empty.execute("CREATE ROLE psqlm_importer IN ROLE psqlm_runner")
    empty.execute("SET ROLE psqlm_importer")
    empty.commit()
    try:
        assert len(bring(empty, carried.folder).run_ids) == 10
        with psycopg.connect(carried.dsn) as source:
            assert contents(empty) == contents(source)
        assert empty.execute("SELECT DISTINCT owner::text FROM lm.run").fetchall() == [
            ("psqlm_importer",)
        ]
        empty.execute("SET ROLE psqlm_reader")
        empty.commit()
        assert export(empty, "all", tmp_path / "out").n_runs == 10
    finally:
        empty.rollback()
        empty.execute("RESET ROLE")
        empty.execute("DELETE FROM lm.intervention_set")
        empty.execute("DELETE FROM lm.run")
        empty.execute("DROP OWNED BY psqlm_importer")
        empty.execute("DROP ROLE psqlm_importer")
        empty.commit()


def test_a_set_that_is_another_here_stays(carried: Carried, empty: psycopg.Connection) -> None:
    empty.execute("SELECT lm.replace_interventions('louder', lm.make_intervention('z', 'zero'))")
    empty.commit()
    notes = bring(empty, carried.folder).notes
    assert 'the interventions "louder" that are here are others, and stay as they are' in notes
    assert empty.execute("SELECT kind FROM lm.intervention").fetchall() == [("zero",)]
    # the runs do not pass for what this set does
    found = empty.execute(
        "SELECT * FROM lm.find_runs(ARRAY[%s], interventions => 'louder')", (TALE,)
    ).fetchall()
    assert found == []


@pytest.mark.parametrize("name", ["llama", "smollm3, every other"])
def test_families(
    families: Families, name: str, make_database: Callable[..., str], tmp_path: Path
) -> None:
    """Heads of keys that several heads of queries share, and layers that do not rotate."""
    folder = families.folder(name)
    families.execute(
        "SELECT lm.forward_many('{the cat sat on the mat,the dog}', %s, '{all}')", name
    )
    families.connection.commit()
    try:
        export(families.connection, "all", tmp_path / "out", model=name)
        with psycopg.connect(make_database("psqlm_import_family")) as connection:
            with pytest.raises(PsqlmError, match=r"is not loaded here: psqlm load .* --name"):
                bring(connection, tmp_path / "out")
            loader.load(connection, str(folder), name=name)
            connection.commit()
            assert len(bring(connection, tmp_path / "out").run_ids) == 2
            assert contents(connection) == contents(families.connection)
    finally:
        families.connection.execute("DELETE FROM lm.run")
        families.connection.commit()


def test_a_text_that_is_empty(
    families: Families, make_database: Callable[..., str], tmp_path: Path
) -> None:
    """A model that puts a token in front runs it."""
    folder = families.folder("gpt2")
    execute = families.connection.execute
    execute("UPDATE lm.tokenizer SET prepended = '{0}' WHERE model_id = lm.model_id('gpt2')")
    execute("SELECT lm.forward('', 'gpt2', '{all}')")
    families.connection.commit()
    try:
        export(families.connection, "all", tmp_path / "out")
        with psycopg.connect(make_database("psqlm_import_empty")) as connection:
            loader.load(connection, str(folder), name="gpt2")
            connection.commit()
            assert len(bring(connection, tmp_path / "out").run_ids) == 1
            assert connection.execute("SELECT prompt, token_ids FROM lm.run").fetchall() == [
                ("", [0])
            ]
            assert contents(connection) == contents(families.connection)
    finally:
        execute("UPDATE lm.tokenizer SET prepended = '{}' WHERE model_id = lm.model_id('gpt2')")
        execute("DELETE FROM lm.run")
        families.connection.commit()


def test_float16(carried: Carried, empty: psycopg.Connection, tmp_path: Path) -> None:
    """Values are rounded to the nearest float16, stored as float32, and take less space."""
    with psycopg.connect(carried.dsn) as source:
        export(source, "all", tmp_path / "half", dtype="float16", sites=["attn_out", "resid_post"])
        export(source, "all", tmp_path / "full", sites=["attn_out", "resid_post"])
    sizes = {}
    for name in ("half", "full"):
        files = list((tmp_path / name / "activation").rglob("*.parquet"))
        sizes[name] = sum(file.stat().st_size for file in files)
    assert sizes["half"] < 0.62 * sizes["full"]
    bring(empty, tmp_path / "half")
    with psycopg.connect(carried.dsn) as source:
        pairs = {
            key: np.array(value, np.float32)
            for *key_, value in source.execute(
                "SELECT r.prompt, r.interventions, a.layer, a.position, a.adjustment::real[]"
                " FROM lm.attention_adjustment AS a INNER JOIN lm.run AS r USING (run_id)"
                " WHERE r.capture_layers IS NULL"
            )
            if (key := tuple(key_))
        }
    n = 0
    for *key_, value in empty.execute(
        "SELECT r.prompt, r.interventions, a.layer, a.position, a.adjustment::real[]"
        " FROM lm.attention_adjustment AS a INNER JOIN lm.run AS r USING (run_id)"
        " WHERE r.capture_layers IS NULL"
    ):
        expected = pairs[tuple(key_)].astype(np.float16).astype(np.float32)
        assert (np.array(value, np.float32) == expected).all()
        n += 1
    assert n == len(pairs) > 300


def test_a_value_beyond_float16(
    create_database: Callable[..., str], demo_template: str, tmp_path: Path
) -> None:
    with psycopg.connect(create_database("psqlm_large", template=demo_template)) as connection:
        connection.execute("SELECT lm.forward('The king')")
        connection.execute(
            "UPDATE lm.stored_adjustment SET adjustment"
            " = array_fill(1e5::real, ARRAY[vector_dims(adjustment)])::vector WHERE layer = 1"
        )
        connection.commit()
        with pytest.raises(PsqlmError, match="a value is 100000, beyond float16: export with"):
            export(connection, "all", tmp_path / "out", dtype="float16")
        assert list(tmp_path.iterdir()) == []
        # of a text that was run twice the last run is taken
        connection.execute("SELECT lm.forward('The king')")
        connection.commit()
        exported = export(connection, "all", tmp_path / "out", dtype="float16")
    assert (exported.n_runs, exported.n_older) == (1, 1)


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


# Errors -------------------------------------------------------------------------------------------


@pytest.fixture
def copy(carried: Carried, tmp_path: Path) -> Path:
    return Path(shutil.copytree(carried.folder, tmp_path / "copy"))


def first(folder: Path, table: str) -> Path:
    return min((folder / table).rglob("*.parquet"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    said = json.loads(path.read_text("utf-8"))
    change(said)
    path.write_text(json.dumps(said), "utf-8")


def cut(folder: Path) -> None:
    path = first(folder, "activation")
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path) -> None:
    path = first(folder, "activation")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(folder: Path, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change rows, and make the manifest fit."""
    path = first(folder, table)
    there = pq.ParquetFile(path).read()
    made = pa.Table.from_pandas(change(there.to_pandas()), schema=there.schema)
    pq.write_table(made, path)
    name = path.relative_to(folder).as_posix()
    edit(
        folder,
        lambda said: said["files"].update(
            {
                name: {
                    "rows": made.num_rows,
                    "bytes": path.stat().st_size,
                    "sha256": hash_of(path),
                }
            }
        ),
    )


def forget(folder: Path) -> None:
    """A part that neither the folder nor the manifest has."""
    path = first(folder, "activation")
    path.unlink()
    edit(folder, lambda said: said["files"].pop(path.relative_to(folder).as_posix()))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (
        lambda f: (f / "manifest.json").unlink(),
        "has no manifest.json: name a folder",
    ),
    "half a manifest": (
        lambda f: (f / "manifest.json").write_text((f / "manifest.json").read_text()[:200]),
        "manifest.json is not one of psqlm's",
    ),
    "another layout": (lambda f: edit(f, lambda m: m.update(layout=9)), "has layout 9 and this"),
    "no plans": (lambda f: edit(f, lambda m: m.pop("plans")), "lacks something"),
    "another plan": (
        lambda f: edit(f, lambda m: next(iter(m["plans"].values()))["capture"].pop()),
        "is not what its key says",
    ),
    "a file cut": (cut, "bytes instead of"),
    "a bit turned": (flip, "has changed since it was written"),
    "a part missing": (lambda f: first(f, "activation").unlink(), "is missing"),
    "a part missing and not in the manifest": (forget, "rows of "),
    "a file too many": (
        lambda f: shutil.copy(first(f, "token"), first(f, "token").with_name("more.parquet")),
        "does not know token/",
    ),
    "a file from elsewhere": (
        lambda f: edit(f, lambda m: m["files"].update({"text/../../x": m["files"].popitem()[1]})),
        "which is no part of the layout",
    ),
    "a number of rows": (
        lambda f: edit(f, lambda m: [file.update(rows=2) for file in m["files"].values()]),
        "rows instead of 2",
    ),
    "a row without its text": (
        lambda f: rewrite(f, "token", lambda t: t.assign(text_id=None)),
        "null value in column",
    ),
    "a token gone": (lambda f: rewrite(f, "token", lambda t: t[1:]), "has others than the tokens"),
    "a token from nowhere": (
        lambda f: rewrite(f, "token", lambda t: t.assign(token_id=10**6)),
        "not in the model's vocabulary",
    ),
    "another text": (
        lambda f: rewrite(
            f, "text", lambda t: t.assign(text=t["text"] + "!", n_tokens=t["n_tokens"])
        ),
        "is another than its key says",
    ),
    "a vector gone": (lambda f: rewrite(f, "activation", lambda t: t[1:]), "rows of "),
    "a vector twice": (
        lambda f: rewrite(f, "activation", lambda t: pd.concat([t[1:2], t[1:]])),
        "duplicate key",
    ),
    "a layer too high": (
        lambda f: rewrite(f, "activation", lambda t: t.assign(layer=99)),
        "has rows where the plan kept none",
    ),
    "an infinite number": (
        lambda f: rewrite(
            f,
            "activation",
            lambda t: t.assign(value=[v * 0 + np.float32(np.inf) for v in t["value"]]),
        ),
        "infinite value not allowed in vector",
    ),
    "no number": (
        lambda f: rewrite(
            f, "activation", lambda t: t.assign(value=[v * np.nan for v in t["value"]])
        ),
        "has vectors that are not of float32",
    ),
    "an edge too many": (
        lambda f: rewrite(f, "pattern", lambda t: t.assign(position=0)),
        "pattern has rows where the plan kept none",
    ),
    "a logit gone": (lambda f: rewrite(f, "logit", lambda t: t[1:]), "rows of logits"),
    "a tag of nothing": (
        lambda f: rewrite(f, "text", lambda t: t[:0]),
        "is not in the table text",
    ),
}


@pytest.fixture(scope="module")
def target(create_database: Callable[..., str], demo_template: str) -> str:
    return create_database("psqlm_import_bad", template=demo_template)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder_is_one_line_and_nothing_is_written(
    copy: Path, target: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    damage, message = DAMAGE[name]
    damage(copy)
    monkeypatch.setenv("PSQLM_DSN", target)
    result = psqlm("import", str(copy))
    assert result.exit_code == 1, result
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with psycopg.connect(target) as connection:
        for table in ("run", "activation", "attention_adjustment", "logit", "tag", "intervention"):
            assert connection.execute(f"SELECT count(*) FROM lm.{table}").fetchone() == (0,)


def test_commands(
    carried: Carried, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", carried.dsn)
    out = tmp_path / "below" / "out"
    result = psqlm("export", "--runs", "1,2,6", "--out", str(out), "--sites", "pattern,logits")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "left out: 1 run that kept nothing of pattern, logits" in result.stderr
    assert "2 runs in" in result.stderr
    result = psqlm("export", "--runs", "1", "--out", str(out))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"psqlm: {out} is there and not empty: give --out a new folder\n"
    for which, message in (
        ("77", "there are no runs 77"),
        ("tag:source=nobody", "there is no such run"),
        ("some", '"some" names no runs'),
    ):
        result = psqlm("export", "--runs", which, "--out", str(tmp_path / "no"))
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = psqlm("export", "--runs", "6", "--out", str(tmp_path / "no"), "--sites", "logits")
    assert "none of these runs kept logits" in result.stderr
    # nothing is left of what failed
    assert [path.name for path in tmp_path.iterdir()] == ["below"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    monkeypatch.setenv("PSQLM_DSN", target)
    result = psqlm("import", str(out))
    assert (result.exit_code, result.stderr) == (0, "imported 2 runs\n")
    first_run, last_run = map(int, result.stdout.strip().split("-"))
    with psycopg.connect(target, autocommit=True) as connection:
        assert connection.execute("SELECT DISTINCT capture::text FROM lm.run").fetchall() == [
            ("{pattern,logits}",)
        ]
        connection.execute("SELECT lm.drop_runs(ARRAY[%s, %s]::bigint[])", (first_run, last_run))


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, carried: Carried) -> None:
    script = (
        "import sys; sys.modules['pyarrow'] = None; from psqlm.cli import main;"
        f" main('export', '--runs=1', '--out', {str(tmp_path / 'out')!r}, '--dsn', {carried.dsn!r})"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pip install 'psqlm[parquet]'" in result.stderr
    assert list(tmp_path.iterdir()) == []
