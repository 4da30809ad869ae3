"""Small random models of every family, of odd shapes, as transformers makes and saves them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel

VOCABULARY, CONTEXT = 300, 64

Sizes = dict[str, Any]


def usual(layers: int, width: int, heads: int, kv: int | None, mlp: int, **more: Any) -> Sizes:
    """Sizes by the names that most families have."""
    sizes: Sizes = {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": mlp,
        "max_position_embeddings": CONTEXT,
    }
    return sizes | ({} if kv is None else {"num_key_value_heads": kv}) | more


def _gpt2(layers: int, width: int, heads: int, mlp: int, **more: Any) -> Sizes:
    return {
        "n_layer": layers,
        "n_embd": width,
        "n_head": heads,
        "n_inner": mlp,
        "n_positions": CONTEXT,
        **more,
    }


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
LINEAR = {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.5}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 2.0}

# Name of a configuration: the class of transformers, and what it is given.
MODELS: dict[str, tuple[str, Sizes]] = {
    "gpt2": ("GPT2", _gpt2(2, 24, 3, 60)),
    "gpt2, relu": ("GPT2", _gpt2(3, 20, 5, 36, activation_function="relu")),
    "gpt2, untied": ("GPT2", _gpt2(2, 32, 2, 64, tie_word_embeddings=False)),
    "gpt_neo": (
        "GPTNeo",
        {
            "num_layers": 4,
            "hidden_size": 24,
            "num_heads": 3,
            "attention_types": [[["global", "local"], 2]],
            "window_size": 7,
            "max_position_embeddings": CONTEXT,
        },
    ),
    "gpt_neo, local": (
        "GPTNeo",
        {
            "num_layers": 3,
            "hidden_size": 20,
            "num_heads": 2,
            "intermediate_size": 44,
            "attention_types": [[["local"], 3]],
            "window_size": 1,
            "max_position_embeddings": CONTEXT,
        },
    ),
    "gpt_neo, global": (
        "GPTNeo",
        {
            "num_layers": 2,
            "hidden_size": 32,
            "num_heads": 4,
            "attention_types": [[["global"], 2]],
            "max_position_embeddings": CONTEXT,
        },
    ),
    "gpt_neox": ("GPTNeoX", usual(3, 48, 3, None, 100)),
    "gpt_neox, one after the other": (
        "GPTNeoX",
        usual(2, 40, 5, None, 64, use_parallel_residual=False, attention_bias=False),
    ),
    "gpt_neox, tied, all rotated": (
        "GPTNeoX",
        usual(
            2,
            24,
            2,
            None,
            72,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 100.0,
                "partial_rotary_factor": 1.0,
            },
        ),
    ),
    "opt": ("OPT", usual(2, 24, 3, None, 0, ffn_dim=52, word_embed_proj_dim=24)),
    "opt, gelu": (
        "OPT",
        usual(3, 20, 2, None, 0, ffn_dim=40, word_embed_proj_dim=20, activation_function="gelu"),
    ),
    "opt, no biases": (
        "OPT",
        usual(2, 32, 4, None, 0, ffn_dim=70, word_embed_proj_dim=32, enable_bias=False),
    ),
    "phi": ("Phi", usual(2, 48, 3, None, 100)),
    "phi, grouped": ("Phi", usual(3, 32, 4, 2, 50, hidden_act="gelu")),
    "phi, tied": (
        "Phi",
        usual(
            2,
            24,
            2,
            None,
            48,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 100.0,
                "partial_rotary_factor": 0.5,
            },
        ),
    ),
    "llama": ("Llama", usual(2, 24, 3, 1, 60)),
    "llama, biased, wide heads": (
        "Llama",
        usual(3, 24, 6, 2, 44, head_dim=10, attention_bias=True, mlp_bias=True),
    ),
    "llama, tied, llama3 scaling": (
        "Llama",
        usual(2, 32, 4, 4, 90, tie_word_embeddings=True, rope_parameters=LLAMA3),
    ),
    "llama, linear scaling": ("Llama", usual(2, 24, 4, 2, 64, rope_parameters=LINEAR)),
    "llama, dynamic scaling": ("Llama", usual(2, 24, 4, 2, 64, rope_parameters=DYNAMIC)),
    "llama, yarn scaling": ("Llama", usual(2, 32, 2, 2, 64, rope_parameters=YARN)),
    "mistral": ("Mistral", usual(2, 24, 6, 3, 60, sliding_window=5, head_dim=6)),
    "mistral, no window": ("Mistral", usual(3, 24, 4, 1, 44, sliding_window=None)),
    "mistral, tied": (
        "Mistral",
        usual(2, 32, 2, 2, 70, sliding_window=40, tie_word_embeddings=True),
    ),
    "qwen2": ("Qwen2", usual(2, 24, 6, 2, 60)),
    "qwen2, windows above": (
        "Qwen2",
        usual(4, 20, 5, 5, 44, use_sliding_window=True, sliding_window=6, max_window_layers=2),
    ),
    "qwen2, tied": ("Qwen2", usual(2, 32, 4, 1, 70, tie_word_embeddings=True)),
    "qwen3": ("Qwen3", usual(2, 24, 4, 2, 60, head_dim=10)),
    "qwen3, biased": ("Qwen3", usual(3, 20, 3, 1, 44, head_dim=8, attention_bias=True)),
    "qwen3, tied, yarn": (
        "Qwen3",
        usual(2, 32, 4, 4, 70, head_dim=16, tie_word_embeddings=True, rope_parameters=YARN),
    ),
    "smollm3": ("SmolLM3", usual(5, 24, 6, 2, 60)),
    "smollm3, every other": (
        "SmolLM3",
        usual(4, 20, 2, 1, 44, no_rope_layer_interval=2, attention_bias=True, mlp_bias=True),
    ),
    "smollm3, untied": ("SmolLM3", usual(2, 32, 4, 4, 70, tie_word_embeddings=False)),
    "gemma": ("Gemma", usual(2, 24, 3, 1, 60, head_dim=16)),
    # a name of old that means GELU by tanh
    "gemma, gelu": ("Gemma", usual(3, 20, 4, 2, 44, head_dim=6, hidden_act="gelu")),
    "gemma, biased": ("Gemma", usual(2, 32, 2, 2, 70, head_dim=16, attention_bias=True)),
    "gemma2": (
        "Gemma2",
        usual(3, 24, 4, 2, 60, head_dim=10, query_pre_attn_scalar=12, sliding_window=6),
    ),
    "gemma2, caps bite": (
        "Gemma2",
        usual(
            2,
            20,
            2,
            1,
            44,
            head_dim=12,
            query_pre_attn_scalar=1,
            sliding_window=30,
            attn_logit_softcapping=0.5,
            final_logit_softcapping=0.7,
        ),
    ),
    "gemma2, no caps": (
        "Gemma2",
        usual(
            2,
            32,
            4,
            4,
            70,
            head_dim=8,
            attn_logit_softcapping=None,
            final_logit_softcapping=None,
        ),
    ),
    "gemma3": (
        "Gemma3Text",
        usual(7, 24, 4, 1, 60, head_dim=10, query_pre_attn_scalar=10, sliding_window=6),
    ),
    "gemma3, linear scaling": (
        "Gemma3Text",
        usual(
            3,
            20,
            2,
            2,
            44,
            head_dim=12,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            sliding_window=9,
            rope_parameters={
                "full_attention": LINEAR,
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            },
        ),
    ),
    "gemma3, capped": (
        "Gemma3Text",
        usual(2, 32, 4, 2, 70, head_dim=8, final_logit_softcapping=2.0),
    ),
    "olmo2": ("Olmo2", usual(2, 24, 3, 1, 60)),
    "olmo2, biased": ("Olmo2", usual(3, 20, 5, 5, 44, attention_bias=True)),
    "olmo2, tied": ("Olmo2", usual(2, 32, 4, 2, 70, tie_word_embeddings=True)),
}


def save(name: str, folder: Path) -> Path:
    """Make a model, its weights moved well off their first values, and save it."""
    kind, sizes = MODELS[name]
    return write(made(kind, sizes, seed=sum(map(ord, name)), noise=0.15), folder)


def made(kind: str, sizes: Sizes, seed: int, noise: float) -> PreTrainedModel:
    """A model of random weights."""
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=VOCABULARY, bos_token_id=0, eos_token_id=0, pad_token_id=None, **sizes
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * noise)
    return model


def write(model: PreTrainedModel, folder: Path) -> Path:
    """Save a model with the small vocabulary."""
    model.save_pretrained(folder)
    tokenizer().save_model(str(folder))
    return folder


@cache
def tokenizer() -> ByteLevelBPETokenizer:
    """A small vocabulary; what it is does not matter here."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["the cat sat on the mat and the dog sat on the log"] * 3,
        vocab_size=VOCABULARY - 4,
        min_frequency=1,
        special_tokens=["<|endoftext|>"],
    )
    return trained


