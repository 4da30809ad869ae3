"""The figure of slopes by layer, and below it how much of them is drift along the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from .drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    layer_ticks,
    new_sheets,
    sign,
    titles,
)
from .fitting import RECIPE
from .regression import ALPHA, Fit
from .terms import is_lag, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .comparison import Comparison, Series


class Look(NamedTuple):
    """How a line differs from the others, in print too. Dashes let a line below show through."""

    colour: str
    marker: str
    dashes: Any


LOOKS = (
    Look(BLUE, "o", "-"),
    Look(VERMILION, "s", (0, (4, 2))),
    Look(GREEN, "^", (0, (1, 1.5))),
    Look("#CC79A7", "D", (0, (6, 2, 1, 2))),
    Look(ORANGE, "v", (0, (2, 2))),
    Look("#56B4E9", "P", (0, (8, 3))),
    Look(INK, "X", (0, (3, 1, 1, 1))),
)
MOST_PANELS = 8
PLAIN = Look(INK, "o", "-")
"""Of a line that is alone in its panel."""
MOST_SPREAD, ROOM = 0.24, 0.75
"""How far apart lines stand in a layer, so that equal ones are all seen; and all of them."""


@dataclass(frozen=True)
class Trace:
    """One regressor's slopes in one series."""

    label: str
    series: Series
    fits: Sequence[Fit]
    term: str


@dataclass(frozen=True)
class Panel:
    """What is drawn into one pair of axes."""

    title: str
    traces: list[Trace]

    @property
    def is_of_lags(self) -> bool:
        """Whether its slopes are log norm per log norm, and may be compared by eye."""
        return all(is_lag(trace.term) for trace in self.traces)


def slopes_figure(comparison: Comparison) -> Figure:
    """Slopes by layer, or by relative depth if models differ in depth. Drift is in a sheet below.

    A marker is filled if p < .05, else it has a white × in it. One series has all its lags in one
    panel; several have a panel for each regressor. If there are more groups than looks, those with
    the most rows are drawn; if there are more regressors than panels, the first.
    """
    chosen = sorted(comparison.series, key=_n_rows, reverse=True)[: len(LOOKS)]
    series = [one for one in comparison.series if one in chosen]
    panels = _panels(comparison, series)
    drift = _drift_panel(series)
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    n_layer = max(one.n_layer for one in series)
    width = 10.2 if columns == 2 else float(np.clip(0.42 * n_layer + 3.4, 8.6, 15))
    heights = [1.7 + 3.3 * rows, *([3.3] if drift else [])]
    figure, sheets = new_sheets(width, heights)
    grid = sheets[0].subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _draw(axes, panel, comparison, n_layer)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[: len(panels)]:
        axes.tick_params(axis="x", labelbottom=True)
    for axes in grid[max(len(panels) - columns, 0) : len(panels)]:
        _label_places(axes, comparison)
    lagged = [axes for axes, panel in zip(grid, panels, strict=False) if panel.is_of_lags]
    if drift:
        lagged += _draw_drift(sheets[1], drift, series, comparison, n_layer)
    _same_scale(lagged)
    titles(figure, sheets[0], _title(comparison), _subtitle(comparison, series))
    _legend(figure, [trace.label for trace in panels[0].traces])
    return figure


def _panels(comparison: Comparison, series: list[Series]) -> list[Panel]:
    if len(series) > 1:
        return [
            Panel(label(term), [Trace(one.name, one, one.fits, term) for one in series])
            for term in comparison.terms[:MOST_PANELS]
        ]
    (one,) = series
    lags = [term for term in comparison.terms if is_lag(term)][: len(LOOKS)]
    others = [term for term in comparison.terms if not is_lag(term)]
    title = "the tokens before" if others else ""
    panels = [Panel(title, [Trace(_token_before(term), one, one.fits, term) for term in lags])]
    panels += [Panel(label(term), [Trace("", one, one.fits, term)]) for term in others]
    return [panel for panel in panels if panel.traces][:MOST_PANELS]


def _drift_panel(series: list[Series]) -> Panel | None:
    """Slopes on the lags with position controlled for, if the regression does not do so itself."""
    if any("position" in one.terms for one in series):
        return None
    lags = series[0].lags[: len(LOOKS)]
    controlled = {id(one): [drift.controlled for drift in one.drift] for one in series}
    if len(series) == 1:
        lines = [
            Trace(_token_before(lag), series[0], controlled[id(series[0])], lag) for lag in lags
        ]
        return Panel("slopes, position controlled for", lines)
    lines = [Trace(one.name, one, controlled[id(one)], lag) for lag in lags[:1] for one in series]
    return Panel(f"{label(lags[0])}, position controlled for", lines) if lags else Panel("", [])


def _draw_drift(
    sheet: SubFigure,
    panel: Panel,
    series: list[Series],
    comparison: Comparison,
    n_layer: int,
) -> list[Axes]:
    """Correlations with position, and the panel; returns the axes of the latter."""
    correlations, *others = sheet.subplots(1, 2 if panel.traces else 1, squeeze=False).ravel()
    for number, one in enumerate(series):
        look = LOOKS[number] if len(series) > 1 else PLAIN
        x = _places(one, [drift.layer for drift in one.drift], comparison, number, len(series))
        r = np.array([drift.correlation for drift in one.drift])
        correlations.vlines(x, 0, r, color=look.colour, linewidth=1.6, alpha=0.7, zorder=2)
        correlations.plot(
            x, r, look.marker, color=look.colour, markersize=6, markeredgewidth=0, zorder=3
        )
    correlations.set_ylim(-1.08, 1.08)
    correlations.set_ylabel("correlation")
    _furnish(correlations, "correlation of log norm and position", comparison, n_layer)
    _label_places(correlations, comparison)
    for axes in others:
        _draw(axes, panel, comparison, n_layer)
        _label_places(axes, comparison)
    return others


