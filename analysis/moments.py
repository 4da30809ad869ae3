"""Regressions from sums of products, whichever engine added them up: lm.ols makes the coefficients.

Moments are frames with a row for each regression: its number of rows n, the means of the variables
(mean_a), and the sums of products about them (s_a_b, in either order).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import psycopg
from scipy import stats

from psqlm.errors import PsqlmError, said_by_server

from .comparison import Comparison, Series, collect
from .drift import Drift
from .fitting import RECIPE
from .regression import Fit
from .terms import CONSTANT

LAGS = ["lag_1", "lag_2"]


@dataclass(frozen=True)
class Estimate:
    """A regression, by the names that statsmodels gives to its results.

    Attributes:
        n: number of rows.
        params: coefficients by term, the constant first.
        bse: their standard errors.
        tvalues: their t.
        pvalues: their two-sided p.
        rsquared: R².
        rsquared_adj: adjusted R².
    """

    n: int
    params: pd.Series[float]
    bse: pd.Series[float]
    tvalues: pd.Series[float]
    pvalues: pd.Series[float]
    rsquared: float
    rsquared_adj: float

    def conf_int(self, alpha: float) -> pd.DataFrame:
        """The ends of intervals that cover a coefficient with probability 1 − alpha."""
        reach = float(stats.t.ppf(1 - alpha / 2, self.n - len(self.params))) * self.bse
        ends: pd.DataFrame = pd.DataFrame({0: self.params - reach, 1: self.params + reach})
        return ends

    def summary(self) -> str:
        """The coefficients as a table."""
        table = pd.DataFrame(
            {"coef": self.params, "std err": self.bse, "t": self.tvalues, "P>|t|": self.pvalues}
        )
        head = f"R² {self.rsquared:.6f}, adjusted {self.rsquared_adj:.6f}"
        return f"{head}\n{table.to_string(float_format='{:.6g}'.format)}"


def fit_moments(
    connection: psycopg.Connection, moments: pd.DataFrame, y: str, x: Sequence[str]
) -> list[Estimate | str]:
    """The regression of y on a constant and x in each row of moments, or why there is none.

    Args:
        connection: to a database with lm.ols. Nothing is read from its tables.
        moments: n, mean_… and s_…_… of these variables.
        y: what is explained.
        x: what explains it.
    """
    answers: list[Estimate | str] = []
    for row in cast("list[dict[str, Any]]", moments.to_dict("records")):
        n, needed = int(row["n"]), len(x) + 1
        if n <= needed:  # without degrees of freedom there is no p-value
            answers.append(
                f"{n} row{'' if n == 1 else 's'} for {needed} coefficients; take more tokens"
            )
            continue
        names = [*x, y]
        mean = [float(row[f"mean_{name}"]) for name in names]
        scatter = [[_product(row, a, b) for b in names] for a in names]
        try:
            with connection.transaction():
                terms = connection.execute(
                    "SELECT o.coefficient, o.standard_error, o.t, o.p, o.r_squared, o.adj_r_squared"
                    " FROM lm.ols(ARRAY[ROW('', %s, %s::float8[], %s::float8[])::lm.moments]) AS o"
                    " ORDER BY o.term",
                    (n, mean, scatter),
                ).fetchall()
        except psycopg.errors.InvalidParameterValue as error:
            said = str(said_by_server(error))
            answers.append(said.removeprefix('group "" cannot be fitted: '))
            continue
        columns = [
            pd.Series(column, index=[CONSTANT, *x], dtype=float)
            for column in zip(*(term[:4] for term in terms), strict=True)
        ]
        answers.append(Estimate(n, *columns, *terms[0][4:]))
    return answers


def compare_moments(
    connection: psycopg.Connection, moments: pd.DataFrame, texts: pd.DataFrame
) -> Comparison:
    """The article's regression of every model and capture, from what `lag_moments` answers.

    Args:
        connection: to a database with lm.ols.
        moments: rows of the statement lag_moments.
        texts: rows of the statement texts: how many there are of each model and capture.

    Raises:
        PsqlmError: there are no rows, or nothing can be fitted.
    """
    if moments.empty:
        raise PsqlmError(
            "there are no attention adjustments of texts of four tokens or more: export runs that "
            "kept attn_out"
        )
    n_texts = {(m, c): int(n) for m, c, n in texts[["model", "capture", "n_texts"]].to_numpy()}
    groups = [
        ((str(model), str(capture)), part)
        for (model, capture), part in moments.groupby(["model", "capture"])
    ]
    models = list(dict.fromkeys(model for (model, _), _ in groups))
    fitted = []
    for (model, capture), part in groups:
        alone = sum(other == model for (other, _), _ in groups) == 1
        name = model if alone else capture if len(models) == 1 else f"{model} {capture}"
        n_layer = int(moments.loc[moments["model"] == model, "layer"].max()) + 1
        fits = _fits(connection, part, LAGS)
        controlled = _fits(connection, part, [*LAGS, "position"])
        rows = cast("list[dict[str, Any]]", part.to_dict("records"))
        drift = [
            Drift(fit.layer, _correlation(row), _durbin_watson(row, fit), with_position)
            for row, fit, with_position in zip(rows, fits, controlled, strict=True)
        ]
        fitted.append(Series(name, n_layer, n_texts[model, capture], fits, drift))
    head = "model" if len(models) > 1 else "capture" if len(groups) > 1 else None
    return collect(models, fitted, RECIPE, head=head)


def _fits(connection: psycopg.Connection, part: pd.DataFrame, x: list[str]) -> list[Fit]:
    fits = []
    answers = fit_moments(connection, part, "log_norm", x)
    places = part[["layer", "n", "n_left_out"]].astype(int).to_numpy().tolist()
    for (layer, n, n_left_out), answer in zip(places, answers, strict=True):
        if isinstance(answer, str):
            fits.append(Fit(layer, n, n_left_out, impossible=answer))
        else:
            fits.append(Fit(layer, n, n_left_out, ols=answer))
    return fits


def _product(row: dict[str, Any], a: str, b: str, kind: str = "s") -> float:
    """The sum of products of two variables, which is there once."""
    name = f"{kind}_{a}_{b}"
    return float(row[name] if name in row else row[f"{kind}_{b}_{a}"])


def _correlation(row: dict[str, Any]) -> float:
    spread = _product(row, "position", "position") * _product(row, "log_norm", "log_norm")
    if int(row["n"]) < 2 or not spread > 0:
        return np.nan
    return _product(row, "position", "log_norm") / float(np.sqrt(spread))


def _durbin_watson(row: dict[str, Any], fit: Fit) -> float:
    """Σ (e_t − e_{t−1})² / Σ e_t², both quadratic forms of the coefficients."""
    if fit.ols is None:
        return np.nan
    names = [*LAGS, "log_norm"]
    a = np.array([*(-fit.ols.params[lag] for lag in LAGS), 1.0])
    step = np.array([[_product(row, i, j, "step") for j in names] for i in names])
    scatter = np.array([[_product(row, i, j) for j in names] for i in names])
    total = float(a @ scatter @ a)
    return float(np.nan_to_num(a @ step @ a)) / total if total else np.nan
