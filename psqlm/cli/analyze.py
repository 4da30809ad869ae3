"""The command analyze."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from psqlm.cli.options import Dsn, Each, File, Model
from psqlm.cli.run import run_with_progress
from psqlm.cli.shell import connect, read_prompt
from psqlm.runs.forward import forward
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text, split


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
        str | None, typer.Option(metavar="TAG", help="Fit each value of a tag separately.")
    ] = None,
    lags: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of tokens before; 2 by default.")
    ] = None,
    controls: Annotated[
        str | None, typer.Option(metavar="position,token_frequency", help="What to control for.")
    ] = None,
    cov: Annotated[
        Literal["nonrobust", "HC3", "cluster"] | None,
        typer.Option(help="Standard errors: robust (HC3), or clustered by run (20 runs or more)."),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(help="Your own, with lag_1 …, position, log_frequency, run_id and tags."),
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
    from psqlm.analysis.comparison import compare
    from psqlm.analysis.fitting import RECIPE, ask
    from psqlm.analysis.report import report

    question = ask(lags, _names(controls), cov or "nonrobust", formula)
    compared: list[str | None] = [*_names(models)] or [model]
    with connect(dsn) as connection:
        for name in filter(None, compared):  # before anything runs
            connection.execute("SELECT lm.model_id(%s)", (name,))
    alone = text is not None and question == RECIPE and not (each or models or by)
    if alone:
        with connect(dsn) as connection:
            run = forward(connection, str(text), model)
    texts = None if text is None or alone else split(text, each or "document")
    chosen = [_runs(name, run, runs, texts, dsn) for name in compared]
    one = question == RECIPE and not by and runs is None and list(map(len, chosen)) == [1]
    with connect(dsn) as connection:
        comparison = compare(connection, chosen, question, by)
        report(comparison, out or Path(f"run-{chosen[0][0]}" if one else "comparison"))


def _runs(
    model: str | None,
    run: int | None,
    runs: str | None,
    texts: Sequence[Text] | None,
    dsn: str | None,
) -> list[int]:
    """The runs to fit: those that are named, or those of the texts, run if they were not yet."""
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