def _draw(axes: Axes, panel: Panel, comparison: Comparison, n_layer: int) -> None:
    size = float(np.clip((100 if len(panel.traces) < 3 else 60) / n_layer, 3.5, 8))
    for number, trace in enumerate(panel.traces):
        look = LOOKS[number] if trace.label else PLAIN
        fits = [fit for fit in trace.fits if fit.ols is not None and trace.term in fit.ols.params]
        layers = [fit.layer for fit in fits]
        x = _places(trace.series, layers, comparison, number, len(panel.traces))
        slope = np.array([fit.ols.params[trace.term] for fit in fits])
        p = np.array([fit.ols.pvalues[trace.term] for fit in fits])
        ends = np.array([fit.ols.conf_int(ALPHA).loc[trace.term] for fit in fits]).reshape(-1, 2)
        colour = look.colour
        axes.plot(
            x, slope, color=colour, linewidth=1.2, linestyle=look.dashes, alpha=0.55, zorder=2
        )
        axes.vlines(x, ends[:, 0], ends[:, 1], color=colour, linewidth=1.2, alpha=0.6, zorder=2)
        axes.plot(x, slope, look.marker, color=colour, markersize=size, markeredgewidth=0, zorder=3)
        cross: Any = {"markersize": 0.5 * size, "markeredgewidth": 0.16 * size}
        axes.plot(x[p >= ALPHA], slope[p >= ALPHA], "x", color="white", zorder=4, **cross)
    missing = [fit for trace in panel.traces[:1] for fit in trace.fits if fit.ols is None]
    for fit in missing if len(comparison.series) == 1 else []:
        axes.text(fit.layer, 0, " no fit ", color=GREY, fontsize=8, rotation=90, ha="center")
    axes.set_ylabel("slope (log norm per log norm)" if panel.is_of_lags else "slope")
    _furnish(axes, panel.title, comparison, n_layer)


def _furnish(axes: Axes, title: str, comparison: Comparison, n_layer: int) -> None:
    axes.axhline(0, color=GREY, linewidth=0.9, zorder=1)
    if comparison.by_depth:
        edge = 0.6 / max(n_layer - 1, 1)
        axes.set_xlim(-edge, 1 + edge)
    else:
        axes.set_xlim(-0.6, n_layer - 0.4)
        layer_ticks(axes.xaxis, n_layer)
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def _places(
    series: Series, layers: list[int], comparison: Comparison, number: int, count: int
) -> np.ndarray:
    """Where layers are drawn, each line a little beside the others."""
    shift = min(MOST_SPREAD, ROOM / count) * (number - (count - 1) / 2)
    if comparison.by_depth:
        step = 1 / max(max(one.n_layer for one in comparison.series) - 1, 1)
        return np.array([series.depth(layer) for layer in layers]) + step * shift
    return np.array(layers, dtype=float) + shift


def _label_places(axes: Axes, comparison: Comparison) -> None:
    axes.set_xlabel(
        "relative depth (0 the first layer, 1 the last)" if comparison.by_depth else "layer"
    )


def _same_scale(panels: list[Axes]) -> None:
    """Slopes on lags have one unit and may be compared by eye."""
    if panels:
        lows, highs = zip(*(axes.get_ylim() for axes in panels), strict=True)
        for axes in panels:
            axes.set_ylim(min(lows), max(highs))


def _title(comparison: Comparison) -> str:
    if len(comparison.models) > 1:
        return "Attention adjustments: slopes by model"
    by = f" by {comparison.kind}" if len(comparison.series) > 1 else ""
    on = " on the two tokens before" if comparison.question == RECIPE and not by else ""
    return f"Attention adjustments of {comparison.models[0]}: slopes{on}{by}"


def _subtitle(comparison: Comparison, series: list[Series]) -> str:
    counts = [fit.n for one in series for fit in one.fitted]
    least, most = min(counts), max(counts)
    run = comparison.run
    parts = [
        f"{run.title} · {run.n_tokens} tokens" if run else f"{comparison.question}",
        f"n = {least} in each layer" if least == most else f"n = {least} to {most} in a layer",
    ]
    if run and comparison.question != RECIPE:
        parts.insert(1, f"{comparison.question}")
    if len(comparison.series) > len(series):
        parts.append(f"{len(comparison.series) - len(series)} more in coefficients.csv")
    return " · ".join(parts)


def _legend(figure: Figure, names: list[str]) -> None:
    names = names if any(names) else []
    lines: list[Any] = [
        Line2D(
            [],
            [],
            marker=look.marker,
            color=look.colour,
            linestyle=look.dashes,
            markersize=7,
            markeredgewidth=0,
        )
        for look, _ in zip(LOOKS, names, strict=False)
    ]
    disc = sign("o", INK, markersize=7)
    cross_in_disc = (disc, sign("x", "white", markersize=4, markeredgewidth=1.3))
    interval = sign("|", GREY, markersize=13, markeredgewidth=1.2)
    figure.legend(
        handles=[*lines, disc, cross_in_disc, interval],
        labels=[*names, "p < .05", "p ≥ .05", "95% interval"],
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=min(len(names) + 3, 5),
        columnspacing=1.3,
        handletextpad=0.5,
    )


def _token_before(lag: str) -> str:
    return f"{label(lag)} (t − {lag.removeprefix('lag_')})"


def _n_rows(series: Series) -> int:
    return sum(fit.n for fit in series.fits)
