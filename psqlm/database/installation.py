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
            be trusted, or newer; objects of a user's that stand in the way; no right to install,
            or to use what is installed.
    """
    current = digest()
    script = Script(connection, current)
    try:
        if installed(connection) == current:
            return False
        script.run(SQL / "install.sql")
        return not script.variables["is_current"]
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise PsqlmError(f"{error.diag.message_primary}: {error.diag.message_hint}") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise _may_not_install(connection, error) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise PsqlmError(
            "psqlm's SQL is missing or old in this database and the server is read-only: "
            "connect to the primary once"
        ) from error
    except psycopg.Error as error:
        raise PsqlmError(
            f"installing {script.running.name} failed: {said_by_server(error)}"
        ) from error


def _may_not_install(connection: psycopg.Connection, error: psycopg.Error) -> PsqlmError:
    """Why a role may not install: what it says depends on whether psqlm is there already."""
    role, name = connection.info.user, connection.info.dbname
    with connection.transaction():
        owner = _owner(connection)
    if owner is None:
        return PsqlmError(
            f"the role {role} may not install psqlm in the database {name} "
            f"({error.diag.message_primary}): connect as its owner once"
        )
    return PsqlmError(
        f"the database {name} has psqlm's SQL of another version, and the role {role} may not "
        f"replace it: connect as {owner} once"
    )


def _owner(connection: psycopg.Connection) -> str | None:
    """Whose psqlm's tables are; None if there are none."""
    row = connection.execute(
        "SELECT pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace AS n"
        " INNER JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid"
        " WHERE n.nspname = 'lm' AND c.relname = 'installation'"
    ).fetchone()
    return row[0] if row else None


def _require_rights(connection: psycopg.Connection) -> None:
    """Refuse a role that has no rights in the schema lm, and say who gives them.

    Raises:
        PsqlmError: it has none.
    """
    row = connection.execute(
        "SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = 'lm'"
    ).fetchone()
    owner = _owner(connection)
    if owner is not None and row == (False,):
        role = connection.info.user
        raise PsqlmError(
            f"the role {role} has no rights to psqlm in the database {connection.info.dbname}: "
            f"{owner} gives them by psqlm grant {role} reader (or runner), or by "
            f"GRANT psqlm_reader TO {role}"
        )


def installed(connection: psycopg.Connection) -> str | None:
    """Digest of the SQL that is in the database, once its schema is known to be trusted.

    None: there is none. Empty: psql installed it.
    """
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute((SQL / "installation" / "trust.sql").read_bytes())
        _require_rights(connection)
        row = connection.execute("SELECT to_regclass('lm.installation')").fetchone()
        if row is None or row[0] is None:
            return None
        row = connection.execute("SELECT COALESCE(max(digest), '') FROM lm.installation").fetchone()
        return row[0] if row else None
