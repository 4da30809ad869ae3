"""Options that several commands have, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psqlm.cli import complete
from psqlm.parquet.layout import DType
from psqlm.ranges import read_numbers
from psqlm.runs.texts import Each as EachText

Dsn = Annotated[
    str | None,
    typer.Option(metavar="DSN", help="The database; else PSQLM_DSN, else an embedded server."),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The model; else the default, the one loaded first.",
        autocompletion=complete.models,
    ),
]
Interventions = Annotated[
    str | None,
    typer.Option(
        metavar="SET", help="The set of lm.intervention to make.", autocompletion=complete.sets
    ),
]
File = Annotated[
    Path | None,
    typer.Option(help="Read the prompt from a file, without its last line's end; - for stdin."),
]
Each = Annotated[
    EachText | None,
    typer.Option(help="Of a file, run each of these, what has been run before excepted."),
]
CaptureLayers = Annotated[
    str | None, typer.Option(metavar="0,3-5", help="Keep only these layers of the sites; else all.")
]
CapturePositions = Annotated[
    str | None,
    typer.Option(metavar="0,-1", help="Keep only these positions, -1 the last; else all."),
]
CaptureDtype = Annotated[
    DType, typer.Option(help="float16 rounds what is kept to it, which takes half the space.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Passes at a time; one for each core, two on a server that is not psqlm's own.",
    ),
]


def numbers(option: str, text: str | None) -> list[int] | None:
    """What an option says that takes numbers; None if it was not given.

    Raises:
        BadParameter: it says something else.
    """
    try:
        return None if text is None else read_numbers(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} takes numbers, such as 1,2,5-9") from error
