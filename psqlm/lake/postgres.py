"""The runs of a database as a lake: the same relations, for the same statements."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg

from psqlm.database.frames import read_frame
from psqlm.lake.lake import Lake, views
from psqlm.parquet.export import choose

if TYPE_CHECKING:
    import pandas as pd


class PostgreSQLLake(Lake):
    """Runs of a database as temporary views of a connection."""

    def __init__(
        self, connection: psycopg.Connection, which: str = "all", model: str | None = None
    ) -> None:
        """Show the runs that an export of them would write, by the keys that it would give them.

        Args:
            connection: to the database; what is made there are temporary views.
            which: numbers (1,2,5-9), tag:NAME=VALUE, or all.
            model: whose runs; None: of any.

        Raises:
            PsqlmError: there are no such runs.
        """
        self._connection = connection
        with connection.transaction():
            row = connection.execute("SELECT current_setting('search_path')").fetchone()
            self._path = row[0] if row else ""
            # the view text is a type as well: PostgreSQL's own has to be found first
            self._search(f"pg_catalog, pg_temp, {self._path}")
            chosen = choose(connection, which, model)
            connection.execute(
                "CREATE TEMPORARY TABLE lake_run"
                " (run_id bigint PRIMARY KEY, model text, capture text, text_id text)"
            )
            with connection.cursor() as cursor, cursor.copy("COPY lake_run FROM STDIN") as copy:
                for key, runs in chosen.runs.items():
                    for run in runs:
                        name = chosen.plans[key].model.name
                        copy.write_row((run.run_id, name, key, run.text_id))
            connection.execute("ANALYZE lake_run")
            for view in views("postgresql"):
                connection.execute(view.encode())

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a statement."""
        rows = read_frame(self._connection, sql)
        # means of whole numbers are numeric here, and float8 in other engines
        for name in rows.columns:
            if any(isinstance(value, Decimal) for value in rows[name]):
                rows[name] = rows[name].astype(float)
        return rows

    def close(self) -> None:
        """Drop the views; the connection stays open."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL client_min_messages = warning")
            self._connection.execute("DROP TABLE pg_temp.lake_run CASCADE")
            self._search(self._path)

    def _search(self, path: str) -> None:
        self._connection.execute("SELECT set_config('search_path', %s, false)", (path,))
