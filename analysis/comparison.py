"""One regression in several groups or models: fitted, printed side by side, written and drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from psqlm.errors import PsqlmError

from .data import read_run
from .files import write_files
from .formulas import Question, fit_each, read_rows
from .regression import ALPHA, Fit
from .selection import read_tags, tag_names

CONSTANTS = ("Intercept", "const")
MOST_COLUMNS = 9
"""Columns of a printed table; the rest go into another one."""


@dataclass(frozen=True)
class Series:
    """Fits of one group or model.

    Attributes:
        name: of the group or model.
        n_layer: how many layers the model has.
        n_runs: how many runs the rows are of.
        fits: one per layer.
    """

    name: str
    n_layer: int
    n_runs: int
    fits: list[Fit]

    @property
    def terms(self) -> list[str]:
        """What is estimated beside the constant."""
        fitted = [fit.ols for fit in self.fits if fit.ols is not None]
        return [term for term in fitted[0].params.index if term not in CONSTANTS] if fitted else []

    def depth(self, layer: int) -> float:
        """How far up a layer is: 0 is the first, 1 the last."""
        return layer / max(self.n_layer - 1, 1)


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Attributes:
        models: names of the models.
        kind: what the series are: "model", or the name of the tag whose values they are.
        by_depth: whether they are compared at the same relative depth, or layer by layer.
        question: what was fitted.
        series: those of which at least one layer could be fitted.
        notes: what was left out and why, in a line each.
        table: the rows of coefficients.csv.
    """

    models: list[str]
    kind: str
    by_depth: bool
    question: Question
    series: list[Series]
    notes: list[str]
    table: pd.DataFrame

    @property
    def terms(self) -> list[str]:
        """What is estimated beside the constant, in any of the series."""
        return list(dict.fromkeys(term for series in self.series for term in series.terms))


def compare(
    connection: psycopg.Connection,
    runs: Sequence[Sequence[int]],
    question: Question,
    by: str | None = None,
) -> Comparison:
    """Fit each model's runs together, or each group of one model's rows by itself.

    Args:
        connection: to the database that holds the runs; nothing is written to it.
        runs: run ids, those of a model together.
        question: what is regressed on what. A formula may name tags: they are columns too.
        by: a tag that splits the rows. Of a token's own tags it is that of the token at t.

    Raises:
        PsqlmError: runs that are not there, a tag they lack, a formula that cannot be read, or
            nothing that can be fitted.
    """
    fitted: list[Series] = []
    notes: list[str] = []
    models: list[str] = []
    for run_ids in runs:
        model = read_run(connection, run_ids[0])
        models.append(model.model)
        rows = _rows(connection, run_ids, question)
        for name, part in (
            _split(connection, run_ids, rows, by, notes) if by else [(model.model, rows)]
        ):
            fits = fit_each(part, range(model.n_layer), question.formula, question.covariance)
            fitted.append(Series(name, model.n_layer, part["run_id"].nunique(), fits))
    notes += [
        f"{series.name}: {where} cannot be fitted: {reason}"
        for series in fitted
        for where, reason in _impossible(series.fits)
    ]
    possible = [series for series in fitted if series.terms]
    if not possible:
        raise PsqlmError(f"nothing can be fitted: {'; '.join(notes)}")
    head = by or ("model" if len(models) > 1 else None)
    by_depth = len(models) > 1
    table = _coefficients(possible, head, by_depth)
    return Comparison(models, head or "model", by_depth, question, possible, notes, table)


