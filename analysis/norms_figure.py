"""The figure of sizes: log norms of attention adjustments, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .drawing import BLUE, GREY, INK, ORANGE, layer_ticks, new_sheet, sign, titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .data import Run

MOST_BINS = 200


def norms_figure(run: Run, norms: pd.DataFrame) -> Figure:
    """Log norms, a row for each layer: every token, jittered, beside the histogram of them all.

    Both share one scale of log norms, and all histograms share one scale of counts. Token 0 is left
    out.

    Args:
        run: the run.
        norms: rows of lm.adjustment_norm.
    """
    drawn = norms[norms["position"] >= 1].dropna(subset=["log_norm"])
    row_height = float(np.clip(5.2 / run.n_layer, 0.24, 0.6))
    figure, sheet = new_sheet(9.6, row_height * run.n_layer + 1.9)
    points, bars = sheet.subplots(1, 2, sharex=True, sharey=True)
    jitter = np.random.default_rng(0)
    dot = float(np.clip(40 / np.sqrt(max(run.n_tokens, 1)), 1.6, 4))

    values = [
        drawn.loc[drawn["layer"] == layer, "log_norm"].to_numpy() for layer in range(run.n_layer)
    ]
    histograms = [
        np.histogram(log_norm, bins=_freedman_diaconis(log_norm)) if len(log_norm) else None
        for log_norm in values
    ]
    tallest = max((found[0].max() for found in histograms if found), default=1)
    for layer, (log_norm, histogram) in enumerate(zip(values, histograms, strict=True)):
        for axes in (points, bars):
            axes.axhline(layer + 0.44, color="#DDDDDD", linewidth=0.6, zorder=0)
        if histogram is None:
            _say_missing(points, layer, "every norm is 0" if run.n_tokens > 1 else "no tokens")
            continue
        heights = layer + jitter.uniform(-0.28, 0.28, len(log_norm))
        points.plot(
            log_norm, heights, "o", color=BLUE, alpha=0.5, markersize=dot, markeredgewidth=0
        )
        median = float(np.median(log_norm))
        points.plot([median, median], [layer - 0.38, layer + 0.38], color=INK, linewidth=1.8)
        counts, edges = histogram
        floor = layer + 0.44
        outline = {"values": floor - 0.84 * counts / tallest, "edges": edges, "baseline": floor}
        bars.stairs(**outline, fill=True, color=ORANGE)
        bars.stairs(**outline, color=INK, linewidth=0.6)

    points.set_ylim(run.n_layer - 0.5, -0.6)
    layer_ticks(points.yaxis, run.n_layer, "layer ")
    for axes, what in ((points, "each token"), (bars, "how many tokens")):
        axes.set_title(what, loc="left", fontsize=10.5, fontweight="bold")
        axes.tick_params(axis="y", labelleft=True)
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
        f"{run.title} · {run.n_tokens} tokens · token 0 left out, n = {n} per layer",
    )
    figure.legend(
        handles=[
            sign("o", BLUE, alpha=0.7, label="a token (jittered)"),
            Line2D([], [], color=INK, linewidth=1.8, label="median"),
            Patch(
                facecolor=ORANGE,
                edgecolor=INK,
                linewidth=0.6,
                label=f"histogram (Freedman–Diaconis bins, the tallest bar of all: {tallest})",
            ),
        ],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def _freedman_diaconis(values: np.ndarray) -> np.ndarray:
    """Bin edges of width 2 IQR / ∛n, their number limited in case of a far outlier."""
    quartiles = np.percentile(values, [25, 75])
    width = 2 * float(quartiles[1] - quartiles[0]) / len(values) ** (1 / 3)
    span = float(np.ptp(values))
    bins = int(np.clip(np.ceil(span / width), 1, MOST_BINS)) if width > 0 else 1
    return np.histogram_bin_edges(values, bins=bins)


def _say_missing(axes: Axes, layer: int, why: str) -> None:
    axes.annotate(
        why, (0.5, layer), xycoords=("axes fraction", "data"), ha="center", va="center", color=GREY
    )
