"""The commands export and import: runs as Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from psqlm.cli import complete
from psqlm.cli.options import Dsn, Model
from psqlm.cli.shell import connect
from psqlm.parquet.layout import DType
from psqlm.printable import printable


def export(
    runs: Annotated[str, typer.Option(metavar="1,2,5-9|all|tag:NAME=VALUE", help="Which runs.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, or an empty one.")],
    model: Model = None,
    dtype: Annotated[
        DType, typer.Option(help="float16 rounds vectors to it, which take less space then.")
    ] = "float32",
    sites: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SITE",
            help="Write these alone, repeatable: attn_out, …",
            autocompletion=complete.sites,
        ),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Write runs as Parquet files, for pandas, DuckDB, Polars, Spark, or another psqlm.

    Of a text that the same plan has run several times it takes the last run.

    Examples: **psqlm export --runs all --out tales** ·
    **psqlm export --runs tag:source=grimm --sites attn_out --dtype float16 --out grimm**
    """
    from rich.filesize import decimal

    from psqlm.parquet.export import export as write

    chosen = [site for given in sites or [] for site in given.replace(",", " ").split()]
    with connect(dsn) as connection, _progress("exporting") as show:
        exported = write(connection, runs, out, model, dtype, chosen or None, show)
    for n, reason in (
        (exported.n_older, "of a text that was run again later"),
        (exported.n_without, f"that kept nothing of {', '.join(chosen)}"),
    ):
        if n:
            typer.echo(f"left out: {_runs(n)} {reason}", err=True)
    typer.echo(
        f"{_runs(exported.n_runs)} in {out}, {decimal(exported.n_bytes)}; "
        f"next: psqlm import {out}, or open {out}/activation in DuckDB, pandas or Polars",
        err=True,
    )


def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What psqlm export wrote.")],
    dsn: Dsn = None,
) -> None:
    """Bring exported runs into a database that has their models, and print their numbers.

    What has been run there already, with the same text and plan, is left alone.

    Example: **psqlm import tales**
    """
    from psqlm.parquet.bring import bring
    from psqlm.ranges import write_ranges

    with connect(dsn) as connection, _progress("importing") as show:
        brought = bring(connection, folder, show)
    for note in brought.notes:
        typer.echo(printable(note), err=True)
    for reason, n in brought.left_out.items():
        said = "1 text was" if n == 1 else f"{n:,} texts were"
        typer.echo(printable(f"{said} left out when it was written: {reason}"), err=True)
    if brought.run_ids:
        typer.echo(write_ranges(brought.run_ids))
    there = f", {brought.n_before} had been run here" if brought.n_before else ""
    typer.echo(f"imported {_runs(len(brought.run_ids))}{there}", err=True)


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n:,} runs"


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn(doing),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", visible=False, total=0)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        yield show
