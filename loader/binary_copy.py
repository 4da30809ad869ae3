"""Rows in PostgreSQL's binary COPY format, a batch at once.

A row is a count of fields, and each field a length and its bytes, all big-endian. The rows of a
batch have one length, so a batch is a structured NumPy array.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection, sql

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
TRAILER = b"\xff\xff"  # a row of −1 fields


@dataclass(frozen=True)
class Field:
    """A column of a batch: its layout, and one value for all rows or one for each."""

    layout: np.dtype[Any]
    values: Any


def integer(values: npt.ArrayLike) -> Field:
    """An int."""
    return Field(np.dtype(">i4"), values)


def bigint(values: npt.ArrayLike) -> Field:
    """A bigint."""
    return Field(np.dtype(">i8"), values)


def double(values: npt.ArrayLike) -> Field:
    """A float8."""
    return Field(np.dtype(">f8"), values)


def real(values: npt.ArrayLike) -> Field:
    """A real."""
    return Field(np.dtype(">f4"), values)


def label(name: str) -> Field:
    """A value of an enumeration, the same in all rows."""
    return Field(np.dtype(f"S{len(name)}"), name.encode())


def vector(rows: npt.NDArray[np.floating[Any]]) -> Field:
    """A vector from each row of a float32 array, or a halfvec from each of a float16 one."""
    width = rows.shape[1]
    layout = [
        ("width", ">i2"),
        ("unused", ">i2"),
        ("elements", rows.dtype.newbyteorder(">"), width),
    ]
    return Field(np.dtype(layout), rows)


class Rows:
    """A batch of rows; the last of their fields has a value for each and says how many they are."""

    def __init__(self, *fields: Field) -> None:
        """Lay the fields side by side."""
        layout: list[tuple[str, Any]] = [("n_fields", ">i2")]
        for number, field in enumerate(fields):
            layout += [(f"length{number}", ">i4"), (f"field{number}", field.layout)]
        rows = np.empty(len(fields[-1].values), np.dtype(layout))
        rows["n_fields"] = len(fields)
        for number, field in enumerate(fields):
            rows[f"length{number}"] = field.layout.itemsize
            target = rows[f"field{number}"]
            if field.layout.names:  # a vector
                target["width"] = field.values.shape[1]
                target["unused"] = 0
                target = target["elements"]
            target[...] = field.values
        self.bytes = rows.view(np.uint8).data


def copy_rows(
    connection: Connection[Any],
    table: sql.Identifier,
    columns: tuple[str, ...],
    batches: Iterator[Rows],
    *,
    freeze: bool = False,
) -> None:
    """COPY batches of rows into a table.

    Args:
        connection: in a transaction.
        table: the table.
        columns: the columns that the fields fill, in their order.
        batches: the rows.
        freeze: spare the rows a later vacuum; the table must be made in this transaction.
    """
    command = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary, FREEZE {})").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(freeze)
    )
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(HEADER)
        for rows in _ahead(batches):
            copy.write(rows.bytes)
        copy.write(TRAILER)


def _ahead(batches: Iterator[Rows]) -> Iterator[Rows]:
    """The same batches, each made while the server takes the one before."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, batches, None)
        while (rows := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield rows
