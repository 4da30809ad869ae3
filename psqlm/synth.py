"""Random-weight models of known sizes, in Hugging Face's layout, for benchmarks."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from psqlm.errors import PsqlmError
from psqlm.loader.alphabet import CHARACTER_OF_BYTE
from psqlm.loader.architecture import Architecture
from psqlm.loader.config import architecture
from psqlm.loader.families import FAMILIES
from psqlm.loader.mapping import expected_shapes, unembedding_shapes

Config = dict[str, Any]

END_OF_TEXT = "<|endoftext|>"
TOKENIZER_FILES = ("vocab.json", "merges.txt")


def _gpt2(n_layer: int, n_head: int, d_model: int) -> Config:
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "n_layer": n_layer,
        "n_head": n_head,
        "n_embd": d_model,
        "n_inner": None,
        "n_positions": 1024,
        "n_ctx": 1024,
        "vocab_size": 50257,
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
    }


# What the published configurations say of shapes and equations.
SIZES: dict[str, Config] = {
    "distilgpt2": _gpt2(6, 12, 768),
    "gpt2": _gpt2(12, 12, 768),
    "gpt2-medium": _gpt2(24, 16, 1024),
    "gpt2-large": _gpt2(36, 20, 1280),
    "gpt2-xl": _gpt2(48, 25, 1600),
    "smollm2-135m": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_act": "silu",
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "max_position_embeddings": 8192,
        "vocab_size": 49152,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
    },
    "pythia-70m": {
        "model_type": "gpt_neox",
        "architectures": ["GPTNeoXForCausalLM"],
        "hidden_act": "gelu",
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "max_position_embeddings": 2048,
        "vocab_size": 50304,
        "layer_norm_eps": 1e-5,
        "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
        "use_parallel_residual": True,
        "tie_word_embeddings": False,
    },
    "qwen3-0.6b": {
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "hidden_act": "silu",
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "max_position_embeddings": 40960,
        "vocab_size": 151936,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
    },
    "llama-3.2-1b": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_act": "silu",
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "max_position_embeddings": 131072,
        "vocab_size": 128256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "tie_word_embeddings": True,
    },
}


def synth(size: str, folder: Path, seed: int = 0, tokenizer: Path | None = None) -> None:
    """Write a model with random weights.

    Args:
        size: one of `SIZES`.
        folder: where to write it, made if needed.
        seed: seed of the weights.
        tokenizer: a folder with vocab.json and merges.txt of no more tokens than the size has. By
            default a byte-level vocabulary cut as GPT-2's is made up, whatever the family.

    Raises:
        PsqlmError: the size is unknown, or the folder holds a model already.
    """
    if size not in SIZES:
        raise PsqlmError(f"unknown size {size}: one of {', '.join(SIZES)}")
    if (folder / "config.json").exists():
        raise PsqlmError(f"{folder} holds a model already: choose another folder")
    last = SIZES[size]["vocab_size"] - 1
    config = {**SIZES[size], "bos_token_id": last, "eos_token_id": last}
    sizes = architecture(config, folder / "config.json")
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is None:
        _write_tokenizer(folder, sizes.n_vocab)
    else:
        for name in TOKENIZER_FILES:
            shutil.copyfile(tokenizer / name, folder / name)
    _write_weights(folder / "model.safetensors", sizes, np.random.default_rng(seed))
    # last, so that a folder with a config.json holds a whole model
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _write_weights(path: Path, sizes: Architecture, random: np.random.Generator) -> None:
    """Write a safetensors file tensor by tensor, so that gpt2-xl needs no 6 GB of memory."""
    family = FAMILIES[sizes.family]
    shapes = expected_shapes(sizes) | ({} if sizes.tied else unembedding_shapes(sizes))
    header, offset = {}, 0
    for name, shape in shapes.items():
        # the unembedding stands beside the model that the other tensors belong to
        prefix = "" if name.startswith(family.unembedding) else family.prefixes[0]
        end = offset + 4 * math.prod(shape)
        header[prefix + name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for name, shape in shapes.items():
            file.write(_weights(name, shape, sizes, random).data)


def _weights(
    name: str, shape: tuple[int, ...], sizes: Architecture, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """A tensor as in an untrained GPT-2, N(0, 0.02), but with nothing exactly 0 or 1.

    What is added to the residual stream is divided by the root of the number of additions.
    """
    family = FAMILIES[sizes.family]
    added = [
        f"{linear.tensor}.weight"
        for linear in family.linears
        if linear.sites[-1] in ("attn_out", "mlp_out")
    ]
    array = random.standard_normal(shape, np.float32)
    array *= 0.02
    if name.endswith(tuple(added)):
        array /= math.sqrt(2 * sizes.n_layer)
    if len(shape) == 1 and name.endswith(".weight"):  # a norm's gain
        array += 1 - family.norm_offset
    return array


def _write_tokenizer(folder: Path, n_vocab: int) -> None:
    """Write a byte-level vocabulary: bytes, pairs and triples of bytes, last the end of text."""
    letters = list(CHARACTER_OF_BYTE.values())
    merges = list(islice(_merges(letters), n_vocab - len(letters) - 1))
    tokens = [*letters, *(left + right for left, right in merges), END_OF_TEXT]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")


def _merges(letters: list[str]) -> Iterator[tuple[str, str]]:
    """Two letters, all pairs of them; then a pair and a letter."""
    yield from product(letters, letters)
    yield from ((a + b, c) for a, b, c in product(letters, letters, letters))
