"""Every site of every family against TransformerLens, and what reads sites: lenses, attribution."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import family_models
import numpy as np
import pytest
import torch
from differences import assert_close
from families import Families
from lens import HOOKS as GPT2_HOOKS
from transformer_lens import ActivationCache
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedTokenizerFast
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from psqlm.bundled_files import DEMO_MODEL

# more tokens than most windows are wide
TOKENS = [int(x) for x in np.random.default_rng(1).integers(1, 296, 18)]

# The first of each family, and those whose ends differ.
READ = [name for name in family_models.MODELS if "," not in name] + [
    "gpt2, untied",
    "gpt_neox, one after the other",
    "opt, no biases",
    "llama, biased, wide heads",
    "gemma2, caps bite",
    "gemma3, capped",
    "olmo2, tied",
]
TOKEN, WRONG = 7, 11

# What GPT-2 has, and what it does not have.
HOOKS = GPT2_HOOKS | {
    "rot_q": "blocks.{}.attn.hook_rot_q",
    "rot_k": "blocks.{}.attn.hook_rot_k",
    "ln1_post": "blocks.{}.ln1_post.hook_out",
    "mlp_pre_linear": "blocks.{}.mlp.hook_pre_linear",
    "ln2_post": "blocks.{}.ln2_post.hook_out",
}


@dataclass(frozen=True)
class Lens:
    """A model in TransformerLens, and what it says of the tokens."""

    model: TransformerBridge
    logits: torch.Tensor  # [position, n_vocab]
    cache: ActivationCache


@cache
def lens_of(folder: Path) -> Lens:
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
    bridge.requires_grad_(False)
    logits, cached = bridge.run_with_cache(torch.tensor([TOKENS]))
    return Lens(bridge, logits[0], cached)


def run(families: Families, name: str, interventions: str | None = None) -> int:
    """A run of the tokens with everything captured."""
    return families.execute(
        "SELECT lm.forward(token_ids => %s, model => %s, capture => '{all}', top_logits => NULL,"
        " interventions => %s)",
        TOKENS,
        name,
        interventions,
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


def theirs(lens: Lens, site: str, heads: int | None) -> np.ndarray:
    hook = HOOKS[site]
    layers = range(lens.model.cfg.n_layers) if "{}" in hook else [0]
    x = np.stack([cached(lens, site, layer).numpy() for layer in layers])
    if heads is not None and site not in ("attn_scores", "pattern"):
        x = x.swapaxes(1, 2)
    return x


def cached(lens: Lens, site: str, layer: int) -> torch.Tensor:
    """A site of a layer in TransformerLens."""
    cache, hook = lens.cache, HOOKS[site].format(layer)
    attention = f"blocks.{layer}.attn.hook_"
    if hook not in cache and site in ("rot_q", "rot_k"):  # GPT-NeoX has no hook there
        q, k, cos, sin = (cache[attention + name] for name in ("q", "k", "cos", "sin"))
        return apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)[site == "rot_k"][0]
    if hook not in cache and site == "ln2":  # Phi has one norm for both blocks
        return cache[HOOKS["ln1"].format(layer)][0]
    x = cache[hook][0]
    if site == "attn_scores" and torch.equal(x, cache[HOOKS["pattern"].format(layer)][0]):
        # in OPT and GPT-Neo, whose scale is 1, the hook has the pattern
        q, k = cache[attention + "q"][0], cache[attention + "k"][0]
        scores = torch.einsum("qhd,khd->hqk", q, k)
        is_neo = lens.model.original_model.config.model_type == "gpt_neo"
        scores = scores if is_neo else scores / q.shape[-1] ** 0.5
        return scores.masked_fill(x == 0, -torch.inf)
    return x


def seen(x: np.ndarray) -> np.ndarray:
    """Scores without those that a mask hides."""
    return np.where(np.abs(np.tril(x)) > 1e30, 0, np.tril(x))


# Sites --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", family_models.MODELS)
def test_sites(families: Families, name: str) -> None:
    lens = lens_of(families.folder(name))
    run_id = run(families, name)
    for site, heads in sites(families, name).items():
        a = ours(families, run_id, site, heads)
        b = theirs(lens, site, heads)
        if site == "attn_scores":
            a, b = seen(a), seen(b)
        assert_close(f"{name}: {site}", a, b, relative=1e-4)


# Lenses -------------------------------------------------------------------------------------------


def capped(logits: torch.Tensor, model: TransformerBridge) -> torch.Tensor:
    """What a model makes of its logits in the end."""
    cap = getattr(model.original_model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


@pytest.mark.parametrize("name", READ)
def test_lens_logits(families: Families, name: str) -> None:
    lens = lens_of(families.folder(name))
    run_id = run(families, name)
    for site in ("resid_post", "attn_out"):
        rows = families.execute(
            "SELECT logits FROM lm.lens_logits(%s, -1, %s) ORDER BY layer", run_id, site
        )
        x = torch.stack(
            [lens.cache[HOOKS[site].format(layer)][:, -1] for layer in range(len(rows))], dim=1
        )
        logits = capped(lens.model.unembed(lens.model.ln_final(x))[0], lens.model)
        assert_close(f"{name}: lens of {site}", [row[0] for row in rows], logits, relative=1e-4)
        if site == "resid_post":
            assert_close(f"{name}: last layer", rows[-1][0], lens.logits[-1], relative=1e-4)


@pytest.mark.parametrize("name", READ)
def test_surprise(families: Families, name: str) -> None:
    lens = lens_of(families.folder(name))
    ours = families.execute("SELECT surprise FROM lm.surprise(%s)", run(families, name))
    theirs = torch.nn.functional.cross_entropy(
        lens.logits[:-1], torch.tensor(TOKENS[1:]), reduction="none"
    )
    assert_close(f"{name}: surprise", [row[0] for row in ours[1:]], theirs, relative=1e-4)


# Attribution --------------------------------------------------------------------------------------


def head_results(lens: Lens, layer: int) -> torch.Tensor:
    """What each head adds at the last position, and at last b_O, [head + 1, d_model].

    A norm after attention is linear with its scale held.
    """
    attention = f"blocks.{layer}.attn.o.hook_in"
    z = lens.cache[attention][0, -1]
    alone = torch.stack([*torch.diag_embed(z.T).permute(1, 2, 0), torch.zeros_like(z)])
    project = lens.model.blocks[layer].attn.o.original_component
    y = project(alone.flatten(1))
    y[:-1] -= y[-1]
    hooks = f"blocks.{layer}.ln1_post.hook_"
    if hooks + "out" not in lens.cache:
        return y
    gain = gain_of(lens.model.blocks[layer].ln1_post.original_component)
    return y * gain / lens.cache[hooks + "scale"][0, -1]


def gain_of(norm: torch.nn.Module) -> torch.Tensor:
    return norm.weight + (1 if type(norm).__name__.startswith("Gemma") else 0)


@pytest.mark.parametrize("name", READ)
def test_head_results(families: Families, name: str) -> None:
    lens = lens_of(families.folder(name))
    rows = families.execute(
        "SELECT layer, head, result::real[] FROM lm.head_results(%s)"
        " ORDER BY layer, head = -1, head",
        run(families, name),
    )
    n_layer, n_head = lens.model.cfg.n_layers, lens.model.cfg.n_heads
    results = np.array([row[2] for row in rows]).reshape(n_layer, n_head + 1, -1)
    theirs = torch.stack([head_results(lens, layer) for layer in range(n_layer)])
    assert_close(f"{name}: head results", results[:, :-1], theirs[:, :-1], relative=1e-4)
    assert_close(f"{name}: b_O", results[:, -1], theirs[:, -1], absolute=1e-4)
    attn_out = torch.stack(
        [lens.cache[f"blocks.{layer}.hook_attn_out"][0, -1] for layer in range(n_layer)]
    )
    assert_close(f"{name}: heads together", results.sum(1), attn_out, relative=1e-4)


@pytest.mark.parametrize("wrong", [None, WRONG])
@pytest.mark.parametrize("name", READ)
def test_logit_attribution(families: Families, name: str, wrong: int | None) -> None:
    """Each part's share, and the sum: the logit, or what it is before it is capped."""
    lens = lens_of(families.folder(name))
    rows = families.execute(
        "SELECT site::text, layer, head, attribution FROM lm.logit_attribution(%s, %s, %s)",
        run(families, name),
        TOKEN,
        wrong,
    )
    ours = {(site, layer, head): value for site, layer, head, value in rows}
    assert len(ours) == len(rows)

    norm = lens.model.ln_final.original_component
    unembed = lens.model.unembed.original_component
    no_bias = torch.zeros(len(lens.logits[0]))
    bias = no_bias if unembed.bias is None else unembed.bias

    def lead(x: torch.Tensor) -> torch.Tensor:
        return x[TOKEN] - (0 if wrong is None else x[wrong])

    def share(x: torch.Tensor) -> float:
        """What a part of the stream adds, the scale of the final norm held."""
        if isinstance(norm, torch.nn.LayerNorm):
            x = x - x.mean()
        scaled = x * gain_of(norm) / lens.cache["ln_final.hook_scale"][0, -1]
        return float(scaled @ lead(unembed.weight))

    beta = getattr(norm, "bias", None)
    layers = range(lens.model.cfg.n_layers)
    theirs = {("embed", 0, -1): share(lens.cache["hook_embed"][0, -1])}
    if "hook_pos_embed" in lens.cache:
        theirs["pos_embed", 0, -1] = share(lens.cache["hook_pos_embed"][0, -1])
    for layer in layers:
        theirs["mlp_out", layer, -1] = share(lens.cache[f"blocks.{layer}.hook_mlp_out"][0, -1])
        *heads, b_o = head_results(lens, layer)
        theirs |= {("attn_out", layer, head): share(x) for head, x in enumerate(heads)}
        theirs["attn_out", layer, -1] = share(b_o)
    theirs["ln_final", len(layers), -1] = (
        0.0 if beta is None else float(beta @ lead(unembed.weight))
    )
    if float(lead(bias)):
        theirs["logits", len(layers), -1] = float(lead(bias))
    assert ours.keys() == theirs.keys()
    assert_close(
        f"{name}: attribution", [ours[part] for part in theirs], [*theirs.values()], absolute=1e-4
    )
    logit = float(lead(lens.cache["unembed.hook_out"][0, -1]))
    assert_close(f"{name}: attribution's sum", [sum(ours.values())], [logit], absolute=1e-4)


