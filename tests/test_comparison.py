"""Analyses of many runs: pooled, split by tags, models side by side; against statsmodels."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
import statsmodels.api as sm
from adjustments import Adjustments, insert_run, random_adjustments
from matplotlib.image import imread
from models import copy_model
from rich.console import Console
from typer.testing import CliRunner, Result

from psqlm.analysis import DEMO_PROMPT
from psqlm.analysis.comparison import Comparison, compare
from psqlm.analysis.drawing import style
from psqlm.analysis.fitting import ask, fit_formula, read_rows
from psqlm.analysis.report import report
from psqlm.analysis.selection import select_runs
from psqlm.analysis.slopes_figure import slopes_figure
from psqlm.cli import app
from psqlm.errors import PsqlmError


def tag(
    connection: psycopg.Connection, run_id: int, position: int | None, name: str, value: str
) -> None:
    connection.execute(
        "INSERT INTO lm.tag VALUES (%s, %s, %s, %s)", (run_id, position, name, value)
    )


def expected_rows(runs: dict[int, Adjustments], layer: float, lags: int = 2) -> pd.DataFrame:
    """The rows of a layer, made from the vectors themselves."""
    rows = []
    for run_id, adjustments in runs.items():
        log = np.log(np.linalg.norm(adjustments[int(layer)].astype(np.float64), axis=1))
        for t in range(lags + 1, len(log)):
            before = {f"lag_{lag}": log[t - lag] for lag in range(1, lags + 1)}
            rows.append({"run_id": run_id, "position": t, "y": log[t], **before})
    return pd.DataFrame(rows)


def fit(rows: pd.DataFrame, x: Sequence[str], **options: Any) -> Any:
    return sm.OLS(rows["y"], sm.add_constant(rows[list(x)].astype(float))).fit(**options)


def assert_same(found: pd.Series, expected: Any, terms: dict[str, str]) -> None:
    """A row of coefficients.csv is what statsmodels says; terms: our columns by its names."""
    assert found["n"] == expected.nobs
    for name, column in {"const": "intercept", **terms}.items():
        coefficient = found[column if column == "intercept" else f"beta_{column}"]
        np.testing.assert_allclose(coefficient, expected.params[name], rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found[f"se_{column}"], expected.bse[name], rtol=1e-7)
        np.testing.assert_allclose(found[f"p_{column}"], expected.pvalues[name], rtol=1e-6)
    np.testing.assert_allclose(found["r_squared"], expected.rsquared, rtol=1e-8)
    np.testing.assert_allclose(found["adj_r_squared"], expected.rsquared_adj, rtol=1e-8)


LAGS = {"lag_1": "lag1", "lag_2": "lag2"}


@pytest.fixture
def runs(connection: psycopg.Connection) -> dict[int, Adjustments]:
    """Six runs, the even ones of grimm and the odd ones of baum, each token with a tag too."""
    made = {}
    for seed in range(6):
        adjustments = random_adjustments(20 + 3 * seed, seed=seed)
        run_id = insert_run(connection, adjustments)
        made[run_id] = adjustments
        tag(connection, run_id, None, "source", "baum" if seed % 2 else "grimm")
        for position in range(20 + 3 * seed):
            if position % 4:
                tag(connection, run_id, position, "pos", "noun" if position % 4 == 1 else "verb")
    return made


# Groups -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["nonrobust", "HC3", "cluster"])
def test_runs_grouped_by_a_tag(
    connection: psycopg.Connection, runs: dict[int, Adjustments], covariance: Any
) -> None:
    table = compare(connection, [list(runs)], ask(covariance=covariance), by="source").table
    assert len(table) == 16
    for _, row in table.iterrows():
        chosen = {
            run_id: adjustments
            for number, (run_id, adjustments) in enumerate(runs.items())
            if number % 2 == (row["source"] == "baum")
        }
        rows = expected_rows(chosen, row["layer"])
        options = {"cov_kwds": {"groups": rows["run_id"]}} if covariance == "cluster" else {}
        assert_same(row, fit(rows, ["lag_1", "lag_2"], cov_type=covariance, **options), LAGS)


def test_tokens_grouped_by_a_tag(
    connection: psycopg.Connection, runs: dict[int, Adjustments]
) -> None:
    comparison = compare(connection, [list(runs)], ask(), by="pos")
    assert [series.name for series in comparison.series] == ["noun", "verb"]
    for _, row in comparison.table.iterrows():
        rows = expected_rows(runs, row["layer"])
        place = rows["position"] % 4
        rows = rows[place == 1] if row["pos"] == "noun" else rows[place >= 2]
        assert_same(row, fit(rows, ["lag_1", "lag_2"]), LAGS)
    untagged = sum(expected_rows(runs, 0)["position"] % 4 == 0)
    assert comparison.notes == [f"left out: {untagged} rows of each layer without the tag pos"]


def test_pooled_runs_are_lag_ols(
    connection: psycopg.Connection, runs: dict[int, Adjustments]
) -> None:
    table = compare(connection, [list(runs)], ask()).table
    cursor = connection.execute("SELECT * FROM lm.lag_ols(%s)", (list(runs),))
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    expected = pd.DataFrame(cursor.fetchall(), columns=names)
    shared = [name for name in table.columns if name in names]
    assert shared == list(table.columns)
    np.testing.assert_allclose(
        table[shared].astype(float), expected[shared].astype(float), rtol=1e-8
    )


def test_controls(connection: psycopg.Connection, runs: dict[int, Adjustments]) -> None:
    question = ask(lags=3, controls=["position", "token_frequency"])
    table = compare(connection, [list(runs)], question).table
    frequencies = pd.Series(
        [position for adjustments in runs.values() for position in range(adjustments.shape[1])]
    ).value_counts(normalize=True)  # insert_run gives position t the token t + 1
    for _, row in table.iterrows():
        rows = expected_rows(runs, row["layer"], lags=3)
        rows["frequency"] = np.log(rows["position"].map(frequencies))
        names = {f"lag_{lag}": f"lag{lag}" for lag in (1, 2, 3)}
        names |= {"position": "position", "frequency": "log_frequency"}
        assert_same(row, fit(rows, list(names)), names)


def test_a_formula_with_tags(connection: psycopg.Connection, runs: dict[int, Adjustments]) -> None:
    for run_id in runs:
        tag(connection, run_id, None, "year", str(1800 + run_id % 7))
    question = ask(formula="log_norm ~ lag_1 + lag_4 + C(pos) + year")
    assert question.lags == 4
    table = compare(connection, [list(runs)], question).table
    for _, row in table.iterrows():
        rows = expected_rows(runs, row["layer"], lags=4)
        rows = rows[rows["position"] % 4 != 0]
        rows["verb"] = rows["position"] % 4 >= 2
        rows["year"] = 1800 + rows["run_id"] % 7
        names = {"lag_1": "lag1", "lag_4": "lag4", "verb": "C(pos)[T.verb]", "year": "year"}
        assert_same(row, fit(rows, list(names)), names)


def test_a_group_with_too_few_rows_is_said(
    connection: psycopg.Connection, runs: dict[int, Adjustments]
) -> None:
    first = next(iter(runs))
    for position in (4, 5, 6):
        connection.execute(
            "UPDATE lm.tag SET value = 'rare' WHERE run_id = %s AND position = %s AND name = 'pos'",
            (first, position),
        )
    comparison = compare(connection, [list(runs)], ask(), by="pos")
    assert [series.name for series in comparison.series] == ["noun", "verb"]
    assert any(
        note.startswith("rare: it cannot be fitted: 2 rows for 3 coefficients")
        for note in comparison.notes
    )
    tag(connection, first, 4, "lone", "x")
    with pytest.raises(PsqlmError, match=r"nothing can be fitted: .*x: it cannot be fitted: 1 row"):
        compare(connection, [list(runs)], ask(), by="lone")


@pytest.mark.parametrize("n_runs", [1, 2])
def test_two_clusters_are_refused(
    connection: psycopg.Connection, runs: dict[int, Adjustments], n_runs: int
) -> None:
    with pytest.raises(PsqlmError, match=f"need 3 runs or more, and there (is|are) {n_runs}"):
        compare(connection, [list(runs)[:n_runs]], ask(covariance="cluster"))


def test_few_clusters_are_said(
    connection: psycopg.Connection, runs: dict[int, Adjustments], tmp_path: Path
) -> None:
    few = compare(connection, [list(runs)], ask(covariance="cluster"))
    assert "errors clustered by 6 runs only" in few.notes[0]
    assert few.notes[0] in print_report(few, tmp_path, width=200)
    assert few.notes[0] in (tmp_path / "summary.txt").read_text("utf-8")
    more = [insert_run(connection, random_adjustments(12, seed=seed)) for seed in range(14)]
    assert compare(connection, [[*runs, *more]], ask(covariance="cluster")).notes == []
    assert compare(connection, [list(runs)], ask(covariance="HC3")).notes == []
    with pytest.warns(UserWarning, match="errors clustered by 6 runs only"):
        fit_formula(read_rows(connection, list(runs)), covariance="cluster")


@pytest.mark.parametrize(
    ("question", "by", "message"),
    [
        ({}, "mood", 'has the tag "mood" .they have pos, source.'),
        ({"formula": "log_norm ~ nonsense"}, None, "cannot read the formula log_norm ~ nonsense"),
        ({"formula": "log_norm ~ ~"}, None, "cannot read the formula"),
        ({"formula": "log_norm ~ lag_1 + I(2 * lag_1)"}, None, "determine 2 of 3 coefficients"),
        ({"controls": ["weather"]}, None, "unknown control weather: position or token_frequency"),
        ({"lags": 60}, None, "nothing can be fitted"),
    ],
)
def test_refused(
    connection: psycopg.Connection,
    runs: dict[int, Adjustments],
    question: dict[str, Any],
    by: str | None,
    message: str,
) -> None:
    with pytest.raises(PsqlmError, match=message):
        compare(connection, [list(runs)], ask(**question), by)


# Models -------------------------------------------------------------------------------------------


@pytest.fixture
def two_models(connection: psycopg.Connection) -> tuple[dict[int, Adjustments], list[list[int]]]:
    """Runs of the demo model, and of one with three layers that has sizes but no weights."""
    copy_model(connection, "shallow", n_layer=3)
    runs, ids = {}, []
    for model, n_layer in (("demo", 8), ("shallow", 3)):
        ids.append([])
        for seed in range(2):
            adjustments = random_adjustments(30, n_layer, seed)
            run_id = insert_run(connection, adjustments, model)
            runs[run_id] = adjustments
            ids[-1].append(run_id)
    return runs, ids


def test_models_at_relative_depth(
    connection: psycopg.Connection,
    two_models: tuple[dict[int, Adjustments], list[list[int]]],
    tmp_path: Path,
) -> None:
    runs, ids = two_models
    comparison = compare(connection, ids, ask())
    table = comparison.table
    assert table["model"].tolist() == ["demo"] * 8 + ["shallow"] * 3
    np.testing.assert_allclose(table["depth"], [*(n / 7 for n in range(8)), 0, 0.5, 1])
    for _, row in table.iterrows():
        chosen = {run_id: runs[run_id] for run_id in ids[row["model"] == "shallow"]}
        assert_same(row, fit(expected_rows(chosen, row["layer"]), ["lag_1", "lag_2"]), LAGS)
    printed = print_report(comparison, tmp_path, width=120)
    lines = [line.split() for line in printed.splitlines()]
    # 0, 1/7, … 1 and 1/2; both models stand side by side at 0 and 1
    depths = [line for line in lines if line and re.fullmatch(r"\d\.\d\d", line[0])]
    assert [line[0] for line in depths] == "0.00 0.14 0.29 0.43 0.50 0.57 0.71 0.86 1.00".split()
    assert [len(line) for line in depths] == [11, 6, 6, 6, 6, 6, 6, 6, 11]


# The report ---------------------------------------------------------------------------------------


def print_report(comparison: Comparison, out: Path, width: int = 80) -> str:
    printed = io.StringIO()
    report(comparison, out, Console(file=printed, width=width))
    return printed.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_report(
    connection: psycopg.Connection, runs: dict[int, Adjustments], tmp_path: Path, width: int
) -> None:
    comparison = compare(connection, [list(runs)], ask(), by="source")
    printed = print_report(comparison, tmp_path, width)
    names = ["coefficients.csv", "slopes.png", "slopes.svg", "summary.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    table = pd.read_csv(tmp_path / "coefficients.csv")
    pd.testing.assert_frame_equal(table, comparison.table, check_dtype=False, rtol=1e-12)
    summary = (tmp_path / "summary.txt").read_text("utf-8")
    assert summary.count("OLS Regression Results") == 16
    assert "=== grimm, layer 7 " in summary
    # the slopes of both groups in a layer, beside one another or below
    cells = [line.split() for line in printed.splitlines()]
    for layer in range(8):
        told = {cell for line in cells if line[:1] == [str(layer)] for cell in line[1:]}
        for source in ("baum", "grimm"):
            row = table[(table["source"] == source) & (table["layer"] == layer)].iloc[0]
            star = "*" if row["p_lag1"] < 0.05 else ""
            assert f"{row['beta_lag1']:.3f}{star}" in told
    assert "baum, of 8 layers p < .05 for lag 1 in" in printed
    assert "…" not in printed
    height, across, _ = imread(tmp_path / "slopes.png").shape
    assert min(height, across) > 700


def test_many_regressors_are_not_cut(
    connection: psycopg.Connection, runs: dict[int, Adjustments], tmp_path: Path
) -> None:
    question = ask(lags=9, controls=["position", "token_frequency"])
    printed = print_report(compare(connection, [list(runs)], question), tmp_path)
    assert "…" not in printed
    for name in (*(f"lag {lag}" for lag in range(1, 10)), "position", "log frequency", "R²"):
        assert name in printed


def test_the_figure_shows_every_slope(
    connection: psycopg.Connection, runs: dict[int, Adjustments]
) -> None:
    comparison = compare(connection, [list(runs)], ask(lags=3), by="source")
    with style():
        figure = slopes_figure(comparison)
    drawn = [axes for axes in figure.subfigs[0].axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in drawn] == ["lag 1", "lag 2", "lag 3"]
    for axes, lag in zip(drawn, ("lag1", "lag2", "lag3"), strict=True):
        for source, marker in (("baum", "o"), ("grimm", "s")):
            rows = comparison.table[comparison.table["source"] == source]
            (line,) = [line for line in axes.lines if line.get_marker() == marker]
            np.testing.assert_allclose(line.get_ydata(), rows[f"beta_{lag}"])
        crosses = [y for line in axes.lines if line.get_marker() == "x" for y in line.get_ydata()]
        table = comparison.table
        np.testing.assert_allclose(crosses, table.loc[table[f"p_{lag}"] >= 0.05, f"beta_{lag}"])
    assert len({axes.get_ylim() for axes in drawn}) == 1
    assert "by source" in figure.get_suptitle()


def test_more_groups_than_looks(connection: psycopg.Connection, tmp_path: Path) -> None:
    ids = [insert_run(connection, random_adjustments(20 + n, seed=n)) for n in range(9)]
    for number, run_id in enumerate(ids):
        tag(connection, run_id, None, "n", f"group {number}")
    comparison = compare(connection, [ids], ask(), by="n")
    with style():
        figure = slopes_figure(comparison)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if "group" in label] == [f"group {n}" for n in range(2, 9)]
    assert "2 more in coefficients.csv" in figure.subfigs[0].get_suptitle()
    assert len(comparison.table) == 9 * 8


def test_series_that_lie_on_each_other_are_both_seen(connection: psycopg.Connection) -> None:
    ids = [[insert_run(connection, random_adjustments(30))] for _ in range(2)]
    with style():
        figure = slopes_figure(compare(connection, ids, ask()))
    for axes in figure.subfigs[0].axes:
        lines = [line for line in axes.lines if line.get_marker() in ("o", "s")]
        first, second = (np.asarray(line.get_xdata()) for line in lines)
        np.testing.assert_allclose(lines[0].get_ydata(), lines[1].get_ydata())
        assert (second - first > 0.02).all()
        dashes = [line.get_linestyle() for line in axes.lines if line.get_marker() == "None"]
        assert dashes[:2] == ["-", "--"]


def test_an_interaction_has_a_scale_of_its_own(connection: psycopg.Connection) -> None:
    run_id = insert_run(connection, random_adjustments(60))
    comparison = compare(connection, [[run_id]], ask(formula="log_norm ~ lag_1 * position + lag_2"))
    with style():
        figure = slopes_figure(comparison)
    panels = {axes.get_title(loc="left"): axes for axes in figure.subfigs[0].axes}
    drawn = panels["lag 1:position"]
    fits = [fit.ols for fit in comparison.series[0].fits]
    ends = np.array([ols.conf_int(0.05).loc["lag_1:position"] for ols in fits])
    low, high = drawn.get_ylim()
    assert high - low < 1.2 * (max(ends.max(), 0) - min(ends.min(), 0))
    assert drawn.get_ylim() != panels["the tokens before"].get_ylim()


# Which runs ---------------------------------------------------------------------------------------


def test_select_runs(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM lm.run")
    with pytest.raises(PsqlmError, match="no run to analyze"):
        select_runs(connection, "all")
    ids = [insert_run(connection, random_adjustments(n)) for n in (9, 10, 9, 11, 12)]
    connection.execute("UPDATE lm.run SET interventions = 'x' WHERE run_id = %s", (ids[3],))
    connection.execute("UPDATE lm.run SET capture_layers = '{1}' WHERE run_id = %s", (ids[4],))
    found = select_runs(connection, "all")
    assert found.run_ids == [ids[1], ids[2]]  # the first is the third again
    assert len(found.notes) == 2
    assert "left out: 1 run with interventions" in found.notes[0]
    assert "left out: 1 run of a text that was run again" in found.notes[1]
    for run_id in ids:
        tag(connection, run_id, None, "a", "b=c")
    assert select_runs(connection, "tag:a=b=c").run_ids == [ids[1], ids[2], ids[3]]
    assert select_runs(connection, f"{ids[0]}-{ids[2]},{ids[3]}").run_ids == ids[:4]
    for which, model, message in [
        ("tag:a=d", None, "no run that kept attn_out is tagged a=d"),
        ("tag:a=b=c", "other", "no run of the model other"),
        ("tag:a", None, "say tag:NAME=VALUE"),
        ("first", None, "say 1,2,5-9"),
        (f"{ids[0]},999999", None, "no runs 999999:"),
        (f"0,{ids[0]}-999999999", None, f"no runs 0,{ids[-1] + 1}-999999999:"),
        (f"1-{2**63 - 1}", None, "say 1,2,5-9"),
        (str(ids[0]), "other", "is of the model other"),
    ]:
        with pytest.raises(PsqlmError, match=message):
            select_runs(connection, which, model)


def test_runs_of_several_models(
    connection: psycopg.Connection,
    two_models: tuple[dict[int, Adjustments], list[list[int]]],
) -> None:
    _, (demo, shallow) = two_models
    every = ",".join(map(str, demo + shallow))
    with pytest.raises(PsqlmError, match=r"several models .*: .*--models demo,shallow"):
        select_runs(connection, every)
    assert select_runs(connection, every, "shallow").run_ids == shallow


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def database(
    scratch_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM lm.run")
        yield connection


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


def test_the_commands(database: psycopg.Connection, tmp_path: Path) -> None:
    """A corpus of two sources, and two models: from files to tables."""
    sentences = DEMO_PROMPT.split(". ")
    for source, part in (("odd", sentences[::2]), ("even", sentences[1::2])):
        (tmp_path / f"{source}.txt").write_text("\n\n".join(part))
        made = psqlm(
            *("run", "--file", f"{source}.txt", "--each", "paragraph", "--tag", f"source={source}")
        )
        assert made.exit_code == 0, made.stderr
    result = psqlm("analyze", "--runs", "all", "--by", "source", "--cov", "HC3", "--out", "by")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "by" / "coefficients.csv")
    assert table["source"].tolist() == ["even"] * 8 + ["odd"] * 8

    assert psqlm("load", "demo", "--name", "half", "--dtype", "float16").exit_code == 0
    command = ["analyze", "--models", "demo,half", "--file", "odd.txt", "--each", "paragraph"]
    result = psqlm(*command)
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "comparison" / "coefficients.csv")
    for model in ("demo", "half"):
        rows = database.execute(
            """
            SELECT f.beta_lag1, f.beta_lag2, f.p_lag1, f.p_lag2
            FROM lm.lag_ols(ARRAY(
                SELECT r.run_id FROM lm.run AS r
                INNER JOIN lm.model AS m USING (model_id)
                WHERE m.name = %s AND r.prompt = ANY (%s)
            )) AS f
            """,
            (model, [*sentences[::2]]),
        ).fetchall()
        found = table.loc[table["model"] == model, ["beta_lag1", "beta_lag2", "p_lag1", "p_lag2"]]
        np.testing.assert_allclose(found, np.array(rows), rtol=1e-8)
    count = "SELECT count(*) FROM lm.run"
    before = database.execute(count).fetchone()
    assert psqlm(*command).exit_code == 0
    assert psqlm("analyze", "--models", "demo,half", "--runs", "all").exit_code == 0
    assert database.execute(count).fetchone() == before
    result = psqlm("analyze", "--runs", "all")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--models demo,half" in result.stderr
    assert psqlm("drop", "half").exit_code == 0


def test_a_prompt_beyond_the_recipe(database: psycopg.Connection, tmp_path: Path) -> None:
    command = ["analyze", "--prompt", DEMO_PROMPT, "--lags", "4", "--controls", "position"]
    result = psqlm(*command, "--out", "x")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "x" / "coefficients.csv")
    assert [name for name in table.columns if name.startswith("beta_")] == [
        *("beta_lag1", "beta_lag2", "beta_lag3", "beta_lag4", "beta_position")
    ]
    assert psqlm("analyze", "--formula", "log_norm ~ lag_1", "--out", "newest").exit_code == 0
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (1,)


def test_every_model_is_looked_for_before_any_runs(database: psycopg.Connection) -> None:
    result = psqlm("analyze", "--models", "demo,nope", "--prompt", DEMO_PROMPT)
    assert result.exit_code == 1
    assert 'no model named "nope"' in result.stderr
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (0,)


def test_a_run_that_keeps_something_else_leads_elsewhere(database: psycopg.Connection) -> None:
    run_id = int(psqlm("run", DEMO_PROMPT).stdout)
    other = psqlm("run", DEMO_PROMPT, "--capture", "z")
    assert "psqlm analyze" not in other.stderr
    assert f"lm.captured WHERE run_id = {int(other.stdout)}" in other.stderr
    result = psqlm("analyze")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"run {int(other.stdout)}, the newest, kept no attention adjustments" in result.stderr
    assert psqlm("analyze", "--run", str(run_id)).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runs", "1", "--run", "1"],
        ["--models", "a,b"],
        ["--models", "a,b", "--by", "source", "--runs", "all"],
        ["--models", "a,b", "--model", "a", "--runs", "all"],
        ["--formula", "log_norm ~ lag_1", "--controls", "position"],
        ["--prompt", "x", "--each", "line"],
        ["--lags", "0"],
        ["--cov", "HC9"],
    ],
)
def test_wrong_usage(database: psycopg.Connection, arguments: list[str]) -> None:
    assert psqlm("analyze", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "all"], "no run to analyze"),
        (["--runs", "x"], "say 1,2,5-9"),
        (["--prompt", "x", "--controls", "weather"], "unknown control weather"),
        (["--prompt", DEMO_PROMPT, "--by", "mood"], 'the tag "mood" (they have none)'),
        (["--models", "demo,gpt5", "--prompt", "x"], 'no model named "gpt5"'),
    ],
)
def test_errors_are_one_line(
    database: psycopg.Connection, arguments: list[str], message: str
) -> None:
    result = psqlm("analyze", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("psqlm: ")
