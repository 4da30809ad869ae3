"""Interventions in families with grouped heads, rotation and gates, against PyTorch hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import family_models
import numpy as np
import psycopg
import pytest
import torch
from differences import assert_close
from families import Families

TOKENS = [int(x) for x in np.random.default_rng(2).integers(1, 296, 14)]
OTHER = [int(x) for x in np.random.default_rng(3).integers(1, 296, 14)]
LAYER, POSITION = 1, 6
CLEAN, CORRUPT = "the cat sat on the mat", "the dog sat on the log"
# Heads that are grouped, wider than d_model / n_head, normed, or capped and seen through a window.
MODELS = ["llama, biased, wide heads", "qwen3", "gemma2", "phi, grouped"]
CHANGES = {
    "zero": {"kind": "zero"},
    "scale": {"kind": "scale", "factor": -1.5},
    "add": {"kind": "add", "factor": 2.0, "value": None},
    "replace": {"kind": "replace", "value": None},
    "replace from a run": {"kind": "replace", "from_run": True},
    "mean of a run": {"kind": "mean", "from_run": True},
}
WITH_HEADS = ("q", "k", "v", "rot_q", "rot_k", "z")

Change = Callable[[torch.Tensor], None]  # of a site, [position, head, width] or [position, width]


@contextmanager
def changed(model: torch.nn.Module, site: str, layer: int, change: Change) -> Iterator[None]:
    """A model of transformers with a site of a layer changed in place."""
    attention = family_models.layers(model)[layer].self_attn
    mlp = family_models.layers(model)[layer].mlp
    width = attention.head_dim

    def edit(x: torch.Tensor) -> None:
        change(x[0].unflatten(-1, (-1, width)) if site in WITH_HEADS else x[0])

    if site in ("rot_q", "rot_k"):
        hook = rotated(attention, site, change)
    elif site == "z":
        project = getattr(attention, "o_proj", None) or attention.dense
        hook = project.register_forward_pre_hook(lambda module, inputs: edit(inputs[0]))
    else:
        made = {
            "q": "q_proj",
            "k": "k_proj",
            "v": "v_proj",
            "mlp_pre": "gate_proj",
            "mlp_pre_linear": "up_proj",
        }[site]
        module = getattr(attention, made, None) or getattr(mlp, made)
        hook = module.register_forward_hook(lambda module, inputs, output: edit(output))
    try:
        yield
    finally:
        hook.remove()


class rotated:  # noqa: N801
    """A hook on what a layer's attention gets back from the rotation."""

    def __init__(self, attention: torch.nn.Module, site: str, change: Change) -> None:
        self._module = sys.modules[type(attention).__module__]
        self._rotate = self._module.apply_rotary_pos_emb
        here = [False]
        self._hooks = [
            attention.register_forward_pre_hook(lambda *_: here.__setitem__(0, True)),
            attention.register_forward_hook(lambda *_: here.__setitem__(0, False)),
        ]

        def rotate(*args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
            q, k = self._rotate(*args, **kwargs)
            if here[0]:
                change((q if site == "rot_q" else k)[0].transpose(0, 1))
            return q, k

        self._module.apply_rotary_pos_emb = rotate

    def remove(self) -> None:
        self._module.apply_rotary_pos_emb = self._rotate
        for hook in self._hooks:
            hook.remove()


def intervene(families: Families, **columns: object) -> None:
    names = ", ".join(columns)
    marks = ", ".join("%s::real[]::vector" if name == "value" else "%s" for name in columns)
    families.connection.execute(
        f"INSERT INTO lm.intervention (set_name, {names}) VALUES ('test', {marks})",
        [*columns.values()],
    )


def forward(
    families: Families,
    name: str,
    tokens: list[int],
    capture: str = "logits",
    interventions: str | None = None,
) -> int:
    return families.execute(
        "SELECT lm.forward(token_ids => %s, model => %s, capture => %s, interventions => %s,"
        " top_logits => NULL)",
        tokens,
        name,
        [capture],
        interventions,
    )[0][0]


def check(families: Families, what: str, name: str, site: str, change: Change) -> None:
    """Compare a run with the set 'test' to the hooked reference."""
    folder = families.folder(name)
    run_id = forward(families, name, TOKENS, interventions="test")
    rows = families.execute(
        "SELECT array_agg(logit ORDER BY token_id) FROM lm.logit WHERE run_id = %s"
        " GROUP BY position ORDER BY position",
        run_id,
    )
    unchanged, _ = family_models.forward(folder, TOKENS)
    with changed(family_models.reference(folder), site, LAYER, change):
        expected, _ = family_models.forward(folder, TOKENS)
    assert np.abs(expected - unchanged).max() > 1e-3, "the intervention changes nothing"
    assert_close(f"{name}: {what} {site}", [row[0] for row in rows], expected, absolute=1e-3)


def seen_elsewhere(families: Families, name: str, site: str) -> torch.Tensor:
    """A site of the other prompt in the reference."""
    folder = families.folder(name)
    kept: list[torch.Tensor] = []
    with changed(family_models.reference(folder), site, LAYER, lambda x: kept.append(x.clone())):
        family_models.forward(folder, OTHER)
    return kept[0]


def width_of(families: Families, name: str, site: str) -> int:
    return families.execute("SELECT lm_internal.site_width(%s, %s)", site, name)[0][0]


# Changes of a site --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("site", ["k", "v", "z", "rot_q", "mlp_pre_linear"])
@pytest.mark.parametrize("name", MODELS[:3])
def test_one_head_or_all(families: Families, name: str, site: str, kind: str) -> None:
    """The last head a site has, of keys and values that of a group; where none, the whole row."""
    families.folder(name)
    columns: dict[str, Any] = {"site": site, "layer": LAYER, **CHANGES[kind]}
    at: Any = slice(None)
    if "mean" not in kind:
        columns["position"] = at = POSITION
    if site in WITH_HEADS:
        columns["head"] = families.execute(
            "SELECT s.n_head - 1 FROM lm.model_site AS s JOIN lm.model AS m USING (model_id)"
            " WHERE m.name = %s AND s.site = %s",
            name,
            site,
        )[0][0]
        at = (at, -1)
    value = torch.zeros(())
    if "value" in columns:
        value = torch.randn(
            width_of(families, name, site), generator=torch.Generator().manual_seed(4)
        )
        columns["value"] = value.tolist()
    if "from_run" in columns:
        columns["from_run"] = forward(families, name, OTHER, site)
        value = seen_elsewhere(families, name, site)
        if "mean" in kind:
            value = value.mean(0, keepdim=True).expand_as(value)
        value = value[at]
    intervene(families, **columns)

    def change(x: torch.Tensor) -> None:
        factor = {"zero": 0, "scale": -1.5, "add": 1}.get(kind, 0)
        x[at] = factor * x[at] + (2 if kind == "add" else 1) * value

    check(families, kind, name, site, change)


@pytest.mark.parametrize("site", ["q", "k", "v", "rot_q", "rot_k", "z"])
def test_all_heads_of_a_model_with_wide_ones(families: Families, site: str) -> None:
    families.folder(MODELS[0])
    intervene(families, site=site, layer=LAYER, kind="scale", factor=0.3)
    check(families, "scale every", MODELS[0], site, lambda x: x.mul_(0.3))


@pytest.mark.parametrize("site", ["k", "v", "z"])
def test_blocks_that_are_parallel(families: Families, site: str) -> None:
    families.folder(MODELS[3])
    intervene(families, site=site, layer=LAYER, head=1, kind="zero")
    check(families, "zero head 1 of", MODELS[3], site, lambda x: x[:, 1].zero_())


# Generation and edges -----------------------------------------------------------------------------


def test_generation_with_a_change(families: Families) -> None:
    """At every step, the cached keys and values with it."""
    name = MODELS[0]
    folder = families.folder(name)
    intervene(families, site="k", layer=LAYER, head=1, kind="scale", factor=-3.0)
    rows = families.execute(
        "SELECT token_id FROM lm.generate_tokens(%s, 12, model => %s, interventions => 'test')"
        " ORDER BY step",
        CLEAN,
        name,
    )
    tokens = families.execute("SELECT lm.encode(%s, %s)", CLEAN, name)[0][0]
    with changed(family_models.reference(folder), "k", LAYER, lambda x: x[:, 1].mul_(-3)):
        expected = family_models.generate(folder, tokens, 12)
    assert [row[0] for row in rows] == expected
    assert expected != family_models.generate(folder, tokens, 12)


def test_knocked_out_edges_within_a_window(families: Families) -> None:
    """In one head, and in all; the window of five is the mask's own."""
    name = "mistral"
    folder = families.folder(name)
    edges: list[tuple[Any, int, int]] = [(2, 12, 9), (slice(None), 13, 12)]
    for head, query, key in edges:
        intervene(
            families, site="attn_scores", layer=LAYER, head=head if head == 2 else None,
            position=query, key_position=key, kind="knockout",
        )  # fmt: skip
    run_id = forward(families, name, TOKENS, interventions="test")
    rows = families.execute(
        "SELECT array_agg(logit ORDER BY token_id) FROM lm.logit WHERE run_id = %s"
        " GROUP BY position ORDER BY position",
        run_id,
    )
    model = family_models.reference(folder)

    def cut(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        heads = model.config.num_attention_heads
        mask = kwargs["attention_mask"].expand(1, heads, -1, -1).clone()
        for head, query, key in edges:
            assert mask[0, 0, query, key] == 0, "an edge outside the window"
            mask[0, head, query, key] = torch.finfo(mask.dtype).min
        return args, kwargs | {"attention_mask": mask}

    unchanged, _ = family_models.forward(folder, TOKENS)
    attention = family_models.layers(model)[LAYER].self_attn
    hook = attention.register_forward_pre_hook(cut, with_kwargs=True)
    try:
        expected, _ = family_models.forward(folder, TOKENS)
    finally:
        hook.remove()
    assert np.abs(expected - unchanged).max() > 1e-3
    assert_close("mistral: knockout", [row[0] for row in rows], expected, absolute=1e-3)


# Sweeps, and what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "site"),
    [
        (MODELS[0], "k"),
        (MODELS[0], "rot_q"),
        ("gemma2, caps bite", "v"),
        ("phi, grouped", "k"),
        ("mistral", "mlp_pre_linear"),
    ],
)
def test_patching_sweep(families: Families, name: str, site: str) -> None:
    """Every layer × head, or layer × position where a site has none, against a whole pass each."""
    folder = families.folder(name)
    rows = families.execute(
        "SELECT layer, greatest(head, position), logit_difference"
        " FROM lm.patching_sweep(%s, %s, %s, %s, %s, %s) ORDER BY layer, head, position",
        CLEAN,
        CORRUPT,
        site,
        " cat",
        " dog",
        name,
    )
    clean, corrupt, answer, wrong = (
        families.execute("SELECT lm.encode(%s, %s)", text, name)[0][0]
        for text in (CLEAN, CORRUPT, " cat", " dog")
    )
    model = family_models.reference(folder)
    expected = []
    for layer, place, _ in rows:
        kept: list[torch.Tensor] = []
        with changed(model, site, layer, lambda x, kept=kept: kept.append(x.clone())):
            family_models.forward(folder, clean)

        at = (slice(None), place) if site in WITH_HEADS else place

        def patch(x: torch.Tensor, at: Any = at, kept: list[torch.Tensor] = kept) -> None:
            x[at] = kept[0][at]

        with changed(model, site, layer, patch):
            last = family_models.forward(folder, corrupt)[0][-1]
        expected.append(last[answer[0]] - last[wrong[0]])
    config = model.config
    n_places = {"rot_q": config.num_attention_heads, "mlp_pre_linear": len(clean)}
    assert len(rows) == config.num_hidden_layers * n_places.get(site, config.num_key_value_heads)
    assert np.ptp(expected) > 1e-2, "the sweep shows nothing"
    assert_close(f"{name}: sweep of {site}", [row[2] for row in rows], expected, absolute=1e-3)


@pytest.mark.parametrize(
    ("name", "call", "message"),
    [
        (
            "gpt_neox",
            "lm.forward('a', 'gpt_neox', '{resid_mid}')",
            "capture holds what is no site: resid_mid",
        ),
        ("gpt2", "lm.forward('a', 'gpt2', '{rot_q}')", "capture holds what is no site: rot_q"),
        (
            "gpt_neox",
            "lm.logit_lens({run}, site => 'resid_mid')",
            'model "gpt_neox" has no resid_mid',
        ),
        (
            "llama",
            "lm.vector_at({run}, 'pos_embed')",
            'model "llama" has no pos_embed',
        ),
        (
            "gpt2",
            "lm.patching_sweep('a', 'b', 'mlp_pre_linear', ' cat', ' dog', 'gpt2')",
            "capture holds what is no site: mlp_pre_linear",
        ),
        (
            "llama",
            "lm.patching_sweep('a', 'b', 'embed', ' cat', ' dog', 'llama')",
            "embed cannot be swept",
        ),
        ("olmo2", "lm.forward('a', 'olmo2', interventions => 'test')", 'is at ln1, which model "o'),
        (
            "gpt2",
            "lm_internal.site_width('rot_k', 'gpt2')",
            "rot_k has no width of its own in this model",
        ),
    ],
)
def test_what_a_family_does_not_have(
    families: Families, name: str, call: str, message: str
) -> None:
    families.folder(name)
    intervene(families, site="ln1", kind="zero")
    run_id = forward(families, name, TOKENS)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        families.execute("SELECT * FROM " + call.replace("{run}", str(run_id)))
