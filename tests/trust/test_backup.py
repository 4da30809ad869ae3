"""pg_dump and pg_restore carry models and runs into another server, where all answers are the same.

Migrations of earlier versions are in tests/test_migrations.py, and what happens to a newer database
in tests/test_database.py.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import server_folder
from database_catalog import catalog

from psqlm import database, loader
from psqlm.database.server import EmbeddedServer
from trust.invariants import contents, violations
from trust.scenario import KEPT, OPENING
from trust.world import World

PROGRAMS = EmbeddedServer().binaries

# Besides what the scenarios keep: other models, a user's index, and what a verification found.
MORE = """
    SELECT lm.forward('The queen had a little dog', 'llama', '{all}');
    SELECT lm.forward('Once upon a time there was a king who had a daughter', 'demo');
    SELECT lm.forward('The queen', 'half', interventions => 'kept');
    SELECT lm.forward('The queen slept', 'demo', '{all}', capture_dtype => 'float16');
    INSERT INTO lm.tag SELECT run_id, position, 'place', position::text FROM lm.run_token;
    SELECT lm.set_default_model('demo');
    SELECT lm.index_activations('resid_post', 1);
    INSERT INTO lm.verification (
        model_id, site, layer, largest_difference, relative_difference, prompt, psqlm,
        transformers, torch
    ) VALUES (1, 'z', 0, 1e-7, 1e-8, 'The', '0', '0', '0');
"""

ANSWERS = (
    "SELECT model.name, next.* FROM lm.model,"
    f" LATERAL lm.next_token('{OPENING}', 5, model.name) AS next ORDER BY name, rank",
    "SELECT lm.generate('The end', 8, 1, seed => 3, model => name) FROM lm.model ORDER BY name",
    "SELECT * FROM lm.lag_ols(ARRAY(SELECT run_id FROM lm.run WHERE prompt LIKE 'Once%'))",
    "SELECT * FROM lm.attention_pattern ORDER BY 1, 2, 3, 4, 5 LIMIT 100",
    "SELECT * FROM lm.captured AS c WHERE c.site = 'z' ORDER BY run_id, layer, head, position",
    "SELECT * FROM lm.token_tag ORDER BY run_id, position, name",
    f"SELECT * FROM lm.next_token('{OPENING}', 3, 'demo', interventions => 'kept') ORDER BY rank",
    "SELECT * FROM lm.find_runs('{The king had a cat,A tailor sat}', 'demo', '{all}')",
)


def answers(session: psycopg.Connection) -> list[list[tuple[object, ...]]]:
    return [session.execute(question.encode()).fetchall() for question in ANSWERS]


def objects(session: psycopg.Connection) -> dict[tuple[str, str], set[str]]:
    """The catalog, without the bodies of code, which PostgreSQL writes out a little differently."""
    return {
        (kind, name): set() if kind in ("routine", "view") else definitions
        for (kind, name), definitions in catalog(session).items()
    }


def tables(session: psycopg.Connection) -> list[str]:
    """All that hold rows."""
    rows = session.execute(
        """
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace = 'lm'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        """
    )
    return [name for (name,) in rows]


@pytest.fixture(scope="module")
def original(create_database: Callable[..., str], demo_template: str) -> str:
    """A database with models, runs, sets, tags, a sweep and a cache."""
    dsn = create_database("psqlm_original", template=demo_template)
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(KEPT.encode())
        loader.load(session, "demo-llama", name="llama")
        loader.load(session, "demo", name="half", dtype="float16")
        session.execute(MORE.encode())
    return dsn


@pytest.fixture
def fresh() -> Iterator[World]:
    """A server that has never been used."""
    home = server_folder("psqlm-trust-")
    world = World(home)
    try:
        yield world
    finally:
        world.server.stop()
        shutil.rmtree(home)


def program(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(PROGRAMS / name), *arguments], capture_output=True, text=True, check=False
    )
    if "server version mismatch" in done.stderr:
        pytest.skip(f"the server is newer than the {name} that comes along")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "form",
    ["custom", *(pytest.param(form, marks=pytest.mark.trust) for form in ("plain", "directory"))],
)
def test_a_restored_database_answers_the_same(
    original: str, fresh: World, tmp_path: Path, form: str
) -> None:
    dump = tmp_path / "dump"
    # a plain dump leaves the rights of roles out when it is made, the others when they are restored
    no_rights = ["--no-acl"] if form == "plain" else []
    program("pg_dump", *no_rights, "--dbname", original, "--format", form, "--file", str(dump))
    restored = fresh.server.start()
    if form == "plain":
        program(
            "psql",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "-o",
            "/dev/null",
            "-f",
            str(dump),
            restored,
        )
    else:
        program("pg_restore", "--exit-on-error", "--no-acl", "--dbname", restored, str(dump))
    with psycopg.connect(original, autocommit=True) as session:
        rows, said, known = contents(session, tables(session)), answers(session), objects(session)
    installed = rows["lm.installation"]
    with psycopg.connect(restored, autocommit=True) as session:
        # what psqlm grant does where there are no roles yet
        assert session.execute("SELECT lm.grant_to_roles()").fetchone() == (None,)
        assert contents(session, tables(session)) == rows
        assert objects(session) == known
        assert answers(session) == said
        assert violations(session) == []
    # psqlm finds its version there, and leaves it as it is
    listed = fresh.command("models")
    assert (listed.status, listed.said) == (0, "")
    assert [line.split()[0] for line in listed.printed.splitlines() if "float" in line] == [
        "demo", "half", "llama"
    ]  # fmt: skip
    with database.connect(restored) as session:
        assert contents(session, ["lm.installation"])["lm.installation"] == installed
    # and goes on where it was
    last = int(rows["lm.run"].split()[0])
    made = fresh.command("run", "The king had a dog", "--model", "demo")
    assert (made.status, made.printed) == (0, f"{last + 1}\n")
    assert fresh.command("drop", "half").status == 0
    with fresh.connect() as session:
        assert violations(session) == []
