"""Regressions beyond the recipe: more lags, controls, robust errors, models side by side."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import psycopg
import statsmodels.formula.api as smf

from psqlm.errors import PsqlmError

Covariance = Literal["nonrobust", "HC3", "cluster"]


def read_rows(
    connection: psycopg.Connection, run_ids: Sequence[int], lags: int = 2
) -> pd.DataFrame:
    """Read lm.lag_rows.

    Args:
        connection: to the database that holds the runs.
        run_ids: runs of one model.
        lags: how many tokens before each token are looked at.

    Returns:
        run_id, layer, position, token_id, log_frequency, log_norm, lag_1, … lag_`lags`: a row for
        each layer and each position from `lags` + 1 on; NaN where a norm is 0.

    Raises:
        PsqlmError: no such run, runs of several models, or fewer than 1 lag.
    """
    try:
        with connection.transaction():
            cursor = connection.execute(
                "SELECT * FROM lm.lag_rows(%s::bigint[], %s)", (list(run_ids), lags)
            )
    except psycopg.errors.InvalidParameterValue as error:
        hint = error.diag.message_hint
        raise PsqlmError(f"{error.diag.message_primary}{f': {hint}' if hint else ''}") from error
    assert cursor.description is not None  # noqa: S101 (a SELECT has columns)
    rows = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    lagged = np.array(rows.pop("lag").tolist(), dtype=float).reshape(-1, lags)
    for lag in range(lags):
        rows[f"lag_{lag + 1}"] = lagged[:, lag]
    typed: pd.DataFrame = rows.astype({"log_norm": float, "log_frequency": float})
    return typed


def fit_formula(
    rows: pd.DataFrame, formula: str | None = None, covariance: Covariance = "nonrobust"
) -> dict[int, Any]:
    """Fit a formula in every layer.

    Args:
        rows: of read_rows, with any columns of your own beside them.
        formula: as statsmodels reads it, "log_norm ~ lag_1 + lag_2 + position + log_frequency"
            say; left out, log_norm on all the lags.
        covariance: of the estimates: "nonrobust", "HC3" (errors whose size varies) or "cluster"
            (errors that go together within a run; many runs are needed).

    Returns:
        statsmodels' results by layer. Rows with a NaN in them do not count.

    Raises:
        PsqlmError: no rows, a layer with fewer of them than coefficients or with regressors that
            depend on each other, or clusters of fewer than two runs.
    """
    if rows.empty:
        raise PsqlmError("there are no rows to fit: a prompt needs more tokens than there are lags")
    lags = [name for name in rows.columns if name.startswith("lag_")]
    formula = formula or f"log_norm ~ {' + '.join(lags)}"
    return {
        layer: _fit(rows[rows["layer"] == layer].dropna(), formula, covariance, layer)
        for layer in sorted(set(rows["layer"].tolist()))
    }


def side_by_side(fits: Mapping[str, Mapping[int, Any]]) -> pd.DataFrame:
    """Coefficients of several models' fits (or of several groups') in one table.

    Args:
        fits: fit_formula's answer by the name of the model or group.

    Returns:
        One row per layer and term; for each name the columns coefficient, standard_error and p.
        Models of different depth have NaN in the layers they lack.
    """
    tables = {
        name: pd.concat({layer: _estimates(ols) for layer, ols in layers.items()})
        for name, layers in fits.items()
    }
    table = pd.concat(tables, axis=1).rename_axis(index=["layer", "term"])
    by_layer: pd.DataFrame = table.sort_index(level="layer", sort_remaining=False)
    return by_layer


def _estimates(ols: Any) -> pd.DataFrame:
    columns = {"coefficient": ols.params, "standard_error": ols.bse, "p": ols.pvalues}
    table: pd.DataFrame = pd.DataFrame(columns)
    return table


def _fit(part: pd.DataFrame, formula: str, covariance: Covariance, layer: int) -> Any:
    """One layer's fit."""
    options: dict[str, Any] = {"cov_type": covariance}
    if covariance == "cluster":
        if part["run_id"].nunique() < 2:
            raise PsqlmError("errors clustered by run need two runs or more: name more runs")
        options["cov_kwds"] = {"groups": part["run_id"].to_numpy()}
    model = smf.ols(formula, part)
    rank, columns = np.linalg.matrix_rank(model.exog), model.exog.shape[1]
    if len(part) < columns or rank < columns:
        raise PsqlmError(
            f"layer {layer} cannot be fitted: {len(part)} rows determine {rank} of {columns} "
            "coefficients; take fewer regressors or more tokens"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no degree of freedom: NaN says so
        return model.fit(**options)
