"""Which engine opens a folder of exported runs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from psqlm.errors import PsqlmError
from psqlm.lake.lake import Lake

if TYPE_CHECKING:
    import psycopg
    from pyspark.sql import SparkSession

Engine = Literal["duckdb", "spark"]


def open_lake(
    where: str,
    engine: Engine | None = None,
    session: SparkSession | None = None,
    master: str | None = None,
) -> Lake:
    """Open a folder of exported runs.

    Args:
        where: the folder, or an address that the engine reads (s3://…, hdfs://…).
        engine: duckdb or spark. None: Spark where a session or a master is given, else DuckDB if
            it is installed.
        session: of Spark, which stays open.
        master: where a new session runs: local[2], spark://…, yarn.

    Raises:
        PsqlmError: there is no manifest, or no engine.
    """
    if engine is None and (session or master):
        engine = "spark"
    elif engine is None:
        engine = "duckdb" if find_spec("duckdb") else "spark"
        if engine == "spark" and find_spec("pyspark") is None:
            raise PsqlmError(
                "neither DuckDB nor Spark is installed: pip install 'psqlm[lake]' brings DuckDB, "
                "'psqlm[spark]' Spark, which needs Java"
            )
    if engine == "duckdb":
        from psqlm.lake.duck import DuckDBLake

        return DuckDBLake(where)
    from psqlm.lake.spark import SparkLake

    return SparkLake(where, session, master)


def open_database(
    connection: psycopg.Connection, which: str = "all", model: str | None = None
) -> Lake:
    """Show runs of a database as the same relations, in temporary views of the connection.

    Args:
        connection: to the database.
        which: numbers (1,2,5-9), tag:NAME=VALUE, or all.
        model: whose runs; None: of any.
    """
    from psqlm.lake.postgres import PostgreSQLLake

    return PostgreSQLLake(connection, which, model)
