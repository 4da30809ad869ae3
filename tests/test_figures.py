"""lm.figure: figures of Plotly that draw what the statements answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lens
import numpy as np
import plotly.graph_objects as go
import pytest
from differences import assert_close

import psqlm
from psqlm.errors import PsqlmError
from psqlm.interface import LanguageModel, Run

TEXT = "The princess wept bitterly, for the king had lost his daughter"


@pytest.fixture(scope="module")
def lm(scratch_dsn: str) -> Iterator[LanguageModel]:
    with psqlm.connect(scratch_dsn, model="demo") as opened:
        yield opened


@pytest.fixture(scope="module")
def run(lm: LanguageModel) -> Run:
    return lm.forward(TEXT, capture=["all"])


@pytest.fixture(scope="module")
def silent(lm: LanguageModel) -> Run:
    lm.query(
        "SELECT lm.replace_interventions("
        "'silent', lm.make_intervention('attn_out', 'zero', layer => 7, \"position\" => 3))"
    )
    return lm.forward(TEXT, capture=["all"], interventions="silent")


def _z(figure: go.Figure) -> Any:
    return np.array(figure.data[0].z, dtype=float)


def test_text(lm: LanguageModel, run: Run) -> None:
    reference = lens.reference(TEXT)
    log_p = reference.logits.log_softmax(-1)
    surprise = -log_p[range(len(log_p) - 1), reference.token_ids[1:]]
    bars = lm.figure.text(run).data[0]
    assert_close("figure of a text", bars.marker.color[1:], surprise, absolute=1e-4)
    assert [text.replace("·", " ") for text in bars.text] == run.tokens
    assert list(bars.x) == [len(token) for token in run.tokens]
    norms = lm.figure.text(run.run_id, "adjustment", layer=4).data[0].marker.color
    theirs = reference.cache["attn_out", 4][0].norm(dim=-1)
    assert_close("figure of norms", norms, theirs, relative=1e-5)


def test_attention_and_lens(lm: LanguageModel, run: Run) -> None:
    cache = lens.reference(TEXT).cache
    pattern = cache["pattern", 3][0, 1].numpy()
    ours = _z(lm.figure.attention(run, 3, 1))
    seen = np.tril(np.ones_like(pattern, dtype=bool))
    assert_close("figure of attention", ours[seen], pattern[seen], absolute=1e-5)
    final = lens.reference(TEXT).logits.softmax(-1).max(-1).values
    assert_close("figure of the lens", _z(lm.figure.lens(run))[-1], final, absolute=1e-5)
    some = lm.figure.lens(run, "entropy", range(2, 5))
    assert list(some.data[0].x) == [2, 3, 4]


def test_attribution(lm: LanguageModel, run: Run) -> None:
    logits = lens.reference(TEXT).logits
    for token, position in ((None, -1), (" she", -1), (" king", 6)):
        token_id = int(logits[position].argmax()) if token is None else None
        token_id = lens.model().to_single_token(token) if token_id is None else token_id
        for by in ("layer", "head and MLP"):
            bars = lm.figure.attribution(run, token, by, position).data[0]
            assert sum(bars.y[:-1]) == pytest.approx(float(logits[position, token_id]), abs=1e-3)
    parts = _z(lm.figure.attribution(run, by="map")).sum()
    assert 0 < parts < float(logits[-1].max()) + 5


def test_changes(lm: LanguageModel, run: Run, silent: Run) -> None:
    rows = lm.query(
        "SELECT * FROM lm.patching_sweep(%s, %s, 'resid_pre', ' she', ' he')",
        "The princess wept bitterly, for",
        "The prince wept bitterly, for",
    )
    grid = _z(lm.figure.sweep(int(rows["sweep_id"][0])))
    assert_close("figure of a sweep", grid.ravel(), rows["recovered"], absolute=1e-5)
    difference = lm.figure.difference(silent, run).data[0]
    assert (np.array(difference.y[:3]) == 0).all() and any(difference.y[3:])
    norms = _z(lm.figure.difference(silent, run, "adjustment"))
    # a norm of 0 has no logarithm
    assert np.argwhere(np.isnan(norms)).tolist() == [[7, 3]]


def test_lags(lm: LanguageModel, run: Run) -> None:
    ols = lm.query("SELECT * FROM lm.lag_ols(ARRAY[%s])", run.run_id)
    lag_1, lag_2 = lm.figure.slopes(run).data
    assert list(lag_1.y) == ols["beta_lag1"].tolist()
    assert list(lag_2.y) == ols["beta_lag2"].tolist()
    assert list(lag_2.error_y.array) == (2 * ols["se_lag2"]).tolist()
    open_signs = [symbol.endswith("-open") for symbol in lag_1.marker.symbol]
    assert open_signs == (ols["p_lag1"] >= 0.05).tolist()
    assert len(lm.figure.slopes(run, run.run_id).data) == 2
    points = lm.figure.log_norms(run).data[0]
    assert len(points.y) == lens.N_LAYER * (len(run.tokens) - 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda figure, run: figure.text(run, "adjustment"), "did not keep what is drawn"),
        (lambda figure, run: figure.text(run), "did not capture ln_final"),
        (lambda figure, run: figure.attention(run, 0, 0), "did not capture pattern"),
        (lambda figure, run: figure.lens(run), "did not capture"),
        (lambda figure, run: figure.attribution(run, " king"), "did not capture"),
        (lambda figure, run: figure.log_norms(run), "did not keep what is drawn"),
        (lambda figure, run: figure.sweep(0), "there is no sweep 0"),
        (lambda figure, run: figure.slopes(), "no run is named"),
        (lambda figure, run: figure.lens(0), "there is no run 0"),
    ],
)
def test_what_is_missing_is_said(
    lm: LanguageModel, asked: Callable[[Any, Run], object], said: str
) -> None:
    with pytest.raises(PsqlmError, match=said):
        asked(lm.figure, lm.forward("a wood", capture=["z"]))


def test_a_head_that_is_not_there(lm: LanguageModel, run: Run) -> None:
    with pytest.raises(PsqlmError, match="heads 0 to 3, not 4"):
        lm.figure.attention(run, 0, 4)
