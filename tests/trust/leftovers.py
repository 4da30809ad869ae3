"""What is in the database of a model, whole or not."""

from __future__ import annotations

import psycopg
from psycopg import sql


def left(connection: psycopg.Connection) -> list[str]:
    """Names of the tables that hold a row of a model, and of partitions.

    Every table with the column model_id is looked at, and no model is expected to be there.
    """
    tables = connection.execute(
        """
        SELECT c.oid::regclass::text, c.relname, c.relispartition OR c.relname ~ '_[0-9]+$'
        FROM pg_class AS c
        WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind IN ('r', 'p')
            AND EXISTS (
                SELECT
                FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attname = 'model_id'
            )
        """
    ).fetchall()
    return [
        name
        for name, relation, is_partition in tables
        if is_partition
        or connection.execute(
            sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier("lm", relation))
        ).rowcount
    ]
