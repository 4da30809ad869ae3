"""Rows of lm.model without weights, for what needs no forward pass."""

from __future__ import annotations

import psycopg
from psycopg import sql


def copy_model(connection: psycopg.Connection, name: str, **changes: object) -> None:
    """Add a model that has the demo model's sizes, but for the changes, and no weights."""
    columns = [
        column
        for (column,) in connection.execute(
            """
            SELECT a.attname
            FROM pg_attribute AS a
            WHERE a.attrelid = 'lm.model'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attname NOT IN ('model_id', 'is_default')
            """
        )
    ]
    values = {"name": name, **changes}
    connection.execute(
        sql.SQL("INSERT INTO lm.model ({}) SELECT {} FROM lm.model WHERE name = 'demo'").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(
                sql.Literal(values[column]) if column in values else sql.Identifier(column)
                for column in columns
            ),
        )
    )
