"""Captured sites against TransformerLens's hook points, and what limits a capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close
from lens import HOOKS
from psycopg.rows import scalar_row

PROMPTS = {"a tale": lens.PROMPT, "one token": "The"}

Place = tuple[int, int, int]  # layer, head, position


@pytest.fixture(scope="module")
def captured(dsn: str) -> Iterator[tuple[psycopg.Connection, dict[str, int]]]:
    """Runs of the prompts with everything captured."""
    with psycopg.connect(dsn) as connection:
        yield (
            connection,
            {
                name: lens.run(connection, text, capture=["all"], top_logits=None)
                for name, text in PROMPTS.items()
            },
        )
        connection.rollback()


def _places(values: torch.Tensor, layer: int) -> Iterator[tuple[Place, Any]]:
    """The vectors of a site in a layer, [position, …] or [head, query, key]."""
    if values.ndim == 2:
        yield from (((layer, -1, position), x) for position, x in enumerate(values))
    elif values.shape[1] == values.shape[2]:
        for head, matrix in enumerate(values):
            yield from (((layer, head, query), x[: query + 1]) for query, x in enumerate(matrix))
    else:
        for position, heads in enumerate(values):
            yield from (((layer, head, position), x) for head, x in enumerate(heads))


def _reference(text: str, site: str) -> dict[Place, Any]:
    """A site's vectors in TransformerLens, by place."""
    cache = lens.reference(text).cache
    if "{}" in HOOKS[site]:
        layers = {layer: cache[HOOKS[site].format(layer)][0] for layer in range(lens.N_LAYER)}
    else:
        layers = {lens.N_LAYER if site == "ln_final" else 0: cache[HOOKS[site]][0]}
    return {
        place: x.numpy() for layer, values in layers.items() for place, x in _places(values, layer)
    }


def _ours(connection: psycopg.Connection, run_id: int, site: str) -> dict[Place, Any]:
    """A site's captured vectors, by place."""
    rows = connection.execute(
        "SELECT layer, head, position, value::real[] FROM lm.captured"
        " WHERE run_id = %s AND site = %s::lm.site",
        [run_id, site],
    )
    return {(layer, head, position): value for layer, head, position, value in rows}


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("site", HOOKS)
def test_site(captured: tuple[psycopg.Connection, dict[str, int]], site: str, prompt: str) -> None:
    connection, runs = captured
    ours, theirs = _ours(connection, runs[prompt], site), _reference(PROMPTS[prompt], site)
    assert ours.keys() == theirs.keys()
    widths = {place: len(x) for place, x in theirs.items()}
    assert {place: len(x) for place, x in ours.items()} == widths
    # keys differ in number from query to query: zeros behind them change no norm
    width = max(widths.values())

    def padded(vectors: dict[Place, Any]) -> np.ndarray:
        return np.stack([np.pad(vectors[place], (0, width - widths[place])) for place in theirs])

    assert_close(f"{site}, {prompt}", padded(ours), padded(theirs), relative=1e-4)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_logits(captured: tuple[psycopg.Connection, dict[str, int]], prompt: str) -> None:
    connection, runs = captured
    rows = connection.execute(
        "SELECT position, array_agg(logit ORDER BY token_id) FROM lm.logit"
        " WHERE run_id = %s GROUP BY position ORDER BY position",
        [runs[prompt]],
    ).fetchall()
    theirs = lens.reference(PROMPTS[prompt]).logits.numpy()
    assert [position for position, _ in rows] == list(range(len(theirs)))
    assert_close(f"logits, {prompt}", [logits for _, logits in rows], theirs, relative=1e-4)


def test_the_tokens_are_the_references(
    captured: tuple[psycopg.Connection, dict[str, int]],
) -> None:
    connection, runs = captured
    for name, text in PROMPTS.items():
        row = connection.execute(
            "SELECT token_ids, array_agg(t.token_id ORDER BY t.position) FROM lm.run AS r"
            " JOIN lm.run_token AS t USING (run_id) WHERE run_id = %s GROUP BY r.run_id",
            [runs[name]],
        ).fetchone()
        assert row == (lens.reference(text).token_ids, lens.reference(text).token_ids)


def test_attention_patterns_as_rows(
    captured: tuple[psycopg.Connection, dict[str, int]],
) -> None:
    connection, runs = captured
    rows = connection.execute(
        "SELECT layer, head, query_position, key_position, weight FROM lm.attention_pattern"
        " WHERE run_id = %s",
        [runs["a tale"]],
    ).fetchall()
    n = len(lens.reference(lens.PROMPT).token_ids)
    ours = np.full((lens.N_LAYER, lens.N_HEAD, n, n), np.nan)
    for layer, head, query, key, weight in rows:
        ours[layer, head, query, key] = weight
    cache = lens.reference(lens.PROMPT).cache
    theirs = np.stack([cache["pattern", layer][0].numpy() for layer in range(lens.N_LAYER)])
    # an edge for each key up to its query, and none above: there TransformerLens has zeros
    later = np.triu(np.ones(ours.shape[2:], dtype=bool), k=1)
    assert np.isnan(ours[..., later]).all()
    assert_close("lm.attention_pattern", np.nan_to_num(ours), theirs, relative=1e-4)
    wrong = connection.execute(
        """
        SELECT layer, head, query_position, sum(weight)
        FROM lm.attention_pattern
        WHERE run_id = %s
        GROUP BY layer, head, query_position
        HAVING abs(sum(weight) - 1) > 1e-5
        """,
        [runs["a tale"]],
    ).fetchall()
    assert wrong == []


