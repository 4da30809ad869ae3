"""A text, each token coloured by a number: what flows in lines on the page, as one figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from psqlm.view.style import MONO, SEQUENTIAL, bar_of_colours, new_figure, shown

LINE = 88
"""Characters of a line."""


def text_figure(
    tokens: Sequence[str],
    values: Sequence[float],
    title: str,
    hover: Sequence[str] | None = None,
) -> go.Figure:
    """Tokens in lines, as wide as their text.

    Args:
        tokens: the tokens.
        values: a number for each; NaN: no colour.
        title: what the numbers are.
        hover: what is said of each token; None: its number.
    """
    starts, lines, widths = [], [], []
    column = line = 0
    for token in tokens:
        width = max(len(token), 1)
        if column and column + width > LINE:
            column, line = 0, line + 1
        starts.append(column)
        lines.append(line)
        widths.append(width)
        column += width
    numbers = np.array(values, dtype=float)
    bars = go.Bar(
        orientation="h",
        base=starts,
        x=widths,
        y=lines,
        width=0.86,
        text=[shown(token) for token in tokens],
        textposition="inside",
        insidetextanchor="start",
        textangle=0,
        constraintext="none",
        textfont={"family": MONO, "size": 13, "color": "#1f2328"},
        marker={
            "color": np.where(np.isfinite(numbers), numbers, np.nanmin(numbers)),
            "colorscale": SEQUENTIAL,
            "colorbar": bar_of_colours(title),
            "line": {"width": 0},
        },
        customdata=list(hover) if hover else [f"{number:.4g}" for number in numbers],
        hovertemplate="%{text}<br>%{customdata}<extra></extra>",
    )
    figure = new_figure("", bars, height=60 + 28 * (line + 1), margin_t=10, margin_b=10, width=960)
    figure.update_xaxes(visible=False, range=[0, LINE])
    figure.update_yaxes(visible=False, autorange="reversed")
    return figure
