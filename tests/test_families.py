"""Every family against `transformers`, on small random models of odd shapes."""

from __future__ import annotations

from pathlib import Path

import family_models
import numpy as np
import pytest
from differences import assert_close
from families import Families
from parts import IN_SLICES

from psqlm import loader

# more tokens than the windows are wide
TOKENS = [int(x) for x in np.random.default_rng(0).integers(1, 296, 44)]
PROMPT = "the cat, so: 42 logs"
OTHER = "a log, and the cat on the mat sat; dog"


def adjustments(families: Families, run_id: int) -> np.ndarray:
    """What a run stored of attn_out: [layer, position, d_model]."""
    rows = families.execute(
        "SELECT layer, position, adjustment::real[] FROM lm.attention_adjustment"
        " WHERE run_id = %s ORDER BY layer, position",
        run_id,
    )
    return np.array([row[2] for row in rows]).reshape(rows[-1][0] + 1, rows[-1][1] + 1, -1)


def all_logits(families: Families, run_id: int) -> np.ndarray:
    """The logits that a run kept: [position, n_vocab]."""
    rows = families.execute(
        "SELECT array_agg(logit ORDER BY token_id) FROM lm.logit WHERE run_id = %s"
        " GROUP BY position ORDER BY position",
        run_id,
    )
    return np.array([row[0] for row in rows])


def encode(families: Families, prompt: str, name: str) -> list[int]:
    return families.execute("SELECT lm.encode(%s, %s)", prompt, name)[0][0]


def run(families: Families, name: str, token_ids: list[int]) -> int:
    return families.execute(
        "SELECT lm.forward(token_ids => %s, model => %s, capture => '{attn_out,logits}',"
        " top_logits => NULL)",
        token_ids,
        name,
    )[0][0]


@pytest.mark.parametrize("name", family_models.MODELS)
def test_a_prompt(families: Families, name: str) -> None:
    folder = families.folder(name)
    run_id = run(families, name, TOKENS)
    logits, attn_out = family_models.forward(folder, TOKENS)
    assert_close(f"{name}: logits", all_logits(families, run_id), logits, absolute=1e-3)
    assert_close(f"{name}: attn_out", adjustments(families, run_id), attn_out, relative=1e-4)


@pytest.mark.parametrize("name", family_models.MODELS)
def test_a_prompt_in_slices(families: Families, name: str) -> None:
    """A layer at a time in three processes, as a long prompt is run where there are that many."""
    folder = families.folder(name)
    families.execute("SELECT set_config('max_parallel_workers_per_gather', '3', true)")
    families.connection.execute(IN_SLICES)
    run_id = run(families, name, TOKENS)
    logits, attn_out = family_models.forward(folder, TOKENS)
    assert_close(f"{name}: logits", all_logits(families, run_id), logits, absolute=1e-3)
    assert_close(f"{name}: attn_out", adjustments(families, run_id), attn_out, relative=1e-4)


@pytest.mark.parametrize("name", family_models.MODELS)
def test_generation(families: Families, name: str) -> None:
    """Greedy, with the cache: its tokens are the reference's, beyond the windows too."""
    folder = families.folder(name)
    tokens = encode(families, PROMPT, name)
    assert len(tokens) == 12
    rows = families.execute(
        "SELECT token_id FROM lm.generate_tokens(%s, 24, model => %s) ORDER BY step", PROMPT, name
    )
    assert [row[0] for row in rows] == family_models.generate(folder, tokens, 24)


@pytest.mark.parametrize("name", family_models.MODELS)
def test_two_prompts_at_once(families: Families, name: str) -> None:
    folder = families.folder(name)
    runs = families.execute(
        "SELECT run_id FROM lm.forward_many(%s, %s, '{attn_out,logits}', top_logits => NULL)"
        " ORDER BY ordinal",
        [PROMPT, OTHER],
        name,
    )
    for prompt, (run_id,) in zip((PROMPT, OTHER), runs, strict=True):
        logits, attn_out = family_models.forward(folder, encode(families, prompt, name))
        what = f"{name}, with another"
        assert_close(f"{what}: logits", all_logits(families, run_id), logits, absolute=1e-3)
        assert_close(f"{what}: attn_out", adjustments(families, run_id), attn_out, relative=1e-4)


@pytest.mark.parametrize("name", ["opt", "phi", "qwen3", "gemma2", "olmo2, tied"])
def test_stored_as_float16(families: Families, tmp_path: Path, name: str) -> None:
    """Of weights that float16 can hold, what is computed is the same."""
    halves = family_models.reference(family_models.save(name, tmp_path / "floats"))
    family_models.write(halves.half().float(), tmp_path)
    loader.load(families.connection, str(tmp_path), name=f"{name}, float16", dtype="float16")
    logits, attn_out = family_models.forward(tmp_path, TOKENS)
    run_id = run(families, f"{name}, float16", TOKENS)
    assert_close(f"{name}, float16: logits", all_logits(families, run_id), logits, absolute=1e-3)
    assert_close(
        f"{name}, float16: attn_out", adjustments(families, run_id), attn_out, relative=1e-4
    )
