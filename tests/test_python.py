"""import psqlm: shapes and numbers of TransformerLens, rows as frames, what is committed when."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lens
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close

import psqlm
from psqlm.errors import PsqlmError
from psqlm.interface import LanguageModel, Run

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lm(scratch_dsn: str) -> Iterator[LanguageModel]:
    with psqlm.connect(scratch_dsn, model="demo") as opened:
        yield opened


@pytest.fixture(scope="module")
def run(lm: LanguageModel) -> Run:
    """A run of the prompt with everything captured."""
    return lm.forward(lens.PROMPT, capture=["all"])


# The page -----------------------------------------------------------------------------------------


def _pairs() -> list[tuple[str, str]]:
    """The page's blocks, TransformerLens's and ours."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return list(zip(blocks[::2], blocks[1::2], strict=True))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: passes of a few tokens gain nothing from more."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.usefixtures("one_thread")
def test_the_page_is_equal_in_numbers(lm: LanguageModel) -> None:
    prompts = {
        "prompt": lens.PROMPT,
        "clean": "The princess wept bitterly, for",
        "corrupt": "The prince wept bitterly, for",
    }
    theirs: dict[str, Any] = {"model": lens.model(), "np": np, "partial": partial, **prompts}
    ours: dict[str, Any] = {"lm": lm, **prompts}
    compared = []
    for their_block, our_block in _pairs():
        with torch.no_grad():
            exec(their_block, theirs)
        exec(our_block, ours)
        new = [
            name
            for name in theirs.keys() & ours.keys()
            if name not in compared and name not in prompts and not name.startswith("__")
        ]
        assert new, f"nothing to compare in\n{their_block}\n{our_block}"
        for name in sorted(new):
            assert_close(f"docs/python.md: {name}", ours[name], theirs[name], relative=1e-4)
        compared += new
    assert len(compared) >= 9


