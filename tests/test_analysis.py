"""The article's regression, from attention adjustments to files, against transformers' own."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psycopg
import pytest
import statsmodels.api as sm
from matplotlib.image import imread
from models import copy_model
from rich.console import Console
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.stattools import durbin_watson

from psqlm.analysis import DEMO_PROMPT, comparison
from psqlm.analysis.comparison import RECIPE_COLUMNS as COLUMNS
from psqlm.analysis.comparison import Series, collect, compare
from psqlm.analysis.data import Run, latest_run, read_norms, read_run
from psqlm.analysis.drawing import style
from psqlm.analysis.fitting import RECIPE, ask, fit_each, fit_formula, read_rows
from psqlm.analysis.norms_figure import norms_figure
from psqlm.analysis.regression import Fit
from psqlm.analysis.report import report
from psqlm.analysis.slopes_figure import slopes_figure
from psqlm.analysis.story import tell
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError

LAG_OLS = [
    *("layer", "n", "intercept", "beta_lag1", "beta_lag2", "se_intercept", "se_lag1", "se_lag2"),
    *("t_intercept", "t_lag1", "t_lag2", "p_intercept", "p_lag1", "p_lag2"),
    *("r_squared", "adj_r_squared"),
]
FILES = ["coefficients.csv", "log_norms.png", "log_norms.svg", "slopes.png", "slopes.svg"]

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


def constant_layer(layer: int) -> Adjustments:
    adjustments = random_adjustments(20)
    adjustments[layer] = 0.3
    return adjustments


def other_model(connection: psycopg.Connection) -> int:
    """A run of a second model, which has sizes but no weights."""
    copy_model(connection, "other")
    return insert_run(connection, random_adjustments(9), "other")


# From a prompt to coefficients --------------------------------------------------------------------


@pytest.fixture(scope="module")
def hooked() -> Callable[[str], Adjustments]:
    """What transformers' attention modules return for a prompt: [layer, position, d_model]."""
    torch = pytest.importorskip("torch")
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    tokenizer = tokenizers.Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json"))
    model = transformers.GPT2LMHeadModel.from_pretrained(DEMO_MODEL, dtype=torch.float32).eval()
    outputs: list[Any] = []
    for block in model.transformer.h:
        block.attn.register_forward_hook(lambda _module, _input, out: outputs.append(out[0][0]))

    def run(prompt: str) -> Adjustments:
        outputs.clear()
        with torch.no_grad():
            model(torch.tensor([tokenizer.encode(prompt).ids]))
        return torch.stack(outputs).numpy()  # type: ignore[no-any-return]

    return run


def compare_with_hooks(
    connection: psycopg.Connection, prompt: str, hooked: Callable[[str], Adjustments], out: Path
) -> None:
    """Slopes and p-values of SQL and of Python within 1e-4 of those from transformers."""
    row = connection.execute("SELECT lm.forward(%s, 'demo')", (prompt,)).fetchone()
    assert row is not None
    adjustments = hooked(prompt)
    expected = expected_table(expected_fits(adjustments))
    results, _ = run_analysis(connection, row[0], out)
    assert results.run.n_tokens == adjustments.shape[1]
    in_sql = query(connection, "SELECT * FROM lm.lag_ols(ARRAY[%s])", row[0]).astype(float)
    for name, found in (("Python", results.coefficients), ("SQL", in_sql)):
        difference = (found[COLUMNS] - expected[COLUMNS]).abs().max()
        print(f"{name} against transformers: {difference.max():.1e} in {difference.idxmax()}")
        assert difference.max() < 1e-4


def test_the_demo_prompt_against_transformers(
    connection: psycopg.Connection, hooked: Callable[[str], Adjustments], tmp_path: Path
) -> None:
    compare_with_hooks(connection, DEMO_PROMPT, hooked, tmp_path)


def test_the_articles_paragraph_against_transformers(
    connection: psycopg.Connection,
    hooked: Callable[[str], Adjustments],
    paragraph: str,
    tmp_path: Path,
) -> None:
    compare_with_hooks(connection, paragraph, hooked, tmp_path)


