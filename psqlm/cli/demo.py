"""The whole story on the bundled model."""

from __future__ import annotations

from pathlib import Path

import psycopg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from psqlm import loader
from psqlm.cli.models import load_with_progress
from psqlm.cli.shell import command_name
from psqlm.cli.starters import STARTERS
from psqlm.runs.forward import forward

MODEL = "demo"


def run_demo(connection: psycopg.Connection, out: Path) -> None:
    """Load the demo model if needed, tokenize, predict, run, regress, draw.

    Args:
        connection: to a database with psqlm's SQL.
        out: the folder for tables and figures.
    """
    from psqlm.analysis import DEMO_PROMPT
    from psqlm.analysis.comparison import compare
    from psqlm.analysis.fitting import RECIPE
    from psqlm.analysis.report import report

    console = Console()
    if not loader.is_loaded(connection, MODEL):
        load_with_progress(connection, MODEL)
    sentence = DEMO_PROMPT.split(",")[0]

    console.print(f"\n[bold]Tokens[/] of “{sentence}”: lm.tokenize")
    tokens = connection.execute(
        "SELECT t.token_id, t.token FROM lm.tokenize(%s, %s) AS t", (sentence, MODEL)
    ).fetchall()
    console.print("  ".join(f"{token!r} {token_id}" for token_id, token in tokens), markup=False)

    console.print("\n[bold]What comes next[/], the five likeliest: lm.next_token")
    table = Table("token", "probability", box=box.SIMPLE_HEAD, pad_edge=False)
    for token, probability in connection.execute(
        "SELECT n.token, n.probability FROM lm.next_token(%s, 5, %s) AS n ORDER BY n.rank",
        (sentence, MODEL),
    ):
        table.add_row(repr(token), f"{probability:.3f}")
    console.print(table)

    console.print("[bold]A run[/] of the whole prompt, attention adjustments kept: lm.forward")
    run_id = forward(connection, DEMO_PROMPT, MODEL)
    console.print(f"run {run_id}\n", highlight=False)
    report(compare(connection, [[run_id]], RECIPE), out, console)
    psql = escape(f"{command_name()} sql")
    console.print(f"\nNext: [bold]{psql}[/], and in it", STARTERS[0])
