"""A model's partitions: tables of their own, until they become part of those of all models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, sql

from .binary_copy import Rows, copy_rows

KEYS = {
    "token_embedding": ("token_id", "block"),
    "unembedding": ("token_id", "block"),
    "linear": ("layer", "map", "block", "unit"),
}
"""Tables with a partition for each model, and the keys there."""


class Partition:
    """A model's partition of a table: rows first, then the key.

    Made in the transaction that loads the model, with wal_level = minimal it never enters the
    write-ahead log.
    """

    def __init__(self, connection: Connection[Any], table: str, model_id: int) -> None:
        """Make it, apart from its table. The CHECK spares a second look at all rows later."""
        self._connection = connection
        self._table = table
        self._model_id = model_id
        self._name = sql.Identifier("lm", f"{table}_{model_id}")
        connection.execute(
            sql.SQL(
                "CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS INCLUDING DEFAULTS"
                " INCLUDING STORAGE, CHECK (model_id = {}))"
            ).format(self._name, sql.Identifier("lm", table), sql.Literal(model_id))
        )

    def copy(self, columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
        """Fill it."""
        copy_rows(self._connection, self._name, ("model_id", *columns), batches, freeze=True)

    def add_key(self) -> None:
        """Give it its key."""
        self._connection.execute(
            sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(
                self._name, sql.SQL(", ").join(map(sql.Identifier, KEYS[self._table]))
            )
        )

    def attach(self) -> None:
        """Gather its statistics, let it be seen, bring it to memory."""
        self._connection.execute(sql.SQL("ANALYZE {}").format(self._name))
        self._connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                sql.Identifier("lm", self._table), self._name, sql.Literal(self._model_id)
            )
        )
        self._prewarm()

    def _prewarm(self) -> None:
        """Read it into the server's memory, where the extension for that is there.

        Whoever loads may be a superuser, and any role may make a function of that name. So it must
        belong to the extension, and the call gives every argument in its exact type: no other
        function of its schema can be meant.
        """
        found = self._connection.execute(
            """
            SELECT n.nspname
            FROM pg_catalog.pg_extension AS e
            INNER JOIN pg_catalog.pg_depend AS d
                ON d.refclassid
                    OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                AND d.refobjid OPERATOR(pg_catalog.=) e.oid
                AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                AND d.deptype OPERATOR(pg_catalog.=) 'e'
            INNER JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) d.objid
            INNER JOIN pg_catalog.pg_namespace AS n
                ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
            WHERE e.extname OPERATOR(pg_catalog.=) 'pg_prewarm'
                AND p.proname OPERATOR(pg_catalog.=) 'pg_prewarm'
                AND pg_catalog.oidvectortypes(p.proargtypes)
                    OPERATOR(pg_catalog.=) 'regclass, text, text, bigint, bigint'
            """
        ).fetchone()
        if found is not None:
            self._connection.execute(
                sql.SQL(
                    "SELECT {}({}::pg_catalog.regclass, 'buffer'::pg_catalog.text,"
                    " 'main'::pg_catalog.text, NULL::pg_catalog.int8, NULL::pg_catalog.int8)"
                ).format(
                    sql.Identifier(found[0], "pg_prewarm"), sql.Literal(self._name.as_string())
                )
            )
