"""Runs as Parquet: what leaves a database comes back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
from carried import TALE, Carried
from families import Families

from psqlm import loader
from psqlm.errors import PsqlmError
from psqlm.parquet.bring import bring
from psqlm.parquet.export import export


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
