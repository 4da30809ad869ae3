"""Interventions at every site, of every kind, at every length; sets, and what a run remembers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psycopg
import pytest
import reference
import torch
from differences import assert_close
from psycopg.rows import scalar_row

from psqlm.bundled_files import DEMO_MODEL

LAYER = 2
TOKENS = [2225, 677, 258, 513, 418, 319, 402, 274, 290]
OTHER = [464, 1600, 12, 77, 900, 31, 2510, 2319, 8]
SITES = [
    "embed", "pos_embed", "resid_pre", "ln1", "q", "k", "v", "attn_scores", "pattern", "z",
    "attn_out", "resid_mid", "ln2", "mlp_pre", "mlp_post", "mlp_out", "resid_post",
]  # fmt: skip
KINDS = ["zero", "scale", "add", "replace", "mean"]
BY_KEY = ("attn_scores", "pattern")


def layer_of(site: str) -> int:
    return 0 if site in ("embed", "pos_embed") else LAYER


def run(
    connection: psycopg.Connection, tokens: list[int], site: str, interventions: str | None = None
) -> int:
    row = connection.execute(
        "SELECT lm.forward(token_ids => %s, capture => ARRAY[%s], interventions => %s)",
        (tokens, site, interventions),
    ).fetchone()
    assert row is not None
    return int(row[0])


def kept(connection: psycopg.Connection, run_id: int, site: str) -> list[np.ndarray]:
    """Vectors of a site in the layer, by position and head."""
    rows = connection.execute(
        "SELECT value::real[] FROM lm.captured WHERE (run_id, site, layer) = (%s, %s, %s)"
        " ORDER BY position, head",
        (run_id, site, layer_of(site)),
    )
    return [np.array(value) for (value,) in rows]


def make(connection: psycopg.Connection, **columns: object) -> str:
    """The set `one` of one intervention."""
    marks = ", ".join(
        f'"{name}" => %({name})s' + ("::real[]::vector" if name == "value" else "")
        for name in columns
    )
    connection.execute(
        f"SELECT lm.replace_interventions('one', lm.make_intervention({marks}))", columns
    )
    return "one"


def kinds_of(site: str) -> list[str]:
    if site == "attn_scores":
        return ["knockout"]
    return [kind for kind in KINDS if not (site == "pattern" and kind == "mean")]


def change(
    connection: psycopg.Connection, site: str, kind: str, tokens: list[int], other: list[int]
) -> list[np.ndarray]:
    """Make the set `one`, and say what it makes of the site."""
    before = kept(connection, run(connection, tokens, site), site)
    at: dict[str, object] = {"site": site, "layer": layer_of(site), "kind": kind}
    if kind in ("zero", "knockout"):
        make(connection, **at)
        return [x * 0 for x in before]
    if kind == "scale":
        make(connection, **at, factor=-0.5)
        return [x * -0.5 for x in before]
    if kind == "add":
        # a row of pattern is as wide as its position, and all heads are changed together
        value = np.linspace(-1, 1, len(before[-1]) * (1 if site == "pattern" else heads(site)))
        make(connection, **at, factor=2.0, value=value.tolist(), position=-1)
        n = heads(site)
        parts = [value] * n if site == "pattern" else np.split(value, n)
        return before[:-n] + [x + 2 * y for x, y in zip(before[-n:], parts, strict=True)]
    source = run(connection, other, site)
    make(connection, **at, from_run=source)
    taken = kept(connection, source, site)
    if kind == "replace":
        return taken
    by_head = np.array(taken).reshape(len(other), heads(site), -1).mean(0)
    return list(np.tile(by_head, (len(tokens), 1)))


def heads(site: str) -> int:
    return 4 if site in ("q", "k", "v", "z", *BY_KEY) else 1


# Kinds of change ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_token", [1, 7, 8, 9])
@pytest.mark.parametrize("site", SITES)
def test_every_kind_at_every_site(connection: psycopg.Connection, site: str, n_token: int) -> None:
    """What is captured there is what the intervention says."""
    watched = "pattern" if site == "attn_scores" else site
    for kind in kinds_of(site):
        expected = change(connection, site, kind, TOKENS[:n_token], OTHER[:n_token])
        found = kept(connection, run(connection, TOKENS[:n_token], watched, "one"), watched)
        assert [x.shape for x in found] == [x.shape for x in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert_close(f"{kind} of {site}", ours, theirs, absolute=1e-4)
        if site in BY_KEY and kind in ("zero", "knockout"):
            z = kept(connection, run(connection, TOKENS[:n_token], "z", "one"), "z")
            assert not np.any(z), "attends to something"


@pytest.mark.parametrize("site", SITES)
def test_every_kind_while_generating(connection: psycopg.Connection, site: str) -> None:
    """Each token is that of a whole pass over those before it, which keeps no cache."""
    prompt = "The King had a daughter"
    (tokens,) = connection.execute("SELECT lm.encode(%s)", [prompt]).fetchone()
    for kind in kinds_of(site):
        change(connection, site, kind, tokens, OTHER[: len(tokens)])
        if kind == "add":  # counted from the end, it would move with it
            connection.execute("UPDATE lm.intervention SET position = %s", [len(tokens) - 1])
        generated = connection.execute(
            "SELECT array_agg(token_id ORDER BY step)"
            " FROM lm.generate_tokens(%s, 3, interventions => 'one')",
            [prompt],
        ).fetchone()[0]
        expected: list[int] = []
        while len(expected) < 3:
            run_id = run(connection, tokens + expected, "logits", "one")
            expected.append(
                connection.execute(
                    "SELECT token_id FROM lm.logit WHERE run_id = %s AND position = %s"
                    " ORDER BY logit DESC LIMIT 1",
                    [run_id, len(tokens) + len(expected) - 1],
                ).fetchone()[0]
            )
        assert generated == expected, kind


def test_a_query_whose_every_edge_is_cut(connection: psycopg.Connection) -> None:
    """Its weights are 0, as TransformerLens makes them, and not uniform."""
    make(connection, site="attn_scores", layer=LAYER, kind="knockout", position=4)
    model = reference.model(DEMO_MODEL)
    attention = model.transformer.h[LAYER].attn

    def attend(module: torch.nn.Module, inputs: tuple, output: tuple) -> tuple:
        n = inputs[0].shape[1]
        q, k, v = (
            part.view(n, model.config.n_head, -1).transpose(0, 1)
            for part in module.c_attn(inputs[0])[0].split(model.config.n_embd, dim=-1)
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        scores.masked_fill_(torch.ones(n, n, dtype=torch.bool).triu(1), -torch.inf)
        scores[:, 4] = -torch.inf
        z = (scores.softmax(-1).nan_to_num(0) @ v).transpose(0, 1).reshape(1, n, -1)
        return (module.c_proj(z), *output[1:])

    hook = attention.register_forward_hook(attend)
    try:
        expected = reference.forward(DEMO_MODEL, TOKENS).logits[-1]
    finally:
        hook.remove()
    (run_id,) = connection.execute(
        "SELECT lm.forward(token_ids => %s, capture => '{logits,pattern}', top_logits => NULL,"
        " interventions => 'one')",
        (TOKENS,),
    ).fetchone()
    rows = connection.cursor(row_factory=scalar_row).execute(
        "SELECT logit FROM lm.logit WHERE run_id = %s AND position = 8 ORDER BY token_id",
        [run_id],
    )
    assert_close("every edge of a query cut: logits", rows.fetchall(), expected, absolute=1e-3)
    pattern = kept(connection, run_id, "pattern")
    sums = np.array([x.sum() for x in pattern]).reshape(len(TOKENS), -1)
    assert not sums[4].any()
    assert sums[[0, 1, 2, 3, 5, 6, 7, 8]] == pytest.approx(1, abs=1e-5)


# Places -------------------------------------------------------------------------------------------


def test_positions_from_the_end(connection: psycopg.Connection) -> None:
    """Of each text its own; taken from where they are in the run they come from."""
    source = run(connection, OTHER[:5], "mlp_out")
    make(
        connection, site="mlp_out", layer=LAYER, kind="replace", position=-2, from_run=source
    )  # fmt: skip
    texts = ["The King", "The King had a daughter", "a b c d e f g h i j"]
    runs = connection.execute(
        "SELECT run_id FROM lm.forward_many(%s, capture => '{mlp_out}', interventions => 'one')",
        [texts],
    ).fetchall()
    taken = kept(connection, source, "mlp_out")[-2]
    for (run_id,), text in zip(runs, texts, strict=True):
        (tokens,) = connection.execute("SELECT lm.encode(%s)", [text]).fetchone()
        plain = kept(connection, run(connection, tokens, "mlp_out"), "mlp_out")
        found = kept(connection, run_id, "mlp_out")
        assert np.array_equal(found[-2], taken)
        assert np.allclose(found[:-2], plain[:-2], atol=1e-4)


@pytest.mark.parametrize(
    ("position", "key_position"), [(-1, 0), (8, -9), (-1, -1), (8, 8), (None, -9)]
)
def test_an_edge_counted_from_the_end(
    connection: psycopg.Connection, position: int | None, key_position: int
) -> None:
    make(
        connection, site="attn_scores", layer=LAYER, kind="knockout", position=position,
        key_position=key_position,
    )  # fmt: skip
    pattern = kept(connection, run(connection, TOKENS, "pattern", "one"), "pattern")
    key = key_position % 9
    seen = [(n // 4, weights) for n, weights in enumerate(pattern) if len(weights) > key]
    cut = [query for query, weights in seen if weights[key] < 1e-9]
    queries = range(key, 9) if position is None else [position % 9]
    assert cut == [query for query in queries for _ in range(4)]


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        ({"site": "mlp_post", "kind": "add", "value": [-1000.0], "unit": 17}, 17),
        ({"site": "mlp_post", "kind": "zero", "unit": 511}, 511),
        ({"site": "resid_pre", "kind": "replace", "value": [5.0], "unit": 0}, 0),
        ({"site": "z", "kind": "scale", "factor": 3.0, "unit": 31, "head": 2}, 31),
        ({"site": "ln2", "kind": "mean", "unit": 5}, 5),
        ({"site": "ln2", "kind": "replace", "unit": 127}, 127),
    ],
)
def test_a_unit(connection: psycopg.Connection, columns: dict[str, object], unit: int) -> None:
    """One number changes and no other."""
    site, kind = str(columns["site"]), columns["kind"]
    source = kept(connection, from_run := run(connection, OTHER, site), site)
    if kind in ("replace", "mean") and "value" not in columns:
        columns = {**columns, "from_run": from_run}
    make(connection, **columns, layer=LAYER)
    plain = np.array(kept(connection, run(connection, TOKENS, site), site))
    found = np.array(kept(connection, run(connection, TOKENS, site, "one"), site))
    expected = plain.copy()
    rows = slice(2, None, 4) if site == "z" else slice(None)
    if "value" in columns:
        expected[rows, unit] = np.array(columns["value"]) + (
            plain[rows, unit] if kind == "add" else 0
        )
    elif kind == "mean":
        expected[rows, unit] = np.mean(source, axis=0)[unit]
    elif kind == "replace":
        expected[rows, unit] = np.array(source)[:, unit]
    else:
        expected[rows, unit] *= {"zero": 0, "scale": 3}[str(kind)]
    assert_close(f"{kind} of a unit of {site}", found, expected, absolute=1e-4)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"site": "mlp_out", "kind": "zero", "position": 9}, "is at position 9 of 9"),
        ({"site": "mlp_out", "kind": "zero", "position": -10}, "is at position -10 of 9"),
        ({"site": "attn_scores", "kind": "knockout", "key_position": 600}, "at position 600 of 9"),
        (
            {"site": "attn_scores", "kind": "knockout", "position": 2, "key_position": 3},
            "cuts no edge: key 3 comes after position 2",
        ),
        (
            {"site": "attn_scores", "kind": "knockout", "position": -9, "key_position": 3},
            "cuts no edge",
        ),
        ({"site": "mlp_post", "kind": "zero", "unit": 512}, "is in unit 512 of 512"),
        ({"site": "z", "kind": "zero", "head": 1, "unit": -1}, "is in unit -1 of 32"),
        (
            {"site": "mlp_post", "kind": "add", "unit": 1, "value": [1.0, 2.0]},
            "is 2 wide, and a unit is 1",
        ),
    ],
)
def test_what_misses_is_an_error(
    connection: psycopg.Connection, columns: dict[str, object], message: str
) -> None:
    make(connection, **columns)
    for statement in (
        "SELECT lm.forward(token_ids => %s, interventions => 'one')",
        "SELECT * FROM lm.next_token(lm.decode(%s), interventions => 'one')",
    ):
        with (
            pytest.raises(psycopg.errors.InvalidParameterValue, match=message),
            connection.transaction(),
        ):
            connection.execute(statement.encode(), (TOKENS,))


def test_what_is_generated_has_positions_too(connection: psycopg.Connection) -> None:
    tell = "SELECT lm.generate('The King', 6, interventions => 'one')"
    plain = connection.execute("SELECT lm.generate('The King', 6)").fetchone()
    make(connection, site="resid_post", layer=LAYER, kind="scale", factor=-9.0, position=4)
    (told,) = connection.execute(tell).fetchone()
    assert told != plain[0]
    make(connection, site="resid_post", layer=LAYER, kind="zero", position=512)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is at position 512 of 512"):
        connection.execute(tell)


@pytest.mark.parametrize("site", ["q", "z", "pattern", "attn_scores"])
def test_a_unit_is_of_one_vector(connection: psycopg.Connection, site: str) -> None:
    kind = "knockout" if site == "attn_scores" else "zero"
    with pytest.raises(psycopg.errors.CheckViolation, match="unit_is_of_one_vector"):
        make(connection, site=site, kind=kind, unit=1)


# Sets ---------------------------------------------------------------------------------------------


def test_a_set_is_replaced_as_a_whole(connection: psycopg.Connection) -> None:
    many = (
        "SELECT lm.replace_interventions('many', lm.make_intervention('z', 'zero', 1, head => 2),"
        " lm.make_intervention('mlp_out', 'scale', factor => 2))"
    )
    for _ in range(2):
        assert connection.execute(many).fetchone() == (2,)
        assert connection.execute(
            "SELECT array_agg((site, kind, layer, head, factor)::text ORDER BY intervention_id)"
            " FROM lm.intervention WHERE set_name = 'many'"
        ).fetchone() == (["(z,zero,1,2,)", "(mlp_out,scale,,,2)"],)
    assert connection.execute("SELECT lm.replace_interventions('many')").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM lm.intervention").fetchone() == (0,)


def test_sessions_that_replace_a_set_at_once_leave_one(scratch_dsn: str) -> None:
    barrier = threading.Barrier(4)

    def replace(number: int) -> None:
        with psycopg.connect(scratch_dsn) as own:
            barrier.wait()
            own.execute(
                "SELECT lm.replace_interventions('contested',"
                " lm.make_intervention('z', 'zero', %s), lm.make_intervention('v', 'zero', %s))",
                (number, number),
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(4)))
    with psycopg.connect(scratch_dsn) as own:
        assert own.execute(
            "SELECT count(*), count(DISTINCT layer) FROM lm.intervention"
        ).fetchone() == (2, 1)


def test_a_mean_is_of_runs_as_they_were(connection: psycopg.Connection) -> None:
    """Without from_run, over the runs that nothing was done to."""
    plain = [run(connection, tokens, "mlp_out") for tokens in (TOKENS, OTHER)]
    mean = np.mean([x for run_id in plain for x in kept(connection, run_id, "mlp_out")], axis=0)
    make(connection, site="mlp_out", layer=LAYER, kind="scale", factor=100.0)
    run(connection, TOKENS, "mlp_out", "one")
    make(connection, site="mlp_out", layer=LAYER, kind="mean")
    for _ in range(2):
        found = kept(connection, run(connection, TOKENS, "mlp_out", "one"), "mlp_out")
        assert_close("mean over runs", found, np.tile(mean, (len(TOKENS), 1)), absolute=1e-4)


def test_a_run_remembers_what_was_done_to_it(connection: psycopg.Connection) -> None:
    texts = ["The King"]

    def found() -> list[tuple[int]]:
        return connection.execute(
            "SELECT run_id FROM lm.find_runs(%s, interventions => 'one')", [texts]
        ).fetchall()

    def once() -> tuple[int, bool]:
        return connection.execute(
            "SELECT run_id, is_new FROM lm.forward_once(%s, interventions => 'one')", [texts]
        ).fetchone()

    make(connection, site="mlp_out", layer=LAYER, kind="scale", factor=0.1)
    first, is_new = once()
    assert is_new
    assert once() == (first, False)
    connection.execute("SET LOCAL extra_float_digits = -10")
    assert found() == [(first,)]
    make(connection, site="mlp_out", layer=LAYER, kind="scale", factor=0.1)  # other rows, the same
    assert found() == [(first,)]
    make(connection, site="mlp_out", layer=LAYER, kind="scale", factor=0.1 + 1e-15)
    assert found() == []
    second, is_new = once()
    assert is_new
    assert found() == [(second,)]
    make(connection, site="mlp_out", layer=LAYER, kind="mean")
    run(connection, TOKENS, "mlp_out")
    third, is_new = once()
    assert is_new
    assert once() == (third, False)
    run(connection, OTHER, "mlp_out")
    assert found() == [], "the mean is another now"
    connection.execute("SELECT lm.replace_interventions('one')")
    assert found() == []
