"""The connection to the database in use."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import psycopg

from psqlm.database.installation import install
from psqlm.database.server import EmbeddedServer
from psqlm.errors import PsqlmError


def resolve(dsn: str | None = None) -> str:
    """The DSN in use: the given one, PSQLM_DSN, or the embedded server's, started if needed."""
    return dsn or os.environ.get("PSQLM_DSN") or EmbeddedServer().start()


def connect(
    dsn: str | None = None,
    tell: Callable[[str], None] | None = None,
    *,
    installs: bool = True,
) -> psycopg.Connection:
    """Connect, and install psqlm's SQL if it is missing or of another version.

    Args:
        dsn: a connection string. By default PSQLM_DSN or the embedded server.
        tell: called with what the server has to say besides its answers.
        installs: whether it does install.

    Returns:
        A connection outside any transaction, autocommit off. Its search_path holds PostgreSQL's
        own names alone: no schema that others may create in can change what a statement means.

    Raises:
        PsqlmError: there is no connection, the server or pgvector is too old, or the role may not
            use psqlm there, or not install it.
    """
    try:
        connection = psycopg.connect(resolve(dsn), client_encoding="UTF8", application_name="psqlm")
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise PsqlmError(f"no connection: {reason}; check --dsn or PSQLM_DSN") from error
    try:
        if tell is not None:
            connection.add_notice_handler(partial(_pass_on, tell))
        connection.execute(
            "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)"
        )
        connection.commit()
        if installs:
            install(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _pass_on(tell: Callable[[str], None], notice: psycopg.errors.Diagnostic) -> None:
    """Pass on what the server says; not that it ends the connection, for that is an error too."""
    if not (notice.sqlstate or "").startswith("57P"):  # shut down, or crashed
        tell(notice.message_primary or "")
