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
from transformers.activations import ACT2FN

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
        "SELECT z::real[][] FROM lm_internal.product(%s::vector[], %s::vector[]) AS p (m) "
        "CROSS JOIN LATERAL (SELECT array_agg(r::real[]) FROM unnest(p.m) AS r) AS rows (z)",
        (_sql(x), _sql(y)),
    ).fetchone()
    assert row is not None
    assert_close("lm_internal.product", row[0], torch.tensor(x) @ torch.tensor(y).T, absolute=1e-5)


@pytest.mark.parametrize("n_rows", N_ROWS)
def test_linear(connection: psycopg.Connection, n_rows: int) -> None:
    """Every map of a layer."""
    maps = connection.execute(
        "SELECT map, block, array_agg(weight::real[] ORDER BY unit), array_agg(bias ORDER BY unit) "
        "FROM lm.linear WHERE layer = 1 GROUP BY map, block"
    ).fetchall()
    assert len(maps) == 6
    for map_, block, weight, bias in maps:
        x = _matrix(n_rows, len(weight[0]))
        row = connection.execute(
            "SELECT array_agg(r::real[]) "
            "FROM lm_internal.linear(%s::vector[], lm.model_id(), 1, %s, %s) AS l (y), "
            "unnest(l.y) AS r",
            (_sql(x), map_, block),
        ).fetchone()
        assert row is not None
        theirs = torch.nn.functional.linear(*map(torch.tensor, (x, weight, bias)))
        assert_close(f"lm.linear, {map_}", row[0], theirs, absolute=2e-5)


@pytest.mark.parametrize(
    "call",
    [
        "lm_internal.product(x, x)",
        "lm_internal.linear(x, 1, 0, 'q')",
        "lm_internal.softmax(x)",
        "lm_internal.normalize(x, x[1], x[1], 1e-5, true)",
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
    assert any("<#>" in line or "l2_normalize" in line for (line,) in plan)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("n_blocks", [1, 3])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "own"])
