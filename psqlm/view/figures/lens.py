"""The logit lens as a grid: layer by position, the likeliest token in each cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from psqlm.database.frames import records
from psqlm.view.answer import Answer
from psqlm.view.picture import Picture
from psqlm.view.style import INK, MONO, SEQUENTIAL, bar_of_colours, new_figure, shown

AT_ONCE = 32
"""Positions in a grid: more cells would be too small to read, or slow."""
CELL = 62
"""Pixels of a cell's width."""


@dataclass(frozen=True)
class Colour:
    """What a cell's colour says.

    Attributes:
        title: beside the colour scale.
        reverse: whether the darkest is the lowest.
        logarithmic: whether equal ratios are equal steps.
        most: the end of the scale; None: the highest in the rows.
    """

    title: str
    reverse: bool = False
    logarithmic: bool = False
    most: float | None = None


COLOURS = {
    "probability": Colour("probability of the likeliest token", most=1.0),
    "rank": Colour("rank of the token that is predicted in the end", True, True),
    "entropy": Colour("entropy of the prediction, nats", reverse=True),
    "divergence": Colour("divergence from the final prediction, nats"),
}


def lens_pictures(answer: Answer, tokens: list[str]) -> Iterator[Picture]:
    """Grids of a run: by colour, and by stretch of the text."""
    table = _table(answer.rows, tokens)
    first, end = int(answer.rows["position"].min()), len(tokens)
    for colour in COLOURS:
        for start in range(first, end, AT_ONCE):
            stop = min(start + AT_ONCE, end)
            yield Picture(
                (colour, f"{start}–{stop - 1}"),
                lens_figure(answer.rows, tokens, colour, range(start, stop)),
                answer,
                table,
                width=CELL * (stop - start) + 150,
            )


def lens_figure(rows: pd.DataFrame, tokens: list[str], colour: str, positions: range) -> go.Figure:
    """The grid of some positions.

    Args:
        rows: those of lm.lens_grid.
        tokens: the tokens of the run.
        colour: one of COLOURS.
        positions: which ones, one after another.
    """
    look = COLOURS[colour]
    values = _values(rows, colour)
    scale = np.log10(values) if look.logarithmic else values
    most = look.most if look.most is not None else float(max(scale.max(), 1e-9))
    part = rows.assign(scale=scale, value=values)
    part = part[rows["position"].isin(positions)].sort_values(["layer", "position"])
    shape = (part["layer"].nunique(), len(positions))
    hovers = np.array([_hover(row, tokens) for row in records(part)], dtype=object)
    bar = bar_of_colours(look.title)
    if look.logarithmic:
        ticks = range(int(np.ceil(most)) + 1)
        bar |= {"tickvals": list(ticks), "ticktext": [f"{10**tick:,}" for tick in ticks]}
    heatmap = go.Heatmap(
        z=part["scale"].to_numpy(np.float32).reshape(shape),
        x=list(positions),
        y=sorted(set(part["layer"].tolist())),
        text=np.array([shown(each[0])[:9] for each in part["tokens"]], dtype=object).reshape(shape),
        texttemplate="%{text}",
        textfont={"family": MONO, "size": 11, "color": INK},
        customdata=hovers.reshape(shape),
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=SEQUENTIAL,
        reversescale=look.reverse,
        zmin=0,
        zmax=most,
        xgap=1,
        ygap=1,
        colorbar=bar,
    )  # fmt: skip
    figure = new_figure("", heatmap, height=96 + 30 * shape[0], margin_t=16)
    figure.update_xaxes(
        tickvals=list(positions),
        ticktext=[f"{shown(tokens[p])}<br>{p}" for p in positions],
        tickfont={"family": MONO, "size": 11},
        tickangle=0 if len(positions) <= AT_ONCE else None,
        showgrid=False,
        fixedrange=True,
    )
    figure.update_yaxes(title_text="layer", dtick=1, showgrid=False, fixedrange=True)
    return figure


def _values(rows: pd.DataFrame, colour: str) -> Any:
    if colour == "probability":
        return np.array([each[0] for each in rows["probabilities"]])
    column = {"rank": "final_rank", "entropy": "entropy", "divergence": "kl_to_final"}[colour]
    return rows[column].to_numpy(float)


def _hover(row: dict[str, Any], tokens: list[str]) -> str:
    likeliest = "<br>".join(
        f"{probability:7.4f}  {shown(token)}"
        for token, probability in zip(row["tokens"], row["probabilities"], strict=True)
    )
    return (
        f"<b>layer {row['layer']}, after {row['position']} {shown(tokens[row['position']])}</b><br>"
        f"{likeliest}<br>rank of the final token {row['final_rank']:,}<br>"
        f"entropy {row['entropy']:.3f} · divergence {row['kl_to_final']:.3f}"
    )


def _table(rows: pd.DataFrame, tokens: list[str]) -> pd.DataFrame:
    table: pd.DataFrame = pd.DataFrame(
        {
            "layer": rows["layer"],
            "position": rows["position"],
            "after": [tokens[position] for position in rows["position"]],
            "likeliest": [each[0] for each in rows["tokens"]],
            "probability": [each[0] for each in rows["probabilities"]],
            "final_rank": rows["final_rank"],
            "entropy": rows["entropy"],
            "kl_to_final": rows["kl_to_final"],
        }
    )
    return table
