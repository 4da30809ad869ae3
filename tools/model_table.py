"""Write the tables of docs/models.md: which checkpoints load, what they take, how exact it is.

    python tools/model_table.py checkpoints
    python tools/model_table.py differences

The second needs transformers and a database (PSQLM_DSN, or the embedded server).
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psqlm.loader.architecture import Architecture
from psqlm.loader.config import architecture
from psqlm.loader.mapping import expected_shapes, unembedding_shapes
from psqlm.loader.weight_rows import block_width

ROOT = Path(__file__).parents[1]
PAGE = 8192 - 24  # bytes for rows
ROW = 24 + 4 + 24 + 8  # header, pointer, keys with bias, head of the vector
# Measured on two cores, docs/performance.md: a token of GPT-2 at context 100, by its weights.
NANOSECONDS = {"float32": 1.2, "float16": 1.1}

Config = dict[str, Any]


def usual(
    family: str, layers: int, width: int, heads: int, kv: int, mlp: int, words: int, **more: Any
) -> Config:
    """A configuration by the names that most families have."""
    return {
        "model_type": family,
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "intermediate_size": mlp,
        "vocab_size": words,
        "max_position_embeddings": 2048,
        "hidden_act": "silu",
        **more,
    }


def gpt2(layers: int, width: int, heads: int) -> Config:
    """GPT-2's."""
    return {
        "model_type": "gpt2",
        "n_layer": layers,
        "n_embd": width,
        "n_head": heads,
        "n_positions": 1024,
        "vocab_size": 50257,
    }


