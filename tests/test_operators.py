"""The operators of the forward pass against torch, and how the planner takes them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
import torch
from differences import assert_close

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import wide_products  # noqa: E402

# around the widths of the wide products, and none at all
N_ROWS = [1, 2, 7, 8, 9, 16, 17, 32, 33, 70]

Matrix = npt.NDArray[np.float32]


def _matrix(rows: int, columns: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


def _sql(matrix: Matrix) -> list[str]:
    """A matrix as a vector[]."""
    return [str([float(x) for x in row]) for row in matrix]


@pytest.mark.parametrize("product", wide_products.PRODUCTS, ids=lambda product: product.name)
def test_the_files_are_those_of_the_template(product: wide_products.WideProduct) -> None:
    file = wide_products.OPERATORS / f"{product.name}.sql"
    assert file.read_text() == product.sql(), "run python tools/wide_products.py"


@pytest.mark.parametrize("n_rows", N_ROWS)
def test_product(connection: psycopg.Connection, n_rows: int) -> None:
    x, y = _matrix(n_rows, 24), _matrix(11, 24, seed=1)
    row = connection.execute(
        "SELECT z::real[][] FROM lm.product(%s::vector[], %s::vector[]) AS p (m) "
        "CROSS JOIN LATERAL (SELECT array_agg(r::real[]) FROM unnest(p.m) AS r) AS rows (z)",
        (_sql(x), _sql(y)),
    ).fetchone()
    assert row is not None
    assert_close("lm.product", row[0], torch.tensor(x) @ torch.tensor(y).T, absolute=1e-5)


@pytest.mark.parametrize("n_rows", N_ROWS)
def test_linear(connection: psycopg.Connection, n_rows: int) -> None:
    """Every map of a layer, in its blocks."""
    maps = connection.execute(
        "SELECT map, block, array_agg(weight::real[] ORDER BY unit), array_agg(bias ORDER BY unit) "
        "FROM lm.linear WHERE layer = 1 GROUP BY map, block"
    ).fetchall()
    assert len(maps) > 6
    for map_, block, weight, bias in maps:
        x = _matrix(n_rows, len(weight[0]))
        row = connection.execute(
            "SELECT array_agg(r::real[]) "
            "FROM lm.linear(%s::vector[], lm.model_id(), 1, %s, %s) AS l (y), unnest(l.y) AS r",
            (_sql(x), map_, block),
        ).fetchone()
        assert row is not None
        theirs = torch.nn.functional.linear(*map(torch.tensor, (x, weight, bias)))
        assert_close(f"lm.linear, {map_}", row[0], theirs, absolute=2e-5)


@pytest.mark.parametrize(
    "call",
    [
        "lm.product(x, x)",
        "lm.linear(x, 1, 0, 'q')",
    ],
)
def test_is_inlined(connection: psycopg.Connection, call: str) -> None:
    """No call is left of it in the plan: one costs some 0.1 ms."""
    plan = connection.execute(
        f"EXPLAIN (VERBOSE) SELECT f.* FROM (SELECT ARRAY[embedding] AS x FROM lm.token_embedding "
        f"OFFSET 0) AS m CROSS JOIN LATERAL {call} AS f"
    ).fetchall()
    name = call.partition("(")[0]
    calls = [line for (line,) in plan if "Function Scan" in line and name in line]
    assert not calls, calls
    assert any("<#>" in line for (line,) in plan)
