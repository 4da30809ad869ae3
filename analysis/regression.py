"""The article's regression per layer: log norm at t on those at t − 1 and t − 2."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from psqlm.errors import PsqlmError

TERMS = ["const", "lag_1", "lag_2"]
FEWEST_ROWS = len(TERMS) + 1
"""One more row than coefficients: without a degree of freedom there is no p-value."""
ALPHA = 0.05

COLUMNS = [
    "layer",
    "n",
    "intercept",
    "beta_lag1",
    "beta_lag2",
    "p_intercept",
    "p_lag1",
    "p_lag2",
    "r_squared",
    "adj_r_squared",
]
"""Of coefficients.csv."""


@dataclass(frozen=True)
class Fit:
    """One layer's regression, or why there is none.

    Attributes:
        layer: from 0.
        n: rows that were fitted, or could have been.
        n_left_out: rows without a logarithm, because a norm is 0.
        ols: statsmodels' results; None where the regression is impossible.
        impossible: the reason for that.
    """

    layer: int
    n: int
    n_left_out: int
    ols: Any = None
    impossible: str | None = None

    def coefficients(self) -> dict[str, float | int]:
        """The layer's row of coefficients.csv; NaN where there is no regression."""
        ols = self.ols
        blank = dict.fromkeys(TERMS, np.nan)
        slopes, p = (blank, blank) if ols is None else (ols.params, ols.pvalues)
        values = [
            self.layer,
            self.n,
            *(slopes[term] for term in TERMS),
            *(p[term] for term in TERMS),
            np.nan if ols is None else ols.rsquared,
            np.nan if ols is None else ols.rsquared_adj,
        ]
        return dict(zip(COLUMNS, values, strict=True))

    def summary(self) -> str:
        """The full summary of the regression, or the reason why there is none."""
        if self.ols is None:
            return f"no regression: {self.impossible}"
        with warnings.catch_warnings():
            # it says in the summary itself what few rows do to its tests of normality
            warnings.simplefilter("ignore")
            return str(self.ols.summary())


def fit_layers(design: pd.DataFrame, n_layer: int) -> list[Fit]:
    """Fit every layer.

    Args:
        design: rows of lm.lag_design of one run, or of several.
        n_layer: layers of the model; those without rows are in the answer too.

    Raises:
        PsqlmError: statsmodels and NumPy disagree on a slope.
    """
    return [fit_layer(design[design["layer"] == layer], layer) for layer in range(n_layer)]


def fit_layer(rows: pd.DataFrame, layer: int) -> Fit:
    """Fit log_norm ~ 1 + lag_1 + lag_2, [n, 3], over the rows that have all three."""
    complete = rows[["log_norm", "lag_1", "lag_2"]].dropna()
    n, n_left_out = len(complete), len(rows) - len(complete)
    if n < FEWEST_ROWS:
        return Fit(layer, n, n_left_out, impossible=_too_few(n, n_left_out))
    x = sm.add_constant(complete[["lag_1", "lag_2"]], has_constant="add")
    if np.linalg.matrix_rank(x.to_numpy()) < len(TERMS):
        reason = "the norms are constant, or one lag determines the other: no single solution"
        return Fit(layer, n, n_left_out, impossible=reason)
    ols = sm.OLS(complete["log_norm"], x).fit()
    check_slopes(ols, layer)
    return Fit(layer, n, n_left_out, ols=ols)


def check_slopes(ols: Any, layer: int) -> None:
    """Compare statsmodels' solution with that of NumPy's least squares.

    Raises:
        PsqlmError: they differ by more than 1e-9 of the largest coefficient.
    """
    expected = np.linalg.lstsq(ols.model.exog, ols.model.endog, rcond=None)[0]
    difference = float(np.max(np.abs(ols.params.to_numpy() - expected)))
    if not difference <= 1e-9 * max(1.0, float(np.max(np.abs(expected)))):
        raise PsqlmError(
            f"layer {layer}: statsmodels and NumPy differ by {difference:.1e} in a coefficient: "
            "the design is too ill-conditioned to trust either; try a longer prompt"
        )


def coefficients(fits: list[Fit]) -> pd.DataFrame:
    """The rows of coefficients.csv, one per layer."""
    table: pd.DataFrame = pd.DataFrame([fit.coefficients() for fit in fits], columns=COLUMNS)
    return table


def adjusted_for_layers(p: list[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given."""
    return [float(q) for q in multipletests(p, method="fdr_bh")[1]]


def _too_few(n: int, n_left_out: int) -> str:
    rows = "1 row" if n == 1 else f"{n} rows"
    left_out = f" ({n_left_out} left out: a norm of 0 has no logarithm)" if n_left_out else ""
    return f"{rows} to fit{left_out}, {FEWEST_ROWS} are needed: a prompt of 7 tokens or more"