def test_the_demo_prompt_is_plain_and_long_enough() -> None:
    assert DEMO_PROMPT.isascii()
    assert "\n" not in DEMO_PROMPT
    assert 400 <= len(DEMO_PROMPT) <= 700


# The report ---------------------------------------------------------------------------------------


def test_files_and_table(connection: psycopg.Connection, tmp_path: Path) -> None:
    adjustments = random_adjustments(60)
    run_id = insert_run(connection, adjustments)
    results, printed = run_analysis(connection, run_id, tmp_path / "new" / "folder")
    assert sorted(path.name for path in results.files) == sorted([*FILES, "summary.txt"])
    assert all(path.stat().st_size > 0 for path in results.files)
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(results.files)

    fits = expected_fits(adjustments)
    table = pd.read_csv(tmp_path / "new" / "folder" / "coefficients.csv")
    assert list(table.columns) == COLUMNS
    expected = expected_table(fits)[COLUMNS].astype(float)
    pd.testing.assert_frame_equal(table.astype(float), expected, rtol=1e-8)

    summary = (tmp_path / "new" / "folder" / "summary.txt").read_text("utf-8")
    assert summary.count("OLS Regression Results") == 8
    assert all(f"=== Layer {layer} (n = 57) ===" in summary for layer in range(8))
    for layer, fit in enumerate(fits):
        cells = next(line.split() for line in printed.splitlines() if f" {layer} " in line[:8])
        assert len(cells) == 9
        assert cells[:4] == [str(layer), "57", f"{fit.params[0]:.3f}", f"{fit.params[1]:.3f}"]
        assert cells[-2:] == [f"{fit.rsquared:.3f}", f"{fit.rsquared_adj:.3f}"]
        assert ("*" in cells[4], "*" in cells[6]) == (fit.pvalues[1] < 0.05, fit.pvalues[2] < 0.05)
    significant = sum(fit.pvalues[1] < 0.05 for fit in fits)
    assert f"lag 1: p < .05 in {significant} of 8 layers" in printed
    assert "log_norm[t−1]" in printed
    assert "adj. R²" in printed
    assert str(tmp_path / "new" / "folder") in printed


