"""How roles get their rights and lose them, and who gets none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from conftest import MakeDatabase
from psycopg.conninfo import make_conninfo
from roles import as_role

from psqlm import database, loader
from psqlm.database import rights
from psqlm.database.server import VERSION, EmbeddedServer
from psqlm.errors import PsqlmError
from psqlm.runs.corpus import run_corpus
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text

# Roles of a server --------------------------------------------------------------------------------


@contextmanager
def aside(connection: psycopg.Connection) -> Iterator[None]:
    """Within it the server has no roles of psqlm's names."""
    names = ("psqlm_reader", "psqlm_runner")
    for name in names:
        connection.execute(f"ALTER ROLE {name} RENAME TO {name}_aside")
    try:
        yield
    finally:
        for name in names:
            connection.execute(f"DROP ROLE IF EXISTS {name}")
            connection.execute(f"ALTER ROLE {name}_aside RENAME TO {name}")


@pytest.fixture
def administrator(server_dsn: str, demo_template: str) -> Iterator[psycopg.Connection]:
    """A superuser, on a server where psqlm has been installed before."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        yield connection
        for name in ("psqlm_trudy", "psqlm_carol"):
            if connection.execute("SELECT to_regrole(%s)", (name,)).fetchone() != (None,):
                connection.execute(f"DROP OWNED BY {name} CASCADE")
                connection.execute(f"DROP ROLE {name}")


def test_an_owner_who_may_not_make_roles(
    administrator: psycopg.Connection, create_database: Callable[..., str]
) -> None:
    """Installs psqlm for itself, and hears what others would need."""
    administrator.execute("CREATE ROLE psqlm_carol LOGIN PASSWORD 'secret'")
    dsn = create_database("psqlm_carols")
    administrator.execute("ALTER DATABASE psqlm_carols OWNER TO psqlm_carol")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE EXTENSION vector SCHEMA public")
    told: list[str] = []
    try:
        with aside(administrator):
            with database.connect(as_role(dsn, "psqlm_carol"), told.append) as connection:
                loader.load(connection, "demo")
                assert told == [
                    "the database psqlm_carols is its owner's alone, for there is no role "
                    "psqlm_reader: let a superuser call lm.grant_to_roles()"
                ]
                with pytest.raises(PsqlmError, match="there is no role psqlm_reader: let a super"):
                    rights.grant(connection, "psqlm_carol", "reader")
            # which a superuser does
            with psycopg.connect(dsn, autocommit=True) as connection:
                assert connection.execute("SELECT lm.grant_to_roles()").fetchone() == (None,)
                connection.execute("DROP OWNED BY psqlm_reader, psqlm_runner")
    finally:
        administrator.execute("DROP DATABASE psqlm_carols WITH (FORCE)")


def test_a_role_that_others_prepared_gets_no_rights(
    administrator: psycopg.Connection, create_database: Callable[..., str]
) -> None:
    """The exploit: make the roles first, be in them, and wait for a superuser to install."""
    administrator.execute("CREATE ROLE psqlm_trudy LOGIN CREATEROLE PASSWORD 'secret'")
    dsn = create_database("psqlm_prepared")
    with aside(administrator):
        with psycopg.connect(as_role(dsn, "psqlm_trudy"), autocommit=True) as trudy:
            trudy.execute("CREATE ROLE psqlm_reader")
            trudy.execute("CREATE ROLE psqlm_runner")
            trudy.execute("GRANT psqlm_reader, psqlm_runner TO psqlm_trudy")
        told: list[str] = []
        with database.connect(dsn, told.append) as connection:
            assert told == [
                "the database psqlm_prepared is its owner's alone, for psqlm_trudy decides who "
                "is in the role psqlm_reader: REVOKE psqlm_reader FROM psqlm_trudy CASCADE"
            ]
            with pytest.raises(PsqlmError, match="psqlm_trudy decides who is in"):
                rights.grant(connection, "psqlm_trudy", "reader")
        with pytest.raises(PsqlmError, match="the role psqlm_trudy has no rights to psqlm"):
            database.connect(as_role(dsn, "psqlm_trudy"))


@pytest.mark.parametrize(
    "prepare",
    [
        "ALTER ROLE psqlm_runner LOGIN",
        "ALTER ROLE psqlm_reader CREATEROLE",
        "GRANT pg_write_server_files TO psqlm_runner",
    ],
)
def test_a_role_that_may_do_more_gets_no_rights(shared: psycopg.Connection, prepare: str) -> None:
    shared.execute(prepare)
    row = shared.execute("SELECT lm.grant_to_roles()").fetchone()
    assert row and "may do more than psqlm gave it: ALTER ROLE psqlm_r" in row[0]


def test_the_roles_are_there_from_another_database(
    administrator: psycopg.Connection, make_database: MakeDatabase
) -> None:
    with psycopg.connect(make_database("psqlm_second")) as connection:
        assert connection.execute("SELECT lm.grant_to_roles()").fetchone() == (None,)
        assert connection.execute(
            "SELECT has_table_privilege('psqlm_runner', 'lm.run', 'INSERT')"
        ).fetchone() == (True,)


# As users meet them -------------------------------------------------------------------------------


def test_grant_and_revoke(shared_dsn: str) -> None:
    nora = as_role(shared_dsn, "psqlm_nora")
    owner = psycopg.connect(shared_dsn).info.user
    with pytest.raises(
        PsqlmError,
        match="the role psqlm_nora has no rights to psqlm in the database psqlm_rights: "
        f"{owner} gives them by psqlm grant psqlm_nora reader .or runner., or by "
        "GRANT psqlm_reader TO psqlm_nora",
    ):
        database.connect(nora)
    with database.connect(shared_dsn) as connection:
        rights.grant(connection, "psqlm_nora", "runner")
        with database.connect(nora) as theirs:
            outcome = run_corpus(
                lambda: database.connect(nora),
                [Text(1, "A wolf ran."), Text(2, "A hen sang.")],
                Plan(tags={"kind": "tale"}),
            )
            assert outcome.n_made == 2
            theirs.execute("SELECT lm.drop_runs(%s)", (outcome.run_ids,))
        rights.revoke(connection, "psqlm_nora", "runner")
        with pytest.raises(PsqlmError, match="has no rights"):
            database.connect(nora)
        with pytest.raises(PsqlmError, match='there is no role nobody"s: CREATE ROLE "nobody""s" '):
            rights.grant(connection, 'nobody"s', "reader")


def test_load_and_drop_are_the_owners(shared_dsn: str) -> None:
    with database.connect(as_role(shared_dsn, "psqlm_alice")) as connection:
        for work in (
            lambda: loader.load(connection, "demo", name="another"),
            lambda: loader.drop(connection, "demo"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"may not (load|drop)"):
                work()


def test_another_version_is_the_owners_to_install(
    shared_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.installation, "digest", lambda: "another")
    with pytest.raises(
        PsqlmError,
        match=r"the database psqlm_rights has psqlm's SQL of another version, and the role "
        r"psqlm_rita may not replace it: connect as .* once",
    ):
        database.connect(as_role(shared_dsn, "psqlm_rita"))


def test_dump_and_restore_keep_owners(
    shared_dsn: str, create_database: Callable[..., str], tmp_path: Path
) -> None:
    """Though the roles that made the runs are not on the other server."""
    # of the server's version: a newer one writes settings that it does not know
    version = int(os.environ.get("PSQLM_TEST_POSTGRES", VERSION))
    programs = EmbeddedServer(version=version).binaries
    dump = tmp_path / "dump.sql"
    with psycopg.connect(shared_dsn, autocommit=True) as connection:
        connection.execute("SELECT lm.keep_runs_private()")
        try:
            _run_program(programs / "pg_dump", f"--dbname={_dsn(connection)}", f"--file={dump}")
        finally:
            connection.execute("SELECT lm.keep_runs_private(false)")
    restored = create_database("psqlm_restored")
    with psycopg.connect(restored) as connection:
        given = _dsn(connection)
    _run_program(programs / "psql", f"--dbname={given}", "-qX", "-v", "ON_ERROR_STOP=1", "-f", dump)
    with database.connect(restored) as connection:
        assert connection.execute(
            "SELECT array_agg(DISTINCT owner ORDER BY owner) FROM lm.run WHERE run_id > 1"
        ).fetchone() == (["psqlm_alice", "psqlm_bob"],)
        assert connection.execute("SELECT lm.runs_are_private()").fetchone() == (True,)
    with database.connect(as_role(restored, "psqlm_bob")) as connection:
        assert connection.execute("SELECT array_agg(run_id) FROM lm.run").fetchone() == ([3],)


def _dsn(connection: psycopg.Connection) -> str:
    return make_conninfo(connection.info.dsn, password=connection.info.password)


def _run_program(program: Path, *arguments: str | Path) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
