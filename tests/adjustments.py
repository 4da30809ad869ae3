"""Runs with attention adjustments made up, what statsmodels fits to them, and what we do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psycopg
import statsmodels.api as sm
from models import copy_model
from rich.console import Console

from psqlm.analysis import comparison
from psqlm.analysis.comparison import RECIPE_COLUMNS as COLUMNS
from psqlm.analysis.comparison import Series, compare
from psqlm.analysis.data import Run
from psqlm.analysis.fitting import RECIPE, fit_each
from psqlm.analysis.regression import Fit
from psqlm.analysis.report import report

LAG_OLS = [
    *("layer", "n", "intercept", "beta_lag1", "beta_lag2", "se_intercept", "se_lag1", "se_lag2"),
    *("t_intercept", "t_lag1", "t_lag2", "p_intercept", "p_lag1", "p_lag2"),
    *("r_squared", "adj_r_squared"),
]
Adjustments = np.ndarray  # [layer, position, d_model]


def random_adjustments(n_tokens: int, n_layer: int = 8, seed: int = 0) -> Adjustments:
    """Vectors whose sizes depend on the one before, more so in some layers than in others."""
    random = np.random.default_rng(seed)
    log_norm = random.normal(size=(n_layer, n_tokens))
    for t in range(1, n_tokens):
        log_norm[:, t] += 1 + np.linspace(-0.2, 0.6, n_layer) * log_norm[:, t - 1]
    vectors = random.normal(size=(n_layer, n_tokens, 16))
    vectors *= (np.exp(log_norm) / np.linalg.norm(vectors, axis=2))[..., None]
    rounded: Adjustments = vectors.astype(np.float32)
    return rounded


def insert_run(
    connection: psycopg.Connection,
    adjustments: Adjustments,
    model: str = "demo",
    positions: Sequence[int] | None = None,
) -> int:
    """Store vectors as if a forward pass had made them; returns the run_id."""
    n_tokens = adjustments.shape[1]
    row = connection.execute(
        """
        INSERT INTO lm.run (model_id, prompt, token_ids, capture)
        SELECT lm.model_id(%s), 'a test', array_fill(1, ARRAY[%s]), '{attn_out}'
        RETURNING run_id
        """,
        (model, n_tokens),
    ).fetchone()
    assert row is not None
    connection.execute(
        "INSERT INTO lm.run_token SELECT %s, i, 1 + i FROM generate_series(0, %s) AS i",
        (row[0], n_tokens - 1),
    )
    connection.cursor().executemany(
        """
        INSERT INTO lm.stored_adjustment (run_id, layer, position, adjustment)
        VALUES (%s, %s, %s, %s::real[]::vector)
        """,
        [
            (row[0], layer, position, adjustments[layer, position].tolist())
            for layer in range(len(adjustments))
            for position in (range(n_tokens) if positions is None else positions)
        ],
    )
    return int(row[0])


def expected_fits(*runs: Adjustments) -> list[Any]:
    """statsmodels' fit of each layer over all the runs, from the vectors themselves."""
    logs = [np.log(np.linalg.norm(run.astype(np.float64), axis=2)) for run in runs]
    return [
        sm.OLS(
            np.concatenate([log[layer, 3:] for log in logs]),
            sm.add_constant(
                np.concatenate(
                    [np.column_stack([log[layer, 2:-1], log[layer, 1:-2]]) for log in logs]
                )
            ),
        ).fit()
        for layer in range(len(logs[0]))
    ]


def expected_table(fits: list[Any]) -> pd.DataFrame:
    rows = [
        (layer, fit.nobs, *fit.params, *fit.bse, *fit.tvalues, *fit.pvalues, *r_squared(fit))
        for layer, fit in enumerate(fits)
    ]
    table: pd.DataFrame = pd.DataFrame(rows, columns=LAG_OLS)
    return table


def r_squared(fit: Any) -> tuple[float, float]:
    return fit.rsquared, fit.rsquared_adj


def query(connection: psycopg.Connection, text: str, *parameters: object) -> pd.DataFrame:
    cursor = connection.execute(text, parameters)
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    table: pd.DataFrame = pd.DataFrame(cursor.fetchall(), columns=names)
    return table


class Results(NamedTuple):
    run: Run
    coefficients: pd.DataFrame
    files: list[Path]


def run_analysis(connection: psycopg.Connection, run_id: int, out: Path) -> tuple[Results, str]:
    """Analyze a run; returns what was printed on a narrow terminal too."""
    printed = io.StringIO()
    console = Console(file=printed, width=80)
    found = compare(connection, [[run_id]], RECIPE)
    assert found.run is not None
    files = report(found, out, console)
    return Results(found.run, found.table, files), printed.getvalue()


def read_design(connection: psycopg.Connection, run_id: int) -> pd.DataFrame:
    """lm.lag_design; NaN where a norm is 0."""
    design = query(
        connection,
        """
        SELECT layer, position, log_norm, lag_1, lag_2
        FROM lm.lag_design
        WHERE run_id = %s
        ORDER BY layer, position
        """,
        run_id,
    )
    return design.astype(dict.fromkeys(("log_norm", "lag_1", "lag_2"), float))


def fit_layers(design: pd.DataFrame, n_layer: int) -> list[Fit]:
    return fit_each(design, range(n_layer), RECIPE.formula, RECIPE.covariance)


def coefficients(fits: list[Fit]) -> pd.DataFrame:
    return comparison.coefficients([Series("demo", len(fits), 1, fits, [])])[COLUMNS]


def constant_layer(layer: int) -> Adjustments:
    adjustments = random_adjustments(20)
    adjustments[layer] = 0.3
    return adjustments


def other_model(connection: psycopg.Connection) -> int:
    """A run of a second model, which has sizes but no weights."""
    copy_model(connection, "other")
    return insert_run(connection, random_adjustments(9), "other")


def synthetic(n_layer: int, n_tokens: int) -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(n_layer)
    columns = {name: random.normal(size=n_layer * (n_tokens - 3)) for name in ("lag_1", "lag_2")}
    places = {
        "run_id": 1,
        "layer": np.repeat(np.arange(n_layer), n_tokens - 3),
        "position": np.tile(np.arange(3, n_tokens), n_layer),
    }
    design = pd.DataFrame(places | columns)
    design["log_norm"] = 0.3 * design["lag_1"] + random.normal(size=len(design))
    return design, Run(1, "$name_of_$model", n_layer, "a prompt", n_tokens)


def lagged(runs: Sequence[Adjustments], layer: int, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """y and [1, lag_1, … lag_k, position] of one layer over runs, token 0 left out."""
    y, x = [], []
    for run in runs:
        log = np.log(np.linalg.norm(run[layer].astype(np.float64), axis=1))
        for t in range(lags + 1, len(log)):
            y.append(log[t])
            x.append([1, *(log[t - i] for i in range(1, lags + 1)), t])
    return np.array(y), np.array(x)
