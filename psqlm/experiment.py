"""The commands run and analyze."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from psqlm.corpus import Outcome, Plan, Text, put_tags, run_corpus, split
from psqlm.options import Dsn, Each, File, Jobs, Model
from psqlm.ranges import write_ranges
from psqlm.shell import connect, read_prompt

MOST_LINES = 10
"""Reasons printed why texts cannot be run; the rest are counted."""


def run(
    prompt: Annotated[str | None, typer.Argument()] = None,
    file: File = None,
    each: Each = None,
    model: Model = None,
    capture: Annotated[
        list[str], typer.Option(metavar="SITE", help="What to keep, repeatable: z, …, or all.")
    ] = ["attn_out"],  # noqa: B006 (read only)
    interventions: Annotated[
        str | None, typer.Option(metavar="SET", help="The set of lm.intervention to make.")
    ] = None,
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
    from psqlm.inference import forward

    text = read_prompt(prompt, file)
    if each and file is None:
        raise typer.BadParameter("--each goes with --file")
    sites = [site for given in capture for site in given.replace(",", " ").split()]
    plan = Plan(model, sites, interventions, _tags(tag or []))
    if each:
        outcome = run_with_progress(split(text, each), plan, jobs, dsn)
        numbers = write_ranges(outcome.run_ids)
        typer.echo(numbers)
        named = next((f"tag:{name}={value}" for name, value in plan.tags.items()), "all")
        chosen = numbers if len(numbers) <= 40 else named
        typer.echo(f"next: psqlm analyze --runs {chosen}", err=True)
        return
    with connect(dsn) as connection:
        run_id = forward(connection, text, model, sites, interventions)
        put_tags(connection, [run_id], plan.tags)
    typer.echo(run_id)
    typer.echo("next: psqlm analyze, or psqlm sql -c 'TABLE lm.adjustment_norm'", err=True)


def analyze(
    run: Annotated[
        int | None, typer.Option(metavar="ID", help="A run; by default the newest.")
    ] = None,
    runs: Annotated[
        str | None,
        typer.Option(metavar="1,2,5-9|all|tag:NAME=VALUE", help="Several runs, pooled."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="A text to run first.")] = None,
    file: File = None,
    each: Each = None,
    model: Model = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Models to compare, on the same texts.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="TAG", help="Fit each value of a tag by itself.")
    ] = None,
    lags: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tokens before: 2 by default.")
    ] = None,
    controls: Annotated[
        str | None, typer.Option(metavar="position,token_frequency", help="What to control for.")
    ] = None,
    cov: Annotated[
        Literal["nonrobust", "HC3", "cluster"] | None,
        typer.Option(help="Of the estimates: robust, or clustered by run, 20 runs or more."),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(help="Your own, of lag_1 …, position, log_frequency, run_id and tags."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder for tables and figures; by default run-ID, or comparison."),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Regress each layer's attention adjustments on those of the two tokens before.

    Examples: **psqlm analyze --file paragraph.txt --model gpt2 --out results** ·
    **psqlm analyze --runs all --by source --cov cluster** ·
    **psqlm analyze --models gpt2,gpt2-medium --file paragraph.txt**
    """
    if sum(given is not None for given in (run, runs, prompt, file)) > 1:
        raise typer.BadParameter("give one of --run, --runs, --prompt and --file")
    if each and file is None:
        raise typer.BadParameter("--each goes with --file")
    if models and (by or model or run is not None):
        raise typer.BadParameter("--models goes with --runs, --prompt or --file, not with --by")
    if models and runs is None and prompt is None and file is None:
        raise typer.BadParameter("--models needs --prompt, --file or --runs")
    if formula and controls:
        raise typer.BadParameter("write the controls into the formula")
    text = None if prompt is None and file is None else read_prompt(prompt, file)
    beyond = (runs, each, models, by, lags, controls, cov, formula)
    if all(given is None for given in beyond):
        _recipe(run, text, model, out, dsn)
        return
    from psqlm.analysis.beyond import ask
    from psqlm.analysis.comparison import compare, report

    question = ask(lags, _names(controls), cov or "nonrobust", formula)
    texts = None if text is None else split(text, each or "document")
    compared: list[str | None] = [*_names(models)] or [model]
    chosen = [_runs(name, run, runs, texts, dsn) for name in compared]
    with connect(dsn) as connection:
        comparison = compare(connection, chosen, question, by)
        report(comparison, out or Path("comparison"))


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

        jobs = jobs or min(2, os.cpu_count() or 1)
        outcome = run_corpus(partial(connect, dsn), texts, plan, jobs, show)
    _say(outcome)
    return outcome


def _say(outcome: Outcome) -> None:
    """What became of a corpus."""
    reasons = [
        f"line{'s' if len(lines) > 1 else ''} {write_ranges(lines)} left out: {reason}"
        for reason, lines in outcome.left_out.items()
    ]
    for line in reasons[:MOST_LINES]:
        typer.echo(line, err=True)
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


def _recipe(
    run: int | None, text: str | None, model: str | None, out: Path | None, dsn: str | None
) -> None:
    """The article's regression of one run."""
    from psqlm.analysis.data import latest_run
    from psqlm.analysis.report import analyze as report
    from psqlm.inference import forward

    with connect(dsn) as connection:
        if text is not None:
            run = forward(connection, text, model)
        elif run is None:
            run = latest_run(connection, model)
        report(connection, run, out or Path(f"run-{run}"))


def _runs(
    model: str | None,
    run: int | None,
    runs: str | None,
    texts: Sequence[Text] | None,
    dsn: str | None,
) -> list[int]:
    """The runs to fit: those of the texts, made if they are not there, or those that are named."""
    if texts is not None:
        return run_with_progress(texts, Plan(model), None, dsn).run_ids
    from psqlm.analysis.data import latest_run
    from psqlm.analysis.selection import select_runs

    with connect(dsn) as connection:
        if runs is None:
            return [latest_run(connection, model) if run is None else run]
        selection = select_runs(connection, runs, model)
    for note in selection.notes:
        typer.echo(note, err=True)
    return selection.run_ids


def _names(given: str | None) -> list[str]:
    return [name for name in (given or "").replace(",", " ").split() if name]


def _tags(given: Sequence[str]) -> dict[str, str]:
    tags = dict(tag.partition("=")[::2] for tag in given)
    if len(tags) < len(given) or not all(tag.partition("=")[0] and "=" in tag for tag in given):
        raise typer.BadParameter("--tag takes NAME=VALUE, each name once")
    return tags