@cache
def reference(folder: Path) -> PreTrainedModel:
    """The model of a folder, in float32, its attention computed step by step."""
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


# What is added to the residual stream: the attention's output, or the norm's behind it.
ATTENTION = ("attn", "attention", "self_attn")
NORMED = "post_feedforward_layernorm"  # who has it has one after attention too


def forward(
    folder: Path, token_ids: list[int]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Logits [position, n_vocab] and attn_out [layer, position, d_model]."""
    model = reference(folder)
    kept: list[npt.NDArray[np.floating]] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        kept.append((output[0] if isinstance(output, tuple) else output)[0].numpy())

    hooks = [attention_output(layer).register_forward_hook(keep) for layer in layers(model)]
    try:
        with torch.no_grad():
            logits = model(torch.tensor([token_ids])).logits[0].numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return logits, np.stack(kept)


def layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The blocks of a model."""
    inner = model.base_model
    inner = getattr(inner, "decoder", inner)
    return list(getattr(inner, "h", None) or inner.layers)


def attention_output(layer: torch.nn.Module) -> torch.nn.Module:
    """The module whose output attention adds to the stream."""
    if hasattr(layer, NORMED):
        return layer.post_attention_layernorm
    return next(getattr(layer, name) for name in ATTENTION if hasattr(layer, name))


def generate(folder: Path, token_ids: list[int], n_tokens: int) -> list[int]:
    """Greedy continuation, with the reference's cache; it ends where the model ends a text."""
    output = reference(folder).generate(
        torch.tensor([token_ids]),
        attention_mask=torch.ones(1, len(token_ids), dtype=torch.long),
        max_new_tokens=n_tokens,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=0,
    )
    return output[0, len(token_ids) :].tolist()
