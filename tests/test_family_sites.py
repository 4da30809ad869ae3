"""Every site of every family against TransformerLens, and what reads sites: lenses, attribution."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import family_models
import lens
import numpy as np
import psycopg
import pytest
import torch
from conftest import Families
from differences import assert_close
from transformer_lens import ActivationCache
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedTokenizerFast
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from psqlm.bundled_files import DEMO_MODEL

# more tokens than most windows are wide
TOKENS = [int(x) for x in np.random.default_rng(1).integers(1, 296, 18)]
TOKEN, WRONG = 7, 11

# Where TransformerLens has what we call so.
HOOKS = {
    "embed": "hook_embed",
    "pos_embed": "hook_pos_embed",
    "resid_pre": "blocks.{}.hook_resid_pre",
    "ln1": "blocks.{}.ln1.hook_out",
    "q": "blocks.{}.attn.hook_q",
    "k": "blocks.{}.attn.hook_k",
    "v": "blocks.{}.attn.hook_v",
    "rot_q": "blocks.{}.attn.hook_rot_q",
    "rot_k": "blocks.{}.attn.hook_rot_k",
    "attn_scores": "blocks.{}.attn.hook_attn_scores",
    "pattern": "blocks.{}.attn.hook_pattern",
    "z": "blocks.{}.attn.hook_z",
    "ln1_post": "blocks.{}.ln1_post.hook_out",
    "attn_out": "blocks.{}.hook_attn_out",
    "resid_mid": "blocks.{}.hook_resid_mid",
    "ln2": "blocks.{}.ln2.hook_out",
    "mlp_pre": "blocks.{}.mlp.hook_pre",
    "mlp_pre_linear": "blocks.{}.mlp.hook_pre_linear",
    "mlp_post": "blocks.{}.mlp.hook_post",
    "ln2_post": "blocks.{}.ln2_post.hook_out",
    "mlp_out": "blocks.{}.hook_mlp_out",
    "resid_post": "blocks.{}.hook_resid_post",
    "ln_final": "ln_final.hook_out",
}


def cache_of(families: Families, name: str) -> tuple[torch.Tensor, ActivationCache]:
    """What TransformerLens says of the tokens: logits [position, n_vocab] and its cache."""
    folder = families.folder(name)
    # a copy, for it is changed
    model = copy.deepcopy(family_models.reference(folder))
    for module in model.modules():  # fused q, k and v without a bias are refused
        if hasattr(module, "query_key_value") and module.query_key_value.bias is None:
            fused = module.query_key_value
            fused.bias = torch.nn.Parameter(torch.zeros(fused.out_features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bridge = TransformerBridge.boot_transformers(
            str(folder),
            hf_model=model,
            tokenizer=PreTrainedTokenizerFast.from_pretrained(DEMO_MODEL),
            device="cpu",
        )
    with torch.no_grad():
        logits, cache = bridge.run_with_cache(torch.tensor([TOKENS]))
    return logits[0], cache


def run(families: Families, name: str) -> int:
    """A run of the tokens with everything captured."""
    return families.execute(
        "SELECT lm.forward(token_ids => %s, model => %s, capture => '{all}', top_logits => NULL)",
        TOKENS,
        name,
    )[0][0]


def sites(families: Families, name: str) -> dict[str, int | None]:
    """The sites of a model and how many heads they have."""
    rows = families.execute(
        "SELECT s.site::text, s.n_head FROM lm.model_site AS s JOIN lm.model AS m USING (model_id)"
        " WHERE m.name = %s AND s.site <> 'logits'",
        name,
    )
    return dict(rows)


def ours(families: Families, run_id: int, site: str, heads: int | None) -> np.ndarray:
    """A site's vectors: [layer, position, …], [layer, head, position, …] where it has heads."""
    rows = families.execute(
        "SELECT layer, value::real[] FROM lm.captured WHERE run_id = %s AND site = %s::lm.site"
        " ORDER BY layer, head, position",
        run_id,
        site,
    )
    width = max(len(x) for _, x in rows)
    n_layer = len({layer for layer, _ in rows})
    # keys differ in number from query to query
    x = np.array([np.pad(x, (0, width - len(x))) for _, x in rows])
    return x.reshape(n_layer, *(() if heads is None else (heads,)), len(TOKENS), width)


def theirs(cache: ActivationCache, site: str, heads: int | None, n_layer: int) -> np.ndarray:
    hook = HOOKS[site]
    layers = range(n_layer) if "{}" in hook else [0]
    x = np.stack([cached(cache, site, layer).numpy() for layer in layers])
    if heads is not None and site not in ("attn_scores", "pattern"):
        x = x.swapaxes(1, 2)
    return x


def cached(cache: ActivationCache, site: str, layer: int) -> torch.Tensor:
    """A site of a layer in TransformerLens."""
    hook = HOOKS[site].format(layer)
    q, k, cos, sin = (
        cache.cache_dict.get(f"blocks.{layer}.attn.hook_{name}") for name in ("q", "k", "cos", "sin")
    )
    if hook not in cache and site in ("rot_q", "rot_k"):  # GPT-NeoX has no hook there
        return apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)[site == "rot_k"][0]
    if hook not in cache and site == "ln2":  # Phi has one norm for both blocks
        return cache[HOOKS["ln1"].format(layer)][0]
    x = cache[hook][0]
    if site == "attn_scores" and torch.equal(x, cache[HOOKS["pattern"].format(layer)][0]):
        # in OPT the hook has the pattern
        return torch.einsum("qhd,khd->hqk", q[0], k[0]) / q.shape[-1] ** 0.5
    return x


def seen(x: np.ndarray) -> np.ndarray:
    """Scores without those that a mask hides."""
    return np.where(np.abs(np.tril(x)) > 1e30, 0, np.tril(x))


@pytest.mark.parametrize("name", family_models.MODELS)
def test_sites(families: Families, name: str) -> None:
    families.folder(name)
    logits, cache = cache_of(families, name)
    run_id = run(families, name)
    n_layer = len(family_models.layers(family_models.reference(families.folder(name))))
    for site, heads in sites(families, name).items():
        a, b = ours(families, run_id, site, heads), theirs(cache, site, heads, n_layer)
        if site == "attn_scores":
            a, b = seen(a), seen(b)
        assert_close(f"{name}: {site}", a, b, relative=1e-4)
