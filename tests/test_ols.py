"""Least squares in SQL against statsmodels and scipy."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import psycopg
import pytest
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]
from statsmodels.datasets import longley
from statsmodels.stats.multitest import multipletests

COLUMNS = ["coefficient", "standard_error", "t", "p"]

Row = tuple[str, float | None, Sequence[float | None] | None]


def ols(connection: psycopg.Connection, rows: Sequence[Row]) -> list[psycopg.rows.DictRow]:
    """What lm.ols finds in these rows of (group, y, x)."""
    store(connection, rows)
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM lm.ols(ARRAY(SELECT ROW(g, y, x)::lm.observation FROM observed))"
        ).fetchall()


def store(connection: psycopg.Connection, rows: Sequence[Row]) -> None:
    connection.execute(
        """
        CREATE TEMPORARY TABLE IF NOT EXISTS observed (g text, y float8, x float8[]);
        TRUNCATE observed;
        """
    )
    with connection.cursor().copy("COPY observed FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def rows_of(y: np.ndarray, x: np.ndarray, group: str = "g") -> list[Row]:
    return [(group, float(a), [float(v) for v in b]) for a, b in zip(y, x, strict=True)]


def largest_difference(found: list[psycopg.rows.DictRow], y: np.ndarray, x: np.ndarray) -> float:
    """From statsmodels' fit, relative; p-values below 1e-300 have no digits to compare.

    A coefficient that is small beside its standard error, and its t, are compared by that error:
    statsmodels itself loses their digits where the regressors lie far from 0. (Of one fit, done in
    fractions too, its intercept was 6.4e-8 off and ours 4e-11.)
    """
    expected = sm.OLS(y, sm.add_constant(x, has_constant="add")).fit()
    table = np.array([[row[column] for column in COLUMNS] for row in found], dtype=float)
    reference = np.column_stack([expected.params, expected.bse, expected.tvalues, expected.pvalues])
    digits = reference[:, 3] > 1e-300
    assert (table[~digits, 3] <= 1e-300).all()
    assert [row["term"] for row in found] == list(range(x.shape[1] + 1))
    assert {row["n"] for row in found} == {len(y)}
    errors = reference[:, 1:2]
    scale = np.maximum(np.abs(reference[:, :3]), np.hstack([errors, errors, np.ones_like(errors)]))
    differences = [
        (np.abs(table[:, :3] - reference[:, :3]) / scale).max(),
        np.abs(table[digits, 3] / reference[digits, 3] - 1).max(initial=0),
        abs(found[0]["r_squared"] / expected.rsquared - 1),
        abs((1 - found[0]["adj_r_squared"]) / (1 - expected.rsquared_adj) - 1),
    ]
    return float(max(differences))


# Student's t --------------------------------------------------------------------------------------


def test_student_t_against_scipy(connection: psycopg.Connection) -> None:
    degrees = [0.5, 1, 2, 2.5, 3, 4, 10, 31, 32, 33, 89, 300, 1e4, 1e6]
    values = [1e-200, 0.001, 0.1, 0.5, 1, 1.5, 1.7, 1.73, 1.75, 2, 2.5, 4, 10, 37, 1e3, 1e10]
    grid = [(sign * t, df) for df in degrees for t in values for sign in (1, -1)]
    found = connection.execute(
        """
        SELECT lm.student_t_p(u.t, u.df)
        FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS u (t, df, i)
        ORDER BY u.i
        """,
        ([float(t) for t, _ in grid], [float(df) for _, df in grid]),
    ).fetchall()
    worst, smallest = 0.0, 1.0
    for (t, df), (p,) in zip(grid, found, strict=True):
        expected = 2 * stats.t.sf(abs(t), df)
        if expected < 1e-306:
            assert p <= 1e-305, (t, df, p)
            continue
        smallest = min(smallest, p)
        worst = max(worst, abs(p / expected - 1))
    print(f"student_t_p: largest relative difference {worst:.1e}, smallest p {smallest:.1e}")
    assert worst < 1e-9
    assert smallest < 1e-300


def test_student_t_of_extremes(connection: psycopg.Connection) -> None:
    """Nothing overflows or becomes 0 on the way, and p falls as t grows."""
    degrees = [1e-320, 1e-100, 1e-19, 0.1, 5, 1e4, 1e8, 1e12, 1e13, 1e308]
    values = [0, 1e-320, 1e-100, 0.5, 2, 40, 1e10, 1e100, 1e151, 1e308, np.inf]
    for df in degrees:
        rows = connection.execute(
            "SELECT lm.student_t_p(t, %s) FROM unnest(%s::float8[]) WITH ORDINALITY AS u (t, i)"
            " ORDER BY i",
            (float(df), [float(t) for t in values]),
        ).fetchall()
        found = [p for (p,) in rows]
        assert found[0] == 1
        assert found == sorted(found, reverse=True)
        assert found[-1] >= 0


def test_student_t_undefined(connection: psycopg.Connection) -> None:
    row = connection.execute(
        """
        SELECT lm.student_t_p(0, 5), lm.student_t_p('Infinity', 5), lm.student_t_p('NaN', 5),
            lm.student_t_p(1, 0), lm.student_t_p(1, -2), lm.student_t_p(NULL, 5)
        """
    ).fetchone()
    assert row == (1, 0, None, None, None, None)


# Benjamini and Hochberg ---------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(p=st.lists(st.one_of(st.floats(1e-300, 1), st.sampled_from([0.0, 0.01, 0.02])), max_size=30))
def test_benjamini_hochberg_against_statsmodels(
    connection: psycopg.Connection, p: list[float]
) -> None:
    row = connection.execute("SELECT lm.benjamini_hochberg(%s::float8[])", (p,)).fetchone()
    assert row is not None
    expected = multipletests(p, method="fdr_bh")[1] if p else []
    np.testing.assert_allclose(row[0], expected, rtol=1e-12)


def test_benjamini_hochberg_leaves_nulls(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "SELECT lm.benjamini_hochberg('{0.04, NULL, 0.01, NULL, 0.03}')"
    ).fetchone()
    assert row is not None
    q = multipletests([0.04, 0.01, 0.03], method="fdr_bh")[1]
    assert row[0] == pytest.approx([q[0], None, q[1], None, q[2]])


@pytest.mark.parametrize("p", [[np.nan, 0.1], [0.1, np.nan], [-0.1, 0.1], [1.1], [0.1, np.inf]])
def test_benjamini_hochberg_refuses_what_scipy_refuses(
    connection: psycopg.Connection, p: list[float]
) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.false_discovery_control(p)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="a p-value is from 0 to 1"):
        connection.execute("SELECT lm.benjamini_hochberg(%s::float8[])", (p,))


# Fits ---------------------------------------------------------------------------------------------


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 6),
    surplus=st.integers(1, 200),
    offset=st.sampled_from([0.0, 3.0, -1e4]),
    noise=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_random_designs_against_statsmodels(
    connection: psycopg.Connection, seed: int, k: int, surplus: int, offset: float, noise: float
) -> None:
    random = np.random.default_rng(seed)
    x = offset + random.normal(size=(k + 1 + surplus, k))
    y = x @ random.normal(size=k) + noise * random.normal(size=len(x))
    # the fewer rows are to spare, the nearer the design may come to being singular
    condition = np.linalg.cond((x - x.mean(0)) / x.std(0))
    # what is left of a sum of squares has lost the digits that the sum has more than it
    unexplained = 1 - sm.OLS(y, sm.add_constant(x)).fit().rsquared
    allowed = 1e-8 * max(1, condition) + 2**-50 / unexplained
    assert largest_difference(ols(connection, rows_of(y, x)), y, x) < allowed


@pytest.mark.parametrize(("n", "k"), [(92, 2), (4000, 12)])
def test_large_designs_against_statsmodels(connection: psycopg.Connection, n: int, k: int) -> None:
    random = np.random.default_rng(n)
    x = 50 + random.normal(size=(n, k))
    y = 3 + x @ random.uniform(0.1, 1, size=k) + 2 * random.normal(size=n)
    difference = largest_difference(ols(connection, rows_of(y, x)), y, x)
    print(f"lm.ols, n = {n}, k = {k}: largest relative difference {difference:.1e}")
    assert difference < 1e-8


def test_many_regressors(connection: psycopg.Connection) -> None:
    """A model's width of them: memory and time go with the square, not with every product."""
    random = np.random.default_rng(128)
    x = random.normal(size=(6000, 128)) * random.uniform(0.01, 1000, size=128) - 20
    y = 3 + x @ random.normal(size=128) + 2 * random.normal(size=6000)
    rows = rows_of(y, x)
    start = time.monotonic()
    found = ols(connection, rows)
    print(f"lm.ols, n = 6000, k = 128: {time.monotonic() - start:.1f} s, rows written included")
    assert largest_difference(found, y, x) < 1e-8


