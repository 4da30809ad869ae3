"""From a prompt to coefficients, against transformers and statsmodels; what cannot be fitted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
import statsmodels.api as sm
from adjustments import (
    Adjustments,
    coefficients,
    constant_layer,
    expected_fits,
    expected_table,
    fit_layers,
    insert_run,
    lagged,
    other_model,
    query,
    random_adjustments,
    read_design,
    run_analysis,
    synthetic,
)

from psqlm.analysis import DEMO_PROMPT
from psqlm.analysis.comparison import RECIPE_COLUMNS as COLUMNS
from psqlm.analysis.data import latest_run
from psqlm.analysis.fitting import fit_formula, read_rows
from psqlm.analysis.regression import Fit
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError

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