@pytest.mark.parametrize("text", ["README.md", "docs/python.md"])
def test_the_first_lines_run(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    blocks = re.findall(r"```\n(.*?)```", (ROOT / text).read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith("import psqlm\n")]
    exec(block, {})


# Runs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", sorted(lens.HOOKS))
def test_shapes_are_those_of_the_cache(run: Run, site: str) -> None:
    cache = lens.reference(lens.PROMPT).cache
    layer = None if site in ("embed", "pos_embed", "ln_final") else 5
    theirs = cache[lens.HOOKS[site].format(5)][0].numpy()
    ours = run.activation(site, layer)
    assert ours.shape == theirs.shape
    seen = theirs > -1e30  # of the keys after a query TransformerLens's scores are very low
    assert (ours[~seen] < -1e30).all()
    assert_close(f"activation({site!r})", ours[seen], theirs[seen], relative=1e-4)
    if layer is not None:
        assert np.array_equal(run.activation(site)[5], ours)
        assert np.array_equal(run.activation(site, layer=5 - lens.N_LAYER), ours)


def test_a_run_knows_what_it_read(lm: LanguageModel, run: Run) -> None:
    again = lm.run(run.run_id)
    assert again == run
    reference = lens.reference(lens.PROMPT)
    assert (run.model, run.n_layer, run.prompt) == ("demo", lens.N_LAYER, lens.PROMPT)
    assert run.token_ids == reference.token_ids
    assert "".join(run.tokens) == lens.PROMPT
    assert run.interventions is None
    of_tokens = lm.forward(token_ids=np.array(run.token_ids), capture=["z"])
    assert (of_tokens.prompt, of_tokens.capture) == (lens.PROMPT, ["z"])


def test_some_layers_and_positions(lm: LanguageModel, run: Run) -> None:
    few = lm.forward(
        lens.PROMPT, capture=["z", "pattern"], capture_layers=[2, 6], capture_positions=[0, -1]
    )
    assert_close(
        "two layers, two positions", few.activation("z"), run.activation("z")[[2, 6]][:, [0, -1]],
        relative=1e-5,
    )  # fmt: skip
    assert_close(
        "patterns of two queries",
        few.activation("pattern", 6),
        run.activation("pattern", 6)[:, [0, -1]],
        absolute=1e-6,
    )


def test_attention_and_adjustments_are_frames(run: Run) -> None:
    attention = run.attention(layer=-1, head=2)
    pattern = lens.reference(lens.PROMPT).cache["pattern", -1][0, 2]
    assert len(attention) == len(run.tokens) * (len(run.tokens) + 1) // 2
    query, key = attention["query_position"], attention["key_position"]
    assert_close("attention()", attention["weight"], pattern[query, key], absolute=1e-5)
    assert attention["query_token"].tolist() == [run.tokens[i] for i in query]
    assert attention["key_token"].tolist() == [run.tokens[i] for i in key]
    assert sorted(set(run.attention(layer=0)["head"])) == list(range(lens.N_HEAD))

    adjustments = run.adjustments()
    theirs = np.stack([run.activation("attn_out", layer) for layer in range(lens.N_LAYER)])
    ours = np.stack(adjustments["adjustment"].tolist()).reshape(theirs.shape)
    assert np.array_equal(ours, theirs)
    assert_close(
        "norm", adjustments["norm"], np.linalg.norm(theirs, axis=-1).ravel(), absolute=1e-4
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda run: run.activation("resid_post"), "did not capture resid_post: SELECT lm.forward"),
        (lambda run: run.activation("nowhere"), 'invalid input value for enum lm.site: "nowhere"'),
        (lambda run: run.activation("z", layer=8), "no z of layer 8"),
        (lambda run: run.activation("logits"), r"run\.logits\(\)"),
        (lambda run: run.attention(), "did not capture pattern"),
        (lambda run: run.adjustments(), "did not capture attn_out"),
        (lambda run: run.logits(), "did not capture ln_final"),
    ],
)
def test_what_was_not_kept_is_said(lm: LanguageModel, asked: Any, said: str) -> None:
    kept_z = lm.forward("a wood", capture=["z"])
    with pytest.raises(PsqlmError, match=said):
        asked(kept_z)


def test_no_such_run(lm: LanguageModel) -> None:
    with pytest.raises(PsqlmError, match="there is no run 0"):
        lm.run(0)


# Text ---------------------------------------------------------------------------------------------


