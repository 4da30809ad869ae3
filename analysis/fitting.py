"""What is regressed on what, and the fit in each layer: lags, controls, errors, formulas."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import psycopg
import statsmodels.formula.api as smf

from psqlm.errors import PsqlmError, said_by_server

from .formula import check_formula
from .regression import Fit, check_slopes
from .terms import is_lag

Covariance = Literal["nonrobust", "HC3", "cluster"]


FEWEST_CLUSTERS = 3
"""Two say nothing: the scores of all clusters add up to 0, so one of them is minus the other."""
FEW_CLUSTERS = 20
"""Below these, clustered errors come out too small even where clusters are alike (Cameron and
Miller 2015, A practitioner's guide to cluster-robust inference)."""


class ImpossibleError(PsqlmError):
    """Why rows cannot be fitted."""


def read_rows(
    connection: psycopg.Connection, run_ids: Sequence[int], lags: int = 2
) -> pd.DataFrame:
    """Read lm.lag_rows.

    Args:
        connection: to the database with the runs.
        run_ids: runs of one model.
        lags: number of tokens before each token.

    Returns:
        run_id, layer, position, token_id, log_frequency, log_norm, lag_1, … lag_`lags`: a row for
        each layer and each position from `lags` + 1 on. NaN where a norm is 0.

    Raises:
        PsqlmError: there is no such run, the runs are of several models, or lags is below 1.
    """
    try:
        with connection.transaction():
            cursor = connection.execute(
                "SELECT * FROM lm.lag_rows(%s::bigint[], %s)", (list(run_ids), lags)
            )
    except psycopg.errors.InvalidParameterValue as error:
        raise said_by_server(error) from error
    assert cursor.description is not None  # noqa: S101 (a SELECT has columns)
    rows = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    lagged = np.array(rows.pop("lag").tolist(), dtype=float).reshape(-1, lags)
    for lag in range(lags):
        rows[f"lag_{lag + 1}"] = lagged[:, lag]
    typed: pd.DataFrame = rows.astype({"log_norm": float, "log_frequency": float})
    return typed


@dataclass(frozen=True)
class Question:
    """What is regressed on what.

    Attributes:
        lags: number of lags that are columns.
        formula: a formula of statsmodels.
        covariance: how standard errors are estimated, see fit_formula.
    """

    lags: int
    formula: str
    covariance: Covariance

    @property
    def fewest_tokens(self) -> int:
        """The fewest tokens of a run: one row more than coefficients, and token 0 is left out."""
        n_terms = self.formula.count("+") + 1
        return self.lags + n_terms + 3

    def __str__(self) -> str:
        """The formula, and what is special about the errors."""
        errors = {"HC3": " · HC3 errors", "cluster": " · errors clustered by run"}
        return self.formula + errors.get(self.covariance, "")


CONTROLS = {"position": "position", "token_frequency": "log_frequency"}
"""Columns of read_rows by what they control for."""


def ask(
    lags: int | None = None,
    controls: Iterable[str] = (),
    covariance: Covariance = "nonrobust",
    formula: str | None = None,
) -> Question:
    """Make a question: log_norm on lags and controls, or a formula of your own.

    Args:
        lags: number of lags. By default 2, or as many as the formula names.
        controls: names from CONTROLS.
        covariance: as in fit_formula.
        formula: used in place of lags and controls.

    Raises:
        PsqlmError: an unknown control.
    """
    if unknown := [name for name in controls if name not in CONTROLS]:
        raise PsqlmError(f"unknown control {', '.join(unknown)}: {' or '.join(CONTROLS)}")
    if formula:
        return Question(lags or _furthest_lag(formula) or 2, formula, covariance)
    lags = 2 if lags is None else lags
    terms = [f"lag_{lag}" for lag in range(1, lags + 1)] + [CONTROLS[name] for name in controls]
    return Question(lags, f"log_norm ~ {' + '.join(terms)}", covariance)


RECIPE = ask()
"""The article's: log norm at t on those at t − 1 and t − 2."""


def fit_formula(
    rows: pd.DataFrame, formula: str | None = None, covariance: Covariance = "nonrobust"
) -> dict[int, Any]:
    """Fit a formula in every layer.

    Args:
        rows: those of read_rows, perhaps with more columns.
        formula: a formula of statsmodels, such as "log_norm ~ lag_1 + lag_2 + position". By default
            log_norm on all the lags.
        covariance: how standard errors are estimated: "nonrobust", "HC3" (if the size of errors
            varies) or "cluster" (if errors within a run are alike; warns below FEW_CLUSTERS runs).

    Returns:
        statsmodels' results by layer. Rows with a NaN do not count.

    Raises:
        PsqlmError: there are no rows, a layer has fewer rows than coefficients, its regressors
            depend on each other, or there are fewer than FEWEST_CLUSTERS runs to cluster by.
    """
    if rows.empty:
        raise PsqlmError("there are no rows to fit: a prompt needs more tokens than there are lags")
    lags = [name for name in rows.columns if is_lag(name)]
    formula = formula or f"log_norm ~ {' + '.join(lags)}"
    fits = fit_each(rows, sorted(set(rows["layer"].tolist())), formula, covariance)
    for fit in fits:
        if fit.impossible:
            raise PsqlmError(f"layer {fit.layer} cannot be fitted: {fit.impossible}")
    if covariance == "cluster" and (warning := few_clusters(rows["run_id"].nunique())):
        warnings.warn(warning, stacklevel=2)
    return {fit.layer: fit.ols for fit in fits}


def few_clusters(n_runs: int) -> str | None:
    """A warning about errors clustered by too few runs; None if there are enough."""
    if n_runs >= FEW_CLUSTERS:
        return None
    return (
        f"errors clustered by {n_runs} runs only: below {FEW_CLUSTERS} they come out too small, "
        "and stars too many (Cameron and Miller 2015); take more runs"
    )


def _furthest_lag(formula: str) -> int:
    """The largest k of a lag_k in a formula; 0 if there is none."""
    return max((int(lag) for lag in re.findall(r"\blag_(\d+)\b", formula)), default=0)


def fit_each(
    rows: pd.DataFrame, layers: Iterable[int], formula: str, covariance: Covariance
) -> list[Fit]:
    """Fit a formula in these layers. A layer that cannot be fitted says why.

    Raises:
        PsqlmError: statsmodels cannot read the formula, or it names something that is no column.
    """
    check_formula(formula, list(rows.columns))
    return [
        _fit_layer(rows[rows["layer"] == layer], formula, covariance, layer) for layer in layers
    ]


def _fit_layer(part: pd.DataFrame, formula: str, covariance: Covariance, layer: int) -> Fit:
    complete = part.dropna()
    n, n_left_out = len(complete), len(part) - len(complete)
    try:
        ols = _fit(complete, formula, covariance)
    except ImpossibleError as reason:
        left_out = f" ({n_left_out} left out: a norm of 0 has no logarithm)" if n_left_out else ""
        return Fit(layer, n, n_left_out, impossible=f"{reason}{left_out}")
    check_slopes(ols, layer)
    return Fit(layer, n, n_left_out, ols=ols)


def _fit(rows: pd.DataFrame, formula: str, covariance: Covariance) -> Any:
    if rows.empty:
        raise ImpossibleError("0 rows to fit")
    options: dict[str, Any] = {"cov_type": covariance}
    if covariance == "cluster":
        n_runs = rows["run_id"].nunique()
        if n_runs < FEWEST_CLUSTERS:
            raise ImpossibleError(
                f"errors clustered by run need {FEWEST_CLUSTERS} runs or more, and there "
                f"{'is' if n_runs == 1 else 'are'} {n_runs}: name more runs, or take --cov HC3"
            )
        options["cov_kwds"] = {"groups": rows["run_id"].to_numpy()}
    try:
        model = smf.ols(formula, rows)
    except Exception as error:  # of whichever library it is that reads formulas
        raise PsqlmError(
            f"cannot read the formula {formula}: {(str(error) or 'it is empty').splitlines()[0]}; "
            f"the columns are {', '.join(rows.columns)}"
        ) from error
    rank, columns = np.linalg.matrix_rank(model.exog), model.exog.shape[1]
    if len(rows) <= columns:  # without degrees of freedom there is no p-value
        raise ImpossibleError(
            f"{len(rows)} row{'s' if len(rows) > 1 else ''} for {columns} coefficients; "
            "take more tokens, or fewer lags and controls"
        )
    if rank < columns:
        raise ImpossibleError(
            "the norms are constant, or one regressor determines another: "
            f"{len(rows)} rows determine {rank} of {columns} coefficients; "
            "take fewer lags and controls"
        )
    return model.fit(**options)
