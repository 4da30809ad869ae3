"""Which tensor goes to which table: the map between a GPT-2 checkpoint and the database, as data.

Names are Hugging Face's, without the `transformer.` prefix that some checkpoints carry; sizes are
the fields of `Architecture`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .config import Architecture


@dataclass(frozen=True)
class Linear:
    """A linear map of a layer, stored [inputs, outputs] (`Conv1D`), its bias beside it."""

    tensor: str  # after "h.<layer>."
    sites: tuple[str, ...]  # what it makes; their units lie side by side among its outputs
    inputs: str
    outputs: str  # of each site


# In the order of lm.site, so that rows arrive in the order of the table's key.
LINEAR_MAPS = (
    Linear("attn.c_attn", ("q", "k", "v"), "d_model", "d_model"),
    Linear("attn.c_proj", ("attn_out",), "d_model", "d_model"),
    Linear("mlp.c_fc", ("mlp_pre",), "d_model", "d_mlp"),
    Linear("mlp.c_proj", ("mlp_out",), "d_mlp", "d_model"),
)
LAYER_NORMS = {"ln_1": "ln1", "ln_2": "ln2"}
FINAL_NORM = ("ln_f", "ln_final")
TOKEN_EMBEDDING = "wte.weight"  # noqa: S105 (no password)
POSITION_EMBEDDING = "wpe.weight"
UNEMBEDDING = "lm_head.weight"  # the token embedding once more, where a checkpoint has it at all

# Causal masks that old checkpoints carry along.
IGNORED = re.compile(r"h\.\d+\.attn\.(masked_)?bias")


def expected_shapes(sizes: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor that a checkpoint of this architecture must have."""
    width = (sizes.d_model,)
    shapes: dict[str, tuple[int, ...]] = {
        TOKEN_EMBEDDING: (sizes.n_vocab, sizes.d_model),
        POSITION_EMBEDDING: (sizes.n_ctx, sizes.d_model),
        f"{FINAL_NORM[0]}.weight": width,
        f"{FINAL_NORM[0]}.bias": width,
    }
    for layer in range(sizes.n_layer):
        for norm in LAYER_NORMS:
            shapes[f"h.{layer}.{norm}.weight"] = width
            shapes[f"h.{layer}.{norm}.bias"] = width
        for linear in LINEAR_MAPS:
            outputs = getattr(sizes, linear.outputs) * len(linear.sites)
            shapes[f"h.{layer}.{linear.tensor}.weight"] = (getattr(sizes, linear.inputs), outputs)
            shapes[f"h.{layer}.{linear.tensor}.bias"] = (outputs,)
    return shapes
