"""A lake in Spark: where the files are, on as many machines as there are."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from psqlm.errors import PsqlmError
from psqlm.lake.lake import Lake, views
from psqlm.lake.parts import Part, constant_columns, no_manifest, parts
from psqlm.parquet.layout import schema
from psqlm.parquet.manifest import NAME, parse_manifest
from psqlm.spark.requirements import require_spark

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession


class SparkLake(Lake):
    """Exported runs as temporary views of a session."""

    def __init__(
        self, where: str, session: SparkSession | None = None, master: str | None = None
    ) -> None:
        """Open a folder, or an address that Spark reads.

        Args:
            where: the folder.
            session: None: the one that is open, or a new one, which is stopped in the end.
            master: where a new one runs; None: on this machine, or as spark-submit says.

        Raises:
            PsqlmError: there is no manifest, no Spark or no Java.
        """
        self._spark, self._own = (session, False) if session else _open_session(master)
        from pyspark.errors import PySparkException

        self._error = PySparkException
        if "://" not in where and Path(where).exists():
            where = str(Path(where).absolute())  # Java may have been started somewhere else
        self._where = where.rstrip("/")
        try:
            said = self._spark.read.text(f"{self._where}/{NAME}", wholetext=True).first()
        except PySparkException as error:
            self.close()
            raise no_manifest(where) from error
        for table, found in parts(parse_manifest(where, "" if said is None else said[0])):
            self._view(table, found)
        for view in views("spark"):
            self._spark.sql(view)

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a statement."""
        try:
            rows: pd.DataFrame = self._spark.sql(sql).toArrow().to_pandas()
        except self._error as error:
            raise PsqlmError(f"Spark: {str(error).strip().splitlines()[0]}") from error
        return rows

    def close(self) -> None:
        """Stop the session, if it is ours."""
        if self._own:
            self._spark.stop()

    def _view(self, table: str, found: list[Part]) -> None:
        """Make a view over the files of a table; without any it has no rows."""
        from pyspark.sql.functions import lit

        empty = self._spark.createDataFrame(schema(table).empty_table())
        rows = empty.withColumns({name: lit("") for name in constant_columns(table)})
        for part in found:
            files = [f"{self._where}/{path}" for path in part.paths]
            rows = rows.unionByName(
                self._spark.read.schema(empty.schema)
                .parquet(*files)
                .withColumns({name: lit(value) for name, value in part.constants.items()})
            )
        rows.createOrReplaceTempView(table)


def _open_session(master: str | None) -> tuple[SparkSession, bool]:
    """The session that is open, or a new one, and whether it is new.

    Raises:
        PsqlmError: Spark or Java is missing or too old.
    """
    require_spark()
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active, False
    # of pandas 3, in which Spark's answers are read all the same
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    builder = SparkSession.builder.appName("psqlm").config("spark.log.level", "ERROR")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    return (builder.master(master) if master else builder).getOrCreate(), True