def test_pictures_can_be_read_and_are_the_same_each_time(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    first, _ = run_analysis(connection, run_id, tmp_path / "first")
    second, _ = run_analysis(connection, run_id, tmp_path / "second")
    for one, other in zip(first.files, second.files, strict=True):
        if one.suffix == ".png":
            height, width, _ = imread(one).shape
            assert min(height, width) > 700
        if one.suffix == ".svg":
            assert ElementTree.parse(one).getroot().tag.endswith("svg")
        if one.suffix in (".png", ".svg"):
            assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("n_layer", [1, 12, 48])
def test_slopes_are_marked_by_significance(n_layer: int) -> None:
    design, run = synthetic(n_layer, 60)
    series = comparison.fit_series(run.model, design, n_layer, RECIPE)
    fits = series.fits
    with style():
        figure = slopes_figure(collect([run.model], [series], RECIPE, run=run))
    (axes,) = figure.subfigs[0].axes
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    for term, line in zip(("lag_1", "lag_2"), crosses, strict=True):
        assert line.get_color() == "white"
        insignificant = [fit.ols.params[term] for fit in fits if fit.ols.pvalues[term] >= 0.05]
        np.testing.assert_allclose(line.get_ydata(), insignificant)
    assert f"n = {57} in each layer" in figure.subfigs[0].get_suptitle()
    assert "60 tokens" in figure.subfigs[0].get_suptitle()
    assert run.model in figure.get_suptitle()


def test_histograms_have_freedman_and_diaconis_bins(connection: psycopg.Connection) -> None:
    run_id = insert_run(connection, random_adjustments(80))
    norms = read_norms(connection, run_id)
    with style():
        figure = norms_figure(read_run(connection, run_id), norms)
    points, bars = figure.subfigs[0].axes
    for layer in range(8):
        rows = norms[(norms["layer"] == layer) & (norms["position"] >= 1)]
        edges = np.histogram_bin_edges(rows["log_norm"], bins="fd")
        np.testing.assert_allclose(bars.patches[2 * layer].get_data().edges, edges)
        dots = [line for line in points.lines if line.get_marker() == "o"][layer]
        np.testing.assert_allclose(dots.get_xdata(), rows["log_norm"])
        assert np.abs(np.asarray(dots.get_ydata()) - layer).max() < 0.5
    assert "n = 79" in figure.subfigs[0].get_suptitle()


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


def test_histograms_have_one_scale(connection: psycopg.Connection) -> None:
    run_id = insert_run(connection, random_adjustments(80))
    norms = read_norms(connection, run_id)
    with style():
        figure = norms_figure(read_run(connection, run_id), norms)
    _, bars = figure.subfigs[0].axes
    drawn, counted = [], []
    for layer in range(8):
        bar = bars.patches[2 * layer].get_data()
        drawn.extend(bar.baseline - bar.values)
        rows = norms[(norms["layer"] == layer) & (norms["position"] >= 1)]
        counted.extend(np.histogram(rows["log_norm"], bins="fd")[0])
    # a token is as high in every layer
    np.testing.assert_allclose(drawn, np.array(counted) * max(drawn) / max(counted), atol=1e-12)


# Drift along the text -----------------------------------------------------------------------------


def drifting_adjustments(n_tokens: int) -> Adjustments:
    """Norms that fall along the text in layer 2, and depend on nothing else there."""
    adjustments = random_adjustments(n_tokens)
    sizes = np.exp(-np.arange(n_tokens) / 20 + np.random.default_rng(3).normal(0, 0.05, n_tokens))
    adjustments[2] *= (sizes / np.linalg.norm(adjustments[2], axis=1))[:, None]
    return adjustments


def test_drift_against_statsmodels(connection: psycopg.Connection) -> None:
    runs = [drifting_adjustments(40), drifting_adjustments(55)]
    run_ids = [insert_run(connection, run) for run in runs]
    (series,) = compare(connection, [run_ids], RECIPE).series
    in_sql = query(connection, "SELECT * FROM lm.lag_diagnostics(%s)", run_ids)
    for layer, drift in enumerate(series.drift):
        y, x = lagged(runs, layer, 2)
        assert drift.correlation == pytest.approx(np.corrcoef(y, x[:, 3])[0, 1], rel=1e-10)
        assert drift.durbin_watson == pytest.approx(in_sql.loc[layer, "durbin_watson"], rel=1e-8)
        expected = sm.OLS(y, x).fit()
        ols = drift.controlled.ols
        assert list(ols.params.index) == ["Intercept", "lag_1", "lag_2", "position"]
        np.testing.assert_allclose(ols.params, expected.params, rtol=1e-8)
        np.testing.assert_allclose(ols.pvalues, expected.pvalues, rtol=1e-6)
        # what is beside it is the article's
        article = sm.OLS(y, x[:, :3]).fit()
        np.testing.assert_allclose(series.fits[layer].ols.params, article.params, rtol=1e-8)


def test_durbin_watson_of_one_run_against_statsmodels(connection: psycopg.Connection) -> None:
    run = random_adjustments(60)
    run_id = insert_run(connection, run)
    (series,) = compare(connection, [[run_id]], RECIPE).series
    expected = [durbin_watson(fit.resid) for fit in expected_fits(run)]
    np.testing.assert_allclose([one.durbin_watson for one in series.drift], expected, rtol=1e-8)


def test_drift_is_said_and_drawn(connection: psycopg.Connection, tmp_path: Path) -> None:
    run = drifting_adjustments(60)
    run_id = insert_run(connection, run)
    _, printed = run_analysis(connection, run_id, tmp_path)
    y, x = lagged([run], 2, 2)
    r = np.corrcoef(y, x[:, 3])[0, 1]
    slope = sm.OLS(y, x).fit().params[1]
    assert r < -0.99
    summary = (tmp_path / "summary.txt").read_text("utf-8")
    for text in (printed, summary):
        assert f"goes with position (|r| ≥ 0.8) in layer 2 ({r:.3f})" in text
        assert any(
            {f"{r:.3f}", f"{slope:.3f}"} <= set(line.split())
            for line in text.splitlines()
            if line.split()[:1] == ["2"]
        )
    with style():
        figure = slopes_figure(compare(connection, [[run_id]], RECIPE))
    correlations, slopes = figure.subfigs[1].axes
    (dots,) = [line for line in correlations.lines if line.get_marker() == "o"]
    assert dots.get_ydata()[2] == pytest.approx(r)
    (first,) = [line for line in slopes.lines if line.get_marker() == "o"]
    assert first.get_ydata()[2] == pytest.approx(slope)
    assert slopes.get_ylim() == figure.subfigs[0].axes[0].get_ylim()


def test_nothing_is_said_of_drift_where_there_is_none(connection: psycopg.Connection) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    assert "drift" not in "".join(tell(compare(connection, [[run_id]], RECIPE)))


def test_without_lags_nothing_is_said_of_them(connection: psycopg.Connection) -> None:
    run_ids = [insert_run(connection, random_adjustments(n)) for n in (30, 60)]
    told = tell(compare(connection, [run_ids], ask(formula="log_norm ~ log_frequency")))
    assert told[0].startswith("log frequency: p < .05 in ")
    assert not [line for line in told if "controlled for" in line]


def test_the_run_and_its_first_words(connection: psycopg.Connection, tmp_path: Path) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    text = "The  house\nat the end of the lane was older than anybody in the village"
    connection.execute("UPDATE lm.run SET prompt = %s WHERE run_id = %s", (text, run_id))
    _, printed = run_analysis(connection, run_id, tmp_path)
    told = f"run {run_id} “The house at the end of the lane was …”"
    assert told in printed
    assert told in (tmp_path / "summary.txt").read_text("utf-8")
    for name in ("log_norms", "slopes"):
        with style():
            found = compare(connection, [[run_id]], RECIPE)
            assert found.run is not None and found.norms is not None
            figure = (
                norms_figure(found.run, found.norms)
                if name == "log_norms"
                else slopes_figure(found)
            )
        assert told in figure.subfigs[0].get_suptitle()


# What cannot be fitted ----------------------------------------------------------------------------


def test_a_layer_that_cannot_be_fitted_is_said(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    adjustments = constant_layer(3)
    adjustments[5] = 0
    adjustments[6, 10] = 0
    results, printed = run_analysis(connection, insert_run(connection, adjustments), tmp_path)
    table = pd.read_csv(tmp_path / "coefficients.csv")
    assert table.index[table["beta_lag1"].isna()].tolist() == [3, 5]
    assert table.loc[[3, 5]].drop(columns=["layer", "n"]).isna().all().all()
    assert table["n"].tolist() == [17, 17, 17, 17, 17, 0, 14, 17]
    summary = (tmp_path / "summary.txt").read_text("utf-8")
    assert summary.count("OLS Regression Results") == 6
    for text in (printed, summary):
        assert "layer 3: no regression, the norms are constant" in text
        assert "layer 5: no regression, 0 rows to fit (17 left out" in text
        assert "layer 6: 3 rows left out" in text
    assert len(results.files) == 6


@pytest.mark.parametrize("n_tokens", [1, 3, 5, 6])
def test_too_short_a_prompt_is_said_and_writes_nothing(
    connection: psycopg.Connection, tmp_path: Path, n_tokens: int
) -> None:
    run_id = insert_run(connection, random_adjustments(n_tokens))
    with pytest.raises(PsqlmError, match=rf"\({n_tokens} tokens?\).*7 tokens or more"):
        run_analysis(connection, run_id, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_shortest_prompt_that_can_be_fitted(connection: psycopg.Connection) -> None:
    fits = fit_layers(read_design(connection, insert_run(connection, random_adjustments(7))), 8)
    assert [fit.n for fit in fits] == [4] * 8
    assert coefficients(fits).notna().all().all()


def test_no_such_run(connection: psycopg.Connection, tmp_path: Path) -> None:
    with pytest.raises(PsqlmError, match="no run -5"):
        run_analysis(connection, -5, tmp_path)


def test_a_run_without_adjustments(connection: psycopg.Connection, tmp_path: Path) -> None:
    run_id = insert_run(connection, random_adjustments(9), positions=[])
    with pytest.raises(PsqlmError, match="kept no attention adjustments"):
        run_analysis(connection, run_id, tmp_path)


def test_the_latest_run(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM lm.run")
    with pytest.raises(PsqlmError, match="no run to analyze"):
        latest_run(connection)
    run_id = insert_run(connection, random_adjustments(9))
    other = other_model(connection)
    insert_run(connection, random_adjustments(9), positions=[])
    assert latest_run(connection) == other
    assert latest_run(connection, "demo") == run_id
    with pytest.raises(PsqlmError, match="of the model nobody"):
        latest_run(connection, "nobody")


def test_a_newest_run_without_adjustments(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM lm.run")
    insert_run(connection, random_adjustments(9))
    other = connection.execute("SELECT lm.forward('a wood', capture => '{z}')").fetchone()
    assert other is not None
    with pytest.raises(PsqlmError, match=f"run {other[0]}, the newest, kept no") as error:
        latest_run(connection)
    command = re.search(r'psqlm sql -c "(.*)" makes a run of its text', str(error.value))
    assert command is not None
    made = connection.execute(command[1].encode()).fetchone()
    assert made is not None
    assert latest_run(connection) == made[0]
    same = "SELECT count(DISTINCT token_ids) FROM lm.run WHERE run_id = ANY (%s)"
    assert connection.execute(same, ([other[0], made[0]],)).fetchone() == (1,)


def test_a_failing_disk_leaves_the_old_files_whole(
    connection: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    run_analysis(connection, run_id, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half(_frame: pd.DataFrame, path: Path, **_options: object) -> None:
        path.write_text("layer,n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    with pytest.raises(PsqlmError, match="No space left on device; choose another folder"):
        run_analysis(connection, run_id, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made(connection: psycopg.Connection, tmp_path: Path) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PsqlmError, match="--out"):
        run_analysis(connection, run_id, tmp_path / "file" / "out")


def test_a_disagreement_with_numpy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    design, _ = synthetic(1, 30)
    (fit,) = fit_layers(design, 1)
    assert isinstance(fit, Fit)
    slopes = np.linalg.lstsq

    def wrong(*arguments: Any, **options: Any) -> Any:
        return (slopes(*arguments, **options)[0] + 1e-6, None, None, None)

    monkeypatch.setattr(np.linalg, "lstsq", wrong)
    with pytest.raises(PsqlmError, match=r"layer 0: statsmodels and NumPy differ by 1.0e-06"):
        fit_layers(design, 1)


# Beyond the recipe --------------------------------------------------------------------------------


def lagged(runs: Sequence[Adjustments], layer: int, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """y and [1, lag_1, … lag_k, position] of one layer over runs, token 0 left out."""
    y, x = [], []
    for run in runs:
        log = np.log(np.linalg.norm(run[layer].astype(np.float64), axis=1))
        for t in range(lags + 1, len(log)):
            y.append(log[t])
            x.append([1, *(log[t - i] for i in range(1, lags + 1)), t])
    return np.array(y), np.array(x)


@pytest.mark.filterwarnings("ignore:errors clustered by 6 runs only")
@pytest.mark.parametrize("lags", [1, 2, 5])
@pytest.mark.parametrize("covariance", ["nonrobust", "HC3", "cluster"])
def test_more_lags_controls_and_robust_errors(
    connection: psycopg.Connection, lags: int, covariance: Any
) -> None:
    runs = [random_adjustments(30 + seed, seed=seed) for seed in range(6)]
    run_ids = [insert_run(connection, run) for run in runs]
    rows = read_rows(connection, run_ids, lags)
    formula = "log_norm ~ " + " + ".join(f"lag_{i + 1}" for i in range(lags)) + " + position"
    fits = fit_formula(rows, formula, covariance)
    assert list(fits) == list(range(8))
    for layer, fit in fits.items():
        y, x = lagged(runs, layer, lags)
        groups = np.repeat(range(6), [len(run[0]) - lags - 1 for run in runs])
        options = {"cov_kwds": {"groups": groups}} if covariance == "cluster" else {}
        expected = sm.OLS(y, x).fit(cov_type=covariance, **options)
        np.testing.assert_allclose(fit.params, expected.params, rtol=1e-8)
        np.testing.assert_allclose(fit.bse, expected.bse, rtol=1e-8)
        np.testing.assert_allclose(fit.pvalues, expected.pvalues, rtol=1e-6)


def test_more_lags_in_sql(connection: psycopg.Connection) -> None:
    runs = [random_adjustments(40, seed=seed) for seed in range(3)]
    run_ids = [insert_run(connection, run) for run in runs]
    found = query(
        connection,
        """
        SELECT *
        FROM lm.ols(ARRAY(
            SELECT ROW(r.layer, r.log_norm, r.lag || r.position::float8)::lm.observation
            FROM lm.lag_rows(%s, lags => 4) AS r
        ))
        """,
        run_ids,
    )
    for layer in range(8):
        y, x = lagged(runs, layer, 4)
        expected = sm.OLS(y, x).fit()
        part = found[found["group_name"] == str(layer)]
        assert set(part["n"]) == {3 * 35}
        np.testing.assert_allclose(part["coefficient"], expected.params, rtol=1e-8)
        np.testing.assert_allclose(part["p"], expected.pvalues, rtol=1e-8)


def test_two_lags_are_the_recipe(connection: psycopg.Connection) -> None:
    run_id = insert_run(connection, random_adjustments(40))
    recipe = coefficients(fit_layers(read_design(connection, run_id), 8))
    fits = fit_formula(read_rows(connection, [run_id]))
    found = [[fit.params["lag_1"], fit.params["lag_2"], fit.rsquared] for fit in fits.values()]
    np.testing.assert_allclose(recipe[["beta_lag1", "beta_lag2", "r_squared"]], found, rtol=1e-10)


def test_token_frequency(connection: psycopg.Connection) -> None:
    run_ids = [insert_run(connection, random_adjustments(n)) for n in (10, 20)]
    rows = read_rows(connection, run_ids)
    # tokens 1 … 10 are in both runs, 11 … 20 in one
    share = np.where(rows["token_id"] <= 10, 2 / 30, 1 / 30)
    np.testing.assert_allclose(rows["log_frequency"], np.log(share), rtol=1e-12)


@pytest.mark.parametrize(
    ("n_tokens", "lags", "covariance", "message"),
    [
        (20, 0, "nonrobust", "lags must be 1 or more"),
        (20, -3, "nonrobust", "lags must be 1 or more"),
        (20, 2, "cluster", "need 3 runs or more, and there is 1"),
        (9, 5, "nonrobust", "layer 0 cannot be fitted: 3 rows"),
        (4, 3, "nonrobust", "no rows to fit"),
    ],
)
def test_what_goes_beyond_what_is_there(
    connection: psycopg.Connection, n_tokens: int, lags: int, covariance: Any, message: str
) -> None:
    run_id = insert_run(connection, random_adjustments(n_tokens))
    with pytest.raises(PsqlmError, match=message):
        fit_formula(read_rows(connection, [run_id], lags), covariance=covariance)


def test_rows_of_runs_that_are_not_there(connection: psycopg.Connection) -> None:
    with pytest.raises(PsqlmError, match="no such run: -5"):
        read_rows(connection, [-5])
