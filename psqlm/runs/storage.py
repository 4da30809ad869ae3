"""What runs will take up on disk, before they are made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.filesize import decimal

from psqlm.errors import PsqlmError
from psqlm.runs.plan import Plan


@dataclass(frozen=True)
class Storage:
    """About what some texts will take up.

    Attributes:
        n_texts: how many texts.
        n_tokens: their tokens.
        n_bytes: what their runs will take up.
        n_free: bytes that the server's disk has free; None where that cannot be seen from here.
    """

    n_texts: int
    n_tokens: int
    n_bytes: int
    n_free: int | None

    def __str__(self) -> str:
        """In a line."""
        texts = "1 text" if self.n_texts == 1 else f"{self.n_texts:,} texts"
        free = "" if self.n_free is None else f"; {decimal(self.n_free)} of disk are free"
        return (
            f"to run: {texts} with {self.n_tokens:,} tokens, "
            f"which will take up about {decimal(self.n_bytes)}{free}"
        )

    def require_room(self) -> None:
        """See that the disk has room.

        Raises:
            PsqlmError: it has not.
        """
        if self.n_free is not None and self.n_bytes > self.n_free:
            raise PsqlmError(
                f"the runs would take up about {decimal(self.n_bytes)} and {decimal(self.n_free)} "
                "of disk are free: keep less with --capture-layers, --capture-positions, fewer "
                "--capture or --capture-dtype float16, or remove runs with psqlm rm"
            )


def storage(connection: psycopg.Connection, n_tokens: Sequence[int], plan: Plan) -> Storage:
    """What texts with these numbers of tokens will take up, run by this plan."""
    row = connection.execute(
        "SELECT lm.capture_bytes(%s::int[], %s, %s, %s::int[], %s::int[], capture_dtype => %s)",
        (
            list(n_tokens),
            plan.model,
            list(plan.capture),
            plan.capture_layers,
            plan.capture_positions,
            plan.capture_dtype,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 (a function's value)
    return Storage(len(n_tokens), sum(n_tokens), int(row[0]), _free(connection))


def _free(connection: psycopg.Connection) -> int | None:
    """Bytes free where the server keeps its data, if it is on this machine and may be asked."""
    if not connection.info.host.startswith("/"):
        return None
    row = connection.execute(
        "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
    ).fetchone()
    try:
        return shutil.disk_usage(Path(row[0])).free if row else None
    except OSError:
        return None
