"""A model in transformers, in float32, with what passes its modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from psqlm.loader.architecture import Architecture
from psqlm.loader.families import FAMILIES
from psqlm.loader.mapping import parts
from psqlm.verification.modules import Tap, taps

Array = npt.NDArray[np.float32]
Values = dict[tuple[str, int], Array]
"""By site and layer, [position, head, width]; one head where a site has none."""

WATCHED = "psqlm"  # what our attention function is called in transformers
HEADS = {"q": "n_head", "k": "n_kv_head", "v": "n_kv_head", "z": "n_head"}


def missing() -> str | None:
    """The libraries that are not installed; None if all are."""
    absent = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    return " ".join(absent) or None


class Reference:
    """A model in transformers."""

    def __init__(self, folder: Path, sizes: Architecture) -> None:
        """Load it.

        Args:
            folder: config.json and the weights.
            sizes: of the same model.
        """
        import torch

        transformers: Any = import_module("transformers")  # its types are incomplete
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        watches = FAMILIES[sizes.family].rotates
        if watches:
            masks: Any = import_module("transformers.masking_utils")
            transformers.AttentionInterface.register(WATCHED, self._attention)
            transformers.AttentionMaskInterface.register(WATCHED, masks.eager_mask)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            # step by step, so that there is a pattern
            attn_implementation=WATCHED if watches else "eager",
        )
        self._model = model.eval()
        self._sizes = sizes
        self._torch = torch
        self._values: Values = {}

    def run(self, token_ids: Sequence[int]) -> Values:
        """Every site that passes a module, and the logits."""
        self._values = {}
        handles = [self._watch(tap) for tap in taps(self._sizes)]
        try:
            with self._torch.inference_mode():
                logits = self._model(self._torch.tensor([token_ids]), use_cache=False).logits
        finally:
            for handle in handles:
                handle.remove()
        self._values["logits", self._sizes.n_layer] = _rows(logits)[:, np.newaxis]
        return self._values

    def _watch(self, tap: Tap) -> Any:
        """Hook a module."""
        module = self._model.get_submodule(tap.module)
        return module.register_forward_hook(partial(self._take, tap), with_kwargs=True)

    def _take(self, tap: Tap, _: Any, inputs: Any, named: dict[str, Any], output: Any) -> None:
        """Keep what a hook saw."""
        if tap.part == "weights":
            self._values[tap.sites[0], tap.layer] = _by_position(output[1])
            return
        if tap.part == "input":
            seen = inputs[0] if inputs else named["hidden_states"]
        else:
            seen = output[0] if isinstance(output, tuple) else output
        rows = _rows(seen)
        if tap.linear is None:
            self._put(tap.sites[0], tap.layer, rows)
            return
        units = rows if tap.linear.layout == "columns" else rows.T
        for site, made, _bias in parts(self._sizes, tap.linear, units, None):
            self._put(site, tap.layer, made.T)

    def _put(self, site: str, layer: int, rows: npt.NDArray[Any]) -> None:
        n_head = getattr(self._sizes, HEADS[site]) if site in HEADS else 1
        self._values[site, layer] = rows.reshape(len(rows), n_head, -1)

    def _attention(
        self, module: Any, query: Any, key: Any, *arguments: Any, **options: Any
    ) -> tuple[Any, Any]:
        """The family's own attention, step by step; queries and keys are rotated by now."""
        self._values["rot_q", module.layer_idx] = _by_position(query)
        self._values["rot_k", module.layer_idx] = _by_position(key)
        modelling = sys.modules[type(module).__module__]
        attend: Callable[..., tuple[Any, Any]] = vars(modelling)["eager_attention_forward"]
        return attend(module, query, key, *arguments, **options)


def _rows(tensor: Any) -> npt.NDArray[Any]:
    """A tensor of one sequence as [position, width]."""
    return np.asarray(tensor.detach().reshape(-1, tensor.shape[-1]).numpy())


def _by_position(tensor: Any) -> Array:
    """[1, head, position, width] as [position, head, width]."""
    return np.asarray(tensor.detach()[0].transpose(0, 1).numpy())
