"""The command view."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from psqlm.cli.options import Dsn, File, Model
from psqlm.cli.shell import connect, read_prompt


def view(
    run: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="A run; by default the newest.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="A text to run first.")] = None,
    file: File = None,
    model: Model = None,
    versus: Annotated[
        int | None, typer.Option(metavar="RUN", help="A run to compare with, of any model.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; by default run-ID.html.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    dsn: Dsn = None,
) -> None:
    """Write a page of pictures of a run: one HTML file that needs no network.

    Under each picture is the SQL that made it. What the run did not keep is run again.

    Examples: **psqlm view** · **psqlm view 7 --open** ·
    **psqlm view --prompt "The king had three" --model demo**
    """
    text = None if prompt is None and file is None else read_prompt(prompt, file)
    if run is not None and text is not None:
        raise typer.BadParameter("give a run, --prompt or --file, one of them")
    from psqlm.analysis.data import latest_run
    from psqlm.database.frames import register_vectors
    from psqlm.view.complete import run_text
    from psqlm.view.page import write_page

    def say(line: str) -> None:
        typer.echo(line, err=True)

    with connect(dsn) as connection:
        register_vectors(connection)
        if text is not None:
            run = run_text(connection, text, model)
        elif run is None:
            run = latest_run(connection, model)
        page = write_page(connection, run, out, versus, say)
    typer.echo(page)
    if open_ and not webbrowser.open(page.resolve().as_uri()):
        say("there is no browser here: open the page by hand")
