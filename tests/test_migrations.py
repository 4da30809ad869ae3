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
    "tags": "SELECT * FROM lm.tag",
    "interventions": "SELECT set_name, intervention_id, site::text, layer, head, position, "
    "key_position, kind, factor, from_run FROM lm.intervention",
    "vocabulary": "SELECT token_id, bytes, token, special FROM lm.vocabulary",
    "merges": "SELECT rank, left_bytes, right_bytes, token_id, next_rank FROM lm.merge",
    "weights": "SELECT layer, map::text, block, unit, bias, weight::text FROM lm.linear",
    "norms": "SELECT layer, site::text, gain::text, bias::text FROM lm.layer_norm",
    "embeddings": "SELECT token_id, embedding::text FROM lm.token_embedding",
}

Contents = dict[str, list[tuple[object, ...]]]


def _contents(connection: psycopg.Connection) -> Contents:
    return {
        what: sorted(connection.execute(query).fetchall(), key=repr) for what, query in KEPT.items()
    }


def _build(dsn: str) -> tuple[Contents, list[tuple[object, ...]]]:
    """Build the earliest schema; returns what is in it, and how its model goes on."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(EARLIEST.read_bytes())
    with psycopg.connect(dsn) as connection:
        return _contents(connection), connection.execute(NEXT_TOKENS).fetchall()


@pytest.fixture(scope="module")
def earliest(create_database: Callable[..., str]) -> str:
    """A database of the earliest schema, to be cloned."""
    name = "psqlm_earliest"
    _build(create_database(name))
    return name


def test_migrated_is_as_fresh(
    create_database: Callable[..., str], make_database: MakeDatabase, earliest: str
) -> None:
    migrated = create_database("psqlm_migrated", template=earliest)
    with database.connect(migrated) as connection:
        ours = catalog(connection)
    # a model, so that both have the partitions of one
    with psycopg.connect(make_database("psqlm_as_new")) as connection:
        loader.load(connection, "demo")
        fresh = catalog(connection)
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


def test_every_migration_is_listed() -> None:
    script = (installation.SQL / "install.sql").read_text()
    numbered = sorted(path.name for path in (installation.SQL / "migrations").glob("0*.sql"))
    assert [name for name in numbered if f"\\ir migrations/{name}\n" in script] == numbered
    newest = int(numbered[-1].split("_")[0])
    begin = (installation.SQL / "installation" / "begin.sql").read_text()
    assert f"SET LOCAL psqlm.version = {newest};" in begin
