"""Installing: idempotent, all or nothing, and never at the expense of data."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import MakeDatabase
from database_catalog import catalog
from sql_copies import changed_sql

from psqlm import database
from psqlm.database import installation
from psqlm.database.server import EmbeddedServer
from psqlm.errors import PsqlmError

NEWEST = installation.SQL / "install.sql"


@pytest.fixture
def scratch(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def _contents(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """How much data there is, and a fingerprint of some of it."""
    return connection.execute(
        """
        SELECT
            (SELECT count(*) FROM lm.model),
            (SELECT count(*) FROM lm.run),
            (SELECT count(*) FROM lm.vocabulary),
            (SELECT count(*) FROM lm.linear),
            (SELECT md5(string_agg(w.weight::text, ',' ORDER BY w.layer, w.map, w.block, w.unit))
             FROM lm.linear AS w
             WHERE w.layer = 0)
        """
    ).fetchall()


def _psql(dsn: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    psql = shutil.which("psql") if "PSQLM_TEST_DSN" in os.environ else None
    return subprocess.run(
        [psql or EmbeddedServer().binaries / "psql", "--no-psqlrc", f"--dbname={dsn}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


# Installing ---------------------------------------------------------------------------------------


def test_installs_once(scratch: psycopg.Connection) -> None:
    assert database.install(scratch) is False
    scratch.execute("UPDATE lm.installation SET digest = 'another'")
    assert database.install(scratch) is True
    assert database.install(scratch) is False


def test_psql_installs_the_same(
    create_database: Callable[..., str], make_database: MakeDatabase
) -> None:
    """Without Python: in an empty database, and again in one that has it."""
    dsn = create_database("psqlm_by_psql")
    with psycopg.connect(make_database("psqlm_by_python")) as connection:
        by_python = catalog(connection)
    for _ in range(2):
        result = _psql(dsn, "--file", NEWEST)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        with psycopg.connect(dsn) as connection:
            assert catalog(connection) == by_python


def test_installing_again_keeps_models_and_runs(
    scratch: psycopg.Connection, tmp_path: Path
) -> None:
    scratch.execute(
        "INSERT INTO lm.run (model_id, prompt, token_ids, capture) "
        "SELECT m.model_id, 'a', '{1,2}', '{attn_out}' FROM lm.model AS m"
    )
    before = _contents(scratch)
    assert before[0][1] == 1
    with changed_sql(tmp_path, "SELECT 1;"):
        assert database.install(scratch) is True
    assert _contents(scratch) == before


# Another version over it --------------------------------------------------------------------------


EARLIER = """
    CREATE OR REPLACE FUNCTION lm.renamed_since() RETURNS int LANGUAGE sql RETURN 1;
    CREATE OR REPLACE VIEW lm.old_view AS SELECT lm.renamed_since() AS a, 2 AS b;
    CREATE OR REPLACE FUNCTION lm.of_old_view() RETURNS SETOF lm.old_view
        LANGUAGE sql BEGIN ATOMIC SELECT v.* FROM lm.old_view AS v; END;
    CREATE OR REPLACE FUNCTION lm.changed() RETURNS int LANGUAGE sql RETURN 1;
    CREATE OR REPLACE FUNCTION lm.changed_name(a int) RETURNS int LANGUAGE sql RETURN a;
    CREATE OR REPLACE AGGREGATE lm.old_sum(int) (sfunc = int4pl, stype = int);
    DO $$
    BEGIN
        CREATE TYPE lm.pair AS (a int, b int);
    EXCEPTION
        WHEN duplicate_object THEN NULL;
    END
    $$;
    CREATE OR REPLACE FUNCTION lm.first_of_pair(pairs lm.pair[]) RETURNS int
        LANGUAGE sql RETURN (pairs[1]).a;
    CREATE OR REPLACE FUNCTION lm.same() RETURNS int LANGUAGE sql RETURN 1;
"""
LATER = """
    CREATE OR REPLACE FUNCTION lm.changed() RETURNS text LANGUAGE sql RETURN 'new';
    CREATE OR REPLACE FUNCTION lm.changed_name(b int) RETURNS int LANGUAGE sql RETURN b + 1;
    CREATE OR REPLACE VIEW lm.old_view AS SELECT 'only' AS c;
    DO $$
    BEGIN
        CREATE TYPE lm.pair AS (a int, b text);
    EXCEPTION
        WHEN duplicate_object THEN NULL;
    END
    $$;
    CREATE OR REPLACE FUNCTION lm.first_of_pair(pairs lm.pair[]) RETURNS int
        LANGUAGE sql RETURN (pairs[1]).a;
    CREATE OR REPLACE FUNCTION lm.same() RETURNS int LANGUAGE sql RETURN 2;
