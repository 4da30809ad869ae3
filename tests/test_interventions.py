"""Interventions against the same ones made by PyTorch hooks in `transformers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
import pytest
import reference
import torch
from differences import assert_close

from psqlm.bundled_files import DEMO_MODEL

CLEAN = "The King had a daughter who was very beautiful"
CORRUPT = "The Fox had a brother who was very hungry indeed"
SWEEP_CLEAN = "There was once a king. The old king"
SWEEP_CORRUPT = "There was once a fox. The old fox"
LAYER, HEAD, POSITION = 3, 1, 4

Change = Callable[[torch.Tensor], None]


def modules() -> dict[str, torch.nn.Module]:
    """What makes a site, or takes it in."""
    block = reference.model(DEMO_MODEL).transformer.h[LAYER]
    return {
        "resid_pre": block,
        "ln1": block.ln_1,
        "qkv": block.attn.c_attn,
        "z": block.attn.c_proj,
        "attn_out": block.attn.c_proj,
        "resid_mid": block.ln_2,
        "ln2": block.ln_2,
        "mlp_pre": block.mlp.c_fc,
        "mlp_post": block.mlp.act,
        "mlp_out": block.mlp.c_proj,
        "resid_post": block,
    }


def slice_of(site: str, head: int | None) -> slice:
    """Columns of a site, or of one head of it, in the module's tensor."""
    config = reference.model(DEMO_MODEL).config
    width = config.n_embd // config.n_head
    start = {"q": 0, "k": config.n_embd, "v": 2 * config.n_embd}.get(site, 0)
    if head is not None:
        return slice(start + head * width, start + (head + 1) * width)
    return slice(start, start + config.n_embd) if site in ("q", "k", "v") else slice(None)


@contextmanager
def changed(site: str, change: Change) -> Iterator[None]:
    """The model with a site of one layer changed in place."""

    def edit_output(module: torch.nn.Module, inputs: tuple, output: object) -> None:
        change((output[0] if isinstance(output, tuple) else output)[0])

    def edit_input(module: torch.nn.Module, inputs: tuple) -> None:
        change(inputs[0][0])

    module = modules()["qkv" if site in ("q", "k", "v") else site]
    # z goes into the output projection, resid_pre into the block
    hook = (
        module.register_forward_pre_hook(edit_input)
        if site in ("z", "resid_pre")
        else module.register_forward_hook(edit_output)
    )
    try:
        yield
    finally:
        hook.remove()


def logits(connection: psycopg.Connection, prompt: str, interventions: str | None) -> np.ndarray:
    rows = connection.execute(
        "SELECT logit FROM lm.next_token(%s, NULL, 'demo', %s) ORDER BY token_id",
        [prompt, interventions],
    )
    return np.array([row[0] for row in rows.fetchall()])


def intervene(connection: psycopg.Connection, **columns: object) -> str:
    names = ", ".join(columns)
    marks = ", ".join(
        f"%({name})s::real[]::vector" if name == "value" else f"%({name})s" for name in columns
    )
    connection.execute(
        f"INSERT INTO lm.intervention (set_name, {names}) VALUES ('test', {marks})", columns
    )
    return "test"


def theirs(connection: psycopg.Connection, prompt: str) -> np.ndarray:
    tokens = connection.execute("SELECT lm.encode(%s)", [prompt]).fetchone()[0]
    return reference.forward(DEMO_MODEL, tokens).logits[-1]


SITES = [
    "resid_pre",
    "q",
    "k",
    "v",
    "z",
    "attn_out",
    "mlp_pre",
    "mlp_post",
    "mlp_out",
    "resid_post",
]
WITH_HEADS = ["q", "k", "v", "z"]


def check(connection: psycopg.Connection, what: str, site: str, change: Change) -> None:
    """Compare a run of the corrupt prompt with the set 'test' to the hooked reference."""
    unchanged = logits(connection, CORRUPT, None)
    ours = logits(connection, CORRUPT, "test")
    with changed(site, change):
        expected = theirs(connection, CORRUPT)
    assert np.abs(expected - unchanged).max() > 1e-3, "the intervention changes nothing"
    assert_close(f"{what} {site}: logits", ours, expected, absolute=1e-3)


# Kinds of change ----------------------------------------------------------------------------------


@pytest.mark.parametrize("site", [*SITES, "ln1", "ln2"])
def test_zero_at_every_position(connection: psycopg.Connection, site: str) -> None:
    intervene(connection, site=site, layer=LAYER, kind="zero")
    columns = slice_of(site, None)
    check(connection, "zero", site, lambda x: x[:, columns].zero_())


@pytest.mark.parametrize("site", WITH_HEADS)
def test_zero_of_a_head_at_a_position(connection: psycopg.Connection, site: str) -> None:
    intervene(connection, site=site, layer=LAYER, head=HEAD, position=POSITION, kind="zero")
    columns = slice_of(site, HEAD)
    check(connection, "zero, one head,", site, lambda x: x[POSITION, columns].zero_())


