"""The printed tables: a row for each layer, series side by side."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from psqlm.printable import printable

from .comparison import Comparison, Series
from .drift import Drift
from .fitting import RECIPE
from .regression import ALPHA, Fit
from .story import number, subject
from .terms import CONSTANT, label

MOST_COLUMNS = 9
"""Columns of a printed table; the rest go into another one."""


def print_tables(comparison: Comparison, console: Console) -> None:
    """Print slopes by layer; p-values and the drift too, where there is room for them."""
    detailed = len(comparison.series) == 1 and 2 * len(comparison.terms) + 5 <= MOST_COLUMNS
    places = sorted({place for one in comparison.series for place in _places(one, comparison)})
    scale = _table("" if detailed else " ", ["depth" if comparison.by_depth else "layer"])
    for place in places:
        scale.add_row(f"{place:.2f}" if comparison.by_depth else f"{place:.0f}")
    tables = []
    for one in comparison.series:
        headings = _detailed_headings(one) if detailed else _headings(comparison)
        fits = dict(zip(_places(one, comparison), one.fits, strict=True))
        rows = [
            (_detailed_cells(fits[place], one) if detailed else _cells(fits[place], comparison))
            if place in fits
            else []
            for place in places
        ]
        for start in range(0, len(headings), MOST_COLUMNS):
            part = slice(start, start + MOST_COLUMNS)
            tables.append(_table("" if detailed else one.name, headings[part]))
            for cells in rows:
                tables[-1].add_row(*cells[part])
    if detailed or comparison.run is not None:
        console.print(Text(subject(comparison), style="bold"), soft_wrap=True)
    _print_beside_one_another(scale, tables, console)
    _print_caption(
        "log_norm[t] ~ 1 + log_norm[t−1] + log_norm[t−2]"
        if comparison.question == RECIPE
        else f"{comparison.question}",
        console,
    )
    if detailed:
        _print_drift(comparison, console)


def _print_beside_one_another(scale: Table, tables: list[Table], console: Console) -> None:
    """As many tables side by side as there is room for, with the layers before each row of them."""
    while tables:
        line = [scale]
        while tables and (len(line) == 1 or _width([*line, tables[0]], console) <= console.width):
            line.append(tables.pop(0))
        grid = Table.grid(padding=0)
        grid.add_row(*line)
        console.print(grid)


def _print_caption(caption: str, console: Console) -> None:
    console.print(
        f"{caption} · * p < .05\n", style="dim", highlight=False, markup=False, soft_wrap=True
    )


def _print_drift(comparison: Comparison, console: Console) -> None:
    """Beside the regression: how the log norm goes along the text."""
    (one,) = comparison.series
    if "position" in one.terms:
        return
    console.print(Text("The same with position controlled for", style="bold"))
    headings = ["r(position)", *(part for lag in one.lags for part in (lag, "p")), "R²", "DW"]
    scale, table = _table("", ["layer"]), _table("", headings)
    for drift in one.drift:
        scale.add_row(f"{drift.layer}")
        table.add_row(*_drift_cells(drift, one.lags))
    _print_beside_one_another(scale, [table], console)
    _print_caption(
        "r(position): correlation of the log norm with position · "
        "DW: Durbin–Watson without the control, 2 is no autocorrelation",
        console,
    )


def _drift_cells(drift: Drift, lags: list[str]) -> list[Text | str]:
    ols = drift.controlled.ols
    cells: list[Text | str] = ["–"] * (2 * len(lags) + 1)
    if ols is not None:
        cells = [
            cell for lag in lags for cell in (f"{ols.params[lag]:.3f}", _p_value(ols.pvalues[lag]))
        ]
        cells.append(f"{ols.rsquared:.3f}")
    return [f"{drift.correlation:.3f}", *cells, f"{drift.durbin_watson:.2f}"]


def _table(title: str, headings: list[str]) -> Table:
    table = Table(
        title=Text(printable(title), style="bold") if title else None, box=SIMPLE_HEAD, padding=0
    )
    for heading in headings:
        table.add_column(label(heading), justify="right", no_wrap=True)
    return table


def _width(tables: list[Table], console: Console) -> int:
    return sum(console.measure(table).maximum for table in tables)


def _places(series: Series, comparison: Comparison) -> list[float]:
    """The row of each layer: its number, or its relative depth."""
    return [
        round(series.depth(fit.layer), 9) if comparison.by_depth else fit.layer
        for fit in series.fits
    ]


def _headings(comparison: Comparison) -> list[str]:
    return [*(["layer"] if comparison.by_depth else []), "n", *comparison.terms, "R²"]


def _cells(fit: Fit, comparison: Comparison) -> list[Text | str]:
    """Slopes, marked where p < .05."""
    head = [*([f"{fit.layer}"] if comparison.by_depth else []), f"{fit.n}"]
    if fit.ols is None:
        return [*head, *["–"] * (len(comparison.terms) + 1)]
    slopes = [
        _slope(fit.ols.params[term], fit.ols.pvalues[term]) if term in fit.ols.params else "–"
        for term in comparison.terms
    ]
    return [*head, *slopes, f"{fit.ols.rsquared:.2f}"]


def _detailed_headings(series: Series) -> list[str]:
    terms = [part for term in series.terms for part in (term, "p")]
    return ["n", "intercept", *terms, "R²", "adj. R²"]


def _detailed_cells(fit: Fit, series: Series) -> list[Text | str]:
    """Slopes, each with its p-value."""
    if fit.ols is None:
        return [f"{fit.n}", *["–"] * (2 * len(series.terms) + 3)]
    slopes = [
        cell
        for term in series.terms
        for cell in (number(fit.ols.params.get(term, 0)), _p_value(fit.ols.pvalues.get(term, 1)))
    ]
    return [
        f"{fit.n}",
        f"{fit.ols.params.get(CONSTANT, 0):.3f}",
        *slopes,
        f"{fit.ols.rsquared:.3f}",
        f"{fit.ols.rsquared_adj:.3f}",
    ]


def _p_value(p: float) -> Text:
    text = f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"
    return Text(f"{text}*", style="bold") if p < ALPHA else Text(f"{text} ")


def _slope(slope: float, p: float) -> Text:
    text = number(slope)
    return Text(f"{text}*", style="bold") if p < ALPHA else Text(f"{text} ")
