"""What the parts of a model do, against TransformerLens: attribution, heads, the stream."""

from __future__ import annotations

from functools import cache
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close
from transformer_lens.head_detector import detect_head

# Attribution --------------------------------------------------------------------------------------


@cache
def _folded() -> Any:
    """What happens in the model with its norms folded, as TransformerLens attributes."""
    model = lens.bridge(fold_ln=True)
    return model.run_with_cache(model.to_tokens(lens.PROMPT))[1]


@pytest.mark.parametrize("position", lens.PLACES)
def test_head_results(captured: tuple[psycopg.Connection, int], position: int) -> None:
    connection, run_id = captured
    rows = connection.execute(
        "SELECT layer, head, result::real[] FROM lm.head_results(%s, %s)", [run_id, position]
    ).fetchall()
    assert [row[:2] for row in rows] == [
        (layer, head) for layer in range(lens.N_LAYER) for head in range(-1, lens.N_HEAD)
    ]
    results = np.array([row[2] for row in rows]).reshape(lens.N_LAYER, lens.N_HEAD + 1, -1)
    theirs = lens.cache().stack_head_results()[:, 0, position]
    ours = results[:, 1:].reshape(len(theirs), -1)
    assert_close(f"head results, {position}", ours, theirs, relative=1e-4)
    attn_out = np.stack(
        [lens.cache()["attn_out", layer][0, position] for layer in range(lens.N_LAYER)]
    )
    assert_close(f"heads and bias together, {position}", results.sum(1), attn_out, relative=1e-4)


@pytest.mark.parametrize("position", lens.PLACES)
@pytest.mark.parametrize("wrong", [None, lens.QUEEN])
def test_logit_attribution(
    captured: tuple[psycopg.Connection, int], position: int, wrong: str | None
) -> None:
    rows = lens.rows(
        captured,
        "logit_attribution(%(run)s, %(token)s, %(wrong)s, %(at)s)",
        token=lens.token(lens.KING),
        wrong=None if wrong is None else lens.token(wrong),
        at=position,
    )
    ours = {(site, layer, head): value for site, layer, head, value in rows}
    assert len(ours) == len(rows)

    cache_ = _folded()
    at = {"pos_slice": position, "return_labels": True}
    parts, labels = cache_.decompose_resid(**at)
    heads, head_labels = cache_.stack_head_results(**at)
    stack = torch.cat([parts, heads])
    values = cache_.logit_attrs(
        stack,
        lens.token(lens.KING),
        None if wrong is None else lens.token(wrong),
        pos_slice=position,
    )
    theirs = dict(zip([*labels, *head_labels], values[:, 0].tolist(), strict=True))

    expected = {("embed", 0, -1): theirs["embed"], ("pos_embed", 0, -1): theirs["pos_embed"]}
    for layer in range(lens.N_LAYER):
        expected["mlp_out", layer, -1] = theirs[f"{layer}_mlp_out"]
        of_heads = [theirs[f"L{layer}H{head}"] for head in range(lens.N_HEAD)]
        expected |= {("attn_out", layer, head): value for head, value in enumerate(of_heads)}
        # what attn_out has beside its heads is b_O
        expected["attn_out", layer, -1] = theirs[f"{layer}_attn_out"] - sum(of_heads)
    assert ours.keys() == {*expected, ("ln_final", lens.N_LAYER, -1)}
    against = "" if wrong is None else f" less {wrong!r}"
    assert_close(
        f"attribution of {lens.KING!r}{against}, {position}",
        [ours[part] for part in expected],
        list(expected.values()),
        absolute=1e-4,
    )
    logits = lens.reference(lens.PROMPT).logits[position]
    logit = logits[lens.token(lens.KING)] - (0 if wrong is None else logits[lens.token(wrong)])
    assert_close(f"its sum{against}, {position}", [sum(ours.values())], [logit], absolute=1e-4)


def test_tokens_as_text(captured: tuple[psycopg.Connection, int]) -> None:
    tokens = {"king": lens.token(lens.KING), "queen": lens.token(lens.QUEEN)}
    for call in (
        ("lens_trajectory(%(run)s, %(king)s)", f"lens_trajectory(%(run)s, '{lens.KING}')"),
        (
            "logit_attribution(%(run)s, %(king)s, %(queen)s)",
            f"logit_attribution(%(run)s, '{lens.KING}', '{lens.QUEEN}')",
        ),
    ):
        by_number, by_text = (lens.rows(captured, one, **tokens) for one in call)
        assert by_number == by_text != []


def test_attribution_of_what_is_predicted(captured: tuple[psycopg.Connection, int]) -> None:
    total = sum(row[3] for row in lens.rows(captured, "logit_attribution(%(run)s)"))
    assert total == pytest.approx(float(lens.reference(lens.PROMPT).logits[-1].max()), abs=1e-4)


def test_attribution_of_an_intervened_run(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO lm.intervention (set_name, site, layer, kind, factor) VALUES"
        " ('test', 'attn_out', 2, 'scale', 3), ('test', 'z', 4, 'scale', 0.5),"
        " ('test', 'resid_pre', 3, 'scale', 0.5)"
    )
    run = lens.run(connection, capture=["all"], interventions="test")
    rows = lens.rows((connection, run), "logit_attribution(%(run)s)")
    ((logit,),) = connection.execute(
        "SELECT max(logit) FROM lm.logit WHERE run_id = %s AND position = lm.run_position(%s)",
        [run, run],
    )
    assert ("resid_post", lens.N_LAYER - 1, -1) in {row[:3] for row in rows}
    assert_close("sum of an intervened run", [sum(row[3] for row in rows)], [logit], absolute=1e-4)


# Heads and the stream -----------------------------------------------------------------------------


@pytest.mark.parametrize("exclude_bos", [False, True])
@pytest.mark.parametrize("exclude_current_token", [False, True])
def test_head_scores(
    captured: tuple[psycopg.Connection, int], exclude_bos: bool, exclude_current_token: bool
) -> None:
    exclude = {"exclude_bos": exclude_bos, "exclude_current_token": exclude_current_token}
    rows = lens.rows(
        captured,
        "head_scores(%(run)s, exclude_bos => %(exclude_bos)s,"
        " exclude_current_token => %(exclude_current_token)s)",
        **exclude,
    )
    assert [row[:2] for row in rows] == [
        (layer, head) for layer in range(lens.N_LAYER) for head in range(lens.N_HEAD)
    ]
    kinds = ("previous_token", "duplicate_token", "induction")
    for column, kind in enumerate(kinds, start=2):
        theirs = detect_head(
            lens.model(), lens.PROMPT, f"{kind}_head", cache=_without_batch(), **exclude
        )
        assert theirs.max() > 0
        ours = np.array([row[column] for row in rows]).reshape(lens.N_LAYER, -1)
        assert_close(f"{kind} scores, {exclude}", ours, theirs, absolute=1e-5)


@cache
def _without_batch() -> Any:
    tokens = lens.model().to_tokens(lens.PROMPT)
    return lens.model().run_with_cache(tokens, remove_batch_dim=True)[1]


def test_residual_norms_and_cosines(captured: tuple[psycopg.Connection, int]) -> None:
    stream = torch.stack([lens.cache()["resid_post", layer][0] for layer in range(lens.N_LAYER)])
    rows = lens.rows(
        captured,
        "residual_norm WHERE run_id = %(run)s AND site = 'resid_post' ORDER BY layer, position",
    )
    norms = np.array([row[5] for row in rows]).reshape(lens.N_LAYER, -1)
    assert_close("residual norms", norms, stream.norm(dim=-1), relative=1e-5)
    tokens = [[token_id] for token_id in lens.reference(lens.PROMPT).token_ids]
    assert [row[4] for row in rows[: len(tokens)]] == lens.model().tokenizer.batch_decode(tokens)
    rows = lens.rows(
        captured,
        "residual_cosine WHERE run_id = %(run)s AND site = 'resid_post'"
        " ORDER BY layer, other_layer, position",
    )
    pairs = [(a, b) for a in range(lens.N_LAYER) for b in range(a + 1, lens.N_LAYER)]
    assert [row[3:5] for row in rows[:: len(tokens)]] == pairs
    theirs = torch.stack([torch.cosine_similarity(stream[a], stream[b], dim=-1) for a, b in pairs])
    ours = np.array([row[5] for row in rows]).reshape(len(pairs), -1)
    assert_close("residual cosines", ours, theirs, absolute=1e-5)
