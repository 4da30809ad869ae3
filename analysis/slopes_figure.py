"""The figure of a comparison: a panel for each regressor, a line for each group or model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from .figures import BLUE, GREY, INK, ORANGE, VERMILION, layer_ticks, new_sheet, sign, titles
from .regression import ALPHA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .comparison import Comparison, Series

# Okabe and Ito's colours and a shape each: told apart by every kind of colour vision, and in print
LOOKS = (
    (BLUE, "o"),
    (VERMILION, "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    (ORANGE, "v"),
    ("#56B4E9", "P"),
    (INK, "X"),
)
MOST_PANELS = 8


def slopes_figure(comparison: Comparison) -> Figure:
    """Slopes by layer, or by relative depth where models differ in it.

    A marker is filled where p < .05 and has a white × in it where not. Of more groups than there
    are looks, those with the most rows are drawn; of more regressors than panels, the first.
    """
    drawn = sorted(comparison.series, key=_n_rows, reverse=True)[: len(LOOKS)]
    series = [one for one in comparison.series if one in drawn]
    terms = comparison.terms[:MOST_PANELS]
    columns = min(len(terms), 2)
    rows = -(-len(terms) // columns)
    figure, panel_sheet = new_sheet(10.2 if columns == 2 else 7.6, 1.7 + 3.3 * rows)
    panels = panel_sheet.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, term in zip(panels, terms, strict=False):
        _panel(axes, term, series, comparison)
    for axes in panels[len(terms) :]:
        axes.set_visible(False)
    _same_scale([axes for axes, term in zip(panels, terms, strict=False) if term[:4] == "lag_"])
    for axes in panels[max(len(terms) - columns, 0) : len(terms)]:
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel(
            "relative depth (0 the first layer, 1 the last)" if comparison.by_depth else "layer"
        )
    titles(figure, panel_sheet, _title(comparison), _subtitle(comparison, series))
    _legend(figure, series)
    return figure


def _title(comparison: Comparison) -> str:
    if len(comparison.models) > 1:
        return "Attention adjustments: slopes by model"
    by = f" by {comparison.kind}" if len(comparison.series) > 1 else ""
    return f"Attention adjustments of {comparison.models[0]}: slopes{by}"


def _subtitle(comparison: Comparison, series: list[Series]) -> str:
    counts = [fit.n for one in series for fit in one.fits if fit.ols is not None]
    least, most = min(counts), max(counts)
    parts = [
        f"{comparison.question}",
        f"n = {least} in each layer" if least == most else f"n = {least} to {most} in a layer",
    ]
    if len(comparison.series) > len(series):
        parts.append(f"{len(comparison.series) - len(series)} more in coefficients.csv")
    return " · ".join(parts)


def _n_rows(series: Series) -> int:
    return sum(fit.n for fit in series.fits)


def _panel(axes: Axes, term: str, series: list[Series], comparison: Comparison) -> None:
    n_layer = max(one.n_layer for one in series)
    step = 1 / max(n_layer - 1, 1) if comparison.by_depth else 1.0
    size = float(np.clip(90 / n_layer, 4, 8))
    axes.axhline(0, color=GREY, linewidth=0.9, zorder=1)
    for number, one in enumerate(series):
        colour, marker = LOOKS[number]
        fits = [fit for fit in one.fits if fit.ols is not None and term in fit.ols.params]
        shift = 0.0 if comparison.by_depth else 0.12 * (number - (len(series) - 1) / 2)
        x = np.array([one.depth(fit.layer) if comparison.by_depth else fit.layer for fit in fits])
        slope = np.array([fit.ols.params[term] for fit in fits])
        p = np.array([fit.ols.pvalues[term] for fit in fits])
        ends = np.array([fit.ols.conf_int(ALPHA).loc[term] for fit in fits]).reshape(-1, 2)
        x = x + step * shift
        axes.plot(x, slope, color=colour, linewidth=1.2, alpha=0.5, zorder=2)
        axes.vlines(x, ends[:, 0], ends[:, 1], color=colour, linewidth=1.1, alpha=0.6, zorder=2)
        axes.plot(x, slope, marker, color=colour, markersize=size, markeredgewidth=0, zorder=3)
        cross: Any = {"markersize": 0.5 * size, "markeredgewidth": 0.16 * size}
        axes.plot(x[p >= ALPHA], slope[p >= ALPHA], "x", color="white", zorder=4, **cross)
    if comparison.by_depth:
        axes.set_xlim(-0.04, 1.04)
    else:
        axes.set_xlim(-0.6, n_layer - 0.4)
        layer_ticks(axes.xaxis, n_layer)
    axes.set_title(term.replace("_", " "), loc="left", fontsize=10.5, fontweight="bold")
    axes.set_ylabel("slope")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def _same_scale(panels: list[Axes]) -> None:
    """Slopes on lags have one unit and may be compared by eye."""
    if panels:
        lows, highs = zip(*(axes.get_ylim() for axes in panels), strict=True)
        for axes in panels:
            axes.set_ylim(min(lows), max(highs))


def _legend(figure: Figure, series: list[Series]) -> None:
    lines: list[Any] = [
        Line2D([], [], marker=marker, color=colour, markersize=7, markeredgewidth=0)
        for (colour, marker), _ in zip(LOOKS, series, strict=False)
    ]
    disc = sign("o", INK, markersize=7)
    cross_in_disc = (disc, sign("x", "white", markersize=4, markeredgewidth=1.3))
    interval = sign("|", GREY, markersize=13, markeredgewidth=1.2)
    names = [f"{one.name}" for one in series] if len(series) > 1 else []
    figure.legend(
        handles=[*lines[: len(names)], disc, cross_in_disc, interval],
        labels=[*names, "p < .05", "p ≥ .05", "95% interval"],
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=min(len(names) + 3, 5),
        columnspacing=1.3,
        handletextpad=0.5,
    )
