"""What changes change: patching sweeps, and one run beside another. Maps about zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from psqlm.view.style import (
    BLUE,
    DIVERGING,
    GREY,
    MONO,
    VERMILION,
    bar_of_colours,
    new_figure,
    shown,
)

MOST_NUMBERS = 16
"""Columns of a map whose cells have room for their numbers."""


def sweep_figure(rows: pd.DataFrame, title: str = "") -> go.Figure:
    """A patching sweep: layer by position, or layer by head.

    Args:
        rows: layer, head, position, token, logit_difference, recovered.
        title: above it.
    """
    by_head = bool((rows["head"] >= 0).all())
    column = "head" if by_head else "position"
    names = (
        [f"head {head}" for head in sorted(set(rows["head"]))]
        if by_head
        else [f"{shown(token)}<br>{p}" for p, token in _tokens(rows, "token").items()]
    )
    figure = _map(rows, column, "recovered", names, "share of the answer that comes back", title)
    figure.update_traces(
        customdata=rows.pivot(index="layer", columns=column, values="logit_difference"),
        hovertemplate="layer %{y}, %{x}<br>recovered %{z:.4f}<br>"
        "logit difference %{customdata:.4f}<extra></extra>",
        texttemplate="%{z:.2f}" if len(names) <= MOST_NUMBERS else None,
        zmin=-1,
        zmax=1,
    )
    return figure


def norm_difference_figure(rows: pd.DataFrame, title: str = "") -> go.Figure:
    """Where attention adds more in one run than in the other: layer by position."""
    names = _pairs(rows)
    return _map(rows, "position", "difference", names, "log norm, one less the other", title)


def surprise_difference_figure(rows: pd.DataFrame, title: str = "") -> go.Figure:
    """Token by token, how much more the one run is surprised than the other."""
    difference = rows["difference"].to_numpy(np.float32)
    bars = go.Bar(
        x=rows["position"],
        y=difference,
        marker_color=np.where(difference > 0, VERMILION, BLUE),
        customdata=rows[["surprise", "other_surprise"]].to_numpy(np.float32),
        text=_pairs(rows, " "),
        textposition="none",
        hovertemplate="%{text}<br>%{customdata[0]:.3f} − %{customdata[1]:.3f} = %{y:+.3f} nats"
        "<extra></extra>",
    )
    figure = new_figure(title, bars, height=340)
    figure.update_xaxes(**_ticks(rows["position"].tolist(), _pairs(rows)), showgrid=False)
    figure.update_yaxes(title_text="more surprise, nats", zeroline=True, zerolinecolor=GREY)
    return figure


def _map(
    rows: pd.DataFrame, column: str, value: str, names: list[str], scale: str, title: str
) -> go.Figure:
    grid = rows.pivot(index="layer", columns=column, values=value)
    most = float(np.nanmax(np.abs(grid.to_numpy(float)), initial=0)) or 1.0
    heatmap = go.Heatmap(
        z=grid.to_numpy(np.float32),
        x=grid.columns.tolist(),
        y=grid.index.tolist(),
        colorscale=DIVERGING,
        zmin=-most,
        zmax=most,
        xgap=1,
        ygap=1,
        hovertemplate="layer %{y}, %{x}<br>%{z:+.4f}<extra></extra>",
        colorbar=bar_of_colours(scale),
    )
    figure = new_figure(title, heatmap, height=130 + 26 * len(grid))
    figure.update_xaxes(**_ticks(grid.columns.tolist(), names), showgrid=False)
    figure.update_yaxes(title_text="layer", dtick=1, showgrid=False)
    return figure


def _tokens(rows: pd.DataFrame, column: str) -> dict[int, str]:
    first = rows.drop_duplicates("position").sort_values("position")
    return dict(zip(first["position"].tolist(), first[column].tolist(), strict=True))


def _pairs(rows: pd.DataFrame, end: str = "<br>") -> list[str]:
    """The tokens by position, both where they differ."""
    others = _tokens(rows, "other_token")
    return [
        f"{shown(token)}{'' if token == others[p] else f' | {shown(others[p])}'}{end}{p}"
        for p, token in _tokens(rows, "token").items()
    ]


def _ticks(places: list[int], names: list[str]) -> dict[str, object]:
    step = -(-len(places) // 40)
    slants = len(places) > 16
    return {
        "tickvals": places[::step],
        "ticktext": [name.replace("<br>", " ") if slants else name for name in names[::step]],
        "tickfont": {"family": MONO, "size": 11},
        "tickangle": -60 if slants else 0,
    }
