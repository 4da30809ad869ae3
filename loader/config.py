"""A model's config.json: its family, sizes and choices, and whether the SQL computes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from textwrap import shorten
from typing import Any

from psqlm.errors import PsqlmError

from .architecture import Architecture
from .families import FAMILIES
from .family import COMMON_REQUIRED, COMMON_SIZES, Family
from .layer_types import read_layers

# Hugging Face's names of activations, and the one of lm.model that computes each.
ACTIVATIONS = {
    "gelu_new": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
}
MOST_LAYERS = 10_000  # far above any model; what is made of each layer stays small
MOST = 2**31 - 1  # PostgreSQL's integer


def read_json(path: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        PsqlmError: it cannot be read or is not JSON.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise PsqlmError(f"{path} is not a regular file: fetch the model again")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PsqlmError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise PsqlmError(f"{path} is not JSON ({error}): fetch the model again") from error
    except RecursionError as error:
        raise PsqlmError(f"{path} is nested too deeply: fetch the model again") from error


def read_config(path: Path) -> Architecture:
    """Read config.json.

    Raises:
        PsqlmError: it is of another family, or has options that the SQL does not compute.
    """
    return architecture(read_json(path), path)


def architecture(given: Any, path: Path) -> Architecture:
    """The architecture that the contents of a config.json describe.

    Raises:
        PsqlmError: as `read_config`.
    """
    if not isinstance(given, dict):
        raise PsqlmError(f"{path} is not a model's configuration")
    name = given.get("model_type")
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        raise PsqlmError(
            f"model_type {_shown(name)} is not supported: psqlm computes {', '.join(FAMILIES)}"
        )
    config = {
        **family.defaults,
        **{key: value for key, value in given.items() if value is not None},
    }
    # null is a value of its own where the family has a default that it takes away
    config |= {key: None for key, value in given.items() if value is None and key in NULLABLE}
    _require(config, family, str(name))
    return _Reader(config, family, str(name), path).architecture()


NULLABLE = ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping")


def _require(config: dict[str, Any], family: Family, name: str) -> None:
    """Refuse options that change the numbers in a way that is not computed."""
    for option, values in (COMMON_REQUIRED | family.required).items():
        value = config.get(option, values[0])
        if value not in values:
            raise PsqlmError(
                f"{option} {_shown(value)} is not supported: psqlm computes "
                f"{name} with {option} {' or '.join(json.dumps(value) for value in values)}"
            )


class _Reader:
    """Reads sizes and choices from a configuration whose family is known."""

    def __init__(self, config: dict[str, Any], family: Family, name: str, path: Path) -> None:
        self._config = config
        self._family = family
        self._name = name
        self._path = path
        self._keys = COMMON_SIZES | family.sizes

    def architecture(self) -> Architecture:
        """All of it."""
        family, config = self._family, self._config
        d_model, n_head = self._size("d_model"), self._size("n_head")
        n_layer, n_vocab, n_ctx = (self._size(size) for size in ("n_layer", "n_vocab", "n_ctx"))
        d_head = self._size("d_head", None)
        if d_head is None:
            if d_model % n_head:
                raise PsqlmError(
                    f"{self._path}: {self._keys['d_model']} {d_model} is not a multiple of "
                    f"{self._keys['n_head']} {n_head}"
                )
            d_head = d_model // n_head
        n_kv_head = self._size("n_kv_head", n_head)
        if n_head % n_kv_head:
            raise PsqlmError(
                f"{self._path}: {self._keys['n_head']} {n_head} is not a multiple of "
                f"{self._keys['n_kv_head']} {n_kv_head}"
            )
        self._refuse_projected_embeddings(d_model)
        layers = read_layers(config, family, n_layer, d_head, n_ctx)
        return Architecture(
            family=self._name,
            n_layer=n_layer,
            n_head=n_head,
            n_kv_head=n_kv_head,
            d_head=d_head,
            d_model=d_model,
            d_mlp=self._size("d_mlp", 4 * d_model if family.position_embedding else None)
            or self._size("d_mlp"),
            n_ctx=n_ctx,
            n_vocab=n_vocab,
            norm_is_centred=family.norm_is_centred,
            layer_norm_eps=self._epsilon(),
            parallel_attn_mlp=self._choice(family.parallel),
            gated_mlp=any("mlp_pre_linear" in linear.sites for linear in family.linears),
            activation=self._activation(),
            attn_scaling=self._attn_scaling(d_head),
            attn_logit_softcapping=self._cap("attn_logit_softcapping"),
            final_logit_softcapping=self._cap("final_logit_softcapping"),
            embed_scale=d_model**0.5 if family.embed_scale else 1.0,
            end_of_text=self._end_of_text(n_vocab),
            tied=self._choice("tie_word_embeddings"),
            biases={linear.tensor: self._choice(linear.bias) for linear in family.linears},
            rotaries=layers.rotaries,
            rotary_of_layer=layers.rotary,
            window_of_layer=layers.window,
        )

    def _size(self, size: str, *default: Any) -> Any:
        """A size that must be positive; without a default it must be there."""
        key = self._keys[size]
        value = self._config.get(key)
        if value is None and default:
            return default[0]
        if type(value) is not int or value < 1:
            raise PsqlmError(f"{self._path}: {key} must be a positive number, not {_shown(value)}")
        if value > (MOST_LAYERS if size == "n_layer" else MOST):
            raise PsqlmError(
                f"{self._path}: {key} {_shown(value)} is more than any model has: "
                "fetch the model again"
            )
        return value

    def _epsilon(self) -> float:
        key = self._keys["layer_norm_eps"]
        value = self._config.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
            raise PsqlmError(f"{self._path}: {key} {_shown(value)} is not a small positive number")
        return float(value)

    def _activation(self) -> str:
        key = self._keys["activation"]
        value = self._config.get(key)
        if isinstance(value, str):
            value = self._family.activations.get(value, value)
        if not isinstance(value, str) or value not in ACTIVATIONS:
            raise PsqlmError(
                f"{key} {_shown(value)} is not supported: psqlm computes {', '.join(ACTIVATIONS)}"
            )
        return ACTIVATIONS[value]

    def _attn_scaling(self, d_head: int) -> float:
        if self._family.attn_scaling is not None:
            return self._family.attn_scaling
        scalar = self._config.get("query_pre_attn_scalar", d_head)
        if isinstance(scalar, bool) or not isinstance(scalar, (int, float)) or scalar <= 0:
            raise PsqlmError(
                f"{self._path}: query_pre_attn_scalar {_shown(scalar)} is not a positive number"
            )
        return 1 / math.sqrt(scalar)

    def _cap(self, option: str) -> float | None:
        value = self._config.get(option)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise PsqlmError(f"{self._path}: {option} {_shown(value)} is not a positive number")
        return float(value)

    def _choice(self, option: bool | str) -> bool:
        """A choice that is made, or left to an option."""
        if isinstance(option, bool):
            return option
        value = self._config.get(option)
        if not isinstance(value, bool):
            raise PsqlmError(f"{self._path}: {option} must be true or false, not {_shown(value)}")
        return value

    def _end_of_text(self, n_vocab: int) -> int | None:
        """The token that ends a text; the first where there are several."""
        value = self._config.get("eos_token_id")
        if isinstance(value, list) and value:
            value = value[0]
        if value is not None and not (type(value) is int and 0 <= value < n_vocab):
            raise PsqlmError(
                f"{self._path}: eos_token_id {_shown(value)} is not a token of a vocabulary "
                f"of {n_vocab}"
            )
        return value

    def _refuse_projected_embeddings(self, d_model: int) -> None:
        """OPT-350m's embeddings are of another width than its stream."""
        width = self._config.get("word_embed_proj_dim", d_model)
        if width != d_model:
            raise PsqlmError(
                f"word_embed_proj_dim {_shown(width)} is not supported: psqlm computes "
                f"embeddings as wide as {self._keys['d_model']}, {d_model}"
            )


def _shown(value: Any) -> str:
    """A value as JSON, for a line of an error; an array or object may be of any size."""
    if isinstance(value, (list, dict)):
        return "[…]" if isinstance(value, list) else "{…}"
    return shorten(json.dumps(value), 60)
