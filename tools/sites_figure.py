"""Draws docs/sites.svg: the sites of a forward pass and the way between them.

Run it after a change of the sites: python tools/sites_figure.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from psqlm.analysis import drawing

TARGET = Path(__file__).resolve().parents[1] / "docs" / "sites.svg"

WIDTH, HEIGHT = 1.42, 0.46
STREAM = 1.2  # where the residual stream runs down

COLOURS = {
    "value": "#ffffff",
    "map": "#cfe3f7",
    "norm": "#fdf1c4",
    "bend": "#fbd9c0",
}
MEANINGS = {
    "map": "a linear map ends here",
    "norm": "a norm",
    "bend": "a softmax or an activation",
    "value": "anything else",
}


@dataclass(frozen=True)
class Box:
    """A site: its place, what makes it, and whether every family has it."""

    site: str
    x: float
    y: float
    kind: str = "value"
    always: bool = True


BOXES = [
    Box("embed", STREAM, 9.4, "map"),
    Box("pos_embed", 3.4, 9.4, "map", always=False),
    Box("resid_pre", STREAM, 7.9),
    Box("ln1", 3.4, 7.2, "norm", always=False),
    Box("q", 5.2, 7.9, "map"),
    Box("k", 5.2, 7.2, "map"),
    Box("v", 5.2, 6.5, "map"),
    Box("rot_q", 7.0, 7.9, always=False),
    Box("rot_k", 7.0, 7.2, always=False),
    Box("attn_scores", 8.8, 7.55),
    Box("pattern", 10.6, 7.55, "bend"),
    Box("z", 10.6, 6.5),
    Box("ln1_post", 10.6, 5.6, "norm", always=False),
    Box("attn_out", 8.8, 5.6, "map"),
    Box("resid_mid", STREAM, 4.9, always=False),
    Box("ln2", 3.4, 4.2, "norm", always=False),
    Box("mlp_pre", 5.2, 4.2, "map"),
    Box("mlp_pre_linear", 5.2, 3.5, "map", always=False),
    Box("mlp_post", 7.4, 3.85, "bend"),
    Box("ln2_post", 7.4, 2.8, "norm", always=False),
    Box("mlp_out", 5.2, 2.8, "map"),
    Box("resid_post", STREAM, 2.1),
    Box("ln_final", STREAM, 0.8, "norm"),
    Box("logits", 3.4, 0.8, "map"),
]
PLACE = {box.site: (box.x, box.y) for box in BOXES}
ATTENTION_SUM, MLP_SUM, EMBEDDING_SUM = 5.6, 2.8, 8.75

# from one site to the next, by the sides of the boxes
ARROWS = [
    ("ln1", "q"),
    ("ln1", "k"),
    ("ln1", "v"),
    ("q", "rot_q"),
    ("k", "rot_k"),
    ("rot_q", "attn_scores"),
    ("rot_k", "attn_scores"),
    ("attn_scores", "pattern"),
    ("pattern", "z"),
    ("v", "z"),
    ("z", "ln1_post"),
    ("ln1_post", "attn_out"),
    ("ln2", "mlp_pre"),
    ("ln2", "mlp_pre_linear"),
    ("mlp_pre", "mlp_post"),
    ("mlp_pre_linear", "mlp_post"),
    ("mlp_post", "ln2_post"),
    ("ln2_post", "mlp_out"),
    ("ln_final", "logits"),
]


def main(target: Path) -> None:
    """Draw it."""
    with drawing.style():
        figure = Figure(figsize=(11.5, 9.6))
        axes = figure.subplots()
        axes.set(xlim=(0.1, 11.7), ylim=(-0.35, 9.8), aspect="equal")
        axes.axis("off")
        _rooms(axes)
        _stream(axes)
        for start, end in ARROWS:
            _arrow(axes, *_sides(PLACE[start], PLACE[end]))
        for box in BOXES:
            _box(axes, box)
        _legend(axes)
        figure.savefig(target, bbox_inches="tight", metadata={"Date": None})


def _rooms(axes: Axes) -> None:
    """The layer, and the two sub-blocks in it."""
    for (x, y), width, height, label, colour in (
        ((0.3, 1.6), 11.3, 6.95, "a layer, n_layer times", "#f6f6f6"),
        ((2.5, 5.0), 9.0, 3.45, "attention", "#ececec"),
        ((2.5, 2.4), 9.0, 2.3, "MLP", "#ececec"),
    ):
        axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="#bbbbbb"))
        axes.text(x + width - 0.12, y + 0.1, label, ha="right", color=drawing.GREY_TEXT)


def _stream(axes: Axes) -> None:
    """The residual stream and its sums, and the ways to and from the sub-blocks."""
    sums = (EMBEDDING_SUM, ATTENTION_SUM, MLP_SUM)
    stops = [9.4, sums[0], 7.9, sums[1], 4.9, sums[2], 2.1, 0.8]
    for upper, lower in pairwise(stops):
        _arrow(
            axes,
            (STREAM, upper - (0.16 if upper in sums else HEIGHT / 2)),
            (STREAM, lower + (0.16 if lower in sums else HEIGHT / 2)),
            width=2.4,
        )
    for y in sums:
        axes.add_patch(Circle((STREAM, y), 0.16, facecolor="white", edgecolor="black", zorder=3))
        axes.text(STREAM, y, "+", ha="center", va="center", zorder=4)
    axes.plot([3.4, 3.4], [9.4 - HEIGHT / 2, sums[0]], color="black", linewidth=1)
    _arrow(axes, (3.4, sums[0]), (STREAM + 0.16, sums[0]))
    _arrow(axes, (8.8 - WIDTH / 2, sums[1]), (STREAM + 0.16, sums[1]))
    _arrow(axes, (5.2 - WIDTH / 2, sums[2]), (STREAM + 0.16, sums[2]))
    # what the sub-blocks read
    for y, norm in ((7.9, 7.2), (4.9, 4.2)):
        axes.plot([STREAM + WIDTH / 2, 3.4], [y, y], color="black", linewidth=1)
        _arrow(axes, (3.4, y), (3.4, norm + HEIGHT / 2))
    grey = drawing.GREY
    axes.plot([2.2, 2.2], [7.9, 4.2], color=grey, linestyle="--", linewidth=1)
    _arrow(axes, (2.2, 4.2), (3.4 - WIDTH / 2, 4.2), colour=grey)
    axes.text(2.65, 6.3, "where blocks\nare parallel", size=9, color=grey, va="center")
    axes.text(10.7, 6.05, "W_O", size=9, va="center")
    axes.text(7.5, 3.3, "W_out", size=9, va="center")


def _sides(
    start: tuple[float, float], end: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow leaves one box and meets the next."""
    if start[0] == end[0]:
        down = -HEIGHT / 2 if end[1] < start[1] else HEIGHT / 2
        return (start[0], start[1] + down), (end[0], end[1] - down)
    right = WIDTH / 2 if end[0] > start[0] else -WIDTH / 2
    return (start[0] + right, start[1]), (end[0] - right, end[1])


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float = 1,
    colour: str = "black",
) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": width,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _box(axes: Axes, box: Box) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (box.x - WIDTH / 2 + 0.06, box.y - HEIGHT / 2 + 0.06),
            WIDTH - 0.12,
            HEIGHT - 0.12,
            boxstyle="round,pad=0.06",
            facecolor=COLOURS[box.kind],
            edgecolor="black",
            linestyle="-" if box.always else "--",
            zorder=3,
        )
    )
    size = 8.5 if len(box.site) > 12 else 10
    axes.text(
        box.x, box.y, box.site, ha="center", va="center", family="monospace", size=size, zorder=4
    )


def _legend(axes: Axes) -> None:
    x = 5.2
    for i, (kind, meaning) in enumerate(MEANINGS.items()):
        y = 1.1 - 0.4 * i
        axes.add_patch(
            Rectangle((x, y - 0.12), 0.4, 0.24, facecolor=COLOURS[kind], edgecolor="black")
        )
        axes.text(x + 0.55, y, meaning, va="center", size=9)
    axes.add_patch(
        Rectangle((8.4, 0.98), 0.4, 0.24, facecolor="white", edgecolor="black", linestyle="--")
    )
    axes.text(8.95, 1.1, "in some families only", va="center", size=9)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
