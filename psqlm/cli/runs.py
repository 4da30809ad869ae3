"""The commands runs and rm: which runs there are, and away with some."""

from __future__ import annotations

import json
from textwrap import shorten
from typing import Annotated, Any

import psycopg
import typer

from psqlm.cli.options import Dsn, Model
from psqlm.cli.shell import agreed, connect
from psqlm.errors import PsqlmError

COLUMNS = {
    "run_id": "run",
    "model": "model",
    "first_words": "first words",
    "n_token": "tokens",
    "captured": "captured",
    "capture_dtype": "stored as",
    "interventions": "interventions",
    "tags": "tags",
    "bytes": "about",
    "started_at": "begun",
}
"""Columns of lm.run_summary, and what the table calls them."""


def runs(
    model: Model = None,
    tag: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE", help="Those with this tag.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help="How many; all by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each run.")
    ] = False,
    dsn: Dsn = None,
) -> None:
    """List the runs, the newest first: their texts, what was captured, about what it takes up.

    Examples: **psqlm runs -n 10** · **psqlm runs --tag source=grimm --json**
    """
    if tag is not None and "=" not in tag[1:]:
        raise typer.BadParameter("--tag takes NAME=VALUE")
    with connect(dsn) as connection:
        rows = _rows(connection, model, tag, n)
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False, default=str))
    elif rows:
        _print(rows)
    else:
        typer.echo("there are no such runs; next: psqlm run PROMPT", err=True)


def _rows(
    connection: psycopg.Connection, model: str | None, tag: str | None, n: int | None
) -> list[dict[str, Any]]:
    """Rows of lm.run_summary, by column."""
    name, _, value = (tag or "").partition("=")
    cursor = connection.execute(
        """
        SELECT s.run_id, s.model, s.first_words, s.n_token, s.captured, s.capture_dtype,
            s.interventions, s.tags, s.bytes, s.started_at
        FROM lm.run_summary AS s
        WHERE (%(model)s::text IS NULL OR lm.model_id(%(model)s) = lm.model_id(s.model))
            AND (
                %(name)s = ''
                OR EXISTS (
                    SELECT
                    FROM lm.tag AS t
                    WHERE t.run_id = s.run_id AND t.position IS NULL
                        AND t.name = %(name)s AND t.value = %(value)s
                )
            )
        ORDER BY s.run_id DESC
        LIMIT %(n)s
        """,
        {"model": model, "name": name, "value": value, "n": n},
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in cursor]


def _print(rows: list[dict[str, Any]]) -> None:
    """A table of runs, without columns that have nothing to say."""
    from rich import box
    from rich.console import Console
    from rich.filesize import decimal
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width
    silent = {"interventions": None, "tags": None, "capture_dtype": "float32"}
    said = [
        name
        for name in COLUMNS
        if name not in silent or any(row[name] != silent[name] for row in rows)
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in said:
        is_number = name in ("run_id", "n_token", "bytes")
        table.add_column(
            COLUMNS[name],
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in rows:
        shown = {
            **row,
            "first_words": shorten(row["first_words"], console.width // 4, placeholder=" …"),
            "n_token": f"{row['n_token']:,}",
            "captured": row["captured"].replace(",", ", "),
            "tags": (row["tags"] or "").replace(",", ", "),
            "bytes": decimal(row["bytes"]),
            "started_at": f"{row['started_at']:%Y-%m-%d %H:%M}",
        }
        table.add_row(*(escape(str(shown[name] or "")) for name in said))
    console.print(table)


def rm(
    which: Annotated[str, typer.Argument(metavar="1,2,5-9|all|tag:NAME=VALUE")],
    model: Model = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dsn: Dsn = None,
) -> None:
    """Remove runs with all that belongs to them. It says how many, and asks.

    Examples: **psqlm rm 3-7** · **psqlm rm tag:source=grimm --yes**
    """
    from psqlm.ranges import write_ranges

    with connect(dsn) as connection:
        run_ids = [
            run_id
            for (run_id,) in connection.execute(
                "SELECT n.run_id FROM lm.named_runs(%s, %s) AS n (run_id)", (which, model)
            )
        ]
        connection.commit()
        named = "1 run" if len(run_ids) == 1 else f"{len(run_ids):,} runs"
        numbers = write_ranges(run_ids)
        if len(numbers) <= 40:
            named += f" ({numbers})"
        if not (yes or agreed(f"remove {named} and all that belongs to them?")):
            raise PsqlmError(f"{named} kept: --yes removes them unasked")
        connection.execute("SELECT lm.drop_runs(%s::bigint[])", (run_ids,))
    typer.echo(f"removed {named}", err=True)
