"""The command verify."""

from __future__ import annotations

from typing import Annotated

import typer

from psqlm.cli import complete
from psqlm.cli.options import Dsn, File
from psqlm.cli.shell import connect, read_prompt


def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The model; else the default, the one loaded first.",
            autocompletion=complete.models,
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="The text to run; a sentence of ours otherwise.")
    ] = None,
    file: File = None,
    dsn: Dsn = None,
) -> None:
    """Compare a loaded model with its own files in transformers, site by site and layer by layer.

    The largest differences become rows of **lm.verification**.

    Examples: **psqlm verify gpt2** · **psqlm verify gpt2 --prompt "The goblin unlocked the gate."**
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from psqlm.verification import PROMPT, verify

    text = PROMPT if prompt is None and file is None else read_prompt(prompt, file)
    with connect(dsn) as connection:
        differences = verify(connection, name, text)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("site")
    for heading in ("layers", "largest difference", "relative", "in layer"):
        table.add_column(heading, justify="right")
    for site in dict.fromkeys(difference.site for difference in differences):
        layers = [difference for difference in differences if difference.site == site]
        worst = max(layers, key=lambda difference: difference.relative)
        table.add_row(
            site,
            str(len(layers)),
            f"{max(difference.largest for difference in layers):.1e}",
            f"{worst.relative:.1e}",
            str(worst.layer),
        )
    Console().print(table)
    typer.echo("Each layer's are in lm.verification.", err=True)
