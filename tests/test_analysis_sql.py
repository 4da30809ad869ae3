"""The article's regression in SQL: its views and functions, against statsmodels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import psycopg
import pytest
from adjustments import (
    LAG_OLS,
    constant_layer,
    expected_fits,
    expected_table,
    insert_run,
    other_model,
    query,
    random_adjustments,
    read_design,
)
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.stattools import durbin_watson

# Views --------------------------------------------------------------------------------------------


def test_norms(connection: psycopg.Connection) -> None:
    adjustments = random_adjustments(9)
    run_id = insert_run(connection, adjustments)
    norms = query(
        connection,
        "SELECT * FROM lm.adjustment_norm WHERE run_id = %s ORDER BY layer, position",
        run_id,
    )
    expected = np.linalg.norm(adjustments.astype(np.float64), axis=2)
    np.testing.assert_allclose(norms["norm"], expected.ravel(), rtol=1e-12)
    np.testing.assert_allclose(norms["log_norm"], np.log(expected).ravel(), rtol=1e-12, atol=1e-14)
    tokens = query(
        connection,
        "SELECT token FROM lm.vocabulary WHERE model_id = lm.model_id('demo') AND token_id <= 9"
        " ORDER BY token_id",
    )["token"].tolist()[1:]
    assert norms["token"].tolist() == tokens * 8


def test_design_has_n_minus_3_rows_and_leaves_token_0_out(connection: psycopg.Connection) -> None:
    adjustments = random_adjustments(12)
    adjustments[:, 0] *= 1e15  # anything made from token 0 would show
    run_id = insert_run(connection, adjustments)
    log = np.log(np.linalg.norm(adjustments.astype(np.float64), axis=2))
    design = read_design(connection, run_id)
    assert design["position"].tolist() == list(range(3, 12)) * 8
    for name, values in (
        ("log_norm", log[:, 3:]),
        ("lag_1", log[:, 2:-1]),
        ("lag_2", log[:, 1:-2]),
    ):
        np.testing.assert_allclose(design[name], values.ravel(), rtol=1e-12, atol=1e-14)


def test_lags_are_of_the_position_before_even_where_positions_are_missing(
    connection: psycopg.Connection,
) -> None:
    kept = [0, 1, 2, 3, 4, 6, 7, 8]
    run_id = insert_run(connection, random_adjustments(9), positions=kept)
    design = read_design(connection, run_id)
    first = design[design["layer"] == 0].set_index("position")
    assert first.index[first["lag_1"].isna()].tolist() == [6]
    assert first.index[first["lag_2"].isna()].tolist() == [7]


def test_a_norm_of_zero_has_no_logarithm(connection: psycopg.Connection) -> None:
    adjustments = random_adjustments(12)
    adjustments[2, 5] = 0
    design = read_design(connection, insert_run(connection, adjustments))
    holes = design[design.isna().any(axis=1)]
    assert holes[["layer", "position"]].to_numpy().tolist() == [[2, 5], [2, 6], [2, 7]]


def test_the_design_of_a_run_reads_that_run_alone(connection: psycopg.Connection) -> None:
    for seed in range(20):
        run_id = insert_run(connection, random_adjustments(12, seed=seed))
    connection.execute("ANALYZE lm.stored_adjustment")
    for condition in ("run_id = %s", "run_id = ANY (ARRAY[%s, 0]::bigint[])"):
        lines = connection.execute(
            f"EXPLAIN SELECT * FROM lm.lag_design WHERE {condition}",
            (run_id,),
        ).fetchall()
        plan = "\n".join(line for (line,) in lines)
        assert "Index Cond: (run_id" in plan.replace("((", "("), plan
        assert "vocabulary" not in plan, plan


# The regression in SQL ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_runs", [1, 3])
def test_lag_ols_against_statsmodels(connection: psycopg.Connection, n_runs: int) -> None:
    runs = [random_adjustments(40 + 9 * seed, seed=seed) for seed in range(n_runs)]
    run_ids = [insert_run(connection, run) for run in runs]
    found = query(connection, "SELECT * FROM lm.lag_ols(%s)", run_ids)
    expected = expected_table(expected_fits(*runs))
    assert list(found.columns) == LAG_OLS
    difference = (found.astype(float) / expected.replace(0, np.nan) - 1).abs().max().max()
    print(f"lm.lag_ols over {n_runs} runs: largest relative difference {difference:.1e}")
    pd.testing.assert_frame_equal(found.astype(float), expected.astype(float), rtol=1e-8)


def test_lag_diagnostics_against_statsmodels(connection: psycopg.Connection) -> None:
    adjustments = random_adjustments(50)
    adjustments[4] = 0
    run_id = insert_run(connection, adjustments)
    found = query(connection, "SELECT * FROM lm.lag_diagnostics(ARRAY[%s])", run_id)
    assert found["layer"].tolist() == list(range(8))
    assert found["n"].tolist() == [47] * 4 + [0] + [47] * 3
    assert found["n_left_out"].tolist() == [0] * 4 + [47] + [0] * 3
    assert found.loc[4, ["durbin_watson", "q_lag1", "q_lag2"]].isna().all()
    fits = expected_fits(np.delete(adjustments, 4, axis=0))
    found = found.drop(index=4).astype(float)
    np.testing.assert_allclose(found["durbin_watson"], [durbin_watson(f.resid) for f in fits], 1e-8)
    for term, name in ((1, "q_lag1"), (2, "q_lag2")):
        q = multipletests([fit.pvalues[term] for fit in fits], method="fdr_bh")[1]
        np.testing.assert_allclose(found[name], q, 1e-8)


def test_durbin_watson_stays_within_runs(connection: psycopg.Connection) -> None:
    runs = [random_adjustments(30, seed=seed) for seed in range(2)]
    run_ids = [insert_run(connection, run) for run in runs]
    found = query(connection, "SELECT * FROM lm.lag_diagnostics(%s)", run_ids)
    for layer, fit in enumerate(expected_fits(*runs)):
        parts = np.split(fit.resid, [27])
        expected = sum((np.diff(e) ** 2).sum() for e in parts) / (fit.resid**2).sum()
        assert found.loc[layer, "durbin_watson"] == pytest.approx(expected, rel=1e-8)


def test_lag_ols_counts_rows_without_a_logarithm_out(connection: psycopg.Connection) -> None:
    adjustments = random_adjustments(40)
    adjustments[2] = 0
    adjustments[5, 20] = 0
    run_id = insert_run(connection, adjustments)
    found = query(connection, "SELECT * FROM lm.lag_ols(ARRAY[%s])", run_id)
    assert found["n"].tolist() == [37, 37, 0, 37, 37, 34, 37, 37]
    assert found.loc[2].drop(["layer", "n"]).isna().all()
    assert found.drop(index=2).notna().all().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: [], "no run is named"),
        (lambda _: [-5], "no such run: -5"),
        (lambda c: [insert_run(c, random_adjustments(9)), other_model(c)], "several models"),
        (lambda c: [insert_run(c, random_adjustments(5))], 'group "0" cannot be fitted: 2 row'),
        (lambda c: [insert_run(c, constant_layer(3))], 'group "3" cannot be fitted: x_1 is const'),
    ],
    ids=["none", "unknown", "two models", "short", "constant"],
)
def test_lag_ols_refuses(
    connection: psycopg.Connection,
    make: Callable[[psycopg.Connection], list[int]],
    message: str,
) -> None:
    run_ids = make(connection)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message) as error:
        connection.execute("SELECT * FROM lm.lag_ols(%s::bigint[])", (run_ids,))
    assert error.value.diag.message_hint
