"""The forward pass against `transformers`, on the demo model and at GPT-2's true size."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import psycopg
import pytest
import reference
from differences import assert_close
from psycopg.rows import scalar_row

from psqlm import loader
from psqlm.bundled_files import DEMO_MODEL

TALE = (
    "Once upon a time there was a miller who had three sons, and when he died he left them nothing "
    "but his mill, his donkey and his cat. The eldest took the mill, the second took the donkey, "
    "and so there was nothing left for the youngest but the cat."
)
PROMPTS = {
    "one token": "The",
    "seven": "Once upon a time there was",
    "a tale": TALE,
    "not prose": "  \n\n«Ä» 12,345 <|endoftext|> 火 🙂\r\n",
}


def adjustments(connection: psycopg.Connection, run_id: int) -> np.ndarray:
    """What a run stored: [layer, position, d_model]."""
    rows = connection.execute(
        "SELECT layer, position, adjustment::real[] FROM lm.attention_adjustment"
        " WHERE run_id = %s ORDER BY layer, position",
        [run_id],
    ).fetchall()
    n_layer, n_position = rows[-1][0] + 1, rows[-1][1] + 1
    assert [row[:2] for row in rows] == [(i, j) for i in range(n_layer) for j in range(n_position)]
    return np.array([row[2] for row in rows]).reshape(n_layer, n_position, -1)


def logits(connection: psycopg.Connection, prompt: str) -> tuple[list[int], np.ndarray]:
    """All tokens in our order, and their logits by token."""
    rows = connection.execute(
        "SELECT token_id, logit, probability FROM lm.next_token(%s, k => NULL) ORDER BY rank",
        [prompt],
    ).fetchall()
    assert abs(sum(row[2] for row in rows) - 1) < 1e-9
    order = [row[0] for row in rows]
    by_token = np.empty(len(rows))
    by_token[order] = [row[1] for row in rows]
    return order, by_token


def compare(connection: psycopg.Connection, folder: Path, what: str, prompt: str) -> None:
    tokens = connection.execute("SELECT lm.encode(%s)", [prompt]).fetchone()[0]
    theirs = reference.forward(folder, tokens)
    run_id = connection.execute("SELECT lm.forward(%s)", [prompt]).fetchone()[0]
    ours = adjustments(connection, run_id)
    for layer in range(len(ours)):
        assert_close(
            f"{what}: attn_out, layer {layer}", ours[layer], theirs.attn_out[layer], relative=1e-4
        )
    order, by_token = logits(connection, prompt)
    assert_close(f"{what}: logits", by_token, theirs.logits[-1], absolute=1e-3)
    assert order[:10] == theirs.logits[-1].argsort()[::-1][:10].tolist()


@pytest.mark.parametrize("what", PROMPTS)
def test_demo_model(connection: psycopg.Connection, what: str) -> None:
    compare(connection, DEMO_MODEL, f"demo, {what}", PROMPTS[what])


def test_demo_model_with_every_position_in_use(connection: psycopg.Connection) -> None:
    n_ctx = connection.execute("SELECT n_ctx FROM lm.model WHERE name = 'demo'").fetchone()[0]
    tokens = connection.execute("SELECT lm.encode(%s)", [TALE * 20]).fetchone()[0][:n_ctx]
    run_id = connection.execute("SELECT lm.forward(token_ids => %s)", [tokens]).fetchone()[0]
    assert_close(
        f"demo, {n_ctx} tokens: attn_out",
        adjustments(connection, run_id),
        reference.forward(DEMO_MODEL, tokens).attn_out,
        relative=1e-4,
    )


def test_gpt2_shape(gpt2: tuple[psycopg.Connection, Path]) -> None:
    connection, folder = gpt2
    # its tokens are bytes and pairs of bytes: a hundred characters are some seventy of them
    compare(connection, folder, "gpt2 shape", TALE[:100])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_as_wide_as_gpt2_xl(make_database, tmp_path: Path, dtype: str) -> None:
    """A row of weights nearly fills a page, and two vectors do not fit one."""
    import shutil

    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_layer=2, n_embd=1600, n_head=25, vocab_size=4096, n_positions=32)
    config.eos_token_id = config.bos_token_id = 4095
    wide = GPT2LMHeadModel(config)
    if dtype == "float16":  # what float16 can hold, so that both have the same weights
        wide = wide.half().float()
    wide.save_pretrained(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO_MODEL / name, tmp_path)
    with psycopg.connect(make_database(f"psqlm_wide_{dtype}")) as connection:
        loader.load(connection, str(tmp_path), name="wide", dtype=dtype)
        compare(connection, tmp_path, f"1,600 wide, {dtype}", PROMPTS["seven"])
        tokens = connection.execute("SELECT lm.encode('The')").fetchone()[0]
        rows = connection.execute("SELECT token_id FROM lm.generate_tokens('The', 5)").fetchall()
        assert [row[0] for row in rows] == reference.generate(tmp_path, tokens, 5)


def test_several_prompts_are_what_each_is_alone(connection: psycopg.Connection) -> None:
    prompts = list(PROMPTS.values())
    rows = connection.execute("SELECT * FROM lm.forward_many(%s)", [prompts]).fetchall()
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    for prompt, (_, run_id) in zip(prompts, rows, strict=True):
        tokens = connection.execute("SELECT lm.encode(%s)", [prompt]).fetchone()[0]
        assert_close(
            f"forward_many: {prompt[:12]!r}",
            adjustments(connection, run_id),
            reference.forward(DEMO_MODEL, tokens).attn_out,
            relative=1e-4,
        )


def test_a_run_says_what_it_ran(connection: psycopg.Connection) -> None:
    run_id = connection.execute("SELECT lm.forward(%s)", [TALE]).fetchone()[0]
    prompt, tokens, capture, name, took = connection.execute(
        "SELECT r.prompt, r.token_ids, r.capture::text[], m.name, r.duration > interval '0'"
        " FROM lm.run AS r JOIN lm.model AS m USING (model_id) WHERE r.run_id = %s",
        [run_id],
    ).fetchone()
    assert (prompt, capture, name, took) == (TALE, ["attn_out"], "demo", True)
    stored = connection.cursor(row_factory=scalar_row).execute(
        "SELECT token_id FROM lm.run_token WHERE run_id = %s ORDER BY position", [run_id]
    )
    assert stored.fetchall() == tokens


# Each returns the rows that break a rule: there must be none.
INVARIANTS = {
    "an attention row sums to 1": """
        SELECT layer, head, position, sum(w) FROM lm.activation, unnest(value::real[]) AS w
        WHERE run_id = %(run_id)s AND site = 'pattern'
        GROUP BY layer, head, position HAVING abs(sum(w) - 1) > 1e-5""",
    "no key after its query": """
        SELECT layer, head, position FROM lm.activation
        WHERE run_id = %(run_id)s AND site IN ('pattern', 'attn_scores')
            AND vector_dims(value) <> position + 1""",
    "every layer and position once": """
        SELECT l.layer, t.position FROM lm.run AS r
        JOIN lm.model AS m USING (model_id)
        CROSS JOIN generate_series(0, m.n_layer - 1) AS l (layer)
        JOIN lm.run_token AS t USING (run_id)
        LEFT JOIN lm.attention_adjustment AS a USING (run_id, layer, position)
        WHERE r.run_id = %(run_id)s AND a.norm IS NULL""",
    "the residual stream adds up": """
        SELECT layer, position FROM lm.attention_adjustment
        JOIN lm.activation AS pre USING (run_id, layer, position)
        JOIN lm.activation AS mlp USING (run_id, layer, position)
        JOIN lm.activation AS post USING (run_id, layer, position)
        WHERE run_id = %(run_id)s
            AND (pre.site, mlp.site, post.site) = ('resid_pre', 'mlp_out', 'resid_post')
            AND pre.value + adjustment + mlp.value <-> post.value
                > 1e-5 * vector_norm(post.value)""",
}


@pytest.mark.parametrize("rule", INVARIANTS)
def test_invariants(connection: psycopg.Connection, rule: str) -> None:
    run_id = connection.execute(
        "SELECT lm.forward('The King had a daughter', capture => '{all}')"
    ).fetchone()[0]
    assert connection.execute(INVARIANTS[rule], {"run_id": run_id}).fetchall() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("lm.forward('')", "the prompt is empty: a model needs one token at least"),
        ("lm.forward(NULL)", "no prompt: it is NULL"),
        ("lm.next_token(NULL)", "no prompt: it is NULL"),
        ("lm.forward(repeat('spindle ', 1000))", "the prompt has [0-9]+ tokens and model"),
        ("lm.forward(token_ids => '{1,-1}')", "token_ids holds others"),
        ("lm.forward(token_ids => '{1,1000000}')", "token_ids holds others"),
        ("lm.forward(token_ids => '{1,NULL}')", "token_ids holds others"),
        ("lm.forward('a', token_ids => '{1}')", "both given"),
        ("lm.forward('a', capture => '{atn_out}')", "no site: atn_out"),
        ("lm.forward('a', 'gpt5')", 'no model named "gpt5" is loaded'),
        ("lm.forward_many(ARRAY['a', ''])", "the prompt is empty"),
    ],
)
def test_bad_input_writes_nothing(connection: psycopg.Connection, call: str, message: str) -> None:
    before = connection.execute("SELECT count(*) FROM lm.run").fetchone()
    with (
        pytest.raises(psycopg.errors.InvalidParameterValue, match=message),
        connection.transaction(),
    ):
        connection.execute(f"SELECT * FROM {call}")
    assert connection.execute("SELECT count(*) FROM lm.run").fetchone() == before


def test_gpt2_itself(make_database) -> None:
    """GPT-2's own weights, where they are: PSQLM_TEST_GPT2 names their folder."""
    folder = os.environ.get("PSQLM_TEST_GPT2")
    if not folder:
        pytest.skip("PSQLM_TEST_GPT2 names no folder with GPT-2's weights")
    with psycopg.connect(make_database("psqlm_gpt2_itself")) as connection:
        loader.load(connection, folder, name="gpt2")
        compare(connection, Path(folder), "gpt2", TALE)
