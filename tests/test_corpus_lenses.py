"""Lenses that look at many runs at once, against TransformerLens's values."""

from __future__ import annotations

import re
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
from differences import assert_close

TEXTS = ["Once upon a time, at the edge of a wood, a king had a son.", "The hen, the fox. The cat!"]


@pytest.fixture
def runs(connection: psycopg.Connection) -> list[int]:
    sites = ["pattern", "mlp_post", "z", "attn_out", "embed"]
    return [lens.run(connection, text, capture=sites) for text in TEXTS]


def _tokens(text: str) -> list[str]:
    return [lens.model().tokenizer.decode([token]) for token in lens.reference(text).token_ids]


@pytest.mark.parametrize(("key", "query"), [("[[:punct:]]", ""), ("", "^ t"), ("^ t", "[.,]")])
def test_attention_share(
    connection: psycopg.Connection, runs: list[int], key: str, query: str
) -> None:
    rows = connection.execute(
        "SELECT * FROM lm.attention_share(%s::bigint[], %s, %s)", (runs, key, query)
    ).fetchall()
    in_python = [pattern.replace("[[:punct:]]", r"[.,!]") for pattern in (key, query)]
    shares: list[np.ndarray] = []
    even: list[float] = []
    for text in TEXTS:
        is_key, is_query = (
            np.array([bool(re.search(pattern, token)) for token in _tokens(text)])
            for pattern in in_python
        )
        cache = lens.reference(text).cache
        patterns = np.stack([cache["pattern", layer] for layer in range(lens.N_LAYER)])
        given = (patterns * is_key).sum(axis=-1)[..., is_query]  # [layer, head, query]
        shares += list(np.moveaxis(given, -1, 0))
        even += list((np.cumsum(is_key) / np.arange(1, len(is_key) + 1))[is_query])
    assert [row[:2] for row in rows] == list(np.ndindex(lens.N_LAYER, lens.N_HEAD))
    assert {row[4] for row in rows} == {len(shares)}
    assert_close(
        "share of attention",
        [row[2] for row in rows],
        np.mean(shares, axis=0).ravel(),
        absolute=1e-6,
    )
    assert_close("even share", [row[3] for row in rows], [np.mean(even)] * len(rows), absolute=1e-6)


def test_attention_share_refuses(connection: psycopg.Connection, runs: list[int]) -> None:
    bare = lens.run(connection, "The king", capture=["z"])
    for named, message in (
        ([*runs, bare], f"run {bare} did not capture pattern"),
        ([], "no run is named"),
        ([*runs, 0], "no such run: 0"),
    ):
        with pytest.raises(psycopg.Error, match=message), connection.transaction():
            connection.execute("SELECT * FROM lm.attention_share(%s::bigint[])", (named,))


@pytest.mark.parametrize("site", ["mlp_post", "z", "attn_out", "embed"])
def test_unit_effects(connection: psycopg.Connection, runs: list[int], site: str) -> None:
    connection.execute(
        """
        INSERT INTO lm.tag (run_id, position, name, value)
        SELECT run_id, position, 'place', CASE WHEN token ~ '^ ' THEN 'begins' ELSE 'goes on' END
        FROM lm.token
        WHERE run_id = ANY (%s) AND position <> 3
        """,
        (runs,),
    )
    rows = connection.execute(
        "SELECT * FROM lm.unit_effects(%s, 'place', 'begins')", (site,)
    ).fetchall()
    groups: dict[bool, list[Any]] = {True: [], False: []}
    for text in TEXTS:
        cache = lens.reference(text).cache
        name = lens.HOOKS[site]
        layers = range(lens.N_LAYER) if "{}" in name else range(1)
        values = np.stack([cache[name.format(layer)][0].numpy() for layer in layers], axis=1)
        for position, token in enumerate(_tokens(text)):
            if position != 3:
                groups[token.startswith(" ")].append(values[position].astype(float).ravel())
    a, b = (np.stack(groups[kind]) for kind in (True, False))
    degrees = len(a) + len(b) - 2
    pooled = np.sqrt((a.var(axis=0) * len(a) + b.var(axis=0) * len(b)) / degrees)
    assert_close("means", [row[3] for row in rows], a.mean(axis=0), relative=1e-5)
    assert_close("other means", [row[4] for row in rows], b.mean(axis=0), relative=1e-5)
    assert_close(
        "Cohen's d", [row[5] for row in rows], (a.mean(0) - b.mean(0)) / pooled, relative=1e-4
    )
    heads = range(lens.N_HEAD) if site == "z" else [-1]
    width = len(rows) // (len(heads) * len(layers))
    assert [row[:3] for row in rows] == [
        (layer, head, unit) for layer in layers for head in heads for unit in range(width)
    ]


def test_units_of_nothing(connection: psycopg.Connection, runs: list[int]) -> None:
    connection.execute(
        "INSERT INTO lm.tag (run_id, name, value) SELECT unnest(%s::bigint[]), 'source', 'tale'",
        (runs,),
    )
    for site, value, message in (
        ("mlp_post", "news", "no token of a run that captured mlp_post is tagged source = news"),
        ("mlp_post", "tale", "no token of a run that captured mlp_post is tagged source <> tale"),
        ("mlp_pre", "tale", "no token of a run that captured mlp_pre is tagged source = tale"),
        ("pattern", "tale", "pattern has no width of its own"),
    ):
        with pytest.raises(psycopg.Error, match=message), connection.transaction():
            connection.execute("SELECT * FROM lm.unit_effects(%s, 'source', %s)", (site, value))
