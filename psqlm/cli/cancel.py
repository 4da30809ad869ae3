"""The command cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from psqlm.cli.options import Dsn
from psqlm.cli.shell import connect


def cancel(
    task: Annotated[
        int | None, typer.Argument(metavar="ID", help="What lm.progress shows as id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that runs now.")] = False,
    dsn: Dsn = None,
) -> None:
    """End a load, a corpus or a generation that runs in another session.

    What it has committed stays: of a corpus the passes that are done, and the same command goes on
    with the rest; of a load nothing. **psqlm sql -c "TABLE lm.progress"** lists what runs.
    """
    if (task is None) is not everything:
        raise typer.BadParameter("give an ID or --all, one of them")
    from psqlm.database import progress

    with connect(dsn) as connection:
        ended = progress.cancel(connection, task)
    for words in ended:
        typer.echo(f"cancelled: {words}", err=True)
    if not ended:
        typer.echo("nothing runs", err=True)
