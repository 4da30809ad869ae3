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


def load_with_progress(
    connection: psycopg.Connection,
    source: str,
    name: str | None = None,
    revision: str | None = None,
    dtype: str | None = None,
    force: bool = False,
) -> str:
    """Load a model as `loader.load` does, with a bar of bytes and rate on standard error."""
    console = Console(stderr=True)
    start, size = time.monotonic(), 0
    with Progress(
        TextColumn("loading {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(source, visible=False, total=None)

        def show(done: int, total: int) -> None:
            nonlocal size
            size = total
            progress.update(task, completed=done, total=total, visible=True)

        loaded = loader.load(connection, source, name, revision, dtype, force, show)
    seconds = time.monotonic() - start
    megabytes = size / 1e6
    console.print(
        f"loaded {loaded}: {megabytes:.1f} MB in {seconds:.1f} s, {megabytes / seconds:.0f} MB/s",
        highlight=False,
        markup=False,
    )
    return loaded


def print_models(connection: psycopg.Connection) -> None:
    """Print a table of the loaded models."""
    rows = connection.execute(
        """
        SELECT
            m.name,
            m.n_layer,
            m.n_head,
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
    for heading in ("name", "layers", "heads", "width", "context", "vocabulary"):
        table.add_column(heading, justify="left" if heading == "name" else "right")
    for heading in ("stored as", "source", "revision", "loaded", "default"):
        table.add_column(heading, overflow="fold")
    for *values, is_default in rows:
        table.add_row(
            *("" if value is None else str(value) for value in values),
            "yes" if is_default else "",
        )
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width to fit
    console.print(table)