@pytest.mark.parametrize("scale", [1e-120, 1e-30, 1.0, 1e30, 1e150])
def test_sums_of_products_are_exact(connection: psycopg.Connection, scale: float) -> None:
    """To the last digits of a double, for columns of any size and with outliers."""
    random = np.random.default_rng(5)
    x = random.standard_cauchy(size=(2100, 5)) * [1, 1e-3, 1e4, scale, 1 / scale**0.5]
    x[:, 4] += 1e6 * x[:, 4].std()
    store(connection, rows_of(x[:, 0], x[:, 1:]))
    n, mean, scatter = connection.execute(
        """
        SELECT m.n, m.mean, m.scatter
        FROM lm.ols_moments(ARRAY(SELECT ROW(g, y, x)::lm.observation FROM observed)) AS m
        """
    ).fetchone()
    z = np.column_stack([x[:, 1:], x[:, 0]]).astype(np.longdouble)
    centred = z - z.mean(axis=0)
    expected = centred.T @ centred
    size = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert n == 2100
    assert np.abs((mean - z.mean(axis=0)) / np.abs(z).max(axis=0)).max() < 1e-14
    difference = np.abs((scatter - expected) / size).max()
    print(f"sums of products, columns of size {scale:g}: largest difference {difference:.1e}")
    assert difference < 1e-14


