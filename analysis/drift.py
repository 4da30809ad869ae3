"""Drift along the text: a log norm that grows or falls with position predicts the next one.

Lags pick up such a drift, so R² may be large although no token follows from another. Each layer's
regression is therefore fitted once more, with position beside the lags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .fitting import Question, fit_each
from .regression import Fit

STRONG = 0.8
"""A correlation with position from which on R² is mostly drift."""


@dataclass(frozen=True)
class Drift:
    """How the log norms of a layer drift along the text.

    Attributes:
        layer: from 0.
        correlation: of the log norm with position. NaN if it is not defined.
        durbin_watson: of the residuals within runs: 2 if they are not correlated, below 2
            if neighbours are alike.
        controlled: the same regression with position controlled for.
    """

    layer: int
    correlation: float
    durbin_watson: float
    controlled: Fit


def measure_drift(rows: pd.DataFrame, question: Question, fits: Sequence[Fit]) -> list[Drift]:
    """Look for drift in each layer.

    Args:
        rows: what was fitted.
        question: what was asked.
        fits: the answers.
    """
    formula = question.formula
    if not re.search(r"\bposition\b", formula):
        formula = f"{formula} + position"
    again = fit_each(rows, [fit.layer for fit in fits], formula, question.covariance)
    return [
        Drift(fit.layer, _correlation(rows, fit), _durbin_watson(rows, fit), controlled)
        for fit, controlled in zip(fits, again, strict=True)
    ]


def _correlation(rows: pd.DataFrame, fit: Fit) -> float:
    part = rows.loc[rows["layer"] == fit.layer, ["log_norm", "position"]].dropna().astype(float)
    if len(part) < 2 or (part.std() == 0).any():
        return np.nan
    return float(np.corrcoef(part["log_norm"], part["position"])[0, 1])


def _durbin_watson(rows: pd.DataFrame, fit: Fit) -> float:
    """Squared differences of neighbouring residuals, divided by the sum of their squares."""
    if fit.ols is None:
        return np.nan
    place = rows.loc[fit.ols.resid.index, ["run_id", "position"]].assign(residual=fit.ols.resid)
    step = place.sort_values(["run_id", "position"]).diff()
    neighbours = step[(step["run_id"] == 0) & (step["position"] == 1)]
    total = float((place["residual"] ** 2).sum())
    return float((neighbours["residual"] ** 2).sum()) / total if total else np.nan
