"""The analysis of one run: its files, its table, and what they say in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from psqlm.errors import PsqlmError

from .data import Run, read_design, read_norms, read_run
from .files import write_files
from .regression import ALPHA, Fit, adjusted_for_layers, coefficients, fit_layers


@dataclass(frozen=True)
class Results:
    """What an analysis found and where it put it.

    Attributes:
        run: what was analyzed.
        fits: one per layer.
        coefficients: the rows of coefficients.csv.
        story: what the regression says, in a few lines.
        files: everything that was written.
    """

    run: Run
    fits: list[Fit]
    coefficients: pd.DataFrame
    story: str
    files: list[Path]


def analyze(
    connection: psycopg.Connection, run_id: int, out: Path, console: Console | None = None
) -> Results:
    """Regress every layer of a run, print the table, write coefficients, summaries and figures.

    Args:
        connection: to the database that holds the run; nothing is written to it.
        run_id: the run.
        out: the folder for the files, made if need be; files of the same names are replaced.
        console: where the table is printed; left out, standard output.

    Raises:
        PsqlmError: no such run, no layer that can be fitted, or a folder that cannot be written.
    """
    console = console or Console()
    run = read_run(connection, run_id)
    fits = fit_layers(read_design(connection, run_id), run.n_layer)
    if all(fit.ols is None for fit in fits):
        tokens = "1 token" if run.n_tokens == 1 else f"{run.n_tokens} tokens"
        raise PsqlmError(
            f"run {run_id} ({tokens}) cannot be regressed in any layer: {fits[0].impossible}"
        )
    table = coefficients(fits)
    told = story(fits)
    files = _write_files(out, run, fits, table, told, read_norms(connection, run_id))
    console.print(_table(run, fits))
    names = ", ".join(path.name for path in files)
    for line in (told, "", f"written to {out}: {names}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return Results(run, fits, table, told, files)


def story(fits: list[Fit]) -> str:
    """What the regression says: where each lag matters, and how much the two explain."""
    fitted = [fit for fit in fits if fit.ols is not None]
    lines = []
    for term, name in (("lag_1", "lag 1"), ("lag_2", "lag 2")):
        slopes = [fit.ols.params[term] for fit in fitted]
        p = [fit.ols.pvalues[term] for fit in fitted]
        lines.append(
            f"{name}: p < .05 in {_below(p)} of {len(fitted)} layers "
            f"({_below(adjusted_for_layers(p))} by Benjamini–Hochberg), "
            f"slopes {min(slopes):.3f} to {max(slopes):.3f}"
        )
    best = max(fitted, key=lambda fit: float(fit.ols.rsquared))
    worst = min(fitted, key=lambda fit: float(fit.ols.rsquared))
    lines.append(
        f"together they explain most in layer {best.layer} (R² {best.ols.rsquared:.3f}), "
        f"least in layer {worst.layer} (R² {worst.ols.rsquared:.3f})"
    )
    lines += [f"layer {fit.layer}: no regression, {fit.impossible}" for fit in fits if not fit.ols]
    lines += [
        f"layer {fit.layer}: {fit.n_left_out} rows left out, a norm of 0 has no logarithm"
        for fit in fitted
        if fit.n_left_out
    ]
    return "\n".join(lines)


def _below(p: list[float]) -> int:
    return sum(value < ALPHA for value in p)


def _table(run: Run, fits: list[Fit]) -> Table:
    """The printed table; p-values below .05 stand out."""
    table = Table(
        title=Text(f"Log norm of attention adjustments: {run.model}, {run.n_tokens} tokens"),
        box=SIMPLE_HEAD,
        pad_edge=False,
        caption=Text("log_norm[t] ~ 1 + log_norm[t−1] + log_norm[t−2]  ·  * p < .05"),
    )
    for heading in ("layer", "n", "intercept", "lag 1", "p", "lag 2", "p", "R²", "adj. R²"):
        table.add_column(heading, justify="right", no_wrap=True)
    for fit in fits:
        if fit.ols is None:
            table.add_row(str(fit.layer), str(fit.n), *["–"] * 7, style="dim")
            continue
        b, p = fit.ols.params, fit.ols.pvalues
        table.add_row(
            str(fit.layer),
            str(fit.n),
            f"{b['const']:.3f}",
            f"{b['lag_1']:.3f}",
            _p_value(p["lag_1"]),
            f"{b['lag_2']:.3f}",
            _p_value(p["lag_2"]),
            f"{fit.ols.rsquared:.3f}",
            f"{fit.ols.rsquared_adj:.3f}",
        )
    return table


def _p_value(p: float) -> Text:
    text = f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"
    return Text(f"{text}*", style="bold") if p < ALPHA else Text(f"{text} ")


def _write_files(
    out: Path, run: Run, fits: list[Fit], table: pd.DataFrame, told: str, norms: pd.DataFrame
) -> list[Path]:
    from . import figures  # matplotlib takes a second to start

    with figures.style():
        return write_files(
            out,
            {
                "coefficients.csv": lambda path: table.to_csv(path, index=False),
                "summary.txt": lambda path: path.write_text(
                    _summary(run, fits, told), encoding="utf-8"
                ),
                **figures.savers("log_norms", figures.norms_figure(run, norms)),
                **figures.savers("slopes", figures.slopes_figure(run, fits)),
            },
        )


def _summary(run: Run, fits: list[Fit], told: str) -> str:
    """The text of summary.txt."""
    head = [
        f"Attention adjustments of {run.model}, run {run.run_id}: "
        f"{run.n_tokens} tokens, {run.n_layer} layers",
        "log_norm[t] = const + lag_1 log_norm[t-1] + lag_2 log_norm[t-2], t = 3 ... n-1",
        "",
        told,
        "",
        f"Prompt: {run.prompt}",
    ]
    layers = [f"\n\n=== Layer {fit.layer} (n = {fit.n}) ===\n{fit.summary()}" for fit in fits]
    return "\n".join(head) + "".join(layers) + "\n"
