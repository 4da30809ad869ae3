"""The article's two figures: drawn without a display, the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .regression import ALPHA, Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .data import Run

# Okabe and Ito's colours: told apart by every kind of colour vision
BLUE, ORANGE, VERMILION = "#0072B2", "#E69F00", "#D55E00"
INK, GREY_TEXT, GREY = "#222222", "#555555", "#8A8A8A"
MOST_BINS = 200


class Lag(NamedTuple):
    """How a regressor is drawn."""

    term: str
    label: str
    colour: str
    marker: str
    shift: float


LAGS = (
    Lag("lag_1", "the token before (t − 1)", BLUE, "o", -0.11),
    Lag("lag_2", "the one before that (t − 2)", VERMILION, "s", 0.11),
)

STYLE: Any = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.hashsalt": "psqlm",
    "text.color": INK,
    "text.parse_math": False,  # a model may have a $ in its name
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


def style() -> AbstractContextManager[None]:
    """The look of both figures, while they are drawn and saved."""
    return mpl.rc_context(STYLE)


def savers(name: str, figure: Figure) -> dict[str, Callable[[Path], None]]:
    """What writes a figure as PNG and as SVG, by the file's name; the same bytes each time."""
    return {
        f"{name}.png": figure.savefig,
        f"{name}.svg": partial(figure.savefig, metadata={"Date": None}),
    }


