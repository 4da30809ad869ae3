"""Putting psqlm's SQL into a database."""

from __future__ import annotations

import hashlib

import psycopg

from psqlm.bundled_files import SQL
from psqlm.database.script import Script
from psqlm.errors import PsqlmError, said_by_server


def digest() -> str:
    """Hash of the SQL that this version of psqlm installs, hexadecimal."""
    parts = hashlib.sha256()
    for path in sorted(SQL.rglob("*.sql")):
        parts.update(path.relative_to(SQL).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return parts.hexdigest()


def install(connection: psycopg.Connection) -> bool:
    """Install psqlm's SQL by sql/install.sql, unless this very version is there.

    Models and runs are kept: tables are only ever migrated.

    Returns:
        Whether anything was installed.

    Raises:
        PsqlmError: a server, a database or pgvector that does not do; a schema lm that is not to
            be trusted, or newer; objects of a user's that stand in the way; no right to install.
    """
    current = digest()
    script = Script(connection, current)
    try:
        if _installed(connection) == current:
            return False
        script.run(SQL / "install.sql")
        return not script.variables["is_current"]
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise PsqlmError(f"{error.diag.message_primary}: {error.diag.message_hint}") from error
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
    except psycopg.Error as error:
        raise PsqlmError(
            f"installing {script.running.name} failed: {said_by_server(error)}"
        ) from error


def _installed(connection: psycopg.Connection) -> str | None:
    """Digest of the SQL that is in the database, once its schema is known to be trusted."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute((SQL / "installation" / "trust.sql").read_bytes())
        row = connection.execute("SELECT to_regclass('lm.installation')").fetchone()
        if row is None or row[0] is None:
            return None
        row = connection.execute("SELECT max(digest) FROM lm.installation").fetchone()
        return row[0] if row else None
