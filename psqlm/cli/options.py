"""Options that several commands have, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psqlm.cli import complete
from psqlm.runs.corpus import Each as EachText

Dsn = Annotated[
    str | None,
    typer.Option(metavar="DSN", help="The database; else PSQLM_DSN, else an embedded server."),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The model; may be left out if there is one.",
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
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Passes at a time; 2, or 1 on a machine of one core."),
]