@pytest.mark.parametrize("cap", [None, 2.5])
def test_unembedding(
    connection: psycopg.Connection, dtype: str, n_blocks: int, tied: bool, cap: float | None
) -> None:
    """lm_internal.logits, unembed and its parts, the demo model given another unembedding."""
    (model_id, width, n_vocab, eps, gain, shift) = connection.execute(
        "SELECT model_id, d_model, n_vocab, layer_norm_eps, gain::real[], n.bias::real[] "
        "FROM lm.model AS m JOIN lm.layer_norm AS n USING (model_id) WHERE site = 'ln_final'"
    ).fetchall()[0]
    block = -(-width // n_blocks)
    weight = (torch.tensor(_matrix(n_vocab, width)) / 10).to(getattr(torch, dtype)).float()
    bias = torch.zeros(n_vocab) if tied else torch.tensor(_matrix(1, n_vocab, seed=1))[0]
    connection.execute(
        "UPDATE lm.model SET d_block = %s, final_logit_softcapping = %s", (block, cap)
    )
    table, column = ("token_embedding", "embedding") if tied else ("unembedding", "weight")
    half = "_half" if dtype == "float16" else ""
    if tied:
        connection.execute("DELETE FROM lm.token_embedding")
    else:
        connection.execute(
            f"CREATE TABLE lm.unembedding_test PARTITION OF lm.unembedding "
            f"(PRIMARY KEY (token_id, block)) FOR VALUES IN ({model_id})"
        )
    columns = f"model_id, token_id, block, {column}{half}" + ("" if tied else ", bias")
    with connection.cursor().copy(f"COPY lm.{table} ({columns}) FROM STDIN") as copy:
        for token, row in enumerate(weight.tolist()):
            for number, start in enumerate(range(0, width, block)):
                part = str(row[start : start + block])
                of_block = [] if tied else [float(bias[token]) if number == 0 else 0]
                copy.write_row([model_id, token, number, part, *of_block])
    resid = _matrix(18, width, seed=2)
    normed = torch.nn.functional.layer_norm(
        torch.tensor(resid), [width], *map(torch.tensor, (gain, shift)), eps
    )
    theirs = torch.nn.functional.linear(normed, weight, bias)
    if cap is not None:
        theirs = cap * torch.tanh(theirs / cap)
    name = f"unembedding, {table}, {n_blocks} blocks, {dtype}"
    row = connection.execute(
        "SELECT lm_internal.logits(%s::vector, %s)", (_sql(resid)[0], model_id)
    ).fetchone()
    assert row is not None
    assert_close(f"lm_internal.logits, {name}", row[0], theirs[0], absolute=1e-5)
    for call in ("unembed(%s::vector[], %s)", f"unembed_parts(%s::vector[], %s, {n_vocab}, 3)"):
        rows = connection.execute(
            f"SELECT logits FROM lm_internal.{call} ORDER BY ordinal",
            (_sql(normed.numpy()), model_id),
        ).fetchall()
        assert_close(f"{call}, {name}", [logits for (logits,) in rows], theirs, absolute=1e-5)
    calls = ["unembedding_of(%s, 7)", *(["embedding_of(%s, 7)"] if tied else [])]
    calls += [call.replace("of(%s, 7)", "rows(%s) WHERE token_id = 7") for call in calls]
    for call in calls:
        rows = connection.execute(
            f"SELECT weight::real[] FROM lm_internal.{call}", [model_id]
        ).fetchall()
        assert_close(
            f"lm_internal.{call.partition('(')[0]}", rows, weight[7:8].numpy()[None], absolute=1e-8
        )
    for call in ("unembedding_of", "embedding_of"):
        assert not connection.execute(
            f"SELECT FROM lm_internal.{call}(%s, %s)", (model_id, n_vocab)
        ).fetchall()


@pytest.mark.parametrize("activation", ["gelu_new", "gelu", "silu", "relu"])
def test_activation(connection: psycopg.Connection, activation: str) -> None:
    """Of the usual, of the large, the tiny, zero, and all of them in one row."""
    reference = ACT2FN[activation]
    extremes = [0, 1, -1, 1e-38, -1e-38, 1e-44, -1e-44, 1e-20, -1e-3, 5.5, -5.5, 9, -9]
    rows = {
        "usual": _matrix(40, 96) * 3,
        "extremes": [extremes],
        "large": [[*extremes, 30, -30, 700, -700, 1e4, -1e4, 1e8, -1e8]],
        "huge": [[*extremes, 1e15, -1e15, 3e38, -3e38]],
        "line": np.linspace(-12, 12, 10_000)[:, None],
        "long": np.linspace(-12, 12, 10_000)[None],
    }
    for name, matrix in rows.items():
        x = np.asarray(matrix, dtype=np.float32)
        row = connection.execute(
            "SELECT array_agg(r::real[]) FROM unnest(lm_internal.activate(%s::vector[], %s)) AS r",
            (_sql(x), activation),
        ).fetchone()
        assert row is not None
        theirs = reference(torch.tensor(x, dtype=torch.float64)).numpy()
        scale = np.maximum(np.abs(x), 1)
        assert_close(f"{activation}, {name}", row[0] / scale, theirs / scale, absolute=1e-6)


def test_no_such_activation(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="there is no activation named swish9"):
        connection.execute("SELECT lm_internal.activate('{\"[1]\"}', 'swish9')")


@pytest.mark.parametrize("offset", [0, 300, -20_000])
@pytest.mark.parametrize("scale", [0.1, 2, 8, 40, 2000])
@pytest.mark.parametrize("knocked_out", [0, 0.3, 1])
def test_softmax(
    connection: psycopg.Connection, scale: float, offset: float, knocked_out: float
) -> None:
    """Rows of all lengths up to a hundred, some of their keys knocked out."""
    generator = np.random.default_rng(3)
    scores = _matrix(100, 100) * np.float32(scale) + np.float32(offset)
    scores = np.where(generator.random(scores.shape) < knocked_out, np.float32(-1e38), scores)
    scores[5] = -1e38
    rows = [row[: length + 1] for length, row in enumerate(scores)]
    found = connection.execute(
        "SELECT w::real[] FROM lm_internal.softmax(%s::vector[]) AS s (x), unnest(s.x) AS w",
        ([str(row.tolist()) for row in rows],),
    ).fetchall()
    theirs = np.zeros(scores.shape)
    for place, row in enumerate(rows):
        masked = torch.tensor(np.where(row == np.float32(-1e38), -np.inf, row).astype(float))
        theirs[place, : len(row)] = torch.softmax(masked, dim=0).nan_to_num(0).numpy()
    ours = np.array([np.pad(w, (0, 100 - len(w))) for (w,) in found])
    assert_close(f"softmax, scale {scale}", ours, theirs, absolute=1e-6)
    assert np.all(ours[:, :][np.tril(scores == np.float32(-1e38))] == 0)


@pytest.mark.parametrize("n_rows", [1, 20])
@pytest.mark.parametrize("scale", [1e-3, 1, 300])
def test_normalize(connection: psycopg.Connection, n_rows: int, scale: float) -> None:
    x = _matrix(n_rows, 64) * np.float32(scale) + np.float32(scale)
    gain, bias = _matrix(2, 64, seed=1)
    tensors = [torch.tensor(array, dtype=torch.float64) for array in (x, gain, bias)]
    theirs = {
        True: torch.nn.functional.layer_norm(tensors[0], [64], *tensors[1:], 1e-5),
        False: torch.nn.functional.rms_norm(tensors[0], [64], tensors[1], 1e-5) + tensors[2],
    }
    for centred, expected in theirs.items():
        rows = connection.execute(
            "SELECT r::real[] "
            "FROM lm_internal.normalize(%s::vector[], %s::vector, %s::vector, 1e-5, %s) AS n (x), "
            "unnest(n.x) AS r",
            (_sql(x), str(gain.tolist()), str(bias.tolist()), centred),
        ).fetchall()
        name = "layer norm" if centred else "RMS norm"
        assert_close(name, [row for (row,) in rows], expected, absolute=2e-6)
