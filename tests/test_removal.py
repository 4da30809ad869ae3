"""Models and runs go with all that belongs to them, and without a deadlock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from psqlm import loader
from psqlm.errors import PsqlmError

TEXT = "Once upon a time there was a king. " * 6


@pytest.fixture
def database(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    """Autocommit, with a second model `other`."""
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM lm.intervention")
        loader.load(connection, "demo", name="other", force=True)
        yield connection
        connection.execute("DELETE FROM lm.intervention")
        connection.execute("DELETE FROM lm.model WHERE name <> 'demo'")
        connection.execute("SELECT lm.drop_leftovers()")


def leftovers(connection: psycopg.Connection) -> list[str]:
    """Tables of weights and caches that belong to no model."""
    rows = connection.execute(
        r"""
        SELECT c.relname
        FROM pg_inherits AS i
        INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND c.relkind = 'r'
            AND substring(c.relname FROM '\d+$')::int NOT IN (SELECT model_id FROM lm.model)
        UNION ALL
        SELECT 'generation' FROM lm.generation WHERE model_id NOT IN (SELECT model_id FROM lm.model)
        UNION ALL
        SELECT 'cache' FROM lm.attention_cache
        WHERE generation_id NOT IN (SELECT generation_id FROM lm.generation)
        """
    )
    return [name for (name,) in rows]


def run(connection: psycopg.Connection, model: str = "other", capture: str = "attn_out") -> int:
    row = connection.execute(
        "SELECT lm.forward('The king', model => %s, capture => ARRAY[%s])", (model, capture)
    ).fetchone()
    assert row is not None
    return int(row[0])


# What goes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", ["SELECT lm.drop_model('other')", "DELETE FROM lm.model WHERE name = 'other'"]
)
def test_all_that_belongs_to_a_model_goes_with_it(
    database: psycopg.Connection, statement: str
) -> None:
    run(database)
    database.execute("SELECT lm.generate('a', 1, model => 'other')")
    database.execute(
        "SELECT * FROM lm.generate_tokens('a', 2, model => 'other', keep_cache => true)"
    )
    kept = database.execute("SELECT count(*) > 0 FROM lm.attention_cache").fetchone()
    assert kept == (True,)
    database.execute(statement.encode())
    assert leftovers(database) == []
    for table in ("run", "run_token", "attention_adjustment", "generation"):
        rows = database.execute(f"SELECT count(*) FROM lm.{table}".encode()).fetchone()
        assert rows == (0,), table
    assert database.execute("SELECT lm.generate('The king', 1)").fetchone() is not None


def test_runs_go_with_all_that_belongs_to_them(database: psycopg.Connection) -> None:
    runs = [run(database, capture="mlp_out") for _ in range(3)]
    database.execute("INSERT INTO lm.tag VALUES (%s, NULL, 'a', 'b')", (runs[0],))
    assert database.execute("SELECT lm.drop_runs(%s)", (runs[:2],)).fetchone() == (2,)
    left = database.execute(
        "SELECT array_agg(DISTINCT run_id), (SELECT count(*) FROM lm.tag) FROM lm.activation"
    ).fetchone()
    assert left == ([runs[2]], 0)
    for absent in (runs[:1], [runs[2], None]):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="no such run"):
            database.execute("SELECT lm.drop_runs(%s::bigint[])", (absent,))
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (1,)


def test_a_run_that_a_set_needs_stays(database: psycopg.Connection) -> None:
    needed = run(database, capture="mlp_out")
    make = "SELECT lm.replace_interventions('patch', lm.make_intervention(%s, %s, from_run => %s))"
    database.execute(make, ("mlp_out", "replace", needed))
    for statement in (f"SELECT lm.drop_runs(ARRAY[{needed}])", "SELECT lm.drop_model('other')"):
        with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
            database.execute(statement.encode())
        assert error.value.diag.message_primary == (
            f'run {needed} is needed by the interventions "patch"'
        )
        assert "lm.replace_interventions('patch')" in str(error.value.diag.message_hint)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("DELETE FROM lm.run WHERE run_id = %s", (needed,))
    for act in (
        lambda: loader.drop(database, "other"),
        lambda: loader.load(database, "demo", name="other", force=True),
    ):
        needs = f'run {needed} is needed by the interventions "patch"'
        with pytest.raises(PsqlmError, match=needs):
            act()
    assert database.execute("SELECT count(*) FROM lm.intervention").fetchone() == (1,)
    database.execute("SELECT lm.replace_interventions('patch')")
    database.execute("SELECT lm.drop_model('other')")


def test_the_old_model_serves_until_the_new_one_is_there(
    database: psycopg.Connection, scratch_dsn: str
) -> None:
    database.execute("SELECT lm.set_default_model('other')")
    run(database)

    def look(done: int, total: int) -> None:
        if done not in (0, total):
            return
        with psycopg.connect(scratch_dsn) as reader:
            assert reader.execute(
                "SELECT count(*) FROM lm.next_token('The king', 1, 'other')"
            ).fetchone() == (1,)

    loader.load(database, "demo", name="other", force=True, progress=look)
    assert database.execute(
        "SELECT array_agg(name ORDER BY name), lm.default_model() FROM lm.model"
    ).fetchone() == (["demo", "other"], "other")
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (0,)
    assert leftovers(database) == []


# At the same time ---------------------------------------------------------------------------------


def test_a_drop_waits_for_a_pass(database: psycopg.Connection, scratch_dsn: str) -> None:
    """Passes that begin while a drop is asked for end well, or hear that the model is gone."""
    for _ in range(3):
        loader.load(database, "demo", name="other", force=True)
        started = threading.Barrier(4)

        def forward(number: int, started: threading.Barrier = started) -> str:
            with psycopg.connect(scratch_dsn) as own:
                started.wait()
                time.sleep(0.1 * number)
                try:
                    own.execute("SELECT lm.forward(%s, 'other')", (TEXT,))
                except psycopg.errors.InvalidParameterValue as error:
                    return str(error.diag.message_primary)
                return "ran"

        with ThreadPoolExecutor(3) as pool:
            passes = [pool.submit(forward, number) for number in range(3)]
            started.wait()
            time.sleep(0.15)
            database.execute("SELECT lm.drop_model('other')")
            outcomes = [outcome.result() for outcome in passes]
        assert outcomes[0] == "ran"
        assert {*outcomes} <= {
            "ran", 'no model named "other" is loaded', "the model has been dropped meanwhile"
        }  # fmt: skip
        database.execute("SELECT lm.drop_leftovers()")
        assert leftovers(database) == []


def test_nobody_waits_for_a_drop_that_waits(database: psycopg.Connection, scratch_dsn: str) -> None:
    """A transaction that has read weights stays open while a model it did not read is dropped."""
    with psycopg.connect(scratch_dsn) as idle, psycopg.connect(scratch_dsn) as reader:
        idle.execute("SELECT * FROM lm.next_token('The king', 1, 'demo')")
        with ThreadPoolExecutor(1) as pool:
            dropped = pool.submit(database.execute, "SELECT lm.drop_model('other')")
            waits = []
            while not dropped.done():
                start = time.monotonic()
                reader.execute("SELECT count(*) FROM lm.linear WHERE model_id = 1 AND layer = 0")
                reader.rollback()
                waits.append(time.monotonic() - start)
            dropped.result()
        print(f"longest wait of {len(waits)} reads during a drop: {max(waits):.3f} s")
        assert len(waits) > 5
        assert max(waits) < 1
        assert database.execute("SELECT array_agg(name) FROM lm.model").fetchone() == (["demo"],)
        assert leftovers(database) != []
    assert loader.load(database, "demo", name="third") == "third"
    assert leftovers(database) == []


def test_who_holds_a_model_is_said(database: psycopg.Connection, scratch_dsn: str) -> None:
    with psycopg.connect(scratch_dsn, application_name="notebook") as holder:
        run(holder)
        start = time.monotonic()
        with pytest.raises(PsqlmError) as error:
            loader.drop(database, "other")
        seconds = time.monotonic() - start
        pid = holder.info.backend_pid
        assert str(error.value).startswith(f'model "other" is in use by session {pid} (')
        assert "notebook, idle in transaction)" in str(error.value)
        assert 4 < seconds < 10
        holder.commit()
    loader.drop(database, "other")
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (0,)
