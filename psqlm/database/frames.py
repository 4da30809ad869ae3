"""Rows as pandas frames, vectors as numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import psycopg
from pgvector import HalfVector, Vector
from pgvector.psycopg import register_vector

from psqlm.errors import said_by_server

if TYPE_CHECKING:
    import pandas as pd

# pandas' types by those of PostgreSQL: the second holds NULLs too
DTYPES = {
    "int2": ("int64", "Int64"),
    "int4": ("int64", "Int64"),
    "int8": ("int64", "Int64"),
    "float4": ("float64", "float64"),
    "float8": ("float64", "float64"),
    "bool": ("bool", "boolean"),
}

Values = Sequence[object] | Mapping[str, object] | None


def register_vectors(connection: psycopg.Connection) -> None:
    """Let a connection read and write pgvector's types, and names mean what they mean in psql."""
    with connection.transaction():
        connection.execute("RESET search_path")
        # pgvector may be in a schema that is not on the path
        row = connection.execute("SELECT lm_internal.vector_schema()::text").fetchone()
        assert row is not None  # noqa: S101 (a function's value)
        connection.execute("SELECT set_config('search_path', %s || ', pg_catalog', true)", row)
        register_vector(connection)


def read_frame(
    connection: psycopg.Connection, sql: str, values: Values = None, *, binary: bool = False
) -> pd.DataFrame:
    """Run a statement in a transaction of its own, and give its rows.

    Args:
        connection: one of which register_vectors is true.
        sql: the statement; %s and %(name)s are places of values, if there are any.
        values: for those places.
        binary: ask for bytes in place of text: quick for vectors, but psycopg leaves types that it
            does not know, enums say, as bytes.

    Returns:
        A column for each of the answer's, vectors as numpy arrays; none where a statement answers
        nothing. Numbers are numbers even if there are no rows.

    Raises:
        PsqlmError: what the server said, and what to do about it.
    """
    import pandas as pd

    try:
        with connection.transaction(), connection.cursor(binary=binary) as cursor:
            cursor.execute(cast("Any", sql), values)
            described = cursor.description or []
            columns = [(column.name, column.type_code) for column in described]
            rows = cursor.fetchall() if columns else []
    except psycopg.Error as error:
        raise said_by_server(error) from error
    series = []
    for number, (name, oid) in enumerate(columns):
        column = pd.Series([_plain(row[number]) for row in rows], dtype=object, name=name)
        type_ = connection.adapters.types.get(oid)
        # psycopg gives the type of an array's elements too
        known = DTYPES.get(type_.name) if type_ and type_.oid == oid else None
        plain, with_nulls = known or ("object", "object")
        # column by column: two columns may have one name
        series.append(column.astype(cast("Any", with_nulls if column.isna().any() else plain)))
    frame: pd.DataFrame = pd.concat(series, axis=1) if series else pd.DataFrame()
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows one by one, by the names of their columns."""
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def _plain(value: object) -> object:
    """A value, a vector as an array of numpy."""
    return value.to_numpy() if isinstance(value, Vector | HalfVector) else value