def norms_figure(run: Run, norms: pd.DataFrame) -> Figure:
    """Log norms per layer, jittered, beside their histograms; token 0 is left out.

    Args:
        run: what ran.
        norms: rows of lm.adjustment_norm.
    """
    drawn = norms[norms["position"] >= 1].dropna(subset=["log_norm"])
    row_height = float(np.clip(5.2 / run.n_layer, 0.24, 0.6))
    figure, sheet = new_sheet(9.6, row_height * run.n_layer + 1.9)
    points, bars = sheet.subplots(1, 2, sharex=True, sharey=True)
    jitter = np.random.default_rng(0)
    dot = float(np.clip(40 / np.sqrt(max(run.n_tokens, 1)), 1.6, 4))

    for layer in range(run.n_layer):
        log_norm = drawn.loc[drawn["layer"] == layer, "log_norm"].to_numpy()
        if len(log_norm) == 0:
            _say_missing(points, layer, "every norm is 0" if run.n_tokens > 1 else "no tokens")
            continue
        heights = layer + jitter.uniform(-0.28, 0.28, len(log_norm))
        points.plot(
            log_norm, heights, "o", color=BLUE, alpha=0.5, markersize=dot, markeredgewidth=0
        )
        median = float(np.median(log_norm))
        points.plot([median, median], [layer - 0.38, layer + 0.38], color=INK, linewidth=1.8)
        counts, edges = np.histogram(log_norm, bins=_freedman_diaconis(log_norm))
        floor = layer + 0.4
        outline = {"values": floor - 0.8 * counts / counts.max(), "edges": edges, "baseline": floor}
        bars.stairs(**outline, fill=True, color=ORANGE)
        bars.stairs(**outline, color=INK, linewidth=0.6)

    points.set_ylim(run.n_layer - 0.4, -0.6)
    layer_ticks(points.yaxis, run.n_layer)
    points.set_ylabel("layer")
    for axes in (points, bars):
        axes.set_xlabel("log norm (natural logarithm of the L2 norm)")
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    n = int(drawn.groupby("layer").size().max()) if len(drawn) else 0
    titles(
        figure,
        sheet,
        f"Attention adjustments of {run.model}: their size, layer by layer",
        f"prompt of {run.n_tokens} tokens · token 0 left out, n = {n} per layer",
    )
    figure.legend(
        handles=[
            sign("o", BLUE, alpha=0.7, label="a token (jittered)"),
            Line2D([], [], color=INK, linewidth=1.8, label="median"),
            Patch(
                facecolor=ORANGE,
                edgecolor=INK,
                linewidth=0.6,
                label="histogram (Freedman–Diaconis bins, each layer to its tallest bar)",
            ),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def slopes_figure(run: Run, fits: list[Fit]) -> Figure:
    """The two slopes by layer: a filled marker where p < .05, with a white × in it where not.

    Args:
        run: what ran.
        fits: one for each layer.
    """
    width = float(np.clip(0.42 * run.n_layer + 3.4, 7.6, 15))
    figure, sheet = new_sheet(width, 4.9)
    axes = sheet.subplots()
    size = float(np.clip(110 / run.n_layer, 6, 10))
    axes.axhline(0, color=GREY, linewidth=0.9, zorder=1)

    for lag in LAGS:
        layer, slope, low, high, p = _estimates(fits, lag.term)
        x = layer + lag.shift
        axes.plot(x, slope, color=lag.colour, linewidth=1, alpha=0.45, zorder=2)
        axes.vlines(x, low, high, color=lag.colour, linewidth=1.2, alpha=0.6, zorder=2)
        axes.plot(x, slope, lag.marker, color=lag.colour, markersize=size, zorder=3)
        cross: Any = {"markersize": 0.55 * size, "markeredgewidth": 0.17 * size}
        axes.plot(x[p >= ALPHA], slope[p >= ALPHA], "x", color="white", zorder=4, **cross)
    for fit in fits:
        if fit.ols is None:
            axes.text(fit.layer, 0, " no fit ", color=GREY, fontsize=8, rotation=90, ha="center")

    axes.set_xlim(-0.6, run.n_layer - 0.4)
    layer_ticks(axes.xaxis, run.n_layer)
    axes.set_xlabel("layer")
    axes.set_ylabel("slope (log norm per log norm)")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    titles(
        figure,
        sheet,
        f"Attention adjustments of {run.model}: slopes on the two tokens before",
        f"log norm at t regressed on t − 1 and t − 2 · prompt of {run.n_tokens} tokens, {_n(fits)}",
    )
    lines = [
        Line2D([], [], marker=lag.marker, color=lag.colour, markersize=8, label=lag.label)
        for lag in LAGS
    ]
    disc = sign("o", INK, markersize=8)
    cross_in_disc = (disc, sign("x", "white", markersize=4.5, markeredgewidth=1.4))
    interval = sign("|", GREY, markersize=14, markeredgewidth=1.2)
    figure.legend(
        handles=[*lines, disc, cross_in_disc, interval],
        labels=[*(lag.label for lag in LAGS), "p < .05", "p ≥ .05", "95% interval"],
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=5,
        columnspacing=1.3,
        handletextpad=0.5,
    )
    return figure


def sign(marker: str, colour: str, **options: Any) -> Line2D:
    """A marker without a line, for a legend."""
    return Line2D([], [], marker=marker, linestyle="", color=colour, **options)


def _estimates(fits: list[Fit], term: str) -> np.ndarray:
    """Layer, slope, both ends of its 95% interval and p-value, [5, layer]; NaN without a fit."""
    missing = (np.nan, np.nan, np.nan, np.nan)
    rows = [
        (fit.layer, *missing)
        if fit.ols is None
        else (
            fit.layer,
            fit.ols.params[term],
            *fit.ols.conf_int(ALPHA).loc[term],
            fit.ols.pvalues[term],
        )
        for fit in fits
    ]
    estimates: np.ndarray = np.array(rows, dtype=float).transpose()
    return estimates


def _freedman_diaconis(values: np.ndarray) -> np.ndarray:
    """Bin edges of width 2 IQR / ∛n; an outlier far away does not make thousands of them."""
    quartiles = np.percentile(values, [25, 75])
    width = 2 * float(quartiles[1] - quartiles[0]) / len(values) ** (1 / 3)
    span = float(np.ptp(values))
    bins = int(np.clip(np.ceil(span / width), 1, MOST_BINS)) if width > 0 else 1
    return np.histogram_bin_edges(values, bins=bins)


def _n(fits: list[Fit]) -> str:
    counts = sorted({fit.n for fit in fits if fit.ols is not None})
    if len(counts) == 1:
        return f"n = {counts[0]} in each layer"
    return f"n = {counts[0]} to {counts[-1]}" if counts else "n = 0"


def _say_missing(axes: Axes, layer: int, why: str) -> None:
    axes.annotate(
        why, (0.5, layer), xycoords=("axes fraction", "data"), ha="center", va="center", color=GREY
    )


def layer_ticks(axis: Any, n_layer: int) -> None:
    """A tick for each layer, or for every other one of many."""
    axis.set_ticks(range(0, n_layer, 1 if n_layer <= 24 else 2))


def new_sheet(width: float, height: float) -> tuple[Figure, SubFigure]:
    """A figure, and the one sheet in it: so that two lines of title and the legend all get room."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.07)  # type: ignore[union-attr, call-arg]
    return figure, figure.add_subfigure(figure.add_gridspec(1, 1)[0])


def titles(figure: Figure, sheet: SubFigure, title: str, subtitle: str) -> None:
    """What it shows, in bold, and of what; a long model name makes the letters smaller."""
    room = 72 * figure.get_figwidth()  # points
    for panel, text, size, weight, colour in (
        (figure, title, 12.5, "bold", INK),
        (sheet, subtitle, 10, "normal", GREY_TEXT),
    ):
        size = min(size, room / (0.66 * len(text)))
        panel.suptitle(text, x=0.012, ha="left", fontsize=size, fontweight=weight, color=colour)