@pytest.mark.parametrize("site", SITES)
def test_scale(connection: psycopg.Connection, site: str) -> None:
    intervene(connection, site=site, layer=LAYER, position=POSITION, kind="scale", factor=-2.5)
    columns = slice_of(site, None)
    check(connection, "scale", site, lambda x: x[POSITION, columns].mul_(-2.5))


def test_add_a_steering_vector(connection: psycopg.Connection) -> None:
    width = reference.model(DEMO_MODEL).config.n_embd
    value = np.random.default_rng(0).normal(size=width).astype(np.float32)
    intervene(
        connection, site="resid_post", layer=LAYER, kind="add", factor=3.0, value=value.tolist()
    )
    check(connection, "add", "resid_post", lambda x: x.add_(3 * torch.tensor(value)))


@pytest.mark.parametrize("site", SITES)
def test_patch_from_another_run(connection: psycopg.Connection, site: str) -> None:
    """Activation patching: the clean run's value in the corrupt run."""
    (clean,) = connection.execute(
        "SELECT lm.forward(%s, capture => %s)", [CLEAN, [site]]
    ).fetchone()
    intervene(connection, site=site, layer=LAYER, position=POSITION, kind="replace", from_run=clean)
    columns = slice_of(site, None)
    seen: list[torch.Tensor] = []
    with changed(site, lambda x: seen.append(x[POSITION, columns].clone())):
        theirs(connection, CLEAN)
    check(connection, "replace", site, lambda x: x[POSITION, columns].copy_(seen[0]))


@pytest.mark.parametrize("site", ["z", "mlp_out", "attn_out"])
def test_mean_over_a_run(connection: psycopg.Connection, site: str) -> None:
    (clean,) = connection.execute(
        "SELECT lm.forward(%s, capture => %s)", [CLEAN, [site]]
    ).fetchone()
    intervene(connection, site=site, layer=LAYER, kind="mean", from_run=clean)
    seen: list[torch.Tensor] = []
    with changed(site, lambda x: seen.append(x.mean(dim=0))):
        theirs(connection, CLEAN)
    check(connection, "mean", site, lambda x: x.copy_(seen[0].expand_as(x)))


def test_knocked_out_edges(connection: psycopg.Connection) -> None:
    """No attention from one position to another, in one head and then in all."""
    intervene(
        connection, site="attn_scores", layer=LAYER, head=HEAD, position=7, key_position=2,
        kind="knockout",
    )  # fmt: skip
    intervene(
        connection, site="attn_scores", layer=LAYER, position=8, key_position=0, kind="knockout"
    )
    attention = reference.model(DEMO_MODEL).transformer.h[LAYER].attn
    config = reference.model(DEMO_MODEL).config

    def attend(module: torch.nn.Module, inputs: tuple, output: tuple) -> tuple:
        """The sub-block's output once more, with the edges cut."""
        tokens = inputs[0].shape[1]
        q, k, v = (
            part.view(tokens, config.n_head, -1).transpose(0, 1)
            for part in module.c_attn(inputs[0])[0].split(config.n_embd, dim=-1)
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        scores.masked_fill_(torch.ones(tokens, tokens, dtype=torch.bool).triu(1), -torch.inf)
        scores[HEAD, 7, 2] = -torch.inf
        scores[:, 8, 0] = -torch.inf
        z = (scores.softmax(-1) @ v).transpose(0, 1).reshape(1, tokens, -1)
        return (module.c_proj(z), *output[1:])

    unchanged = theirs(connection, CORRUPT)
    hook = attention.register_forward_hook(attend)
    try:
        expected = theirs(connection, CORRUPT)
    finally:
        hook.remove()
    assert np.abs(expected - unchanged).max() > 1e-3
    assert_close("knockout: logits", logits(connection, CORRUPT, "test"), expected, absolute=1e-3)


def test_changes_of_one_place_are_made_in_order(connection: psycopg.Connection) -> None:
    ones = np.ones(reference.model(DEMO_MODEL).config.n_embd)
    intervene(connection, site="resid_post", layer=LAYER, kind="add", value=ones.tolist())
    intervene(connection, site="resid_post", layer=LAYER, kind="scale", factor=2.0)
    check(connection, "add, then scale", "resid_post", lambda x: x.add_(1).mul_(2))


# Runs and generation with them --------------------------------------------------------------------


def test_a_run_records_its_interventions(connection: psycopg.Connection) -> None:
    intervene(connection, site="attn_out", layer=LAYER, kind="zero")
    (run,) = connection.execute(
        "SELECT lm.forward(%s, interventions => 'test')", [CORRUPT]
    ).fetchone()
    assert connection.execute(
        "SELECT r.interventions, max(a.norm) FROM lm.run AS r"
        " JOIN lm.attention_adjustment AS a USING (run_id)"
        " WHERE r.run_id = %s AND a.layer = %s GROUP BY r.interventions",
        [run, LAYER],
    ).fetchone() == ("test", 0)


def test_generation_is_steered(connection: psycopg.Connection) -> None:
    """At every step, the prompt's and each token's."""
    tokens = connection.execute("SELECT lm.encode(%s)", [CORRUPT]).fetchone()[0]
    intervene(connection, site="attn_out", layer=LAYER, kind="zero")
    with changed("attn_out", lambda x: x.zero_()):
        expected = reference.generate(DEMO_MODEL, tokens, 15)
    ours = connection.execute(
        "SELECT array_agg(token_id ORDER BY step)"
        " FROM lm.generate_tokens(%s, 15, interventions => 'test')",
        [CORRUPT],
    ).fetchone()[0]
    assert ours == expected
    assert ours != reference.generate(DEMO_MODEL, tokens, 15)


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"site": "attn_out", "layer": 99, "kind": "zero"}, "is in layer 99 of 8"),
        ({"site": "z", "layer": 0, "head": 99, "kind": "zero"}, "is in head 99 of"),
        ({"site": "z", "kind": "add", "value": [1, 2]}, "is 2 wide, and z is 128"),
    ],
)
def test_what_the_model_has_not(
    connection: psycopg.Connection, columns: dict[str, object], message: str
) -> None:
    intervene(connection, **columns)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        connection.execute("SELECT lm.forward('a', interventions => 'test')")


