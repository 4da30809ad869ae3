"""What the figures share. They need no display, and their files are the same each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

# Okabe and Ito's colours: told apart by every kind of colour vision
BLUE, ORANGE, VERMILION, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
INK, GREY_TEXT, GREY = "#222222", "#555555", "#8A8A8A"

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
    """The look of the figures, while they are drawn and saved."""
    return mpl.rc_context(STYLE)


def savers(name: str, figure: Figure) -> dict[str, Callable[[Path], None]]:
    """Functions that write a figure as PNG and as SVG, by file name."""
    return {
        f"{name}.png": figure.savefig,
        f"{name}.svg": partial(figure.savefig, metadata={"Date": None}),
    }


def sign(marker: str, colour: str, **options: Any) -> Line2D:
    """A marker without a line, for a legend."""
    return Line2D([], [], marker=marker, linestyle="", color=colour, **options)


def layer_ticks(axis: Any, n_layer: int, prefix: str = "") -> None:
    """A tick for each layer, or for every other one of many."""
    layers = range(0, n_layer, 1 if n_layer <= 24 else 2)
    axis.set_ticks(layers, [f"{prefix}{layer}" for layer in layers])


def new_sheet(width: float, height: float) -> tuple[Figure, SubFigure]:
    """A figure and one sheet in it, which leaves room for two title lines and a legend."""
    figure, (sheet,) = new_sheets(width, [height])
    return figure, sheet


def new_sheets(width: float, heights: Sequence[float]) -> tuple[Figure, list[SubFigure]]:
    """A figure and the sheets in it, one below the other."""
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.07)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    return figure, [figure.add_subfigure(grid[number]) for number in range(len(heights))]


def titles(figure: Figure, sheet: SubFigure, title: str, subtitle: str) -> None:
    """A bold title and a line below it, in smaller letters if the text is long."""
    room = 72 * figure.get_figwidth()  # points
    for panel, text, size, weight, colour in (
        (figure, title, 12.5, "bold", INK),
        (sheet, subtitle, 10, "normal", GREY_TEXT),
    ):
        size = min(size, room / (0.66 * len(text)))
        panel.suptitle(text, x=0.012, ha="left", fontsize=size, fontweight=weight, color=colour)