def test_attention_patterns_with_their_tokens(
    captured: tuple[psycopg.Connection, dict[str, int]],
) -> None:
    connection, runs = captured
    rows = connection.execute(
        "SELECT query_position, key_position, query_token, key_token FROM lm.attention_pattern"
        " WHERE run_id = %s AND layer = 3 AND head = 1",
        [runs["a tale"]],
    ).fetchall()
    tokens = lens.model().tokenizer.batch_decode(
        [[token_id] for token_id in lens.reference(lens.PROMPT).token_ids]
    )
    assert len(rows) == len(tokens) * (len(tokens) + 1) // 2
    assert all(row[2:] == (tokens[row[0]], tokens[row[1]]) for row in rows)


def _kept(connection: psycopg.Connection, run_id: int) -> dict[str, set[tuple[int, int]]]:
    """Layers and positions of what a run kept, by site."""
    rows = connection.execute(
        """
        SELECT site::text, layer, position FROM lm.captured WHERE run_id = %(run)s
        UNION ALL
        SELECT DISTINCT 'logits', NULL::int, position FROM lm.logit WHERE run_id = %(run)s
        """,
        {"run": run_id},
    )
    kept: dict[str, set[tuple[int, int]]] = {}
    for site, layer, position in rows:
        kept.setdefault(site, set()).add((layer, position))
    return kept


def test_only_what_is_captured_is_kept(connection: psycopg.Connection) -> None:
    assert _kept(connection, lens.run(connection, "The king", capture=[])) == {}
    everywhere = {(layer, position) for layer in range(lens.N_LAYER) for position in range(2)}
    assert _kept(connection, lens.run(connection, "The king")) == {"attn_out": everywhere}
    assert _kept(connection, lens.run(connection, "The king", capture=["z", "mlp_pre"])) == {
        "z": everywhere,
        "mlp_pre": everywhere,
    }


def test_capture_limited_to_layers_and_positions(connection: psycopg.Connection) -> None:
    n = len(lens.reference(lens.PROMPT).token_ids)
    limits = {"capture_layers": [0, 5], "capture_positions": [3, -1]}
    run_id = lens.run(connection, capture=["all"], **limits)
    kept = _kept(connection, run_id)
    assert kept.keys() == {*HOOKS, "logits"}
    for site, places in kept.items():
        # embeddings, the final norm and the logits are of no layer
        layers = {"embed": [0], "pos_embed": [0], "ln_final": [lens.N_LAYER], "logits": [None]}
        expected = {(layer, p) for layer in layers.get(site, [0, 5]) for p in (3, n - 1)}
        assert places == expected, site
    row = connection.execute(
        "SELECT capture_layers, capture_positions, top_logits FROM lm.run WHERE run_id = %s",
        [run_id],
    ).fetchone()
    assert row == ([0, 5], [3, -1], 10)
    # the same numbers as where everything is kept
    for site in ("resid_post", "pattern"):
        theirs = _reference(lens.PROMPT, site)
        for place, value in _ours(connection, run_id, site).items():
            assert value == pytest.approx(theirs[place], rel=1e-4, abs=1e-4)


def test_the_last_position_of_each_of_several_prompts(connection: psycopg.Connection) -> None:
    prompts = ["The king", "Once upon a time there was a king"]
    runs = connection.execute(
        "SELECT * FROM lm.forward_many(%s, capture => '{resid_post,logits}',"
        " capture_layers => %s, capture_positions => '{-1}', top_logits => 1)",
        [prompts, [lens.N_LAYER - 1]],
    ).fetchall()
    for (_, run_id), text in zip(runs, prompts, strict=True):
        last = len(lens.reference(text).token_ids) - 1
        assert _kept(connection, run_id) == {
            "resid_post": {(lens.N_LAYER - 1, last)},
            "logits": {(None, last)},
        }
        likeliest = connection.execute(
            "SELECT token_id FROM lm.logit WHERE run_id = %s", [run_id]
        ).fetchall()
        assert likeliest == [(int(lens.reference(text).logits[last].argmax()),)]


def test_top_logits(connection: psycopg.Connection) -> None:
    run_id = lens.run(connection, capture=["logits"], top_logits=3)
    rows = connection.execute(
        "SELECT position, array_agg(token_id ORDER BY logit DESC, token_id), array_agg(logit"
        " ORDER BY logit DESC, token_id) FROM lm.logit WHERE run_id = %s GROUP BY position"
        " ORDER BY position",
        [run_id],
    ).fetchall()
    theirs = lens.reference(lens.PROMPT).logits.topk(3)
    assert [tokens for _, tokens, _ in rows] == theirs.indices.tolist()
    assert_close("top logits", [logits for _, _, logits in rows], theirs.values, relative=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capture": ["attention"]}, "capture holds what is no site: attention"),
        ({"capture": None}, "NULL"),
        (
            {"capture_layers": [lens.N_LAYER]},
            f'capture_layers holds others than 0 to {lens.N_LAYER - 1}, the layers of "demo"',
        ),
        ({"capture_layers": [None]}, "capture_layers holds others"),
        ({"capture_positions": [2]}, "capture_positions holds others than 0 to 1, or from the end"),
        ({"capture_positions": [-3]}, "capture_positions holds others than 0 to 1, or from the"),
        ({"top_logits": 0}, "top_logits must be 1 or more"),
    ],
)
def test_bad_captures_are_refused(
    connection: psycopg.Connection, options: dict[str, Any], message: str
) -> None:
    cursor = connection.cursor(row_factory=scalar_row)
    before = cursor.execute("SELECT count(*) FROM lm.run").fetchone()
    with pytest.raises(psycopg.Error, match=message), connection.transaction():
        lens.run(connection, "The king", **options)
    assert cursor.execute("SELECT count(*) FROM lm.run").fetchone() == before
