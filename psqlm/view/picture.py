"""A picture: a figure, and the answer that it draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psqlm.view.answer import Answer

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Picture:
    """One picture of several that a reader chooses from.

    Attributes:
        choice: by what it is chosen, a word for each of the view's choosers.
        figure: the drawing.
        answer: the statement whose rows it draws.
        table: these rows, as they are put beside it; those of the answer by default.
        width: how many pixels it needs; 0 where it fits any width.
    """

    choice: tuple[str, ...]
    figure: go.Figure
    answer: Answer
    table: pd.DataFrame | None = None
    width: int = 0
