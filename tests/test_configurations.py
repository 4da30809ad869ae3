"""What a configuration asks for and psqlm does not compute is refused, in a line that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from family_models import MODELS

from psqlm.errors import PsqlmError
from psqlm.loader.config import architecture, read_config

transformers = pytest.importorskip("transformers")


def _config(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a small model, as transformers saves it, with changes."""
    kind, sizes = MODELS[name]
    made = getattr(transformers, f"{kind}Config")(
        vocab_size=300, bos_token_id=0, eos_token_id=0, pad_token_id=None, **sizes
    )
    return json.loads(made.to_json_string(use_diff=False)) | changes


def _rope(**parameters: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_theta": 10000.0, **parameters}}


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}

# Families that are not computed: ALiBi, mixtures of experts, encoders, and others.
OTHERS = (
    "bloom mpt falcon mixtral qwen2_moe olmoe bert roberta t5 bart gptj codegen olmo mamba "
    "deepseek_v3 phi3 cohere gemma3 gpt_bigcode"
).split()

BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "projected embeddings": (
        "opt",
        {"word_embed_proj_dim": 12},
        "word_embed_proj_dim 12 is not supported: psqlm computes embeddings as wide as "
        "hidden_size, 24",
    ),
    "norms behind": ("opt", {"do_layer_norm_before": False}, "do_layer_norm_before false"),
    "norms without gains": (
        "opt",
        {"layer_norm_elementwise_affine": False},
        "layer_norm_elementwise_affine false",
    ),
    "no final norm": ("opt", {"_remove_final_layer_norm": True}, "_remove_final_layer_norm true"),
    "clipped": ("olmo2", {"clip_qkv": 8.0}, "clip_qkv 8.0 is not supported"),
    "by layer": (
        "gpt2",
        {"scale_attn_by_inverse_layer_idx": True},
        "scale_attn_by_inverse_layer_idx true",
    ),
    "not scaled": ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights false"),
    "cross attention": ("gpt2", {"add_cross_attention": True}, "add_cross_attention true"),
    "encoder": ("llama", {"is_encoder_decoder": True}, "is_encoder_decoder true"),
    "both ways": (
        "gemma3",
        {"use_bidirectional_attention": True},
        "use_bidirectional_attention true",
    ),
    "norms of heads": ("phi", {"qk_layernorm": True}, "qk_layernorm true is not supported"),
    "windows": ("smollm3", {"use_sliding_window": True}, "use_sliding_window true"),
    "quantized": ("llama", {"quantization_config": {"bits": 4}}, "quantization_config {…}"),
    "activation": ("qwen2", {"hidden_act": "xielu"}, 'hidden_act "xielu" is not supported'),
    "activation no text": ("llama", {"hidden_act": ["silu"]}, "hidden_act […] is not supported"),
    "longrope": ("llama", _rope(rope_type="longrope"), "rope_type 'longrope' is not supported"),
    "old longrope": (
        "llama",
        {"rope_parameters": None, "rope_scaling": {"type": "su", "factor": 4}},
        "rope_type 'su' is not supported",
    ),
    "rope of lists": ("llama", _rope(rope_type=["yarn"]), "rope_type ['yarn']"),
    "rope no object": ("llama", {"rope_parameters": [1]}, "rope_parameters must be an object"),
    "theta a word": ("llama", _rope(rope_theta="much"), "rope_theta must be a number"),
    "theta negative": ("llama", _rope(rope_theta=-1.0), "rope_theta must be above 0"),
    "theta infinite": ("llama", _rope(rope_theta=float("inf")), "rope_theta must be a number"),
    "theta small": ("llama", _rope(rope_theta=0.5), "rope_theta 0.5 over 8 of 8 dimensions"),
    "more than all": ("phi", _rope(partial_rotary_factor=3.0), "of 16 dimensions cannot be"),
    "odd number turns": (
        "llama, biased, wide heads",
        _rope(partial_rotary_factor=0.5),
        "over 5 of 10 dimensions",
    ),
    "no factor": ("llama", _rope(rope_type="linear"), "factor must be a number, not None"),
    "factor 0": ("llama", _rope(rope_type="linear", factor=0), "factor must be above 0"),
    "factors change places": (
        "llama",
        _rope(**LLAMA3 | {"low_freq_factor": 4.0, "high_freq_factor": 1.0}),
        "low_freq_factor 4 must be below high_freq_factor 1",
    ),
    "attention factor": (
        "llama",
        _rope(**YARN, attention_factor="x"),
        "attention_factor must be a number, not 'x'",
    ),
    "no length": (
        "llama",
        _rope(**YARN | {"original_max_position_embeddings": 5e-324}),
        "rope_parameters of type yarn give no numbers",
    ),
    "absurd width of heads": ("llama", {"head_dim": 10**9}, "dimensions cannot be computed"),
    "groups": ("llama", {"num_key_value_heads": 2}, "num_attention_heads 3 is not a multiple of"),
    "kinds of layers": (
        "gemma2",
        {"layer_types": ["sliding_attention", "chunked_attention", "full_attention"]},
        "layer_types must say sliding_attention or full_attention for each of 3 layers",
    ),
    "too few layers": ("qwen2", {"layer_types": ["full_attention"]}, "for each of 2 layers"),
    "absurd number of kinds": (
        "gpt_neo",
        {"attention_layers": None, "attention_types": [[["global", "near"], 10**12]]},
        "attention_types must hold lists of global and local",
    ),
    "pattern": (
        "gemma3",
        {"layer_types": None, "sliding_window_pattern": "6"},
        "sliding_window_pattern must be a number from 1 up",
    ),
    "layers that turn": ("smollm3", {"no_rope_layers": [1]}, "no_rope_layers must have a number"),
    "window": ("mistral", {"sliding_window": 0}, "sliding_window must be a positive number"),
    "cap": ("gemma2", {"final_logit_softcapping": -1}, "final_logit_softcapping -1 is not a pos"),
    "scale": ("gemma2", {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar 0 is not a positive"),
    "tied or not": ("llama", {"tie_word_embeddings": "yes"}, "must be true or false, not"),
    "biases": ("qwen3", {"attention_bias": 1}, "attention_bias must be true or false, not 1"),
}


@pytest.mark.parametrize(("name", "changes", "message"), BAD.values(), ids=BAD)
def test_what_is_not_computed_is_refused_by_name(
    name: str, changes: dict[str, Any], message: str
) -> None:
    architecture(_config(name, {}), Path("config.json"))  # as it is, it loads
    with pytest.raises(PsqlmError) as caught:
        architecture(_config(name, changes), Path("config.json"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model_type", OTHERS)
def test_other_families_are_refused_by_name(model_type: str) -> None:
    config = _config("llama", {"model_type": model_type})
    message = f'model_type "{model_type}" is not supported: psqlm computes gpt2, gpt_neo, '
    with pytest.raises(PsqlmError, match=message):
        architecture(config, Path("config.json"))


@pytest.mark.parametrize("name", MODELS)
def test_numbers_that_are_no_numbers_are_refused(name: str, tmp_path: Path) -> None:
    """Every option in turn holds what it should not: it is refused in a line, or is not read."""
    config = _config(name, {})
    path = tmp_path / "config.json"
    for option in config:
        for value in ({"a": [1]}, [[["x"], 10**12]], "x", -1, 1e308):
            path.write_text(json.dumps(config | {option: value}))
            try:
                read_config(path)
            except PsqlmError as error:
                assert len(str(error).splitlines()) == 1
