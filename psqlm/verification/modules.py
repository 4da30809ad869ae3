"""Which of transformers' modules computes which site, from what the loader knows of a family.

A checkpoint's tensors are named by the modules that hold them: so the map from tensors to tables
says where a site is computed, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from psqlm.loader.architecture import Architecture
from psqlm.loader.families import FAMILIES
from psqlm.loader.family import Linear

Part = Literal["input", "output", "weights"]

# What is added to the stream is what the norm behind it leaves, in families that have one.
NORM_BEHIND = {"attn_out": "ln1_post", "mlp_out": "ln2_post"}
INPUT_OF = {"attn_out": "z", "mlp_out": "mlp_post"}


@dataclass(frozen=True)
class Tap:
    """A place where a site's values pass.

    Attributes:
        module: its path in the model.
        part: its first input, its output, or the second of its outputs: attention weights.
        layer: the layer, as lm.verification has it.
        sites: what it is; several where a linear map makes them in one tensor.
        linear: that linear map.
    """

    module: str
    part: Part
    layer: int
    sites: tuple[str, ...]
    linear: Linear | None = None


def taps(sizes: Architecture) -> Iterator[Tap]:
    """Every place of a model where a site can be read, embeddings first."""
    family = FAMILIES[sizes.family]
    root = family.prefixes[0]
    first = root + family.layer.format(0).rstrip(".")
    if family.position_embedding is None:
        yield Tap(first, "input", 0, ("embed",))  # behind the scaling, wherever that is done
    else:
        yield Tap(_module(root + family.token_embedding), "output", 0, ("embed",))
        yield Tap(_module(root + family.position_embedding[0]), "output", 0, ("pos_embed",))
    for layer in range(sizes.n_layer):
        yield from _of_layer(sizes, root + family.layer.format(layer), layer)
    yield Tap(root + family.final_norm, "output", sizes.n_layer, ("ln_final",))


def attention_outputs(sizes: Architecture) -> list[str]:
    """The module of each layer whose output attention adds to the residual stream."""
    return [
        tap.module for tap in taps(sizes) if tap.part == "output" and tap.sites[-1] == "attn_out"
    ]


def _of_layer(sizes: Architecture, prefix: str, layer: int) -> Iterator[Tap]:
    """The places within a layer."""
    family = FAMILIES[sizes.family]
    norms = {norm: prefix + tensor for tensor, norm in family.norms.items()}
    maps = {site: linear for linear in family.linears for site in linear.sites}
    block, attention = prefix.rstrip("."), prefix + maps["attn_out"].tensor.rpartition(".")[0]

    yield Tap(block, "input", layer, ("resid_pre",))
    for norm in ("ln1", "ln2"):
        original = family.copied_norms.get(norm, norm)
        if original in norms:
            yield Tap(norms[original], "output", layer, (norm,))
    yield Tap(attention, "weights", layer, ("pattern",))
    if "ln2" in norms:
        yield Tap(norms["ln2"], "input", layer, ("resid_mid",))
    else:
        yield Tap(prefix + maps["mlp_pre"].tensor, "input", layer, ("resid_mid",))
    for linear in family.linears:
        module = prefix + linear.tensor
        made = linear.sites[-1]
        if made in INPUT_OF:
            yield Tap(module, "input", layer, (INPUT_OF[made],))
        behind = NORM_BEHIND.get(made)
        if behind in norms:
            yield Tap(norms[behind], "output", layer, (behind,))
            yield Tap(norms[behind], "output", layer, (made,))
        else:
            yield Tap(module, "output", layer, linear.sites, linear)
    yield Tap(block, "output", layer, ("resid_post",))


def _module(tensor: str) -> str:
    """The module that holds a tensor."""
    return tensor.removesuffix(".weight")
