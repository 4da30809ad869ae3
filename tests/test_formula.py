"""A formula is data: what it may say is fitted, what would be code is refused before it runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from psqlm.analysis.fitting import fit_formula
from psqlm.analysis.formula import NUMPY, TRANSFORMS
from psqlm.errors import PsqlmError


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A layer's rows, with a tag of words and one of numbers."""
    random = np.random.default_rng(5)
    n = 60
    return pd.DataFrame(
        {
            "run_id": 1,
            "layer": 0,
            "position": np.arange(n) + 3,
            "log_norm": random.normal(size=n),
            "lag_1": random.uniform(1, 2, size=n),
            "lag_2": random.uniform(1, 2, size=n),
            "place": random.choice(["begins", "goes on", "ends"], size=n),
            "größe": random.uniform(1, 2, size=n),
        }
    )


MARK = "MARK"
"""Stands for the path of a file that must not come to be."""
TOUCH = f"__import__('pathlib').Path('{MARK}').touch()"


@pytest.mark.parametrize(
    "formula",
    [
        f"log_norm ~ lag_1 + {TOUCH}",
        f"{TOUCH} ~ lag_1",
        f"log_norm ~ I({TOUCH})",
        f"log_norm ~ C(place, {TOUCH})",
        f"log_norm ~ C(place, levels={TOUCH})",
        f"log_norm ~ open('{MARK}', 'w')",
        f"log_norm ~ np.save('{MARK}', 1)",
        f"log_norm ~ np.abs.__class__ + np.save('{MARK}', 1)",
        f"log_norm ~ lag_1.to_csv('{MARK}')",
        f"log_norm ~ lag_1 . to_csv ( '{MARK}' )",
        f"log_norm ~ pd.Series(1).to_csv('{MARK}')",
        f"log_norm ~ I((lambda: open('{MARK}', 'w'))())",
        f"log_norm ~ I([open('{MARK}', 'w') for _ in 'a'])",
        f"log_norm ~ I(0 if open('{MARK}', 'w') else 1)",
        f"log_norm ~ I((x := open('{MARK}', 'w')))",
        f"log_norm ~ I(f\"{{open('{MARK}', 'w')}}\")",
        f"log_norm ~ {{open('{MARK}', 'w')}}",
        f"log_norm ~ `open('{MARK}', 'w')`",
        f"log_norm ~ lag_1 + \\\nopen('{MARK}', 'w')",
        f"log_norm ~ lag_1 \n + open('{MARK}', 'w')",
        f"log_norm ~ eval(\"open('{MARK}', 'w')\")",
        f"log_norm ~ bs(lag_1)(open('{MARK}', 'w'))",
        f"log_norm ~ lag_1(open('{MARK}', 'w'))",
        f"log_norm ~ Q('open')('{MARK}', 'w')",
        "log_norm ~ lag_1[0]",
        "log_norm ~ rows",
        "log_norm ~ np",
        "log_norm ~ lag_1 # + lag_2",
        "log_norm ~ (lag_1",
        "log_norm ~ I(rb'a')",
    ],
)
def test_code_is_refused_and_does_not_run(rows: pd.DataFrame, formula: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(PsqlmError, match="cannot read the formula") as error:
        fit_formula(rows, formula.replace(MARK, str(mark)))
    assert not mark.exists()
    assert "\n" not in str(error.value)


def test_a_tag_by_the_name_of_a_function_is_not_called(rows: pd.DataFrame) -> None:
    named = rows.assign(**{"open": 1.0, "lambda": 2.0, "__import__": 3.0})
    for formula in ("log_norm ~ open('x')", "log_norm ~ __import__('os')", "log_norm ~ lambda"):
        with pytest.raises(PsqlmError, match="cannot read the formula"):
            fit_formula(named, formula)


FORMULAS = [
    "log_norm ~ lag_1 + lag_2",
    "log_norm ~ lag_1 * place + lag_2",
    "log_norm~lag_1:place+0",
    "log_norm ~ (lag_1 + lag_2 + position) ** 2 - lag_1:lag_2",
    "log_norm ~ lag_1 + I(lag_1 ** 2 / 3.5e-1) + I(position % 2 == 0)",
    "log_norm ~ größe + C(place, Treatment('goes on'))",
    'log_norm ~ C(place, Treatment(reference="goes on"))',
    "log_norm ~ C(place, Sum) + lag_1",
    "log_norm ~ C(place, Helmert())",
    "log_norm ~ C(place, Diff())",
    "log_norm ~ C(place, Poly(scores=(1, 2, 4)))",
    "log_norm ~ bs(position, df=4, degree=3, include_intercept=False)",
    "log_norm ~ cr(lag_1, df=4) + center(lag_2) - 1",
    "log_norm ~ cc(lag_1, df=4) - 1",
    "log_norm ~ te(cr(lag_1, df=3), cr(lag_2, df=3)) - 1",
    "log_norm ~ scale(lag_1) + standardize(lag_2)",
    "I(-log_norm) ~ lag_1",
    *(f"log_norm ~ np.{name}(lag_1)" for name in NUMPY),
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_is_allowed_is_what_statsmodels_fits(rows: pd.DataFrame, formula: str) -> None:
    expected = smf.ols(formula, rows).fit()
    found = fit_formula(rows, formula)[0]
    pd.testing.assert_series_equal(found.params, expected.params)


def test_every_function_of_the_list_is_tried() -> None:
    tried = set(re.findall(r"\w+", " ".join(FORMULAS)))
    assert tried >= set(TRANSFORMS)
