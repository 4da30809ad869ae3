"""A lake in DuckDB: in this process, without Java."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psqlm.errors import PsqlmError
from psqlm.lake.lake import Lake, views
from psqlm.lake.parts import Part, constant_columns, no_manifest, parts
from psqlm.parquet.layout import require_pyarrow, schema
from psqlm.parquet.manifest import NAME, parse_manifest

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


class DuckDBLake(Lake):
    """Exported runs in a DuckDB of its own."""

    def __init__(self, where: str) -> None:
        """Open a folder, or an address that DuckDB reads.

        Raises:
            PsqlmError: there is no manifest, or no DuckDB.
        """
        require_pyarrow()
        try:
            import duckdb
        except ImportError as error:
            raise PsqlmError(f"DuckDB is missing ({error}): pip install 'psqlm[lake]'") from error
        self._error = duckdb.Error
        self._where = where.rstrip("/")
        is_local = "://" not in where
        if is_local and not (Path(where) / NAME).is_file():
            raise no_manifest(where)
        self._connection = duckdb.connect()
        # a progress bar would come between the lines of a table
        self._run("SET enable_progress_bar = false")
        path = _quoted(f"{self._where}/{NAME}")
        said = self.query(f"SELECT content FROM read_text({path})")["content"].iloc[0]  # noqa: S608
        manifest = parse_manifest(where, said)
        for file in manifest.files if is_local else ():
            if not (Path(where) / file).is_file():
                raise PsqlmError(f"{where} is damaged, {file} is missing: export the runs again")
        for table, found in parts(manifest):
            self._view(table, found)
        for view in views("duckdb"):
            self._run(view)

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a statement."""
        return self._run(sql).df()

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql)
        except self._error as error:
            raise PsqlmError(f"DuckDB: {' '.join(str(error).split())}") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _view(self, table: str, found: list[Part]) -> None:
        """Make a view over the files of a table; without any it has no rows."""
        columns = schema(table)
        self._connection.register(f"no_{table}", columns.empty_table())
        names = ", ".join(columns.names)
        empty = ", ".join(f"'' AS {name}" for name in constant_columns(table))
        selects = [f"SELECT {empty}, {names} FROM no_{table}"]  # noqa: S608 (our own names)
        for part in found:
            constants = ", ".join(
                f"{_quoted(value)} AS {name}" for name, value in part.constants.items()
            )
            files = ", ".join(_quoted(f"{self._where}/{path}") for path in part.paths)
            selects.append(
                f"SELECT {constants}, {names} "  # noqa: S608 (quoted)
                f"FROM read_parquet([{files}], hive_partitioning = false)"
            )
        self._run(f"CREATE TEMPORARY VIEW {table} AS {' UNION ALL '.join(selects)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