def gpt_neo(layers: int, width: int, heads: int) -> Config:
    """GPT-Neo's."""
    return {
        "model_type": "gpt_neo",
        "num_layers": layers,
        "hidden_size": width,
        "num_heads": heads,
        "max_position_embeddings": 2048,
        "vocab_size": 50257,
        "attention_types": [[["global", "local"], (layers + 1) // 2]],
    }


def pythia(layers: int, width: int, heads: int, words: int = 50304) -> Config:
    """Pythia's."""
    return usual("gpt_neox", layers, width, heads, heads, 4 * width, words, hidden_act="gelu")


def opt(layers: int, width: int, heads: int) -> Config:
    """OPT's."""
    config = usual("opt", layers, width, heads, heads, 0, 50272, ffn_dim=4 * width)
    return config | {"word_embed_proj_dim": width}


def phi(layers: int, width: int, factor: float) -> Config:
    """Phi's."""
    more = {"partial_rotary_factor": factor, "hidden_act": "gelu_new"}
    return usual("phi", layers, width, 32, 32, 4 * width, 51200, **more)


TIED = {"tie_word_embeddings": True}
LLAMA3: Config = {
    "rope_theta": 500000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}

# From published configurations: what says how large a model is.
CHECKPOINTS: dict[str, Config] = {
    "distilbert/distilgpt2": gpt2(6, 768, 12),
    "openai-community/gpt2": gpt2(12, 768, 12),
    "openai-community/gpt2-medium": gpt2(24, 1024, 16),
    "openai-community/gpt2-large": gpt2(36, 1280, 20),
    "openai-community/gpt2-xl": gpt2(48, 1600, 25),
    "roneneldan/TinyStories-1M": gpt_neo(8, 64, 16),
    "roneneldan/TinyStories-33M": gpt_neo(4, 768, 16),
    "EleutherAI/gpt-neo-125m": gpt_neo(12, 768, 12),
    "EleutherAI/gpt-neo-1.3B": gpt_neo(24, 2048, 16),
    "EleutherAI/gpt-neo-2.7B": gpt_neo(32, 2560, 20),
    "EleutherAI/pythia-14m": pythia(6, 128, 4),
    "EleutherAI/pythia-70m": pythia(6, 512, 8),
    "EleutherAI/pythia-160m": pythia(12, 768, 12),
    "EleutherAI/pythia-410m": pythia(24, 1024, 16),
    "EleutherAI/pythia-1b": pythia(16, 2048, 8),
    "EleutherAI/pythia-1.4b": pythia(24, 2048, 16),
    "EleutherAI/pythia-2.8b": pythia(32, 2560, 32),
    "EleutherAI/pythia-6.9b": pythia(32, 4096, 32, 50432),
    "facebook/opt-125m": opt(12, 768, 12),
    "facebook/opt-1.3b": opt(24, 2048, 32),
    "facebook/opt-2.7b": opt(32, 2560, 32),
    "facebook/opt-6.7b": opt(32, 4096, 32),
    "microsoft/phi-1_5": phi(24, 2048, 0.5),
    "microsoft/phi-2": phi(32, 2560, 0.4),
    "HuggingFaceTB/SmolLM2-135M": usual("llama", 30, 576, 9, 3, 1536, 49152, **TIED),
    "HuggingFaceTB/SmolLM2-360M": usual("llama", 32, 960, 15, 5, 2560, 49152, **TIED),
    "HuggingFaceTB/SmolLM2-1.7B": usual("llama", 24, 2048, 32, 32, 8192, 49152, **TIED),
    "TinyLlama/TinyLlama_v1.1": usual("llama", 22, 2048, 32, 4, 5632, 32000),
    "meta-llama/Llama-3.2-1B": usual("llama", 16, 2048, 32, 8, 8192, 128256, **TIED, **LLAMA3),
    "meta-llama/Llama-3.2-3B": usual("llama", 28, 3072, 24, 8, 8192, 128256, **TIED, **LLAMA3),
    "meta-llama/Llama-2-7b-hf": usual("llama", 32, 4096, 32, 32, 11008, 32000),
    "meta-llama/Llama-3.1-8B": usual("llama", 32, 4096, 32, 8, 14336, 128256, **LLAMA3),
    "mistralai/Mistral-7B-v0.1": usual("mistral", 32, 4096, 32, 8, 14336, 32000),
    "Qwen/Qwen2.5-0.5B": usual("qwen2", 24, 896, 14, 2, 4864, 151936, **TIED),
    "Qwen/Qwen2.5-1.5B": usual("qwen2", 28, 1536, 12, 2, 8960, 151936, **TIED),
    "Qwen/Qwen2.5-3B": usual("qwen2", 36, 2048, 16, 2, 11008, 151936, **TIED),
    "Qwen/Qwen2.5-7B": usual("qwen2", 28, 3584, 28, 4, 18944, 152064),
    "Qwen/Qwen3-0.6B-Base": usual("qwen3", 28, 1024, 16, 8, 3072, 151936, head_dim=128, **TIED),
    "Qwen/Qwen3-1.7B-Base": usual("qwen3", 28, 2048, 16, 8, 6144, 151936, head_dim=128, **TIED),
    "Qwen/Qwen3-4B-Base": usual("qwen3", 36, 2560, 32, 8, 9728, 151936, head_dim=128, **TIED),
    "HuggingFaceTB/SmolLM3-3B-Base": usual("smollm3", 36, 2048, 16, 4, 11008, 128256),
    "google/gemma-2b": usual("gemma", 18, 2048, 8, 1, 16384, 256000, hidden_act="gelu"),
    "google/gemma-7b": usual("gemma", 28, 3072, 16, 16, 24576, 256000, hidden_act="gelu"),
    "google/gemma-2-2b": usual("gemma2", 26, 2304, 8, 4, 9216, 256000),
    "google/gemma-2-9b": usual("gemma2", 42, 3584, 16, 8, 14336, 256000),
    "google/gemma-3-270m": usual("gemma3_text", 18, 640, 4, 1, 2048, 262144),
    "google/gemma-3-1b-pt": usual("gemma3_text", 26, 1152, 4, 1, 6912, 262144),
    "allenai/OLMo-2-0425-1B": usual("olmo2", 16, 2048, 16, 16, 8192, 100352),
    "allenai/OLMo-2-1124-7B": usual("olmo2", 32, 4096, 32, 32, 11008, 100352),
}


@dataclass(frozen=True)
class Cost:
    """What a model takes."""

    weights: int
    """All of them."""
    read: int
    """Those that a token reads: the layers', and the unembedding's."""
    disk: float
    """Bytes in the database."""


def cost(sizes: Architecture, dtype: str) -> Cost:
    """Weights, and the pages that their rows fill."""
    element = 4 if dtype == "float32" else 2
    width = block_width(sizes, dtype)
    shapes = expected_shapes(sizes) | ({} if sizes.tied else unembedding_shapes(sizes))
    weights = sum(math.prod(shape) for shape in shapes.values())
    embedding = sizes.n_vocab * sizes.d_model
    matrices = [(sizes.n_vocab, sizes.d_model)] * (1 if sizes.tied else 2)
    n_up = 2 if sizes.gated_mlp else 1
    for _ in range(sizes.n_layer):
        matrices += [
            (sizes.d_q + 2 * sizes.d_kv, sizes.d_model),
            (sizes.d_model, sizes.d_q),
            (n_up * sizes.d_mlp, sizes.d_model),
            (sizes.d_model, sizes.d_mlp),
        ]
    pages = 0.0
    for units, inputs in matrices:
        for start in range(0, inputs, width):
            row = ROW + element * min(width, inputs - start)
            pages += units / (PAGE // (-(-row // 8) * 8))
    in_layers = sum(units * inputs for units, inputs in matrices[1 if sizes.tied else 2 :])
    return Cost(weights, in_layers + embedding, 8192 * pages)


def checkpoints() -> None:
    """A row for each checkpoint."""
    print("| repository | family | weights | float32 | float16 | a token, float32 | float16 |")
    print("|---|---|---|---|---|---|---|")
    for name, config in CHECKPOINTS.items():
        sizes = architecture(config, Path("config.json"))
        costs = {dtype: cost(sizes, dtype) for dtype in NANOSECONDS}
        seconds = [costs[dtype].read * ns / 1e9 for dtype, ns in NANOSECONDS.items()]
        print(
            f"| `{name}` | `{sizes.family}` | {costs['float32'].weights / 1e6:,.0f} M "
            f"| {amount(costs['float32'].disk)} | {amount(costs['float16'].disk)} "
            f"| {time(seconds[0])} | {time(seconds[1])} |"
        )


def amount(size: float) -> str:
    """Bytes, two digits of them."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def time(seconds: float) -> str:
    """Seconds, two digits of them."""
    return f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds * 1000:,.0f} ms"


def differences() -> None:
    """A row for each family: the worst of its small models."""
    sys.path.append(str(ROOT / "tests"))
    import family_models

    from psqlm import database, loader
    from psqlm.verification import verify

    text = "the cat sat on the mat and the dog sat on the log"
    worst: dict[str, dict[str, float]] = {}
    print("| family | models | logits, largest | `attn_out`, relative | any site, relative |")
    print("|---|---|---|---|---|")
    with database.connect(None) as connection, tempfile.TemporaryDirectory() as temporary:
        for number, name in enumerate(family_models.MODELS):
            folder = family_models.save(name, Path(temporary) / str(number))
            loader.load(connection, str(folder), "model-table", force=True)
            row = connection.execute("SELECT family FROM lm.model WHERE name = 'model-table'")
            seen = worst.setdefault(row.fetchone()[0], dict.fromkeys(("n", "l", "a", "r"), 0.0))
            seen["n"] += 1
            for found in verify(connection, "model-table", text):
                seen["r"] = max(seen["r"], found.relative)
                if found.site == "logits":
                    seen["l"] = max(seen["l"], found.largest)
                if found.site == "attn_out":
                    seen["a"] = max(seen["a"], found.relative)
        loader.drop(connection, "model-table")
    for family, seen in worst.items():
        print(
            f"| `{family}` | {seen['n']:.0f} | {seen['l']:.1e} | {seen['a']:.1e} "
            f"| {seen['r']:.1e} |"
        )


if __name__ == "__main__":
    {"checkpoints": checkpoints, "differences": differences}[sys.argv[1]]()
