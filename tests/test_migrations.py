"""Databases of earlier versions come to be like fresh ones, and keep what is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from conftest import MakeDatabase
from database_catalog import catalog
from sql_copies import changed_sql

from psqlm import database, loader
from psqlm.database import installation
from psqlm.errors import PsqlmError

EARLIEST = Path(__file__).with_name("schema_0.sql")
BEFORE_RIGHTS = Path(__file__).with_name("schema_1.sql")
BEFORE_FLOAT16 = Path(__file__).with_name("schema_2.sql")

# Of a user's in the fixture, made by lm.index_activations.
USERS_INDEX = "lm.nearest_resid_post_1_width_8"

NEXT_TOKENS = """
    SELECT p.prompt, n.rank, n.token_id, n.logit
    FROM unnest('{the,the cat,at the c}'::text[]) AS p (prompt)
    CROSS JOIN LATERAL lm.next_token(p.prompt, 5) AS n
    ORDER BY p.prompt, n.rank
"""

KEPT = {
    "runs": "SELECT run_id, prompt, token_ids, capture::text, interventions FROM lm.run",
    "adjustments": "SELECT * FROM lm.attention_adjustment",
    "activations": "SELECT run_id, site::text, layer, head, position, value FROM lm.activation",
    "logits": "SELECT * FROM lm.logit",
    "tags": "SELECT run_id, position, name, value FROM lm.tag",
    "interventions": "SELECT set_name, intervention_id, site::text, layer, head, position, "
    "key_position, kind, factor, from_run FROM lm.intervention",
    "vocabulary": "SELECT token_id, bytes, token, special FROM lm.vocabulary",
    "merges": "SELECT rank, left_bytes, right_bytes, token_id, next_rank FROM lm.merge",
    "weights": "SELECT layer, map::text, block, unit, bias, weight::text FROM lm.linear",
    "norms": "SELECT layer, site::text, gain::text, bias::text FROM lm.layer_norm",
    "embeddings": "SELECT token_id, embedding::text FROM lm.token_embedding",
}

Catalog = dict[tuple[str, str], set[str]]
Contents = dict[str, list[tuple[object, ...]]]


def _contents(connection: psycopg.Connection) -> Contents:
    return {
        what: sorted(connection.execute(query).fetchall(), key=repr) for what, query in KEPT.items()
    }


def _restore(dsn: str, dump: Path) -> Contents:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(dump.read_bytes())
    with psycopg.connect(dsn) as connection:
        return _contents(connection)


def _build(dsn: str) -> tuple[Contents, list[tuple[object, ...]]]:
    """Build the earliest schema; returns what is in it, and how its model goes on."""
    contents = _restore(dsn, EARLIEST)
    with psycopg.connect(dsn) as connection:
        return contents, connection.execute(NEXT_TOKENS).fetchall()


@pytest.fixture(scope="module")
def fresh(make_database: MakeDatabase) -> Catalog:
    """The catalog of a database that was never migrated."""
    with psycopg.connect(make_database("psqlm_as_new")) as connection:
        # a model, so that both have the partitions of one
        loader.load(connection, "demo")
        return catalog(connection)


@pytest.mark.parametrize(
    "dump",
    [EARLIEST, BEFORE_RIGHTS, BEFORE_FLOAT16],
    ids=["version 0", "version 1", "version 2"],
)
def test_migrated_is_as_fresh(
    create_database: Callable[..., str], fresh: Catalog, dump: Path
) -> None:
    migrated = create_database("psqlm_migrated")
    before = _restore(migrated, dump)
    with database.connect(migrated) as connection:
        ours = catalog(connection)
        assert _contents(connection) == before
    ours = {key: value for key, value in ours.items() if key[1] != USERS_INDEX}
    assert {key: value for key, value in ours.items() if fresh.get(key) != value} == {}
    assert fresh.keys() - ours.keys() == set()


def test_data_is_kept_and_the_model_answers_the_same(create_database: Callable[..., str]) -> None:
    dsn = create_database("psqlm_kept")
    before, answers_before = _build(dsn)
    with database.connect(dsn) as connection:
        after = _contents(connection)
        answers = connection.execute(NEXT_TOKENS).fetchall()
        assert connection.execute(
            "SELECT to_regclass(%s) IS NOT NULL", (USERS_INDEX,)
        ).fetchone() == (True,)
        run = connection.execute("SELECT lm.forward('the cat', interventions => 'cut')").fetchone()
    assert run == (4,)
    assert after == before
    assert [row[:3] for row in answers] == [row[:3] for row in answers_before]
    for ours, theirs in zip(answers, answers_before, strict=True):
        assert ours[3] == pytest.approx(theirs[3], abs=1e-5)


def test_what_was_there_belongs_to_the_owner(create_database: Callable[..., str]) -> None:
    dsn = create_database("psqlm_owned")
    _restore(dsn, BEFORE_RIGHTS)
    with database.connect(dsn) as connection:
        owners = connection.execute(
            """
            SELECT 'run', count(*), array_agg(DISTINCT owner) FROM lm.run
            UNION ALL
            SELECT 'tag', count(*), array_agg(DISTINCT owner) FROM lm.tag
            UNION ALL
            SELECT 'patching_sweep', count(*), array_agg(DISTINCT owner) FROM lm.patching_sweep
            UNION ALL
            SELECT 'generation', count(*), array_agg(DISTINCT owner) FROM lm.generation
            UNION ALL
            SELECT 'set', count(*), array_agg(DISTINCT owner) FROM lm.intervention_set
            """
        ).fetchall()
        assert all(count and owner == [connection.info.user] for _, count, owner in owners), owners
        sets = connection.execute(
            "SELECT array_agg(DISTINCT i.set_name) = array_agg(DISTINCT s.set_name)"
            " FROM lm.intervention AS i FULL JOIN lm.intervention_set AS s USING (set_name)"
        ).fetchone()
    assert sets == (True,)


def test_a_failed_migration_leaves_the_old_schema_at_work(
    create_database: Callable[..., str], tmp_path: Path
) -> None:
    """But for the names of sites, which are added before and may stay."""
    dsn = create_database("psqlm_unmigrated")
    contents, answers = _build(dsn)
    with psycopg.connect(dsn) as connection:
        before = connection.execute("SELECT lm.forward('the', capture => '{all}')").fetchone()
        with (
            changed_sql(tmp_path, "SELECT 1 / 0;"),
            pytest.raises(PsqlmError, match=r"extra\.sql failed: division by zero"),
        ):
            connection.rollback()
            database.install(connection)
        assert _contents(connection) == contents
        assert connection.execute(NEXT_TOKENS).fetchall() == answers
        assert connection.execute(
            "SELECT to_jsonb(i) ? 'version' FROM lm.installation AS i"
        ).fetchone() == (False,)
        after = connection.execute("SELECT lm.forward('the', capture => '{all}')").fetchone()
        assert before and after and after[0] == before[0] + 1


def test_vectors_of_before_are_float32_and_their_index_finds_others_too(
    create_database: Callable[..., str],
) -> None:
    dsn = create_database("psqlm_halved")
    before = _restore(dsn, BEFORE_FLOAT16)
    definition = "SELECT pg_get_indexdef(%s::regclass)"
    with database.connect(dsn) as connection:
        assert connection.execute(
            "SELECT array_agg(DISTINCT capture_dtype), count(*) FROM lm.run"
        ).fetchone() == (["float32"], len(before["runs"]))
        migrated = connection.execute(definition, (USERS_INDEX,)).fetchone()
        connection.execute(f"DROP INDEX {USERS_INDEX}")
        connection.execute("SELECT lm.index_activations('resid_post', 1)")
        assert connection.execute(definition, (USERS_INDEX,)).fetchone() == migrated
        run = connection.execute(
            "SELECT lm.forward('the cat', capture => '{resid_post}', capture_dtype => 'float16')"
        ).fetchone()
        assert run is not None
        nearest = connection.execute(
            "SELECT run_id FROM lm.nearest_activations(lm.vector_at(%s, 'resid_post', 1),"
            " 'resid_post', 1, k => 1)",
            run,
        ).fetchone()
        assert nearest == run


def test_every_migration_is_listed() -> None:
    script = (installation.SQL / "install.sql").read_text()
    numbered = sorted(path.name for path in (installation.SQL / "migrations").glob("0*.sql"))
    assert [name for name in numbered if f"\\ir migrations/{name}\n" in script] == numbered
    newest = int(numbered[-1].split("_")[0])
    begin = (installation.SQL / "installation" / "begin.sql").read_text()
    assert f"SET LOCAL psqlm.version = {newest};" in begin