def test_text_in_and_out(lm: LanguageModel) -> None:
    tokens = lm.tokenize("The goblin")
    assert tokens["token"].tolist() == ["The", " goblin"]
    assert tokens["token_id"].tolist() == lens.model().to_tokens("The goblin")[0].tolist()
    likeliest = lm.next_token("Once upon a time", 3)
    last = lens.reference("Once upon a time").logits[-1].softmax(-1).topk(3)
    assert likeliest["token_id"].tolist() == last.indices.tolist()
    assert_close("next_token()", likeliest["probability"], last.values, absolute=1e-5)
    assert len(lm.next_token("Once", None)) == lens.CONFIG["vocab_size"]
    drawn = [lm.generate("Once upon", 8, temperature=0.9, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_interventions_reach_every_call(lm: LanguageModel) -> None:
    lm.query("SELECT lm.replace_interventions('mute', lm.make_intervention('attn_out', 'zero'))")
    assert lm.next_token("Once upon a", 1, interventions="mute")["token"][0] != " time"
    assert lm.next_token("Once upon a", 1)["token"][0] == " time"
    assert lm.generate("Once upon a", 1, interventions="mute") != " time"
    assert lm.forward("Once upon a", interventions="mute").interventions == "mute"


def test_models(lm: LanguageModel) -> None:
    assert lm.load("demo", if_missing=True) == "demo"
    with pytest.raises(PsqlmError, match="loaded already"):
        lm.load("demo")
    models = lm.models()
    assert models["name"].tolist() == ["demo"]
    assert models["n_layer"].dtype == "int64"
    with pytest.raises(PsqlmError, match="psqlm load"):
        lm.tokenize("a wood", model="not there")


# Queries ------------------------------------------------------------------------------------------


def test_vectors_come_and_go_as_arrays(lm: LanguageModel, run: Run) -> None:
    rows = lm.query(
        "SELECT value, value::halfvec AS half, ARRAY[position, layer] AS place FROM lm.captured"
        " WHERE run_id = %(run)s AND site = 'resid_post' AND position = 3 ORDER BY layer",
        run=run.run_id,
    )
    stream = np.stack(rows["value"].tolist())
    assert stream.dtype == np.float32 and np.array_equal(stream, run.activation("resid_post")[:, 3])
    half = np.stack(rows["half"].tolist())
    assert half.dtype == np.float16 and np.array_equal(half, stream.astype(np.float16))
    assert rows["place"].tolist() == [[3, layer] for layer in range(lens.N_LAYER)]
    back = lm.query("SELECT %s <-> %s AS distance", stream[0], stream[1])
    expected = np.linalg.norm(stream[0].astype(float) - stream[1])
    assert back["distance"][0] == pytest.approx(expected, rel=1e-5)


def test_columns_have_types_whatever_the_rows(lm: LanguageModel) -> None:
    select = "SELECT 1::int AS i, 1.5::real AS r, true AS b, 'x%' AS t"
    assert lm.query(select).dtypes.astype(str).tolist() == ["int64", "float64", "bool", "object"]
    none = lm.query(f"{select.replace('%', '%%')} WHERE %s", False)
    assert none.dtypes.astype(str).tolist() == ["int64", "float64", "bool", "object"]
    nulls = lm.query("SELECT NULL::int AS i, NULL::real AS r, NULL::bool AS b")
    assert nulls.dtypes.astype(str).tolist() == ["Int64", "float64", "boolean"]
    assert lm.query("SELECT 'z'::lm.site AS site")["site"].tolist() == ["z"]
    assert lm.query("SELECT 1 AS a, 2 AS a").columns.tolist() == ["a", "a"]
    assert lm.query("SET application_name = 'psqlm'").shape == (0, 0)


def test_what_is_written_stays_and_what_fails_leaves_nothing(
    lm: LanguageModel, scratch_dsn: str
) -> None:
    def labels() -> list[str]:
        with psycopg.connect(scratch_dsn) as other:
            return [name for (name,) in other.execute("SELECT value FROM lm.tag ORDER BY value")]

    run_id = lm.forward("a wood").run_id
    insert = "INSERT INTO lm.tag (run_id, name, value) VALUES (%s, %s, %s) RETURNING run_id"
    assert lm.query(insert, run_id, "kind", "kept")["run_id"].tolist() == [run_id]
    assert labels() == ["kept"]
    with pytest.raises(PsqlmError, match="division by zero"):
        lm.query(
            "WITH made AS (INSERT INTO lm.tag (run_id, name, value)"
            " VALUES (%s, 'other', 'lost')) SELECT 1 / 0",
            run_id,
        )
    assert labels() == ["kept"]

    def fails() -> None:
        with lm.connection.transaction():
            lm.query(insert, run_id, "third", "lost too")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fails()
    assert labels() == ["kept"]


def test_the_connection_closes(scratch_dsn: str) -> None:
    with psqlm.connect(scratch_dsn) as lm:
        assert lm.model is None
        assert lm.tokenize("a")["token"].tolist() == ["a"]
    assert lm.connection.closed


def test_import_is_light() -> None:
    heavy = "psycopg numpy pandas torch plotly pgvector typer".split()
    code = f"import sys, psqlm; print([m for m in {heavy} if m in sys.modules], psqlm.connect)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.startswith("[] <function connect"), result.stdout + result.stderr
