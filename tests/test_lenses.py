"""Lenses against TransformerLens: logit lens, attribution, head scores, surprise, neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close
from psycopg.rows import scalar_row
from transformer_lens.head_detector import detect_head
from transformer_lens.tools.analysis import logit_lens
from transformer_lens.utilities import lm_cross_entropy_loss

from psqlm import loader

PLACES = [-1, 0, 20]  # the last position, the first, one between
KING, QUEEN = " king", " queen"


@pytest.fixture(scope="module")
def captured(scratch_dsn: str) -> Iterator[tuple[psycopg.Connection, int]]:
    """A run of the prompt with everything captured."""
    with psycopg.connect(scratch_dsn) as connection:
        yield connection, lens.run(connection, capture=["all"])


def _rows(captured: tuple[psycopg.Connection, int], call: str, **values: Any) -> list[tuple]:
    """What a lens says of the run."""
    connection, run_id = captured
    return connection.execute(
        f"SELECT * FROM lm.{call}",
        {"run": run_id, **values},
    ).fetchall()


def _token(text: str) -> int:
    return lens.model().to_single_token(text)


def _cache() -> Any:
    return lens.reference(lens.PROMPT).cache


# The logit lens -----------------------------------------------------------------------------------


@cache
def _lens(position: int, incl_mid: bool = False, **options: Any) -> Any:
    """TransformerLens's: an entry for each layer's resid_pre, and at last resid_post."""
    return logit_lens(_cache(), positions=position, incl_mid=incl_mid, **options)


@pytest.mark.parametrize("position", PLACES)
def test_logit_lens(captured: tuple[psycopg.Connection, int], position: int) -> None:
    rows = _rows(captured, "logit_lens(%(run)s, %(at)s, k => 5)", at=position)
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
        rows = _rows(captured, f"logit_lens(%(run)s, k => 1, site => '{site}')")
        ours = {label.format(layer): token_id for layer, _, token_id, *_ in rows}
        assert ours == {name: expected[name] for name in ours} and len(ours) == lens.N_LAYER
    # what is added to the stream, read by itself
    model = lens.model()
    for site in ("attn_out", "mlp_out"):
        rows = _rows(captured, f"logit_lens(%(run)s, k => 1, site => '{site}')")
        added = torch.stack([_cache()[site, layer][0, -1] for layer in range(lens.N_LAYER)])
        logits = model.unembed(model.ln_final(added[None]))[0]
        assert [row[2] for row in rows] == logits.argmax(-1).tolist()
        assert_close(
            f"logit lens of {site}", [row[4] for row in rows], logits.max(-1).values, relative=1e-4
        )


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize("token", [KING, None])
def test_lens_trajectory(
    captured: tuple[psycopg.Connection, int], position: int, token: str | None
) -> None:
    predicted = int(lens.reference(lens.PROMPT).logits[position].argmax())
    token_id = predicted if token is None else _token(token)
    rows = _rows(
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
    rows = _rows(captured, "lens_grid(%(run)s, k => 3)")
    cache = _cache()
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
    some = _rows(captured, "lens_grid(%(run)s, 2, positions => '{-1,3,3,0}')")
    assert [row[1] for row in some[:3]] == [0, 3, n_token - 1]
    every = {row[:2]: row for row in _rows(captured, "lens_grid(%(run)s, 2)")}
    assert some == [every[row[:2]] for row in some] and len(some) == 3 * lens.N_LAYER
    assert _rows(captured, "lens_grid(%(run)s, positions => '{}')") == []


def test_lens_grid_of_another_site(captured: tuple[psycopg.Connection, int]) -> None:
    rows = _rows(captured, "lens_grid(%(run)s, k => 1, site => 'attn_out')")
    for position in PLACES:
        at = position % len(lens.reference(lens.PROMPT).token_ids)
        lens_rows = _rows(captured, "logit_lens(%(run)s, %(at)s, 1, 'attn_out')", at=at)
        ours = [(row[0], row[2][0]) for row in rows if row[1] == at]
        assert ours == [(row[0], row[3]) for row in lens_rows]


def test_predictions(captured: tuple[psycopg.Connection, int]) -> None:
    rows = _rows(captured, "predictions(%(run)s, k => 4)")
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


# Attribution --------------------------------------------------------------------------------------


@cache
def _folded() -> Any:
    """What happens in the model with its norms folded, as TransformerLens attributes."""
    model = lens.bridge(fold_ln=True)
    return model.run_with_cache(model.to_tokens(lens.PROMPT))[1]


@pytest.mark.parametrize("position", PLACES)
def test_head_results(captured: tuple[psycopg.Connection, int], position: int) -> None:
    connection, run_id = captured
    rows = connection.execute(
        "SELECT layer, head, result::real[] FROM lm.head_results(%s, %s)", [run_id, position]
    ).fetchall()
    assert [row[:2] for row in rows] == [
        (layer, head) for layer in range(lens.N_LAYER) for head in range(-1, lens.N_HEAD)
    ]
    results = np.array([row[2] for row in rows]).reshape(lens.N_LAYER, lens.N_HEAD + 1, -1)
    theirs = _cache().stack_head_results()[:, 0, position]
    ours = results[:, 1:].reshape(len(theirs), -1)
    assert_close(f"head results, {position}", ours, theirs, relative=1e-4)
    attn_out = np.stack([_cache()["attn_out", layer][0, position] for layer in range(lens.N_LAYER)])
    assert_close(f"heads and bias together, {position}", results.sum(1), attn_out, relative=1e-4)


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize("wrong", [None, QUEEN])
def test_logit_attribution(
    captured: tuple[psycopg.Connection, int], position: int, wrong: str | None
) -> None:
    rows = _rows(
        captured,
        "logit_attribution(%(run)s, %(token)s, %(wrong)s, %(at)s)",
        token=_token(KING),
        wrong=None if wrong is None else _token(wrong),
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
        stack, _token(KING), None if wrong is None else _token(wrong), pos_slice=position
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
        f"attribution of {KING!r}{against}, {position}",
        [ours[part] for part in expected],
        list(expected.values()),
        absolute=1e-4,
    )
    logits = lens.reference(lens.PROMPT).logits[position]
    logit = logits[_token(KING)] - (0 if wrong is None else logits[_token(wrong)])
    assert_close(f"its sum{against}, {position}", [sum(ours.values())], [logit], absolute=1e-4)


def test_tokens_as_text(captured: tuple[psycopg.Connection, int]) -> None:
    tokens = {"king": _token(KING), "queen": _token(QUEEN)}
    for call in (
        ("lens_trajectory(%(run)s, %(king)s)", f"lens_trajectory(%(run)s, '{KING}')"),
        (
            "logit_attribution(%(run)s, %(king)s, %(queen)s)",
            f"logit_attribution(%(run)s, '{KING}', '{QUEEN}')",
        ),
    ):
        by_number, by_text = (_rows(captured, one, **tokens) for one in call)
        assert by_number == by_text != []


def test_attribution_of_what_is_predicted(captured: tuple[psycopg.Connection, int]) -> None:
    total = sum(row[3] for row in _rows(captured, "logit_attribution(%(run)s)"))
    assert total == pytest.approx(float(lens.reference(lens.PROMPT).logits[-1].max()), abs=1e-4)


def test_attribution_of_an_intervened_run(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO lm.intervention (set_name, site, layer, kind, factor) VALUES"
        " ('test', 'attn_out', 2, 'scale', 3), ('test', 'z', 4, 'scale', 0.5),"
        " ('test', 'resid_pre', 3, 'scale', 0.5)"
    )
    run = lens.run(connection, capture=["all"], interventions="test")
    rows = _rows((connection, run), "logit_attribution(%(run)s)")
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
    rows = _rows(
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
    stream = torch.stack([_cache()["resid_post", layer][0] for layer in range(lens.N_LAYER)])
    rows = _rows(
        captured,
        "residual_norm WHERE run_id = %(run)s AND site = 'resid_post' ORDER BY layer, position",
    )
    norms = np.array([row[5] for row in rows]).reshape(lens.N_LAYER, -1)
    assert_close("residual norms", norms, stream.norm(dim=-1), relative=1e-5)
    tokens = [[token_id] for token_id in lens.reference(lens.PROMPT).token_ids]
    assert [row[4] for row in rows[: len(tokens)]] == lens.model().tokenizer.batch_decode(tokens)
    rows = _rows(
        captured,
        "residual_cosine WHERE run_id = %(run)s AND site = 'resid_post'"
        " ORDER BY layer, other_layer, position",
    )
    pairs = [(a, b) for a in range(lens.N_LAYER) for b in range(a + 1, lens.N_LAYER)]
    assert [row[3:5] for row in rows[:: len(tokens)]] == pairs
    theirs = torch.stack([torch.cosine_similarity(stream[a], stream[b], dim=-1) for a, b in pairs])
    ours = np.array([row[5] for row in rows]).reshape(len(pairs), -1)
    assert_close("residual cosines", ours, theirs, absolute=1e-5)


# Surprise -----------------------------------------------------------------------------------------


def test_surprise_and_perplexity(captured: tuple[psycopg.Connection, int]) -> None:
    rows = _rows(captured, "surprise(%(run)s)")
    reference = lens.reference(lens.PROMPT)
    loss = lm_cross_entropy_loss(
        reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
    )[0]
    assert [row[:2] for row in rows] == list(enumerate(reference.token_ids))
    assert rows[0][3:] == (None, None)
    assert_close("surprise", [row[3] for row in rows[1:]], loss, absolute=1e-4)
    assert_close("… as probability", [row[4] for row in rows[1:]], (-loss).exp(), absolute=1e-5)
    ((perplexity,),) = _rows(captured, "perplexity(%(run)s)")
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
    ours = _rows((connection, run), "surprise(%(run)s)")
    loss = lm_cross_entropy_loss(
        reference.logits[None], torch.tensor([reference.token_ids]), per_token=True
    )[0]
    assert_close(f"surprise from {site}", [row[3] for row in ours[1:]], loss, absolute=1e-4)


def test_one_token_surprises_nobody(connection: psycopg.Connection) -> None:
    run = (connection, lens.run(connection, "The", capture=["ln_final"]))
    assert [row[3] for row in _rows(run, "surprise(%(run)s)")] == [None]
    assert _rows(run, "perplexity(%(run)s)") == [(None,)]


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


# Neighbours ---------------------------------------------------------------------------------------


def test_nearest_tokens(captured: tuple[psycopg.Connection, int]) -> None:
    embeddings = lens.model().W_E
    for x, expression in (
        (_cache()["hook_embed"][0, 4], "lm.vector_at(%(run)s, 'embed', 0, 4)"),
        (_cache()["resid_post", 3][0, -1], "lm.vector_at(%(run)s, 'resid_post', 3)"),
    ):
        rows = _rows(captured, f"nearest_tokens({expression}, 7)")
        theirs = torch.cosine_similarity(embeddings, x[None], dim=-1).topk(7)
        assert [row[0] for row in rows] == list(range(1, 8))
        assert [row[1] for row in rows] == theirs.indices.tolist()
        assert_close("nearest tokens", [row[3] for row in rows], theirs.values, absolute=1e-5)


CORPUS = [
    "There was once a poor man who had four sons.",
    "The old woman went into the forest to gather wood, and there she met a wolf.",
    "The king and the queen lived in a castle by the sea.",
]


@pytest.mark.parametrize(
    ("site", "layer", "head"), [("resid_post", 3, -1), ("attn_out", 2, -1), ("z", 1, 2)]
)
@pytest.mark.parametrize("index", [False, True])
def test_nearest_activations(
    connection: psycopg.Connection, site: str, layer: int, head: int, index: bool
) -> None:
    texts = [lens.PROMPT, *CORPUS]
    runs = [lens.run(connection, text, capture=[site, "mlp_post"]) for text in texts]
    place = {"site": site, "layer": layer, "head": head}
    arguments = "%(site)s::lm.site, %(layer)s, head => %(head)s"
    cursor = connection.cursor(row_factory=scalar_row)
    name = None
    if index:
        name = cursor.execute(f"SELECT lm.index_activations({arguments})", place).fetchone()
        # too few rows for the planner to prefer it
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        connection.execute("SET LOCAL enable_sort = off; SET LOCAL hnsw.ef_search = 200")
    rows = connection.execute(
        f"SELECT * FROM lm.nearest_activations(lm.vector_at(%(run)s, {arguments}), {arguments})",
        {"run": runs[0], **place},
    ).fetchall()
    if index:
        scans = cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"lm.{name}"])
        assert scans.fetchone() == 1

    hook = {"resid_post": "blocks.{}.hook_resid_post", "attn_out": "blocks.{}.hook_attn_out"}
    vectors = []
    for run_id, text in zip(runs, texts, strict=True):
        values = lens.reference(text).cache[hook.get(site, "blocks.{}.attn.hook_z").format(layer)]
        values = values[0] if head < 0 else values[0, :, head]
        vectors += [((run_id, position), x) for position, x in enumerate(values)]
    x = vectors[len(lens.reference(lens.PROMPT).token_ids) - 1][1]
    cosines = torch.cosine_similarity(torch.stack([v for _, v in vectors]), x[None], dim=-1)
    theirs = cosines.topk(10)
    assert [row[1:3] for row in rows] == [vectors[i][0] for i in theirs.indices.tolist()]
    assert_close(
        f"nearest {site}{' by index' if index else ''}",
        [row[5] for row in rows],
        theirs.values,
        absolute=1e-5,
    )
    # the place itself comes first, and its context ends the prompt
    assert rows[0][1:3] == (runs[0], len(lens.reference(lens.PROMPT).token_ids) - 1)
    assert lens.PROMPT.endswith(rows[0][4]) and rows[0][4].endswith(rows[0][3])


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
        surprise = [row[3] for row in _rows(run, "surprise(%(run)s)")[1:]]
        assert_close("surprise, halves", surprise, loss, absolute=1e-3)
        rows = _rows(run, "logit_attribution(%(run)s, ' king', ' queen')")
        logits = reference.logits[-1]
        difference = logits[_token(KING)] - logits[_token(QUEEN)]
        total = sum(row[3] for row in rows)
        assert_close("attribution's sum, halves", [total], [difference], absolute=1e-3)
        tokens = _rows(run, "logit_lens(%(run)s, k => 1)")
        assert [row[2] for row in tokens] == _lens(-1, top_k=1).readout.top_ids[1:, 0, 0].tolist()
        nearest = _rows(run, "nearest_tokens(lm.vector_at(%(run)s, 'embed'), 1, 'halves')")
        assert nearest[0][1] == reference.token_ids[-1]


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sites"),
    [
        ("head_scores({run})", "pattern"),
        ("logit_lens({run})", "resid_post"),
        ("logit_lens({run}, site => 'mlp_out')", "mlp_out"),
        ("lens_trajectory({run})", "resid_post"),
        ("head_results({run})", "z"),
        ("logit_attribution({run})", "embed, pos_embed, z, mlp_out, resid_post"),
        ("surprise({run})", "ln_final"),
        ("perplexity({run})", "ln_final"),
        ("surprise(ARRAY[{run}])", "ln_final"),
        ("nearest_tokens(lm.vector_at({run}, 'resid_post', 2))", "resid_post"),
        ("nearest_activations(lm.vector_at({run}, 'z', 2, head => 1), 'z', 2, 1)", "z"),
    ],
)
def test_what_was_not_captured_is_said(
    connection: psycopg.Connection, call: str, sites: str
) -> None:
    """And the hint is a command that makes a run of which the lens can speak."""
    run = lens.run(connection, capture=["mlp_pre"])
    message = f"^run {run} did not capture {sites}"
    with (
        pytest.raises(psycopg.Error, match=message) as refused,
        connection.transaction(),
    ):
        connection.execute(f"SELECT * FROM lm.{call.format(run=run)}")
    assert refused.value.diag.message_hint is not None
    cursor = connection.cursor(row_factory=scalar_row)
    better = cursor.execute(refused.value.diag.message_hint).fetchone()
    rows = connection.execute(f"SELECT * FROM lm.{call.format(run=better)}")
    assert rows.fetchall()


def test_the_command_repeats_the_interventions(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO lm.intervention (set_name, site, kind) VALUES ('test', 'mlp_out', 'zero')"
    )
    run = lens.run(connection, "The king", capture=[], interventions="test")
    with pytest.raises(psycopg.Error) as refused, connection.transaction():
        connection.execute("SELECT * FROM lm.logit_lens(%s)", [run])
    assert refused.value.diag.message_hint is not None
    better = connection.execute(refused.value.diag.message_hint).fetchone()
    assert connection.execute(
        "SELECT interventions FROM lm.run WHERE run_id = %s", better
    ).fetchone() == ("test",)


@pytest.mark.parametrize(
    "call",
    [
        "head_scores({run})",
        "logit_lens({run})",
        "lens_trajectory({run})",
        "head_results({run})",
        "logit_attribution({run})",
        "final_logits({run}, '{{0}}')",
        "surprise({run})",
        "perplexity({run})",
        "surprise(ARRAY[{run}])",
        "perplexity(ARRAY[{run}])",
        "vector_at({run}, 'resid_post')",
    ],
)
def test_a_run_that_is_not_there_is_said(connection: psycopg.Connection, call: str) -> None:
    with pytest.raises(psycopg.Error, match=r"^there is no run 0"):
        connection.execute(f"SELECT * FROM lm.{call.format(run=0)}")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("logit_lens({run}, 99)", "run {run} has positions 0 to 3, not 99"),
        ("logit_lens({run}, NULL)", "run {run} has positions 0 to 3, not NULL"),
        ("logit_lens({run}, 2)", "run {run} did not capture resid_post at position 2"),
        ("logit_lens({run}, site => 'z')", "z is not read by the final norm"),
        ("lens_trajectory({run}, -1)", 'model "demo" has tokens 0 to 4095, not -1'),
        ("logit_attribution({run}, 1, 9999)", 'model "demo" has tokens 0 to 4095, not 9999'),
        ("logit_attribution({run})", "run {run} did not capture .* in layer 0"),
        ("surprise({run})", "run {run} did not capture resid_post at position 0, 1, 2\n"),
        (
            "final_logits({run}, '{{0,1,2,3,1}}')",
            "run {run} did not capture resid_post at position 0, 1, 2, …\n",
        ),
        ("vector_at({run}, 'resid_post', 99)", "run {run} did not capture resid_post in layer 99"),
        ("vector_at({run}, 'z', 7, head => 4)", "run {run} has no z of layer 7 and head 4"),
        ("token_id('rumpelstiltskin')", '"rumpelstiltskin" is not one token of model "demo" but .'),
        ("token_id('')", '"" is not one token of model "demo" but 0'),
        ("lens_trajectory({run}, 'rumpelstiltskin')", '"rumpelstiltskin" is not one token'),
        ("logit_attribution({run}, ' king', 'ö')", '"ö" is not one token'),
        ("nearest_tokens('[1,2]')", "the vector has 2 numbers and the embeddings of model"),
        ("nearest_tokens(NULL)", "the vector has 0 numbers and the embeddings of model"),
        ("nearest_activations('[1,2]', 'q')", "the vector has 2 numbers and q has 32"),
        ("nearest_activations('[1,2]', 'pattern')", "pattern has no width of its own"),
        ("nearest_activations('[1,2]', NULL)", "site is NULL"),
        (
            "nearest_activations(array_fill(1, '{{32}}')::vector, 'q', NULL)",
            "layer or head is NULL",
        ),
        ("nearest_activations(array_fill(1, '{{32}}')::vector, 'q', 1, NULL)", "layer or head is"),
        ("nearest_activations(array_fill(1, '{{32}}')::vector, 'q', k => -1)", "k is -1"),
        ("index_activations(NULL)", "site is NULL"),
        ("index_activations('q', NULL)", "layer or head is NULL"),
        ("index_activations('q', 1, NULL)", "layer or head is NULL"),
        ("nearest_tokens(lm.vector_at({run}, 'embed'), -1)", "k is -1: it counts rows, from 0 up"),
        ("logit_lens({run}, k => -1)", "k is -1"),
        ("next_token('The bear', -1)", "k is -1"),
        ("index_activations('attn_scores')", "attn_scores has no width of its own"),
    ],
)
def test_bad_questions_are_refused(connection: psycopg.Connection, call: str, message: str) -> None:
    run = lens.run(
        connection,
        "The king and the",
        capture=["resid_post", "z", "embed", "pos_embed", "mlp_out"],
        capture_layers=[lens.N_LAYER - 1],
        capture_positions=[-1],
    )
    with pytest.raises(psycopg.Error, match=message.format(run=run)):
        connection.execute(f"SELECT * FROM lm.{call.format(run=run)}")


def test_a_token_is_looked_for_by_its_index(connection: psycopg.Connection) -> None:
    """lm.token_id is called once, and not for each row."""
    connection.execute(
        """
        INSERT INTO lm.run (run_id, model_id, token_ids, capture)
        SELECT -n, lm.model_id('demo'), '{}', '{}' FROM generate_series(1, 50) AS n;
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT -n, p, (n * p) % 4096
        FROM generate_series(1, 50) AS n CROSS JOIN generate_series(0, 399) AS p;
        -- as it is sooner or later where rows have come: the planner must know that there are many
        ANALYZE lm.run_token;
        """
    )
    asked = "SELECT count(*) FROM lm.run_token WHERE token_id = lm.token_id(' the')"
    rows = connection.execute(f"EXPLAIN {asked}".encode()).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "run_token_token" in plan, plan
    assert (
        connection.execute(asked.encode()).fetchone()
        == connection.execute(
            "SELECT count(*) FROM lm.run_token WHERE token_id = %s",
            connection.execute("SELECT lm.token_id(' the')").fetchone(),
        ).fetchone()
    )