def report(comparison: Comparison, out: Path, console: Console | None = None) -> list[Path]:
    """Print the slopes side by side; write coefficients.csv, summary.txt and the figure.

    Args:
        comparison: what was fitted.
        out: the folder for the files, made if need be; files of the same names are replaced.
        console: where the table is printed; left out, standard output.

    Raises:
        PsqlmError: a folder that cannot be written.
    """
    from . import figures, slopes_figure  # matplotlib takes a second to start

    console = console or Console()
    with figures.style():
        files = write_files(
            out,
            {
                "coefficients.csv": lambda path: comparison.table.to_csv(path, index=False),
                "summary.txt": lambda path: path.write_text(_summary(comparison), encoding="utf-8"),
                **figures.savers("slopes", slopes_figure.slopes_figure(comparison)),
            },
        )
    _print_tables(comparison, console)
    names = ", ".join(path.name for path in files)
    for line in (*_story(comparison), *comparison.notes, "", f"written to {out}: {names}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return files


def _rows(
    connection: psycopg.Connection, run_ids: Sequence[int], question: Question
) -> pd.DataFrame:
    """Rows of lm.lag_rows, and a column for each tag that the formula names."""
    rows = read_rows(connection, run_ids, question.lags)
    words = set(re.findall(r"\w+", question.formula))
    for name in tag_names(connection, run_ids):
        if name in words and name not in rows.columns:
            tags = read_tags(connection, run_ids, name)
            numbers = pd.to_numeric(tags[name], errors="coerce")
            if numbers.notna().all():
                tags[name] = numbers
            rows = rows.merge(tags, on=["run_id", "position"], how="left")
    return rows


def _split(
    connection: psycopg.Connection,
    run_ids: Sequence[int],
    rows: pd.DataFrame,
    by: str,
    notes: list[str],
) -> list[tuple[str, pd.DataFrame]]:
    """Rows by the value of a tag, the values in order."""
    tags = read_tags(connection, run_ids, by).rename(columns={by: "group"})
    tagged = rows[["run_id", "position"]].merge(tags, on=["run_id", "position"], how="left")
    group = tagged["group"].to_numpy()
    if untagged := int(pd.isna(group).sum()):
        n_layer = max(rows["layer"].nunique(), 1)
        notes.append(f"left out: {untagged // n_layer} rows of each layer without the tag {by}")
    return [(str(value), rows[group == value]) for value in sorted(set(tags["group"]))]


def _impossible(fits: list[Fit]) -> list[tuple[str, str]]:
    """Reasons, each once, with the layers they hold for."""
    layers: dict[str, list[int]] = {}
    for fit in fits:
        if fit.impossible:
            layers.setdefault(fit.impossible, []).append(fit.layer)
    return [
        ("it" if len(where) == len(fits) else f"layer {', '.join(map(str, where))}", reason)
        for reason, where in layers.items()
    ]


def _coefficients(series: list[Series], head: str | None, by_depth: bool) -> pd.DataFrame:
    """A row per series and layer, the columns named as those of lm.lag_ols."""
    records = []
    for one in series:
        for fit in one.fits:
            record: dict[str, object] = {head: one.name} if head else {}
            record["layer"] = fit.layer
            if by_depth:
                record["depth"] = one.depth(fit.layer)
            record["n"] = fit.n
            ols = fit.ols
            for prefix, values in (
                ("beta_", None if ols is None else ols.params),
                ("se_", None if ols is None else ols.bse),
                ("p_", None if ols is None else ols.pvalues),
            ):
                for term in (*CONSTANTS[:1], *one.terms):
                    value = np.nan if values is None else values.get(term, np.nan)
                    record[_column(prefix, term)] = value
            record["r_squared"] = np.nan if ols is None else ols.rsquared
            record["adj_r_squared"] = np.nan if ols is None else ols.rsquared_adj
            records.append(record)
    table: pd.DataFrame = pd.DataFrame(records)
    return table


def _column(prefix: str, term: str) -> str:
    if term in CONSTANTS:
        return "intercept" if prefix == "beta_" else f"{prefix}intercept"
    return prefix + (term.replace("_", "") if re.fullmatch(r"lag_\d+", term) else term)


def _story(comparison: Comparison) -> list[str]:
    """Where each term matters, in each of the series."""
    lines = []
    for series in comparison.series:
        fitted = [fit.ols for fit in series.fits if fit.ols is not None]
        told = [
            f"{_label(term)} in {sum(ols.pvalues[term] < ALPHA for ols in fitted)} "
            f"({min(ols.params[term] for ols in fitted):.2g} to "
            f"{max(ols.params[term] for ols in fitted):.2g})"
            for term in series.terms
        ]
        lines.append(f"{series.name}, of {len(fitted)} layers p < .05 for {', '.join(told)}")
    return lines


def _label(term: str) -> str:
    return term.replace("_", " ")


def _print_tables(comparison: Comparison, console: Console) -> None:
    """Slopes of the series side by side, a row for each layer or relative depth."""
    places = sorted({place for one in comparison.series for place in _places(one, comparison)})
    scale = _table("", ["depth" if comparison.by_depth else "layer"])
    for place in places:
        scale.add_row(f"{place:.2f}" if comparison.by_depth else f"{place:.0f}")
    headings = [*(["layer"] if comparison.by_depth else []), "n", *comparison.terms, "R²"]
    tables = []
    for one in comparison.series:
        fits = dict(zip(_places(one, comparison), one.fits, strict=True))
        rows = [_cells(fits[place], comparison) if place in fits else [] for place in places]
        for start in range(0, len(headings), MOST_COLUMNS):
            part = slice(start, start + MOST_COLUMNS)
            tables.append(_table(one.name, headings[part]))
            for cells in rows:
                tables[-1].add_row(*cells[part])
    while tables:  # as many beside one another as there is room for
        line = [scale]
        while tables and (len(line) == 1 or _width([*line, tables[0]], console) <= console.width):
            line.append(tables.pop(0))
        grid = Table.grid(padding=0)
        grid.add_row(*line)
        console.print(grid)
    caption = f"{comparison.question} · * p < .05\n"
    console.print(caption, style="dim", highlight=False, markup=False, soft_wrap=True)


def _table(title: str, headings: list[str]) -> Table:
    table = Table(title=Text(title or " ", style="bold"), box=SIMPLE_HEAD, padding=0)
    for heading in headings:
        table.add_column(_label(heading), justify="right", no_wrap=True)
    return table


def _width(tables: list[Table], console: Console) -> int:
    return sum(console.measure(table).maximum for table in tables)


def _places(series: Series, comparison: Comparison) -> list[float]:
    """Where the layers stand."""
    return [
        round(series.depth(fit.layer), 9) if comparison.by_depth else fit.layer
        for fit in series.fits
    ]


def _cells(fit: Fit, comparison: Comparison) -> list[Text | str]:
    head = [*([f"{fit.layer}"] if comparison.by_depth else []), f"{fit.n}"]
    if fit.ols is None:
        return [*head, *["–"] * (len(comparison.terms) + 1)]
    slopes = [
        _slope(fit.ols.params[term], fit.ols.pvalues[term]) if term in fit.ols.params else "–"
        for term in comparison.terms
    ]
    return [*head, *slopes, f"{fit.ols.rsquared:.2f}"]


def _slope(slope: float, p: float) -> Text:
    text = f"{slope:.3f}" if abs(slope) >= 0.001 or slope == 0 else f"{slope:.0e}"
    return Text(f"{text}*", style="bold") if p < ALPHA else Text(f"{text} ")


def _summary(comparison: Comparison) -> str:
    """The text of summary.txt."""
    head = [f"{comparison.question}", "", *_story(comparison), *comparison.notes]
    fits = [
        f"\n\n=== {series.name}, layer {fit.layer} (n = {fit.n}) ===\n{fit.summary()}"
        for series in comparison.series
        for fit in series.fits
    ]
    return "\n".join(head) + "".join(fits) + "\n"
