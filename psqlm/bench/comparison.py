"""Two benchmarks side by side: before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from psqlm.bench.report import Report, amount
from psqlm.errors import PsqlmError


@dataclass(frozen=True)
class Earlier:
    """An earlier benchmark: the model's size, and medians of ours and theirs by key and dtype."""

    size: str
    started: str
    medians: dict[tuple[str, str], tuple[float | None, float | None]]


def read_earlier(path: Path) -> Earlier:
    """What an earlier benchmark wrote.

    Raises:
        PsqlmError: the file is not there, or is no such file.
    """
    try:
        contents: Any = json.loads(path.read_text("utf-8"))
        return Earlier(
            str(contents["model"]["size"]),
            str(contents["started"]),
            {
                (row["key"], row["dtype"]): (row["ours_median"], row["theirs_median"])
                for row in contents["rows"]
            },
        )
    except FileNotFoundError as error:
        raise PsqlmError(f"there is no {path}: psqlm bench --json {path} writes one") from error
    except (KeyError, TypeError, ValueError) as error:
        raise PsqlmError(f"{path} is not what psqlm bench --json wrote") from error


def print_comparison(earlier: Earlier, report: Report) -> None:
    """Print before and after of every row that both have, and their ratios.

    Theirs did not change in between: what its ratio is off 1, the machine was slower or faster.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"Since {earlier.started}")
    table.add_column("", no_wrap=True)
    for heading in ("before", "after", "after / before", "theirs, after / before"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report.rows:
        before, their_before = earlier.medians.get((row.key, row.dtype), (None, None))
        after, their_after = row.medians
        if before and after is not None:
            ratios = [after / before]
            if their_before and their_after is not None:
                ratios.append(their_after / their_before)
            table.add_row(
                f"{row.name}, {row.dtype}",
                amount(before, row.unit),
                amount(after, row.unit),
                *(f"{ratio:.2f} ×" for ratio in ratios),
            )
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # a pipe has no width to fit
    if earlier.size != report.size:
        console.print(f"Before it was another model, {earlier.size}.", highlight=False)
    console.print(table)
