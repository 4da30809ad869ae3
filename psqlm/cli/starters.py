"""What psqlm sql says to someone who opens it."""

from __future__ import annotations

import psycopg
import typer

STARTERS = (
    "SELECT * FROM lm.help();",
    "SELECT * FROM lm.next_token('Once upon a time');",
    "SELECT lm.generate('Once upon a time', 40, temperature => 0.8);",
    "SELECT lm.forward('The wolf went to the house of', capture => '{all}');",
    "SELECT * FROM lm.logit_lens(lm.latest_run('resid_post'), k => 1);",
)
"""Questions to begin with. Each is answered after those before it."""


def greet(connection: psycopg.Connection) -> None:
    """Print questions to begin with, or how to get a model if there is none."""
    row = connection.execute("SELECT count(*) FROM lm.model").fetchone()
    if row and row[0] == 0:
        typer.echo("No model is loaded yet. To load the bundled one: \\! psqlm load demo\n")
    typer.echo("Questions to begin with:\n")
    for starter in STARTERS:
        typer.echo(f"    {starter}")
    typer.echo(
        "\n\\dt+ lm.* lists tables, \\dv+ lm.* views, \\df+ lm.* functions, each with what it is."
        "\nThe Tab key completes names. In a long or wide answer q leads back. \\q leaves.\n"
    )
