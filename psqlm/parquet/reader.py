"""Rows of Parquet files, whoever wrote them, as arrays of NumPy, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from psqlm.parquet.layout import schema
from psqlm.parquet.manifest import File, bad

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 16 * 1024 * 1024
"""Bytes of a batch, about."""


class Reader:
    """Reads the files of a folder.

    Raises:
        PsqlmError: a file cannot be read, lacks a column, or has fewer or more rows than the
            manifest says.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder

    def rows(self, table: str, files: dict[str, File]) -> Iterator[list[list[Any]]]:
        """The columns of a small table, in the order of its schema."""
        for batch in self._batches(table, files, 10_000, None):
            yield [column.to_pylist() for column in batch.columns]

    def batches(
        self, table: str, files: dict[str, File], width: int | None
    ) -> Iterator[dict[str, Any]]:
        """The columns of a large table.

        Numbers are arrays of NumPy, text_id is one of Arrow, and vectors are the offsets of their
        ends, `ends`, and their elements, `elements`.
        """
        size = max(1, BATCH // (4 * (width or 512)))
        for batch in self._batches(table, files, size, width):
            columns: dict[str, Any] = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if column.null_count:
                    raise bad(self._folder, f"{table} has rows without {name}")
                if name == "value":
                    columns["starts"], columns["elements"] = self._vectors(table, column)
                elif name == "text_id":
                    columns[name] = column
                else:
                    columns[name] = column.to_numpy(zero_copy_only=False)
            yield columns

    def _vectors(
        self, table: str, column: pa.Array
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Where each vector starts, and the last ends, and all their elements."""
        import pyarrow as pa

        kind = column.type
        if pa.types.is_fixed_size_list(kind):
            starts = np.arange(len(column) + 1) * kind.list_size
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            starts = column.offsets.to_numpy()
            starts = starts - starts[0]
        else:
            raise bad(self._folder, f"in {table} value is {kind}, no list")
        elements = column.flatten()
        if elements.type != pa.float32() or elements.null_count:
            raise bad(self._folder, f"{table} has vectors that are not of float32")
        return starts, elements.to_numpy(zero_copy_only=False)

    def _batches(
        self, table: str, files: dict[str, File], size: int, width: int | None
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = schema(table, width)
        for path, file in sorted(files.items()):
            seen = 0
            try:
                parquet = pq.ParquetFile(self._folder / path)
                there = parquet.schema_arrow
                for batch in parquet.iter_batches(size, columns=_wanted(columns, there)):
                    seen += batch.num_rows
                    yield _cast(batch, columns)
                parquet.close()
            except (pa.ArrowException, OSError, KeyError) as error:
                reason = " ".join(str(error).split())
                raise bad(self._folder, f"{path} cannot be read ({reason[:200]})") from error
            if seen != file.rows:
                raise bad(self._folder, f"{path} has {seen:,} rows instead of {file.rows:,}")


OPTIONAL = ("source", "line", "left_out", "started_at", "seconds", "norm", "token")
"""Columns that are not needed: where they are missing they are NULL."""


def _wanted(columns: pa.Schema, there: pa.Schema) -> Sequence[str]:
    return [name for name in columns.names if name in there.names]


def _cast(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    """The columns in their order and types; Spark and others write lists of any length."""
    import pyarrow as pa

    arrays = []
    for field in columns:
        if field.name not in batch.schema.names and field.name in OPTIONAL:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(field.name)
        arrays.append(column if field.name == "value" else column.cast(field.type))
    fields = [
        pa.field(field.name, array.type) for field, array in zip(columns, arrays, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