def test_the_order_in_which_rows_are_added_up_does_not_matter(
    connection: psycopg.Connection,
) -> None:
    """Sorted groups add up in another order each, so that their means differ in the last digit."""
    connection.execute("SET LOCAL enable_hashagg = off")
    random = np.random.default_rng(4)
    x = random.normal(size=(4000, 2))
    y = random.normal(size=4000)
    assert largest_difference(ols(connection, rows_of(y, x)), y, x) < 1e-8


def test_longley(connection: psycopg.Connection) -> None:
    """The design that regression programs used to fail on (Longley 1967)."""
    data = longley.load()
    y, x = data.endog.to_numpy(float), data.exog.to_numpy(float)
    difference = largest_difference(ols(connection, rows_of(y, x)), y, x)
    print(f"lm.ols, Longley: largest relative difference {difference:.1e}")
    assert difference < 1e-8


def test_only_an_intercept(connection: psycopg.Connection) -> None:
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    (row,) = ols(connection, rows_of(y, np.empty((5, 0))))
    expected = stats.ttest_1samp(y, 0)
    assert row["coefficient"] == pytest.approx(y.mean(), rel=1e-12)
    assert row["p"] == pytest.approx(expected.pvalue, rel=1e-12)


def test_groups_are_fitted_by_themselves(connection: psycopg.Connection) -> None:
    random = np.random.default_rng(1)
    data = {f"group {i}": (random.normal(size=20), random.normal(size=(20, 2))) for i in range(50)}
    rows = [row for name, (y, x) in data.items() for row in rows_of(y, x, name)]
    random.shuffle(rows)
    found = ols(connection, rows)
    assert [row["group_name"] for row in found] == [name for name in sorted(data) for _ in range(3)]
    for name, (y, x) in data.items():
        assert largest_difference([r for r in found if r["group_name"] == name], y, x) < 1e-8


