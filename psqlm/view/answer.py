"""What a statement of this part answers, and its text as it ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg.types.numeric import Int8Dumper

from psqlm.database.frames import read_frame

if TYPE_CHECKING:
    import pandas as pd

STATEMENTS = Path(__file__).parent / "statements"


class Digits(Int8Dumper):
    """A number as its digits alone: in a list psycopg would add the smallest type that holds it."""

    oid = 0


@dataclass(frozen=True)
class Answer:
    """A statement, and the rows that it gave.

    Attributes:
        sql: the statement with its values filled in, as it ran and as psql takes it.
        rows: its rows.
    """

    sql: str
    rows: pd.DataFrame


def ask(
    connection: psycopg.Connection, name: str, *, binary: bool = False, **values: object
) -> Answer:
    """Run a statement of the folder `statements`.

    Args:
        connection: to the database, pgvector's types registered.
        name: the file, without its suffix.
        binary: as in read_frame.
        values: for the places %(name)s in it.

    Raises:
        PsqlmError: what the server said.
    """
    template = (STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")
    cursor = psycopg.ClientCursor(connection)
    cursor.adapters.register_dumper(int, Digits)
    sql = cursor.mogrify(cast("Any", template), values).strip()
    return Answer(sql, read_frame(connection, sql, binary=binary))