def test_no_such_set(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match='no set of interventions "x"'):
        connection.execute("SELECT lm.forward('a', interventions => 'x')")


def test_a_run_that_kept_nothing_to_take(connection: psycopg.Connection) -> None:
    (run,) = connection.execute("SELECT lm.forward('a')").fetchone()
    intervene(connection, site="mlp_out", kind="replace", from_run=run)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="finds no mlp_out to take"):
        connection.execute("SELECT lm.forward('a', interventions => 'test')")


# Sweeps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["resid_pre", "attn_out", "mlp_out", "z"])
def test_patching_sweep(connection: psycopg.Connection, site: str) -> None:
    """Every layer × position, or layer × head, against a whole hooked pass for each."""
    global LAYER
    answer, wrong = " king", " fox"
    rows = connection.execute(
        "SELECT layer, head, position, logit_difference, recovered"
        " FROM lm.patching_sweep(%s, %s, %s, %s, %s) ORDER BY layer, head, position",
        [SWEEP_CLEAN, SWEEP_CORRUPT, site, answer, wrong],
    ).fetchall()
    tokens = [
        connection.execute("SELECT lm.encode(%s)", [text]).fetchone()[0]
        for text in (SWEEP_CLEAN, SWEEP_CORRUPT)
    ]
    (a,), (w,) = (
        connection.execute("SELECT lm.encode(%s)", [t]).fetchone()[0] for t in (answer, wrong)
    )
    config = reference.model(DEMO_MODEL).config
    n_places = config.n_head if site in WITH_HEADS else len(tokens[0])
    assert len(rows) == config.n_layer * n_places

    def difference(ids: list[int]) -> float:
        logit = reference.forward(DEMO_MODEL, ids).logits[-1]
        return float(logit[a] - logit[w])

    clean, corrupt = difference(tokens[0]), difference(tokens[1])
    expected = []
    before = LAYER
    try:
        for layer, head, position, *_ in rows:
            LAYER = layer
            seen: list[torch.Tensor] = []
            with changed(site, lambda x, seen=seen: seen.append(x.clone())):
                difference(tokens[0])
            columns = slice_of(site, head if site in WITH_HEADS else None)
            at = slice(None) if site in WITH_HEADS else position

            def patch(x: torch.Tensor, at=at, columns=columns, seen=seen) -> None:
                x[at, columns] = seen[0][at, columns]

            with changed(site, patch):
                expected.append(difference(tokens[1]))
    finally:
        LAYER = before
    assert np.ptp(expected) > 0.05, "the sweep shows nothing"
    assert_close(
        f"sweep of {site}: logit differences", [r[3] for r in rows], expected, absolute=1e-3
    )
    assert_close(
        f"sweep of {site}: recovered",
        [r[4] for r in rows],
        (np.array(expected) - corrupt) / (clean - corrupt),
        absolute=1e-3,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'The King', 'The old King', 'resid_pre', ' a', ' b'", "have 2 and 3 tokens"),
        ("'The King', 'The Fox', 'resid_pre', ' a house', ' b'", "is not one token"),
        ("'The King', 'The Fox', 'pattern', ' a', ' b'", "cannot be swept"),
    ],
)
def test_sweeps_that_cannot_be(
    connection: psycopg.Connection, arguments: str, message: str
) -> None:
    before = connection.execute("SELECT count(*) FROM lm.run").fetchone()
    with (
        pytest.raises(psycopg.errors.InvalidParameterValue, match=message),
        connection.transaction(),
    ):
        connection.execute(f"SELECT * FROM lm.patching_sweep({arguments})")
    assert connection.execute("SELECT count(*) FROM lm.run").fetchone() == before
