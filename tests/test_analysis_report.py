"""What an analysis prints, writes and draws."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
import statsmodels.api as sm
from adjustments import (
    Adjustments,
    expected_fits,
    expected_table,
    insert_run,
    lagged,
    query,
    random_adjustments,
    run_analysis,
    synthetic,
)
from matplotlib.image import imread
from statsmodels.stats.stattools import durbin_watson

from psqlm.analysis import comparison
from psqlm.analysis.comparison import RECIPE_COLUMNS as COLUMNS
from psqlm.analysis.comparison import collect, compare
from psqlm.analysis.data import read_norms, read_run
from psqlm.analysis.drawing import style
from psqlm.analysis.fitting import RECIPE, ask
from psqlm.analysis.norms_figure import norms_figure
from psqlm.analysis.slopes_figure import slopes_figure
from psqlm.analysis.story import tell

FILES = ["coefficients.csv", "log_norms.png", "log_norms.svg", "slopes.png", "slopes.svg"]


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