"""


def test_code_of_an_earlier_version_goes(scratch: psycopg.Connection, tmp_path: Path) -> None:
    """What was renamed, what has other arguments, results, columns; the rest is the same object."""
    with changed_sql(tmp_path, EARLIER):
        database.install(scratch)
    oids = "SELECT 'lm.same'::regproc::oid, 'lm.encode'::regproc::oid, 'lm.captured'::regclass::oid"
    before = scratch.execute(oids).fetchall()
    with changed_sql(tmp_path, LATER):
        database.install(scratch)
    assert scratch.execute(
        "SELECT lm.changed(), lm.changed_name(1), lm.same(), v.c, "
        "lm.first_of_pair(ARRAY[ROW(1, 'x')::lm.pair]) FROM lm.old_view AS v"
    ).fetchall() == [("new", 2, 2, "only", 1)]
    assert scratch.execute(oids).fetchall() == before
    database.install(scratch)
    left = scratch.execute(
        "SELECT p.proname FROM pg_proc AS p "
        "WHERE p.pronamespace = ANY ('{lm,lm_internal}'::regnamespace[]) "
        "AND p.proname IN ('renamed_since', 'of_old_view', 'old_sum', 'changed', 'same')"
    ).fetchall()
    assert left == []


def test_what_the_user_built_on_it_stays(scratch: psycopg.Connection, tmp_path: Path) -> None:
    scratch.execute(
        """
        CREATE VIEW public.mine AS SELECT name, lm.default_model() AS chosen FROM lm.model;
        CREATE TABLE public.notes (model text DEFAULT lm.default_model(), note text);
        INSERT INTO public.notes (note) VALUES ('kept');
        CREATE VIEW lm.mine_too AS SELECT run_id, norm FROM lm.adjustment_norm;
        CREATE FUNCTION lm.my_own() RETURNS text LANGUAGE sql RETURN lm.default_model();
        CREATE TABLE lm.my_list (n int, site lm.site DEFAULT 'q');
        """
    )
    with changed_sql(tmp_path, "SELECT 2;"):
        assert database.install(scratch) is True
    assert scratch.execute("SELECT * FROM public.mine").fetchall() == [("demo", "demo")]
    assert scratch.execute("TABLE public.notes").fetchall() == [("demo", "kept")]
    assert scratch.execute("SELECT lm.my_own(), count(*) FROM lm.mine_too").fetchone()[0] == "demo"
    assert scratch.execute("TABLE lm.my_list").fetchall() == []
    scratch.execute("DROP VIEW public.mine, lm.mine_too; DROP TABLE public.notes, lm.my_list")
    scratch.execute("DROP FUNCTION lm.my_own()")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            "CREATE VIEW public.mine AS SELECT a FROM lm.old_view",
            r"need .*: view public\.mine: drop them",
        ),
        ("CREATE VIEW lm.mine AS SELECT lm.changed() AS a", r"need .*: view lm\.mine: drop"),
        ("CREATE TABLE public.mine (p lm.pair)", r"need .*: table public\.mine: drop"),
        (
            "CREATE TABLE public.mine (a int DEFAULT lm.changed())",
            r"need .*: default value for column a of table public\.mine: drop",
        ),
        (
            "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN lm.changed_name(1)",
            r"need .*: function public\.mine\(\): drop",
        ),
        (
            "CREATE FUNCTION lm.new_name(a text) RETURNS int LANGUAGE sql RETURN 1",
            r"an object of yours: function lm\.new_name\(text\): rename it",
        ),
        ("CREATE TABLE lm.new_table (a int)", r"yours: table lm\.new_table: rename it"),
        ("CREATE VIEW lm.new_table AS SELECT 1 AS a", r"yours: view lm\.new_table: rename it"),
    ],
)
def test_what_stands_in_the_way_is_named(
    scratch: psycopg.Connection, tmp_path: Path, make: str, message: str
) -> None:
    """And nothing has changed."""
    later = f"""
        {LATER}
        CREATE OR REPLACE FUNCTION lm.new_name() RETURNS int LANGUAGE sql RETURN 1;
        CREATE OR REPLACE VIEW lm.new_table AS SELECT 1 AS b;
    """
    with changed_sql(tmp_path, EARLIER):
        database.install(scratch)
    scratch.execute(make)
    before = catalog(scratch)
    with changed_sql(tmp_path, later), pytest.raises(PsqlmError, match=message) as caught:
        database.install(scratch)
    assert "\n" not in str(caught.value)
    assert catalog(scratch) == before
    kind = "FUNCTION" if "FUNCTION" in make else make.split()[1]
    scratch.execute(f"DROP {kind} {make.split()[2].split('(')[0]}")


def test_a_failed_installation_changes_nothing(scratch: psycopg.Connection, tmp_path: Path) -> None:
    before = catalog(scratch)
    with (
        changed_sql(tmp_path, "CREATE FUNCTION lm.half() RETURNS int RETURN 1; SELECT 1 / 0;"),
        pytest.raises(PsqlmError, match=r"extra\.sql failed: division by zero"),
    ):
        database.install(scratch)
    assert catalog(scratch) == before


def test_nothing_is_created_outside_the_schema(scratch: psycopg.Connection) -> None:
    outside = scratch.execute(
        """
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace
            AND NOT EXISTS (
                SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e'
            )

        UNION ALL

        SELECT n.nspname
        FROM pg_namespace AS n
        WHERE n.nspname NOT IN ('lm', 'lm_internal', 'public', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_%'
        """
    ).fetchall()
    assert outside == []


def test_comments_on_tables_follow(scratch: psycopg.Connection) -> None:
    """They need no migration."""
    database.install(scratch)
    before = catalog(scratch)
    scratch.execute(
        "COMMENT ON TABLE lm.run IS 'old'; COMMENT ON COLUMN lm.run.prompt IS NULL; "
        "COMMENT ON SCHEMA lm IS 'old'; UPDATE lm.installation SET digest = 'another'"
    )
    assert catalog(scratch) != before
    database.install(scratch)
    assert catalog(scratch) == before


def test_a_newer_database_is_refused(scratch: psycopg.Connection, scratch_dsn: str) -> None:
    scratch.execute("UPDATE lm.installation SET version = version + 999, digest = 'newer'")
    message = (
        r"was installed by a newer psqlm \(version 1\d+ of its tables and code, "
        r"this one has \d+\)"
    )
    try:
        before = catalog(scratch)
        with pytest.raises(PsqlmError, match=f"{message}: upgrade psqlm"):
            database.install(scratch)
        result = _psql(scratch_dsn, "--file", NEWEST)
        assert result.returncode == 3
        lines = result.stderr.splitlines()
        assert len(lines) == 2
        assert "newer psqlm" in lines[0]
        assert lines[1] == "HINT:  upgrade psqlm, or use another database"
        assert catalog(scratch) == before
    finally:
        scratch.execute("UPDATE lm.installation SET version = version - 999")


# What a database needs ----------------------------------------------------------------------------


def test_schema_of_pgvector_does_not_matter(create_database: MakeDatabase, server_dsn: str) -> None:
    dsn = create_database("psqlm_other_schema")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA extensions")
        connection.execute("CREATE EXTENSION vector SCHEMA extensions")
    with database.connect(dsn) as connection:
        connection.execute("SET search_path = pg_catalog")
        row = connection.execute("SELECT count(*) FROM lm.model").fetchone()
        assert row == (0,)


def test_without_a_right_to_install(create_database: MakeDatabase) -> None:
    dsn = create_database("psqlm_no_right")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS psqlm_guest")
        connection.execute("CREATE ROLE psqlm_guest LOGIN PASSWORD 'guest'")
        connection.execute("REVOKE CREATE ON DATABASE psqlm_no_right FROM PUBLIC")
    with pytest.raises(PsqlmError, match="the role psqlm_guest may not install psqlm"):
        database.connect(psycopg.conninfo.make_conninfo(dsn, user="psqlm_guest", password="guest"))


def test_other_encodings_are_refused(server_dsn: str) -> None:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS psqlm_latin")
        connection.execute(
            "CREATE DATABASE psqlm_latin TEMPLATE template0 ENCODING 'LATIN1' "
            "LOCALE_PROVIDER libc LOCALE 'C'"
        )
        try:
            latin = psycopg.conninfo.make_conninfo(server_dsn, dbname="psqlm_latin")
            with pytest.raises(PsqlmError, match="is encoded in LATIN1, psqlm needs UTF8"):
                database.connect(latin)
        finally:
            connection.execute("DROP DATABASE psqlm_latin")


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (
            ("oldest_server int := 16", "oldest_server int := 99"),
            r"PostgreSQL \d+ is too old, psqlm needs 99",
        ),
        (
            ("oldest_pgvector text := '0.7'", "oldest_pgvector text := '99.1'"),
            r"pgvector [\d.]+ is too old, psqlm needs 99.1 or later: see",
        ),
        (("'vector'", "'no_vector'"), "this server has no pgvector: see github.com/pgvector"),
    ],
)
def test_what_is_too_old_is_refused(
    scratch: psycopg.Connection, tmp_path: Path, needed: tuple[str, str], message: str
) -> None:
    with (
        changed_sql(tmp_path, requirements=needed),
        pytest.raises(PsqlmError, match=message) as caught,
    ):
        database.install(scratch)
    assert "\n" not in str(caught.value)


def test_an_old_pgvector_in_the_database_is_refused(
    create_database: Callable[..., str],
) -> None:
    with psycopg.connect(create_database("psqlm_old_vector"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector SCHEMA public")
        connection.execute("UPDATE pg_extension SET extversion = '0.6.2' WHERE extname = 'vector'")
        with pytest.raises(PsqlmError, match=r"pgvector 0\.6\.2 .*ALTER EXTENSION vector UPDATE"):
            database.install(connection)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(PsqlmError, match=r"no connection: .*check --dsn or PSQLM_DSN") as caught:
        database.connect(f"host={tmp_path} dbname=x password=secret")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


# The list of files --------------------------------------------------------------------------------


def test_every_file_is_listed_once() -> None:
    listed = [
        line.removeprefix("\\ir ")
        for name in ("tables.sql", "code.sql")
        for line in (installation.SQL / name).read_text().splitlines()
        if line.startswith("\\ir ") and not line.startswith("\\ir installation/")
    ]
    files = [
        path.relative_to(installation.SQL).as_posix()
        for path in installation.SQL.glob("[0-9]*/*.sql")
    ]
    assert sorted(listed) == sorted(files)