@pytest.mark.parametrize(
    ("name", "site"), [("gemma3", "ln1_post"), ("olmo2", "resid_mid"), ("gpt_neox", "attn_out")]
)
def test_attribution_of_what_is_changed(families: Families, name: str, site: str) -> None:
    """A change outside the parts is a row of its own, and the sum is the logit still."""
    families.folder(name)
    families.connection.execute(
        "INSERT INTO lm.intervention (set_name, site, layer, kind, factor)"
        " VALUES ('halved', %s, 1, 'scale', 0.5)",
        [site],
    )
    run_id = run(families, name, interventions="halved")
    rows = families.execute(
        "SELECT site::text, attribution FROM lm.logit_attribution(%s, %s)", run_id, TOKEN
    )
    logit = families.execute(
        "SELECT logit FROM lm.logit WHERE (run_id, position, token_id) = (%s, %s, %s)",
        run_id,
        len(TOKENS) - 1,
        TOKEN,
    )
    assert abs(dict(rows)["resid_post"]) > 1e-3
    total = sum(value for _, value in rows)
    assert_close(f"{name}: attribution after {site}", [total], logit[0], absolute=1e-4)


# Heads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mistral", "gpt_neo", "gpt_neox", "gemma2"])
def test_head_scores(families: Families, name: str) -> None:
    """Heads that are grouped, and see through a window."""
    lens = lens_of(families.folder(name))
    rows = families.execute(
        "SELECT previous_token FROM lm.head_scores(%s) ORDER BY layer, head", run(families, name)
    )
    theirs = [
        float(pattern.diagonal(-1).sum() / pattern.sum())
        for layer in range(lens.model.cfg.n_layers)
        for pattern in lens.cache[HOOKS["pattern"].format(layer)][0]
    ]
    assert_close(f"{name}: head scores", [row[0] for row in rows], theirs, absolute=1e-5)
