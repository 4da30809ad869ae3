"""Installing: idempotent, all or nothing, and never at the expense of data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import MakeDatabase

from psqlm import database
from psqlm.database import installation
from psqlm.errors import PsqlmError


@pytest.fixture
def scratch(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def _changed_sql(monkeypatch: pytest.MonkeyPatch, folder: Path, extra: str) -> None:
    """Let the installer find another version of the SQL: the present one, and something more."""
    for path in installation.SQL.glob("*.sql"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "98_extra.sql").write_text(extra)
    monkeypatch.setattr(installation, "SQL", folder)


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


def test_installs_once(scratch: psycopg.Connection) -> None:
    assert database.install(scratch) is False
    scratch.execute("DELETE FROM lm.installation")
    assert database.install(scratch) is True
    assert database.install(scratch) is False


def test_installing_again_keeps_models_and_runs(
    scratch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch.execute(
        "INSERT INTO lm.run (model_id, prompt, token_ids, capture) "
        "SELECT m.model_id, 'a', '{1,2}', '{attn_out}' FROM lm.model AS m"
    )
    before = _contents(scratch)
    assert before[0][1] == 1
    _changed_sql(monkeypatch, tmp_path, "SELECT 1;")
    assert database.install(scratch) is True
    assert _contents(scratch) == before


def test_code_of_an_earlier_version_goes(
    scratch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Renamed functions, other arguments, other types of result, views with other columns."""
    scratch.execute(
        """
        CREATE FUNCTION lm.renamed_since() RETURNS int LANGUAGE sql RETURN 1;
        CREATE VIEW lm.old_view AS SELECT lm.renamed_since() AS a, 2 AS b;
        CREATE FUNCTION lm.of_old_view() RETURNS SETOF lm.old_view
            LANGUAGE sql BEGIN ATOMIC SELECT * FROM lm.old_view; END;
        CREATE FUNCTION lm.changed() RETURNS int LANGUAGE sql RETURN 1;
        CREATE AGGREGATE lm.old_sum(int) (sfunc = int4pl, stype = int);
        """
    )
    _changed_sql(
        monkeypatch,
        tmp_path,
        """
        CREATE OR REPLACE FUNCTION lm.changed() RETURNS text LANGUAGE sql RETURN 'new';
        CREATE OR REPLACE VIEW lm.old_view AS SELECT 'only' AS c;
        """,
    )
    database.install(scratch)
    assert scratch.execute("SELECT lm.changed(), c FROM lm.old_view").fetchall() == [
        ("new", "only")
    ]
    left = scratch.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p "
        "WHERE p.proname IN ('renamed_since', 'of_old_view', 'old_sum')"
    ).fetchall()
    assert left == []


def test_what_the_user_built_on_it_stays(
    scratch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch.execute(
        """
        CREATE VIEW public.mine AS SELECT name, lm.default_model() AS chosen FROM lm.model;
        CREATE TABLE public.notes (model text DEFAULT lm.default_model(), note text);
        INSERT INTO public.notes (note) VALUES ('kept');
        """
    )
    _changed_sql(monkeypatch, tmp_path, "SELECT 2;")
    database.install(scratch)
    assert scratch.execute("SELECT * FROM public.mine").fetchall() == [("demo", "demo")]
    assert scratch.execute("TABLE public.notes").fetchall() == [("demo", "kept")]


def test_a_failed_installation_changes_nothing(
    scratch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = scratch.execute("SELECT count(*) FROM pg_proc").fetchall()
    _changed_sql(monkeypatch, tmp_path, "CREATE TABLE lm.half (a int); SELECT 1 / 0;")
    with pytest.raises(PsqlmError, match=r"98_extra\.sql failed: division by zero"):
        database.install(scratch)
    assert scratch.execute("SELECT to_regclass('lm.half')").fetchall() == [(None,)]
    assert scratch.execute("SELECT count(*) FROM pg_proc").fetchall() == before


def test_nothing_is_created_outside_the_schema(scratch: psycopg.Connection) -> None:
    outside = scratch.execute(
        """
        SELECT c.oid::regclass::text
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace
            AND c.relname NOT IN ('mine', 'notes')
            AND NOT EXISTS (
                SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e'
            )
        """
    ).fetchall()
    assert outside == []


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
    ("installed", "default", "message"),
    [
        (None, "0.6.2", "pgvector 0.6.2 is too old"),
        ("0.6.2", "0.8.0", "ALTER EXTENSION vector UPDATE"),
    ],
)
def test_old_pgvector_is_refused(
    scratch: psycopg.Connection, installed: str | None, default: str, message: str
) -> None:
    """A view of ours hides the catalog's."""
    scratch.execute(
        "CREATE TEMPORARY TABLE pg_available_extensions AS TABLE pg_catalog.pg_available_extensions"
    )
    scratch.execute(
        "UPDATE pg_temp.pg_available_extensions SET installed_version = %s, default_version = %s "
        "WHERE name = 'vector'",
        (installed, default),
    )
    scratch.execute("SET search_path = pg_temp, pg_catalog")
    with pytest.raises(PsqlmError, match=message):
        installation._ensure_pgvector(scratch)


def test_a_server_without_pgvector_is_refused(scratch: psycopg.Connection) -> None:
    scratch.execute(
        "CREATE TEMPORARY TABLE pg_available_extensions (LIKE pg_catalog.pg_available_extensions)"
    )
    scratch.execute("SET search_path = pg_temp, pg_catalog")
    with pytest.raises(PsqlmError, match="this server has no pgvector"):
        installation._ensure_pgvector(scratch)


def test_an_old_server_is_refused(
    scratch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", 150004)
    with pytest.raises(PsqlmError, match="PostgreSQL 15 is too old, psqlm needs 16"):
        database.install(scratch)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(PsqlmError, match=r"no connection: .*check --dsn or PSQLM_DSN") as caught:
        database.connect(f"host={tmp_path} dbname=x password=secret")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
