"""The lag regression: its slopes by layer, and the log norms that it explains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from psqlm.view.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    bar_of_colours,
    escaped,
    new_figure,
    shown,
)

SIGNIFICANT = 0.05
LOOKS = (
    ((BLUE, "circle", "solid"), (VERMILION, "square", "dash")),
    (
        (GREEN, "triangle-up", "solid"),
        (ORANGE, "diamond", "dash"),
    ),
)
"""Colour, sign and line of lag 1 and lag 2, of the first run and of the second."""


def slopes_figure(rows: pd.DataFrame) -> go.Figure:
    """Slopes with two standard errors about them; empty signs where p is not below .05.

    Args:
        rows: those of lm.lag_ols, with run_id, model and depth. Several models are drawn by
            relative depth.
    """
    runs = list(rows.groupby("run_id", sort=False))
    figure = new_figure("", height=400, margin_t=40)
    for number, ((_, part), looks) in enumerate(zip(runs, LOOKS, strict=False)):
        for lag, (colour, symbol, dash) in zip((1, 2), looks, strict=True):
            p = part[f"p_lag{lag}"].to_numpy(float)
            # beside one another, so that no bar hides another
            shift = (0.05 if len(runs) == 1 else 0.006) * (2 * (number * 2 + lag) - 3)
            model = escaped(part["model"].iloc[0])
            name = f"lag {lag}" if len(runs) == 1 else f"{model}, lag {lag}"
            figure.add_scatter(
                x=(part["layer"] if len(runs) == 1 else part["depth"]) + shift,
                y=part[f"beta_lag{lag}"],
                error_y={
                    "array": 2 * part[f"se_lag{lag}"],
                    "color": colour,
                    "thickness": 1,
                    "width": 3,
                },
                name=name,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 1.5},
                marker={
                    "symbol": [symbol if each < SIGNIFICANT else f"{symbol}-open" for each in p],
                    "color": colour,
                    "size": 9,
                },
                customdata=np.stack([part["layer"], p, part["r_squared"]], axis=-1),
                hovertemplate=f"{name}, layer %{{customdata[0]:.0f}}<br>slope %{{y:.4f}}, "
                "p %{customdata[1]:.2g}<br>R² %{customdata[2]:.3f}<extra></extra>",
            )
    figure.add_hline(y=0, line_color=GREY, line_width=1)
    figure.update_xaxes(
        title_text="layer" if len(runs) == 1 else "relative depth: 0 first layer, 1 last",
        dtick=1 if len(runs) == 1 else None,
    )
    figure.update_yaxes(title_text="slope")
    return figure


def log_norms_figure(rows: pd.DataFrame) -> go.Figure:
    """Log norms of the attention adjustments, layer by layer, each token a point.

    Args:
        rows: layer, position, token, log_norm.
    """
    spread = 0.6 * (np.random.default_rng(0).random(len(rows)) - 0.5)  # so that points are seen
    points = go.Scattergl if len(rows) > 20_000 else go.Scatter
    trace = points(
        x=rows["layer"] + spread,
        y=rows["log_norm"],
        mode="markers",
        marker={
            "size": 5,
            "opacity": 0.7,
            "color": rows["position"],
            "colorscale": "Cividis",
            "colorbar": bar_of_colours("position"),
        },
        customdata=np.stack(
            [rows["layer"], rows["position"], [shown(token) for token in rows["token"]]], axis=-1
        ),
        hovertemplate="layer %{customdata[0]}, %{customdata[1]} %{customdata[2]}<br>"
        "log norm %{y:.4f}<extra></extra>",
    )
    medians = rows.groupby("layer")["log_norm"].median()
    figure = new_figure("", trace, height=400, margin_t=16, showlegend=False)
    figure.add_scatter(
        x=medians.index,
        y=medians,
        mode="markers",
        marker={"symbol": "line-ew", "size": 26, "line": {"width": 2, "color": INK}},
        hovertemplate="layer %{x}, median %{y:.4f}<extra></extra>",
    )
    figure.update_xaxes(title_text="layer", dtick=1, showgrid=False)
    figure.update_yaxes(title_text="log norm of the adjustment")
    return figure
