"""Models whose rows of weights do not fit a page, against `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import family_models
import numpy as np
import pytest
from conftest import MakeDatabase
from differences import assert_close
from families import Families

from psqlm import database, loader

TOKENS = [int(x) for x in np.random.default_rng(5).integers(1, 296, 12)]
PROMPT = "the cat sat on"
LAST = len(TOKENS) - 1

# d_model beyond 2,000 in float32, beyond 4,000 in float16; heads together wider than that in one
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama, 2,304 wide, float32": (
        "float32",
        "Llama",
        family_models.usual(2, 2304, 6, 2, 320, head_dim=64),
    ),
    "gemma2, 2,016 wide and heads 2,112, float32": (
        "float32",
        "Gemma2",
        family_models.usual(
            1, 2016, 32, 4, 160, head_dim=66, query_pre_attn_scalar=66, sliding_window=8
        ),
    ),
    "phi, 2,080 wide, float32": ("float32", "Phi", family_models.usual(1, 2080, 20, None, 2400)),
    "qwen2, 4,128 wide, float16": (
        "float16",
        "Qwen2",
        family_models.usual(1, 4128, 6, 2, 200, head_dim=32),
    ),
}
# Two layers as wide as they are in Llama-3.2-1B and Gemma-2-2b.
TRUE_WIDTHS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "as wide as Llama-3.2-1B": (
        "float32",
        "Llama",
        family_models.usual(
            2,
            2048,
            32,
            8,
            8192,
            head_dim=64,
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        ),
    ),
    "as wide as Gemma-2-2b": (
        "float16",
        "Gemma2",
        family_models.usual(
            2, 2304, 8, 4, 9216, head_dim=256, query_pre_attn_scalar=256, sliding_window=8
        ),
    ),
}


def compare(make_database: MakeDatabase, folder: Path, name: str, dtype: str) -> None:
    """Logits, attention, generation, and what reads weights by themselves."""
    with database.connect(make_database("psqlm_wide")) as connection:
        loader.load(connection, str(folder), name=name, dtype=dtype)
        families = Families(connection, folder)
        run_id = families.execute(
            "SELECT lm.forward(token_ids => %s, capture => '{all}', top_logits => NULL)",
            TOKENS,
        )[0][0]
        logits, attn_out = family_models.forward(folder, TOKENS)
        rows = families.execute(
            "SELECT array_agg(logit ORDER BY token_id) FROM lm.logit WHERE run_id = %s"
            " GROUP BY position ORDER BY position",
            run_id,
        )
        assert_close(f"{name}: logits", [row[0] for row in rows], logits, absolute=1e-3)
        rows = families.execute(
            "SELECT adjustment::real[] FROM lm.attention_adjustment WHERE run_id = %s"
            " ORDER BY layer, position",
            run_id,
        )
        ours = np.array([row[0] for row in rows]).reshape(attn_out.shape)
        assert_close(f"{name}: attn_out", ours, attn_out, relative=1e-4)
        rows = families.execute("SELECT token_id FROM lm.generate_tokens(%s, 5)", PROMPT)
        tokens = families.execute("SELECT lm.encode(%s)", PROMPT)[0][0]
        assert [row[0] for row in rows] == family_models.generate(folder, tokens, 5)

        (heads,) = families.execute(
            "SELECT array_agg(total ORDER BY layer) FROM (SELECT layer,"
            " lm.total(result)::real[] AS total FROM lm.head_results(%s) GROUP BY layer) AS h",
            run_id,
        )
        assert_close(f"{name}: heads together", heads[0], attn_out[:, LAST], relative=1e-4)
        token = int(logits[LAST].argmax())
        (total,) = families.execute(
            "SELECT sum(attribution) FROM lm.logit_attribution(%s, %s)", run_id, token
        )
        cap = family_models.reference(folder).config.to_dict().get("final_logit_softcapping")
        logit = cap * np.arctanh(logits[LAST, token] / cap) if cap else logits[LAST, token]
        assert_close(f"{name}: attribution's sum", total, [logit], absolute=1e-3)
        rows = families.execute("SELECT logits FROM lm.lens_logits(%s) ORDER BY layer", run_id)
        assert_close(f"{name}: lens", rows[-1][0], logits[LAST], absolute=1e-3)


def write(folder: Path, name: str, dtype: str, kind: str, sizes: dict[str, Any]) -> Path:
    model = family_models.made(kind, sizes, seed=len(name), noise=0.02)
    # of weights that float16 can hold both have the same
    return family_models.write(model.half().float() if dtype == "float16" else model, folder)


@pytest.mark.parametrize("name", MODELS)
def test_wide(make_database: MakeDatabase, tmp_path: Path, name: str) -> None:
    dtype, kind, sizes = MODELS[name]
    compare(make_database, write(tmp_path, name, dtype, kind, sizes), name, dtype)


@pytest.mark.large
@pytest.mark.parametrize("name", TRUE_WIDTHS)
def test_true_widths(make_database: MakeDatabase, tmp_path: Path, name: str) -> None:
    dtype, kind, sizes = TRUE_WIDTHS[name]
    compare(make_database, write(tmp_path, name, dtype, kind, sizes), name, dtype)