def test_parts_add_up(connection: psycopg.Connection) -> None:
    """Moments kept as rows of a table, counted in parts of unequal size and place."""
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 3))
    x[200:] += 1000  # parts whose means are far apart
    y = x @ [1.0, 2.0, -1.0] + random.normal(size=300)
    connection.execute("CREATE TEMPORARY TABLE part (moments lm.moments)")
    for part in (slice(0, 1), slice(1, 80), slice(80, 200), slice(200, 300)):
        store(connection, rows_of(y[part], x[part]))
        connection.execute(
            """
            INSERT INTO part
            SELECT m
            FROM lm.ols_moments(ARRAY(SELECT ROW(g, y, x)::lm.observation FROM observed)) AS m
            """
        )
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        found = cursor.execute("SELECT * FROM lm.ols(ARRAY(SELECT moments FROM part))").fetchall()
    assert largest_difference(found, y, x) < 1e-8


def test_rows_with_nulls_do_not_count(connection: psycopg.Connection) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(30, 2))
    y = random.normal(size=30)
    rows: list[Row] = rows_of(y, x)
    holes: list[Row] = [("g", None, [1.0, 2.0]), ("g", 1.0, [None, 2.0]), ("g", 1.0, None)]
    assert largest_difference(ols(connection, [*rows[:10], *holes, *rows[10:]]), y, x) < 1e-8


def test_what_is_undefined_is_null(connection: psycopg.Connection) -> None:
    x = np.array([[float(i), float(i * i)] for i in range(9)])
    for row in ols(connection, rows_of(1 + 2 * x[:, 0], x)):
        assert row["r_squared"] == pytest.approx(1)
    saturated = ols(connection, rows_of(np.array([1.0, 5.0, 2.0]), x[:3]))
    assert [row["coefficient"] for row in saturated] == pytest.approx([1, 7.5, -3.5])
    assert {row[c] for row in saturated for c in ("standard_error", "t", "p")} == {None}
    constant = ols(connection, rows_of(np.full(9, 0.1), x))
    assert [row["coefficient"] for row in constant] == pytest.approx([0.1, 0, 0])
    assert {row["r_squared"] for row in constant} == {None}
    assert ols(connection, []) == []


LINE = np.arange(9.0)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (rows_of(LINE[:2], np.eye(2), "bad"), "2 row(s) cannot determine 3 coefficients"),
        (rows_of(LINE, np.column_stack([LINE, 2 * LINE]), "bad"), "x_2 is constant or depends"),
        (rows_of(LINE, np.column_stack([0 * LINE + 0.1, LINE]), "bad"), "x_1 is constant"),
        ([("bad", i, [i * i, np.inf if i == 3 else i]) for i in LINE], "not finite"),
        ([("bad", 1.0, [1.0]), ("bad", 2.0, [1.0, 2.0])] * 5, "number of regressors"),
    ],
    ids=["too few rows", "collinear", "constant", "infinite", "ragged"],
)
def test_what_cannot_be_fitted_names_the_group(
    connection: psycopg.Connection, rows: list[Row], reason: str
) -> None:
    good = rows_of(LINE, np.column_stack([LINE**2, LINE**3]), "good")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        ols(connection, [*good, *rows])
    assert 'group "bad"' in str(error.value)
    assert reason in str(error.value)
    assert error.value.diag.message_hint
