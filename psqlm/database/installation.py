"""Putting psqlm's SQL into a database."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
from psycopg import sql

from psqlm.bundled_files import SQL
from psqlm.errors import PsqlmError

OLDEST_SERVER = 16
OLDEST_PGVECTOR = (0, 7)
GET_PGVECTOR = (
    "see github.com/pgvector/pgvector, use the image pgvector/pgvector, "
    "or leave out the DSN for the embedded server"
)


def digest() -> str:
    """Hash of the SQL that this version of psqlm installs, hexadecimal."""
    parts = hashlib.sha256()
    for path in sql_files():
        parts.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return parts.hexdigest()


def sql_files() -> list[Path]:
    """The files that make up psqlm's SQL, in the order in which sql/install.sql runs them."""
    lines = (SQL / "install.sql").read_text(encoding="utf-8").splitlines()
    return [SQL / line.removeprefix("\\ir ") for line in lines if line.startswith("\\ir ")]


def install(connection: psycopg.Connection) -> bool:
    """Install psqlm's SQL in one transaction, unless this very version is there.

    Models and runs are left alone: tables are only ever added to.

    Returns:
        Whether anything was installed.

    Raises:
        PsqlmError: a server or pgvector too old, or no right to install.
    """
    _check_server(connection)
    current = digest()
    try:
        with connection.transaction():
            if _installed(connection) == current:
                return False
            # one at a time: a second session waits here, then finds the work done
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('psqlm'))")
            if _installed(connection) == current:
                return False
            _run_files(connection, current)
            return True
    except psycopg.errors.InsufficientPrivilege as error:
        raise PsqlmError(
            f"the role {connection.info.user} may not install psqlm in the database "
            f"{connection.info.dbname} ({error.diag.message_primary}): connect as its owner once"
        ) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise PsqlmError(
            "psqlm's SQL is missing or old in this database and the server is read-only: "
            "connect to the primary once"
        ) from error


def _installed(connection: psycopg.Connection) -> str | None:
    """Digest of the SQL that is in the database; None if there is none."""
    row = connection.execute("SELECT to_regclass('lm.installation')").fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute("SELECT max(digest) FROM lm.installation").fetchone()
    return row[0] if row else None


def _run_files(connection: psycopg.Connection, current: str) -> None:
    """Run the files of sql/ in their order."""
    # a message per object that is there already would only be noise
    connection.execute("SET LOCAL client_min_messages = warning")
    connection.execute("CREATE SCHEMA IF NOT EXISTS lm")
    vector_schema = _ensure_pgvector(connection)
    connection.execute(
        sql.SQL("SET LOCAL search_path = lm, {}, pg_temp").format(sql.Identifier(vector_schema))
    )
    for path in sql_files():
        try:
            connection.execute(path.read_bytes())
        except psycopg.errors.InsufficientPrivilege:
            raise
        except psycopg.Error as error:
            reason = (error.diag.message_primary or str(error)).splitlines()[0]
            raise PsqlmError(f"installing {path.name} failed: {reason}") from error
    connection.execute("DELETE FROM lm.installation")
    connection.execute("INSERT INTO lm.installation (digest) VALUES (%s)", (current,))


def _check_server(connection: psycopg.Connection) -> None:
    """Refuse servers that cannot run psqlm."""
    version = connection.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise PsqlmError(
            f"PostgreSQL {version} is too old, psqlm needs {OLDEST_SERVER} or later: "
            "upgrade, or leave out the DSN for the embedded server"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise PsqlmError(
            f"the database {connection.info.dbname} is encoded in {encoding}, psqlm needs UTF8: "
            "CREATE DATABASE psqlm ENCODING 'UTF8' TEMPLATE template0, and connect to that"
        )


def _ensure_pgvector(connection: psycopg.Connection) -> str:
    """Check pgvector, installing it if it is only available; returns the schema it is in."""
    row = connection.execute(
        """
        SELECT e.installed_version, e.default_version
        FROM pg_available_extensions AS e
        WHERE e.name = 'vector'
        """
    ).fetchone()
    if row is None:
        raise PsqlmError(f"this server has no pgvector: {GET_PGVECTOR}")
    installed, available = row
    if _release(available) < OLDEST_PGVECTOR:
        raise PsqlmError(
            f"pgvector {available} is too old, psqlm needs 0.7 or later: {GET_PGVECTOR}"
        )
    if installed is None:
        connection.execute("CREATE EXTENSION vector SCHEMA public")
    elif _release(installed) < OLDEST_PGVECTOR:
        raise PsqlmError(
            f"pgvector {installed} is too old, psqlm needs 0.7 or later: "
            "run ALTER EXTENSION vector UPDATE in this database"
        )
    row = connection.execute(
        """
        SELECT n.nspname
        FROM pg_extension AS e
        JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'vector'
        """
    ).fetchone()
    assert row is not None  # noqa: S101 (it was just made)
    return str(row[0])


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number of a version."""
    return tuple(int(part) for part in version.split(".")[:2])
