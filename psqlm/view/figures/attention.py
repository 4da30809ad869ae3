"""Attention: who attends to whom, head by head."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from psqlm.view.answer import Answer
from psqlm.view.style import MONO, SEQUENTIAL, bar_of_colours, new_figure, shown

Array = npt.NDArray[np.float32]

MOST_TICKS = 24
"""Beyond, the axes name only some tokens."""


def attention_matrix(answer: Answer, head: int) -> Array:
    """The pattern of a head, [query, key]: 0 where a query does not see a key."""
    values = answer.rows.loc[answer.rows["head"] == head, "value"].tolist()
    matrix = np.zeros((len(values), len(values)), dtype=np.float32)
    for query, value in enumerate(values):
        matrix[query, : len(value)] = value
    return matrix


def attention_figure(weights: Array, tokens: list[str], title: str = "") -> go.Figure:
    """A head's pattern: queries from top to bottom, keys from left to right."""
    n = len(tokens)
    unseen = np.triu(np.ones((n, n), dtype=bool), 1)
    names = [f"{shown(token)} {position}" for position, token in enumerate(tokens)]
    heatmap = go.Heatmap(
        z=np.where(unseen, np.float32(np.nan), weights),
        x=names,
        y=names,
        # steps by the root, so that a tenth of the attention is seen
        colorscale=[[share**2, colour] for share, colour in SEQUENTIAL],
        zmin=0,
        zmax=1,
        hoverongaps=False,
        hovertemplate="<b>%{y}</b><br>attends to<br><b>%{x}</b><br>%{z:.4f}<extra></extra>",
        colorbar=bar_of_colours("attention"),
    )  # fmt: skip
    figure = new_figure(title, heatmap, height=520, margin_t=36, margin_b=10)
    step = -(-n // MOST_TICKS)
    axis = {
        "type": "category",
        "tickvals": names[::step],
        "tickfont": {"family": MONO, "size": 10},
        "showgrid": False,
        "constrain": "domain",
    }
    figure.update_xaxes(**axis, title_text="key: attended to", tickangle=-60)
    figure.update_yaxes(**axis, title_text="query: attends", autorange="reversed", scaleanchor="x")
    return figure
