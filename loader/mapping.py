"""Which tensors a checkpoint of an architecture must have, and the weights that lie in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .families import FAMILIES
from .family import Linear

Floats = npt.NDArray[np.floating[Any]]

# Masks and frequencies that old checkpoints carry along.
IGNORED = re.compile(
    r"(h|layers)\.\d+\.(attn|attn\.attention|attention|self_attn)"
    r"\.((masked_)?bias|rotary_emb\.inv_freq)"
)


def expected_shapes(sizes: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor that a checkpoint of this architecture must have.

    The unembedding is not among them: see `unembedding_shapes`.
    """
    family = FAMILIES[sizes.family]
    shapes: dict[str, tuple[int, ...]] = {family.token_embedding: (sizes.n_vocab, sizes.d_model)}
    if family.position_embedding:
        tensor, unused = family.position_embedding
        shapes[tensor] = (sizes.n_ctx + unused, sizes.d_model)
    shapes |= _norm(family.final_norm, sizes.d_model, family.norm_bias)
    for layer in range(sizes.n_layer):
        prefix = family.layer.format(layer)
        for tensor, norm in family.norms.items():
            shapes |= _norm(prefix + tensor, norm_width(sizes, norm), family.norm_bias)
        for linear in family.linears:
            inputs, outputs = getattr(sizes, linear.inputs), sum(widths(sizes, linear))
            shapes[f"{prefix}{linear.tensor}.weight"] = (
                (inputs, outputs) if linear.layout == "columns" else (outputs, inputs)
            )
            if sizes.biases[linear.tensor]:
                shapes[f"{prefix}{linear.tensor}.bias"] = (outputs,)
    return shapes


def unembedding_shapes(sizes: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of the tensors of an unembedding."""
    family = FAMILIES[sizes.family]
    shapes: dict[str, tuple[int, ...]] = {
        f"{family.unembedding}.weight": (sizes.n_vocab, sizes.d_model)
    }
    if family.unembedding_bias:
        shapes[f"{family.unembedding}.bias"] = (sizes.n_vocab,)
    return shapes


def norm_width(sizes: Architecture, norm: str) -> int:
    """How many numbers the gain of a norm has."""
    if norm not in ("q_norm", "k_norm"):
        return sizes.d_model
    if FAMILIES[sizes.family].heads_normed_together:
        return sizes.d_q if norm == "q_norm" else sizes.d_kv
    return sizes.d_head


def widths(sizes: Architecture, linear: Linear) -> list[int]:
    """How many units each site of a linear map has."""
    return [getattr(sizes, name) for name in linear.outputs]


def parts(
    sizes: Architecture, linear: Linear, weight: Floats, bias: Floats | None
) -> Iterator[tuple[str, Floats, Floats | None]]:
    """The sites in a tensor, each with its weights, [units, inputs], and its biases."""
    rows = weight.T if linear.layout == "columns" else weight
    units = widths(sizes, linear)
    if linear.layout == "heads":
        head = np.arange(sum(units)).reshape(sizes.n_head, len(units), sizes.d_head)
        chosen = [head[:, number].ravel() for number in range(len(units))]
    else:
        ends = np.cumsum([0, *units])
        chosen = [np.arange(ends[number], ends[number + 1]) for number in range(len(units))]
    for site, index in zip(linear.sites, chosen, strict=True):
        whole = len(units) == 1
        yield site, rows if whole else rows[index], bias if whole or bias is None else bias[index]


def _norm(tensor: str, width: int, bias: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{tensor}.weight": (width,)}
    return shapes | {f"{tensor}.bias": (width,)} if bias else shapes
