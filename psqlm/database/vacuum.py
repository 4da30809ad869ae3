"""Removing what is left over, and giving space back after drops."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from psqlm.database import leftovers
from psqlm.database.connection import connect
from psqlm.database.server import EmbeddedServer

PAYS = 8 * 1024 * 1024
"""Bytes without rows from which a table may be written anew, if they are a quarter of it too."""

PATIENCE = "5s"
"""How long a table is waited for that others use."""


@dataclass
class Tidied:
    """What was done.

    Attributes:
        tables: tables of weights dropped, whose models had gone.
        files: files removed that crashed loads had left; None: not looked for.
        folders: folders removed that killed first starts had left.
        given_back: bytes that the database and those files take less.
        in_use: tables that could not be written anew, for others use them.
    """

    tables: int = 0
    files: int | None = None
    folders: int = 0
    given_back: int = 0
    in_use: list[str] = field(default_factory=list)


def vacuum(dsn: str | None = None) -> Tidied:
    """Remove leftovers of the database in use, and give back the space of rows that are gone.

    Args:
        dsn: as for connect. Files are looked for on the embedded server alone.
    """
    tidied = Tidied()
    with connect(dsn) as connection:
        with connection.transaction():
            connection.execute("SELECT lm_internal.require_right('owner', 'give space back')")
            before = _size(connection)
            row = connection.execute("SELECT lm.drop_leftovers()").fetchone()
            tidied.tables = row[0] if row else 0
            connection.execute("DELETE FROM lm.generation AS g WHERE NOT g.keep")
        connection.autocommit = True  # VACUUM is not for transactions
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (PATIENCE,))
        _vacuum(connection, tidied)
        tidied.given_back = before - _size(connection)
        connection.autocommit = False
        if dsn or os.environ.get("PSQLM_DSN"):
            return tidied
        server = EmbeddedServer()
        found = leftovers.find(server, connection)
    tidied.files = None if found.files is None else len(found.files)
    tidied.folders = len(found.folders)
    tidied.given_back += found.size
    leftovers.remove(server, found)
    server.start()
    return tidied


def _vacuum(connection: psycopg.Connection, tidied: Tidied) -> None:
    """VACUUM the tables that rows come and go in; write those anew where that pays."""
    names = connection.execute(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'lm'::regnamespace"
        " AND c.relkind = 'r' AND NOT c.relispartition ORDER BY c.relname"
    ).fetchall()
    for (name,) in names:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("lm", name)))
    wasteful = connection.execute(
        "SELECT t.name FROM lm.table_storage AS t"
        " WHERE t.unused > %s AND t.unused > pg_relation_size(format('lm.%%I', t.name)) / 4",
        (PAYS,),
    ).fetchall()
    for (name,) in wasteful:
        try:
            connection.execute(
                sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier("lm", name))
            )
        except psycopg.errors.LockNotAvailable:
            tidied.in_use.append(name)


def _size(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None  # noqa: S101 (a function's value)
    return int(row[0])
