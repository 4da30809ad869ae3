"""The command run: a text, or a corpus with a bar of progress."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from psqlm.cli import complete
from psqlm.cli.log import note
from psqlm.cli.options import (
    CaptureDtype,
    CaptureLayers,
    CapturePositions,
    Dsn,
    Each,
    File,
    Interventions,
    Jobs,
    Model,
    numbers,
)
from psqlm.cli.shell import connect, read_prompt
from psqlm.printable import printable
from psqlm.ranges import write_ranges
from psqlm.runs.corpus import run_corpus
from psqlm.runs.plan import Outcome, Plan
from psqlm.runs.storage import Storage
from psqlm.runs.tags import put_tags
from psqlm.runs.texts import Text, split

MOST_LINES = 10
"""Reasons printed why texts cannot be run; the rest are counted."""

MOST_JOBS = 32
"""Passes at a time unless more are asked for: each has one of a server's hundred connections."""


def run(
    prompt: Annotated[str | None, typer.Argument()] = None,
    file: File = None,
    each: Each = None,
    model: Model = None,
    capture: Annotated[
        list[str],
        typer.Option(
            metavar="SITE",
            help="What to keep, repeatable: z, …, or all.",
            autocompletion=complete.sites,
        ),
    ] = ["attn_out"],  # noqa: B006 (read only)
    capture_layers: CaptureLayers = None,
    capture_positions: CapturePositions = None,
    capture_dtype: CaptureDtype = "float32",
    interventions: Interventions = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A tag for every run, repeatable."),
    ] = None,
    jobs: Jobs = None,
    dsn: Dsn = None,
) -> None:
    """Run a text through a model, keep what happens inside as rows, print the run's number.

    With --each, run every line or paragraph of a file that has not been run yet, and print the
    numbers of all their runs. Stopped, the same command goes on.

    Examples: **psqlm run "The cat sat on the" --capture attn_out --capture pattern** ·
    **psqlm run --file tales.txt --each paragraph --tag source=grimm**
    """
    from psqlm.runs.forward import forward

    text = read_prompt(prompt, file)
    if each and file is None:
        raise typer.BadParameter("--each goes with --file")
    sites = [site for given in capture for site in given.replace(",", " ").split()]
    layers = numbers("--capture-layers", capture_layers)
    positions = numbers("--capture-positions", capture_positions)
    plan = Plan(model, sites, interventions, layers, positions, _tags(tag or []), capture_dtype)
    kept = layers is None and positions is None and bool({"attn_out", "all"} & set(sites))
    if each:
        outcome = run_with_progress(split(text, each), plan, jobs, dsn)
        run_id = max(outcome.run_ids)
        run_ids = write_ranges(outcome.run_ids)
        typer.echo(run_ids)
        named = next((f"tag:{name}={value}" for name, value in plan.tags.items()), "all")
        chosen = run_ids if len(run_ids) <= 40 else named
        analyze = f"psqlm analyze --runs {printable(chosen)}"
    else:
        with connect(dsn) as connection, connection.transaction():
            run_id = forward(
                connection, text, model, sites, interventions, layers, positions, capture_dtype
            )
            put_tags(connection, [run_id], plan.tags)
        typer.echo(run_id)
        note(run=run_id)
        analyze = "psqlm analyze, or psqlm sql -c 'TABLE lm.adjustment_norm'"
    look = f"psqlm sql -c 'SELECT * FROM lm.captured WHERE run_id = {run_id}'"  # noqa: S608
    typer.echo(f"next: {analyze if kept else look}", err=True)


def run_with_progress(
    texts: Sequence[Text], plan: Plan, jobs: int | None, dsn: str | None
) -> Outcome:
    """Run a corpus, with a bar of tokens, their rate and the time left on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("running"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} tokens"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", visible=False, total=0, rate="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:,.0f} tokens/s" if speed else "")

        if jobs is None:
            is_elsewhere = dsn or os.environ.get("PSQLM_DSN")
            jobs = 2 if is_elsewhere else min(os.cpu_count() or 1, MOST_JOBS)

        def tell(needed: Storage) -> None:
            console.print(str(needed), soft_wrap=True, highlight=False, markup=False)

        outcome = run_corpus(partial(connect, dsn), texts, plan, jobs, show, tell)
    _say(outcome)
    note(made=outcome.n_made, before=outcome.n_before, tokens=outcome.n_tokens)
    return outcome


def _say(outcome: Outcome) -> None:
    """What became of a corpus."""
    reasons = [
        f"line{'s' if len(lines) > 1 else ''} {write_ranges(lines)} left out: {reason}"
        for reason, lines in outcome.left_out.items()
    ]
    for line in reasons[:MOST_LINES]:
        typer.echo(printable(line), err=True)
    if len(reasons) > MOST_LINES:
        typer.echo(f"… and {len(reasons) - MOST_LINES} more lines left out", err=True)
    if outcome.n_tagged_otherwise:
        typer.echo(
            f"{outcome.n_tagged_otherwise} of the runs that were there are tagged otherwise and "
            "stay so: UPDATE lm.tag changes that",
            err=True,
        )
    rate = outcome.n_tokens / outcome.seconds if outcome.seconds else 0
    told = [f"{outcome.n_made} run"]
    if outcome.n_made:
        told[0] += (
            f" ({outcome.n_tokens:,} tokens in {outcome.seconds:.1f} s, {rate:,.0f} tokens/s)"
        )
    told += [f"{outcome.n_before} had been run"] if outcome.n_before else []
    n_left_out = sum(map(len, outcome.left_out.values()))
    told += [f"{n_left_out} left out"] if n_left_out else []
    typer.echo(f"texts: {', '.join(told)}", err=True)


def _tags(given: Sequence[str]) -> dict[str, str]:
    "".join(given).encode()  # what is not UTF-8 is refused before anything is run
    tags = dict(tag.partition("=")[::2] for tag in given)
    if len(tags) < len(given) or not all(tag.partition("=")[0] and "=" in tag for tag in given):
        raise typer.BadParameter("--tag takes NAME=VALUE, each name once")
    return tags
