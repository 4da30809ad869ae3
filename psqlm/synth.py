"""Random-weight models of GPT-2's sizes, in Hugging Face's layout, for benchmarks."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from psqlm.errors import PsqlmError
from psqlm.loader.alphabet import CHARACTER_OF_BYTE
from psqlm.loader.config import Architecture
from psqlm.loader.mapping import expected_shapes

# Layers, heads, width.
SIZES = {
    "distilgpt2": (6, 12, 768),
    "gpt2": (12, 12, 768),
    "gpt2-medium": (24, 16, 1024),
    "gpt2-large": (36, 20, 1280),
    "gpt2-xl": (48, 25, 1600),
}
N_CTX = 1024
N_VOCAB = 50257
END_OF_TEXT = "<|endoftext|>"


def synth(size: str, folder: Path, seed: int = 0, tokenizer: Path | None = None) -> None:
    """Write a model with random weights.

    Args:
        size: one of `SIZES`.
        folder: where to write it, made if needed.
        seed: seed of the weights.
        tokenizer: a folder with vocab.json and merges.txt of 50,257 tokens. By default a
            vocabulary of single bytes and pairs of bytes is made.

    Raises:
        PsqlmError: the size is unknown, or the folder holds a model already.
    """
    if size not in SIZES:
        raise PsqlmError(f"unknown size {size}: one of {', '.join(SIZES)}")
    if (folder / "config.json").exists():
        raise PsqlmError(f"{folder} holds a model already: choose another folder")
    n_layer, n_head, d_model = SIZES[size]
    sizes = Architecture(
        n_layer, n_head, d_model, 4 * d_model, N_CTX, N_VOCAB, 1e-5, N_VOCAB - 1, tied=True
    )
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is None:
        _write_tokenizer(folder)
    else:
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(tokenizer / name, folder / name)
    _write_weights(folder / "model.safetensors", sizes, np.random.default_rng(seed))
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "n_layer": n_layer,
        "n_head": n_head,
        "n_embd": d_model,
        "n_inner": None,
        "n_positions": N_CTX,
        "n_ctx": N_CTX,
        "vocab_size": N_VOCAB,
        "layer_norm_epsilon": 1e-5,
        "bos_token_id": N_VOCAB - 1,
        "eos_token_id": N_VOCAB - 1,
        "tie_word_embeddings": True,
    }
    # last, so that a folder with a config.json holds a whole model
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _write_weights(path: Path, sizes: Architecture, random: np.random.Generator) -> None:
    """Write a safetensors file tensor by tensor, so that gpt2-xl needs no 6 GB of memory."""
    shapes = expected_shapes(sizes)
    header, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
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
    array = random.standard_normal(shape, np.float32)
    array *= 0.02
    if name.endswith("c_proj.weight"):
        array /= math.sqrt(2 * sizes.n_layer)
    if ".ln_" in f".{name}" and name.endswith(".weight"):
        array += 1
    return array


def _write_tokenizer(folder: Path) -> None:
    """Write a byte-level vocabulary of GPT-2's size: bytes, pairs of bytes, end of text."""
    letters = list(CHARACTER_OF_BYTE.values())
    n_merges = N_VOCAB - len(letters) - 1
    merges = [(left, right) for left in letters for right in letters][:n_merges]
    tokens = [*letters, *(left + right for left, right in merges), END_OF_TEXT]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
