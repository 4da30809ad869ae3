"""Rows of vectors as PostgreSQL's binary COPY sends them, a batch at once.

What loader.binary_copy writes, read: a row is a count of fields, and each field a length and its
bytes, all big-endian. The vector comes last, so all that stands before it has one length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from psqlm.loader.binary_copy import HEADER, TRAILER

BATCH = 16 * 1024 * 1024
"""Bytes of rows that are held before they become arrays."""


def layout(*fields: tuple[str, str]) -> np.dtype[Any]:
    """A row of fields of these names and kinds, none of them NULL."""
    parts = [("n_fields", ">i2")]
    for name, kind in fields:
        parts += [(f"length of {name}", ">i4"), (name, kind)]
    return np.dtype(parts)


LOGITS = layout(("run_id", ">i8"), ("position", ">i4"), ("token_id", ">i4"), ("logit", ">f8"))

BEFORE = np.dtype(
    [
        *layout(
            ("run_id", ">i8"),
            *((name, ">i4") for name in ("layer", "head", "position", "token_id")),
            ("norm", ">f8"),
        ).descr,
        ("length", ">i4"),
        ("width", ">i2"),
        ("unused", ">i2"),
    ]
)
"""All of a row but the elements of its vector."""


@dataclass(frozen=True)
class Vectors:
    """Rows of lm_internal.carried_vector.

    Attributes:
        keys: run_id, layer, head, position, token_id, norm and width of each row.
        elements: the elements of all rows, end to end.
    """

    keys: npt.NDArray[Any]
    elements: npt.NDArray[np.float32]


def copy_vectors(
    connection: psycopg.Connection[Any], site: str, run_ids: list[int]
) -> Iterator[Vectors]:
    """What these runs kept at a site, in the order of run, layer, head and position."""
    query = sql.SQL(
        """
        COPY (
            SELECT c.run_id, c.layer, c.head, c.position, c.token_id, c.norm, c.value
            FROM lm_internal.carried_vector AS c
            WHERE c.site = {} AND c.run_id = ANY ({}::bigint[])
            ORDER BY c.run_id, c.layer, c.head, c.position
        ) TO STDOUT (FORMAT binary)
        """
    ).format(sql.Literal(site), sql.Literal(run_ids))
    before = BEFORE.itemsize
    for rows in _copy(connection, query):
        keys = np.frombuffer(b"".join([row[:before] for row in rows]), BEFORE)
        elements = np.frombuffer(b"".join([row[before:] for row in rows]), ">f4")
        yield Vectors(keys, elements.astype(np.float32))


def copy_logits(
    connection: psycopg.Connection[Any], run_ids: list[int]
) -> Iterator[npt.NDArray[Any]]:
    """What these runs predicted: run_id, position, token_id and logit, the highest first."""
    query = sql.SQL(
        """
        COPY (
            SELECT l.run_id, l.position, l.token_id, l.logit
            FROM lm.logit AS l
            WHERE l.run_id = ANY ({}::bigint[])
            ORDER BY l.run_id, l.position, l.logit DESC, l.token_id
        ) TO STDOUT (FORMAT binary)
        """
    ).format(sql.Literal(run_ids))
    for rows in _copy(connection, query):
        yield np.frombuffer(b"".join(rows), LOGITS)


def _copy(connection: psycopg.Connection[Any], query: sql.Composed) -> Iterator[list[bytes]]:
    """Rows as they are sent, a batch at a time."""
    rows: list[bytes] = []
    size = 0
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for message in copy:
            row = bytes(message).removeprefix(HEADER)  # which comes with the first row
            if row == TRAILER or not row:
                continue
            rows.append(row)
            size += len(row)
            if size >= BATCH:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows
