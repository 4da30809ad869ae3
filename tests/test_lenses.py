"""What a run was about to say, and what surprised it, against TransformerLens."""

from __future__ import annotations

from functools import cache
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close
from transformer_lens.tools.analysis import logit_lens
from transformer_lens.utilities import lm_cross_entropy_loss

from psqlm import loader

# The logit lens -----------------------------------------------------------------------------------


@cache
def _lens(position: int, incl_mid: bool = False, **options: Any) -> Any:
    """TransformerLens's: an entry for each layer's resid_pre, and at last resid_post."""
    return logit_lens(lens.cache(), positions=position, incl_mid=incl_mid, **options)


@pytest.mark.parametrize("position", lens.PLACES)
def test_logit_lens(captured: tuple[psycopg.Connection, int], position: int) -> None:
    rows = lens.rows(captured, "logit_lens(%(run)s, %(at)s, k => 5)", at=position)
    assert [row[:2] for row in rows] == [
        (layer, rank) for layer in range(lens.N_LAYER) for rank in range(1, 6)
    ]
    # resid_post of a layer is resid_pre of the next; the last entry is resid_post
    logits = _lens(position, top_k=5)
    probabilities = _lens(position, top_k=5, return_type="probs")
    assert [row[2] for row in rows] == logits.readout.top_ids[1:, 0].flatten().tolist()
    tokens = lens.model().tokenizer.batch_decode([[row[2]] for row in rows])
    assert [row[3] for row in rows] == tokens
    for name, column, theirs in (("logits", 4, logits), ("probabilities", 5, probabilities)):
        ours = np.array([row[column] for row in rows]).reshape(-1, 5)
        assert_close(f"logit lens, {name}, {position}", ours, theirs.values[1:, 0], relative=1e-4)


def test_logit_lens_of_other_sites(captured: tuple[psycopg.Connection, int]) -> None:
    theirs = _lens(-1, incl_mid=True, top_k=1)
    expected = dict(zip(theirs.labels, theirs.readout.top_ids[:, 0, 0].tolist(), strict=True))
    for site, label in (("resid_pre", "{}_pre"), ("resid_mid", "{}_mid")):
        rows = lens.rows(captured, f"logit_lens(%(run)s, k => 1, site => '{site}')")
        ours = {label.format(layer): token_id for layer, _, token_id, *_ in rows}
        assert ours == {name: expected[name] for name in ours} and len(ours) == lens.N_LAYER
    # what is added to the stream, read by itself
    model = lens.model()
    for site in ("attn_out", "mlp_out"):
        rows = lens.rows(captured, f"logit_lens(%(run)s, k => 1, site => '{site}')")
        added = torch.stack([lens.cache()[site, layer][0, -1] for layer in range(lens.N_LAYER)])
        logits = model.unembed(model.ln_final(added[None]))[0]
        assert [row[2] for row in rows] == logits.argmax(-1).tolist()
        assert_close(
            f"logit lens of {site}", [row[4] for row in rows], logits.max(-1).values, relative=1e-4
        )


@pytest.mark.parametrize("position", lens.PLACES)
@pytest.mark.parametrize("token", [lens.KING, None])
def test_lens_trajectory(
    captured: tuple[psycopg.Connection, int], position: int, token: str | None
) -> None:
    predicted = int(lens.reference(lens.PROMPT).logits[position].argmax())
    token_id = predicted if token is None else lens.token(token)
    rows = lens.rows(
        captured,
        "lens_trajectory(%(run)s, %(token)s, %(at)s)",
        at=position,
        token=None if token is None else token_id,
    )
    theirs = _lens(position, targets=(token_id,))
    log_p = _lens(position, return_type="log_probs").values[1:, 0]
    assert [row[0] for row in rows] == list(range(lens.N_LAYER))
    assert {row[1] for row in rows} == {lens.model().tokenizer.decode([token_id])}
    assert [row[2] - 1 for row in rows] == theirs.readout.target_ranks[1:, 0, 0].tolist()
    what = f"trajectory of {'the prediction' if token is None else token!r}, {position}"
    divergence = (log_p[-1].exp() * (log_p[-1] - log_p)).sum(-1)
    for name, column, values in (
        ("logit", 3, theirs.values[1:, 0, 0]),
        ("probability", 4, log_p[:, token_id].exp()),
        ("entropy", 5, theirs.readout.entropy[1:, 0]),
        ("divergence", 6, divergence),
    ):
        ours = [row[column] for row in rows]
        assert_close(f"{what}: {name}", ours, values, relative=1e-4)


def test_lens_grid(captured: tuple[psycopg.Connection, int]) -> None:
    rows = lens.rows(captured, "lens_grid(%(run)s, k => 3)")
    cache = lens.cache()
    stream = torch.stack([cache["resid_post", layer][0] for layer in range(lens.N_LAYER)])
    with torch.no_grad():
        log_p = torch.stack([_unembedded(layer).log_softmax(-1) for layer in stream])
    n_token = log_p.shape[1]
    shape = (lens.N_LAYER, n_token)
    assert [row[:2] for row in rows] == list(np.ndindex(shape))
    top = log_p.topk(3)
    tokens = lens.model().tokenizer.batch_decode(top.indices.reshape(-1, 1))
    assert [token for row in rows for token in row[2]] == tokens
    final = log_p[-1]
    at_end = log_p.gather(-1, final.argmax(-1).expand(shape)[..., None])
    ours = {
        "probabilities": np.array([row[3] for row in rows]).reshape(*shape, 3),
        "ranks": np.array([row[4] for row in rows]).reshape(shape),
        "entropy": np.array([row[5] for row in rows]).reshape(shape),
        "divergence": np.array([row[6] for row in rows]).reshape(shape),
    }
    theirs = {
        "probabilities": top.values.exp(),
        "ranks": (log_p > at_end).sum(-1) + 1,
        "entropy": -(log_p.exp() * log_p).sum(-1),
        "divergence": (final.exp() * (final - log_p)).sum(-1),
    }
    for name, values in theirs.items():
        assert_close(f"lens grid: {name}", ours[name], values, absolute=1e-4)


def test_lens_grid_at_some_positions(captured: tuple[psycopg.Connection, int]) -> None:
    n_token = len(lens.reference(lens.PROMPT).token_ids)
    some = lens.rows(captured, "lens_grid(%(run)s, 2, positions => '{-1,3,3,0}')")
    assert [row[1] for row in some[:3]] == [0, 3, n_token - 1]
    every = {row[:2]: row for row in lens.rows(captured, "lens_grid(%(run)s, 2)")}
    assert some == [every[row[:2]] for row in some] and len(some) == 3 * lens.N_LAYER
    assert lens.rows(captured, "lens_grid(%(run)s, positions => '{}')") == []
    (none, *_), (whole, *_) = (
        lens.rows(captured, f"lens_grid(%(run)s, {k}, positions => '{{3}}')") for k in ("0", "NULL")
    )
    assert none[2:4] == ([], []) and none[4:] == whole[4:]
    assert len(whole[2]) == len(whole[3]) == lens.CONFIG["vocab_size"]
    assert sum(whole[3]) == pytest.approx(1)


def test_lens_grid_of_another_site(captured: tuple[psycopg.Connection, int]) -> None:
    rows = lens.rows(captured, "lens_grid(%(run)s, k => 1, site => 'attn_out')")
    for position in lens.PLACES:
        at = position % len(lens.reference(lens.PROMPT).token_ids)
        lens_rows = lens.rows(captured, "logit_lens(%(run)s, %(at)s, 1, 'attn_out')", at=at)
        ours = [(row[0], row[2][0]) for row in rows if row[1] == at]
        assert ours == [(row[0], row[3]) for row in lens_rows]


def test_predictions(captured: tuple[psycopg.Connection, int]) -> None:
    rows = lens.rows(captured, "predictions(%(run)s, k => 4)")
    logits = lens.reference(lens.PROMPT).logits
    shape = (len(logits), 4)
    assert [row[:2] for row in rows] == [(place, rank + 1) for place, rank in np.ndindex(shape)]
    top = logits.topk(4)
    assert [row[2] for row in rows] == top.indices.flatten().tolist()
    tokens = lens.model().tokenizer.batch_decode(top.indices.reshape(-1, 1))
    assert [row[3] for row in rows] == tokens
    ours = np.array([row[4:] for row in rows], dtype=float).reshape(*shape, 2)
    assert_close("predictions: logits", ours[..., 0], top.values, relative=1e-4)
    probabilities = logits.softmax(-1).gather(-1, top.indices)
    assert_close("predictions: probabilities", ours[..., 1], probabilities, absolute=1e-5)


def _unembedded(stream: torch.Tensor) -> torch.Tensor:
    """The logits of a stream, [position, n_vocab]."""
    model = lens.model()
    return model.unembed(model.ln_final(stream[None]))[0]


# Surprise -----------------------------------------------------------------------------------------


def test_surprise_and_perplexity(captured: tuple[psycopg.Connection, int]) -> None:
    rows = lens.rows(captured, "surprise(%(run)s)")
    reference = lens.reference(lens.PROMPT)
    loss = lm_cross_entropy_loss(
        reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
    )[0]
    assert [row[:2] for row in rows] == list(enumerate(reference.token_ids))
    assert rows[0][3:] == (None, None)
    assert_close("surprise", [row[3] for row in rows[1:]], loss, absolute=1e-4)
    assert_close("… as probability", [row[4] for row in rows[1:]], (-loss).exp(), absolute=1e-5)
    ((perplexity,),) = lens.rows(captured, "perplexity(%(run)s)")
    assert perplexity == pytest.approx(float(loss.mean().exp()), rel=1e-4)


@pytest.mark.parametrize("site", ["ln_final", "resid_post"])
def test_surprise_needs_one_site(
    connection: psycopg.Connection, captured: tuple[psycopg.Connection, int], site: str
) -> None:
    # long enough for a second part of 64 positions
    text = lens.PROMPT + " And there the king's daughter sat by the side of the cool fountain."
    run = lens.run(connection, text, capture=[site])
    reference = lens.reference(text)
    assert len(reference.token_ids) > 65
    ours = lens.rows((connection, run), "surprise(%(run)s)")
    loss = lm_cross_entropy_loss(
        reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
    )[0]
    assert_close(f"surprise from {site}", [row[3] for row in ours[1:]], loss, absolute=1e-4)


def test_one_token_surprises_nobody(connection: psycopg.Connection) -> None:
    run = (connection, lens.run(connection, "The", capture=["ln_final"]))
    assert [row[3] for row in lens.rows(run, "surprise(%(run)s)")] == [None]
    assert lens.rows(run, "perplexity(%(run)s)") == [(None,)]


def test_surprise_of_many_runs(connection: psycopg.Connection) -> None:
    """Each as by itself, whichever others share its pass over the unembedding."""
    texts = [lens.PROMPT, "The", "The king's daughter wept.", f"{lens.PROMPT} And {lens.PROMPT}"]
    captures = [["ln_final"], ["resid_post"], ["resid_post"], ["ln_final", "resid_post"]]
    runs = [lens.run(connection, text, capture=c) for text, c in zip(texts, captures, strict=True)]
    rows = connection.execute(
        "SELECT run_id, position, surprise FROM lm.surprise(%s::bigint[])", (runs[::-1] * 2,)
    ).fetchall()
    perplexities = []
    expected = []
    for run, text in zip(runs, texts, strict=True):
        reference = lens.reference(text)
        loss = lm_cross_entropy_loss(
            reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
        )[0]
        expected += [(run, position) for position in range(len(reference.token_ids))]
        perplexities.append(float(loss.mean().exp()) if len(loss) else None)
        ours = [surprise for row_run, _, surprise in rows if row_run == run]
        assert ours[0] is None
        if len(loss):
            assert_close(f"surprise of run {run}", ours[1:], loss, absolute=1e-4)
    assert [row[:2] for row in rows] == expected
    assert connection.execute(
        "SELECT run_id, perplexity FROM lm.perplexity(%s::bigint[])", (runs,)
    ).fetchall() == [
        (run, pytest.approx(value, rel=1e-4) if value else None)
        for run, value in zip(runs, perplexities, strict=True)
    ]


# Halves -------------------------------------------------------------------------------------------


def test_a_model_of_halves(scratch_dsn: str) -> None:
    """The demo model's weights are halves: stored as such they are the same numbers."""
    with psycopg.connect(scratch_dsn) as connection:
        loader.load(connection, "demo", name="halves", dtype="float16")
        run = (connection, lens.run(connection, capture=["all"], model="halves"))
        reference = lens.reference(lens.PROMPT)
        loss = lm_cross_entropy_loss(
            reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
        )[0]
        surprise = [row[3] for row in lens.rows(run, "surprise(%(run)s)")[1:]]
        assert_close("surprise, halves", surprise, loss, absolute=1e-3)
        rows = lens.rows(run, "logit_attribution(%(run)s, ' king', ' queen')")
        logits = reference.logits[-1]
        difference = logits[lens.token(lens.KING)] - logits[lens.token(lens.QUEEN)]
        total = sum(row[3] for row in rows)
        assert_close("attribution's sum, halves", [total], [difference], absolute=1e-3)
        tokens = lens.rows(run, "logit_lens(%(run)s, k => 1)")
        assert [row[2] for row in tokens] == _lens(-1, top_k=1).readout.top_ids[1:, 0, 0].tolist()
        nearest = lens.rows(run, "nearest_tokens(lm.vector_at(%(run)s, 'embed'), 1, 'halves')")
        assert nearest[0][1] == reference.token_ids[-1]
