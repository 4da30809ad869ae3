"""The demo model in TransformerLens, as it is: nothing folded or centred, no hidden first token."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from psqlm.bundled_files import DEMO_MODEL

os.environ["HF_HUB_OFFLINE"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformer_lens import ActivationCache
    from transformer_lens.model_bridge import TransformerBridge

CONFIG = json.loads((DEMO_MODEL / "config.json").read_text())
N_LAYER, N_HEAD = CONFIG["n_layer"], CONFIG["n_head"]

# names come back, so there are copies to attend to
PROMPT = (
    "Once upon a time there was a king who had three daughters, and the youngest of the three "
    "daughters was so fair that the sun himself, who had seen so many things, wondered whenever "
    "he shone upon her face. Near the castle of the king there was a great dark forest, and in "
    "the forest, under an old lime-tree, there was a well."
)

PLACES = [-1, 0, 20]  # the last position, the first, one between
KING, QUEEN = " king", " queen"

# Where TransformerLens has what we call so. Its hook_normalized is before gain and bias, the norm's
# output is hook_out.
HOOKS = {
    "embed": "hook_embed",
    "pos_embed": "hook_pos_embed",
    "resid_pre": "blocks.{}.hook_resid_pre",
    "ln1": "blocks.{}.ln1.hook_out",
    "q": "blocks.{}.attn.hook_q",
    "k": "blocks.{}.attn.hook_k",
    "v": "blocks.{}.attn.hook_v",
    "attn_scores": "blocks.{}.attn.hook_attn_scores",
    "pattern": "blocks.{}.attn.hook_pattern",
    "z": "blocks.{}.attn.hook_z",
    "attn_out": "blocks.{}.hook_attn_out",
    "resid_mid": "blocks.{}.hook_resid_mid",
    "ln2": "blocks.{}.ln2.hook_out",
    "mlp_pre": "blocks.{}.mlp.hook_pre",
    "mlp_post": "blocks.{}.mlp.hook_post",
    "mlp_out": "blocks.{}.hook_mlp_out",
    "resid_post": "blocks.{}.hook_resid_post",
    "ln_final": "ln_final.hook_out",
}


def bridge(**processing: bool) -> TransformerBridge:
    """The model, its weights processed as asked and no further."""
    model = TransformerBridge.boot_transformers(
        str(DEMO_MODEL),
        hf_model=GPT2LMHeadModel.from_pretrained(DEMO_MODEL, attn_implementation="eager").float(),
        tokenizer=PreTrainedTokenizerFast.from_pretrained(DEMO_MODEL),
        device="cpu",
    )
    model.cfg.default_prepend_bos = False
    model.eval()
    if processing:
        others = ("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases")
        model.enable_compatibility_mode(
            disable_warnings=True, **(dict.fromkeys(others, False) | processing)
        )
    model.requires_grad_(False)
    return model


@lru_cache
def model() -> TransformerBridge:
    return bridge()


@dataclass(frozen=True)
class Reference:
    """What TransformerLens says of a text."""

    token_ids: list[int]
    logits: torch.Tensor  # [position, n_vocab]
    cache: ActivationCache


@lru_cache
def reference(text: str) -> Reference:
    tokens = model().to_tokens(text)
    logits, cache = model().run_with_cache(tokens)
    return Reference(tokens[0].tolist(), logits[0], cache)


def run(connection: psycopg.Connection, text: str = PROMPT, **options: Any) -> int:
    """Make a run with lm.forward; its key."""
    names = "".join(f", {name} => %({name})s" for name in options)
    row = connection.execute(
        f"SELECT lm.forward(%(prompt)s{names})",
        {"prompt": text, **options},
    ).fetchone()
    assert row is not None
    return int(row[0])


def rows(captured: tuple[psycopg.Connection, int], call: str, **values: Any) -> list[tuple]:
    """What a lens says of a run."""
    connection, run_id = captured
    return connection.execute(
        f"SELECT * FROM lm.{call}",
        {"run": run_id, **values},
    ).fetchall()


def token(text: str) -> int:
    return model().to_single_token(text)


def cache() -> ActivationCache:
    """What TransformerLens captures of the prompt."""
    return reference(PROMPT).cache
