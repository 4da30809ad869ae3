"""Giving roles their rights: sql/2_models/rights.sql says which."""

from __future__ import annotations

from typing import Literal

import psycopg
from psycopg import sql

from psqlm.errors import PsqlmError

Right = Literal["reader", "runner"]


def grant(connection: psycopg.Connection, role: str, right: Right) -> None:
    """Let a role query (reader), or run models too (runner).

    Raises:
        PsqlmError: there is no such role, or those of psqlm cannot be used in this database.
    """
    with connection.transaction():
        row = connection.execute("SELECT lm.grant_to_roles()").fetchone()
        if row and row[0]:
            raise PsqlmError(row[0])
        _change(connection, "GRANT {} TO {}", role, right)


def revoke(connection: psycopg.Connection, role: str, right: Right) -> None:
    """Take that back. What the role has made stays.

    Raises:
        PsqlmError: there is no such role.
    """
    with connection.transaction():
        _change(connection, "REVOKE {} FROM {}", role, right)


def _change(connection: psycopg.Connection, statement: str, role: str, right: Right) -> None:
    row = connection.execute("SELECT to_regrole(quote_ident(%s)) IS NULL", (role,)).fetchone()
    if row == (True,):
        made = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)).as_string(connection)
        raise PsqlmError(f"there is no role {role}: {made} makes it")
    connection.execute(
        sql.SQL(statement).format(sql.Identifier(f"psqlm_{right}"), sql.Identifier(role))
    )
