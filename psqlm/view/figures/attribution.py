"""Direct logit attribution: bars that add up to a token's logit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from psqlm.database.frames import records
from psqlm.view.answer import Answer
from psqlm.view.picture import Picture
from psqlm.view.style import (
    BLUE,
    DIVERGING,
    GREY,
    INK,
    VERMILION,
    bar_of_colours,
    new_figure,
    shown,
)

LARGEST = 24
"""Heads and MLPs that have a bar of their own, where each has one."""
BY = ("layer", "head and MLP", "map")


def attribution_pictures(answer: Answer, token: str) -> Iterator[Picture]:
    """The pictures of one token, by what its parts are."""
    for by in BY:
        yield Picture((shown_choice(token), by), attribution_figure(answer.rows, token, by), answer)


def shown_choice(token: str) -> str:
    """A token as a choice."""
    return f"“{shown(token)}”"


def attribution_figure(rows: pd.DataFrame, token: str, by: str = "layer") -> go.Figure:
    """Bars by layer, or by head and MLP; or a map of all heads and MLPs.

    Args:
        rows: those of lm.logit_attribution.
        token: the token, as text.
        by: one of BY.
    """
    if by == "map":
        return _map(rows, token)
    parts = _by_layer(rows) if by == "layer" else _by_part(rows)
    logit = float(rows["attribution"].sum())
    bars = go.Waterfall(
        x=[*parts.index, f"logit of {shown(token)}"],
        y=[*parts.tolist(), logit],
        measure=["relative"] * len(parts) + ["total"],
        increasing={"marker": {"color": VERMILION}},
        decreasing={"marker": {"color": BLUE}},
        totals={"marker": {"color": INK}},
        connector={"line": {"color": GREY, "width": 0.5}},
        hovertemplate="%{x}<br>%{delta:+.3f}, so far %{final:.3f}<extra></extra>",
    )
    figure = new_figure("", bars, height=420, showlegend=False, margin_t=16)
    figure.update_xaxes(tickangle=-45, showgrid=False, tickfont={"size": 11})
    figure.update_yaxes(title_text="logit, part by part", zeroline=True, zerolinecolor=GREY)
    return figure


def _by_layer(rows: pd.DataFrame) -> pd.Series:
    """Attention and MLP of each layer, and what belongs to none, in the order of computation."""
    return _named(rows, [_layer_name(row["site"], row["layer"]) for row in records(rows)])


def _by_part(rows: pd.DataFrame) -> pd.Series:
    """The parts that add or take most, the largest first, and the rest in one."""
    parts = _named(
        rows, [_part_name(row["site"], row["layer"], row["head"]) for row in records(rows)]
    )
    order = parts.abs().sort_values(ascending=False, kind="stable").index
    rest = order[LARGEST:]
    largest: pd.Series = parts[order[:LARGEST]]
    if len(rest):
        largest[f"{len(rest)} others"] = parts[rest].sum()
    return largest


def _named(rows: pd.DataFrame, names: list[str]) -> pd.Series:
    parts: pd.Series = rows["attribution"].groupby(names, sort=False).sum()
    return parts


def _layer_name(site: str, layer: int) -> str:
    names = {
        "embed": "token",
        "pos_embed": "position",
        "attn_out": f"attention {layer}",
        "mlp_out": f"MLP {layer}",
        "ln_final": "bias of ln_final",
        "logits": "bias of logits",
        "resid_post": "interventions",
    }
    return names[site]


def _part_name(site: str, layer: int, head: int) -> str:
    if site == "attn_out":
        return f"head {layer}.{head}" if head >= 0 else f"b_O {layer}"
    return _layer_name(site, layer)


def _map(rows: pd.DataFrame, token: str) -> go.Figure:
    """A cell for each head, for what attention adds without them (b_O), and for each MLP."""
    inner = rows[rows["site"].isin(["attn_out", "mlp_out"])]
    n_head = int(inner["head"].max()) + 1
    column = np.where(inner["site"] == "mlp_out", n_head + 1, inner["head"])
    column = np.where((inner["site"] == "attn_out") & (inner["head"] == -1), n_head, column)
    grid = np.zeros((int(inner["layer"].max()) + 1, n_head + 2), dtype=np.float32)
    grid[inner["layer"], column] = inner["attribution"]
    names = [*(f"head {head}" for head in range(n_head)), "b_O", "MLP"]
    most = float(np.abs(grid).max()) or 1.0
    heatmap = go.Heatmap(
        z=grid,
        x=names,
        y=list(range(len(grid))),
        colorscale=DIVERGING,
        zmin=-most,
        zmax=most,
        xgap=1,
        ygap=1,
        texttemplate="%{z:.1f}",
        hovertemplate="layer %{y}, %{x}<br>%{z:+.4f}<extra></extra>",
        colorbar=bar_of_colours(f"added to the logit of {shown(token)}"),
    )
    figure = new_figure("", heatmap, height=110 + 30 * len(grid), margin_t=16)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(title_text="layer", dtick=1, showgrid=False)
    return figure
