"""Loading and listing models, as seen on a terminal."""

from __future__ import annotations

import time

import psycopg
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from psqlm import loader
from psqlm.cli.log import note
from psqlm.cli.shell import agreed
from psqlm.errors import PsqlmError
from psqlm.printable import printable


def load_with_progress(
    connection: psycopg.Connection,
    source: str,
    name: str | None = None,
    revision: str | None = None,
    dtype: str | None = None,
    force: bool = False,
    keep_old: str | None = None,
) -> str:
    """Load a model as `loader.load` does, with a bar of bytes and rate on standard error."""
    console = Console(stderr=True)
    start, size = time.monotonic(), 0
    with Progress(
        TextColumn("loading {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(printable(source), visible=False, total=None)

        def show(done: int, total: int) -> None:
            nonlocal size
            size = total
            progress.update(task, completed=done, total=total, visible=True)

        loaded = loader.load(connection, source, name, revision, dtype, force, show, keep_old)
    seconds = time.monotonic() - start
    note(loaded=loaded, megabytes=round(size / 1e6, 1))
    console.print(
        f"loaded {printable(loaded)}: {size / 1e6:.1f} MB in {seconds:.1f} s, "
        f"{size / 1e6 / seconds:.0f} MB/s",
        highlight=False,
        markup=False,
    )
    return loaded


def confirm_replacement(connection: psycopg.Connection, name: str) -> None:
    """Ask whether a model may be replaced, if it has runs that would be deleted.

    Raises:
        PsqlmError: it may not, or nobody can be asked.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT count(*) FROM lm.run AS r INNER JOIN lm.model AS m USING (model_id)"
            " WHERE m.name = %s",
            (name,),
        ).fetchone()
    if row is None or row[0] == 0:
        return
    runs = "1 run" if row[0] == 1 else f"{row[0]:,} runs"
    if not agreed(f'replace "{printable(name)}" and remove its {runs}?'):
        raise PsqlmError(
            f'"{name}" and its {runs} are kept: --yes replaces them, --keep-old NAME keeps them '
            "under another name, --name loads beside them"
        )


def print_models(connection: psycopg.Connection) -> None:
    """Print a table of the loaded models."""
    rows = connection.execute(
        """
        SELECT
            m.name,
            m.family,
            m.n_layer,
            m.n_head,
            m.n_kv_head,
            m.d_model,
            m.n_ctx,
            m.n_vocab,
            m.dtype,
            m.source,
            left(m.revision, 12),
            to_char(m.loaded_at, 'YYYY-MM-DD HH24:MI'),
            m.is_default
        FROM lm.model AS m
        ORDER BY m.name
        """
    ).fetchall()
    if not rows:
        Console(stderr=True).print("no model is loaded; next: psqlm load demo", markup=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "family"):
        table.add_column(heading)
    for heading in ("layers", "heads", "k/v heads", "width", "context", "vocabulary"):
        table.add_column(heading, justify="right")
    for heading in ("stored as", "source", "revision", "loaded", "default"):
        table.add_column(heading, overflow="fold")
    for *values, is_default in rows:
        table.add_row(
            *("" if value is None else printable(str(value)) for value in values),
            "yes" if is_default else "",
        )
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a pipe has no width
    console.print(table)
