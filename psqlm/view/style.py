"""The look that all figures share: calm colours that every kind of colour vision tells apart."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

INK, GREY, RULE, PAPER = "#1f2328", "#6b7280", "#e5e7eb", "#ffffff"
# Okabe and Ito
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Colours = list[tuple[float, str]]

SEQUENTIAL: Colours = [
    (0.0, "#ffffff"),
    (0.25, "#deebf5"),
    (0.5, "#b0d0e8"),
    (0.75, "#78b2db"),
    (1.0, "#3d93cb"),
]
"""From nothing to much: lighter is less, in print too, and dark ink is legible on all of it."""
WARM: Colours = [(0.0, "#ffffff"), (1.0, "#eba069")]
"""The same for what is told apart from it."""
DIVERGING: Colours = [
    (0.0, "#0072B2"),
    (0.25, "#8fc1de"),
    (0.5, "#ffffff"),
    (0.75, "#f2b48a"),
    (1.0, "#D55E00"),
]
"""Blue below zero, vermilion above."""

AXIS = {
    "gridcolor": RULE,
    "linecolor": RULE,
    "tickcolor": RULE,
    "zeroline": False,
    "automargin": True,
    "title": {"font": {"size": 13, "color": GREY}},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": GREY,
            "font": {"family": MONO, "size": 12, "color": INK},
            "align": "left",
        },
        "margin": {"l": 56, "r": 16, "t": 44, "b": 48},
        "title": {
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "pad": {"l": 8},
            "font": {"size": 15},
        },
        "xaxis": AXIS,
        "yaxis": AXIS,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        "colorway": [BLUE, VERMILION, GREEN, ORANGE],
    }
)


def new_figure(title: str, traces: Any = None, **layout: Any) -> go.Figure:
    """A figure in the common look."""
    figure = go.Figure(traces)
    figure.update_layout(template=TEMPLATE, title_text=title, **layout)
    return figure


def bar_of_colours(title: str) -> dict[str, Any]:
    """The legend of a colour scale: thin, at the right."""
    return {
        "title": {"text": title, "side": "right", "font": {"size": 12, "color": GREY}},
        "thickness": 10,
        "outlinewidth": 0,
        "tickfont": {"size": 11, "color": GREY},
    }


def shown(token: str | None) -> str:
    """A token as it is written on axes: spaces and ends of lines are seen."""
    if token is None:
        return ""
    text = token.replace("\n", "⏎").replace("\t", "⇥")
    text = f"·{text[1:]}" if text.startswith(" ") else text
    return escaped(text)


def escaped(text: str) -> str:
    """Text as Plotly takes it: it reads some HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
