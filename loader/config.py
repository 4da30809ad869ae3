"""A model's config.json: its sizes, and whether it is a GPT-2 that the SQL computes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from psqlm.errors import PsqlmError

# A row of weights, stored in line, must fit PostgreSQL's page of 8 kB.
WIDEST = 2000

# Options that change the numbers, and the values that the SQL computes.
SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # one formula, two names
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
}
# What transformers takes where config.json is silent.
DEFAULTS: dict[str, Any] = {
    "activation_function": "gelu_new",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "quantization_config": None,
    "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": True,
    "n_inner": None,
    "eos_token_id": None,
}


@dataclass(frozen=True)
class Architecture:
    """The sizes of a GPT-2, named as the columns of lm.model."""

    n_layer: int
    n_head: int
    d_model: int
    d_mlp: int
    n_ctx: int
    n_vocab: int
    layer_norm_eps: float
    end_of_text: int | None
    tied: bool


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
        PsqlmError: it is not of a GPT-2, or of one whose options the SQL does not compute.
    """
    config = read_json(path)
    if not isinstance(config, dict):
        raise PsqlmError(f"{path} is not a model's configuration")
    config = {**DEFAULTS, **config}
    for option, values in SUPPORTED.items():
        if config.get(option) not in values:
            raise PsqlmError(
                f"{option} {_shown(config.get(option))} is not supported: psqlm computes "
                f"GPT-2 with {option} {' or '.join(json.dumps(value) for value in values)}"
            )
    d_model = _size(config, "n_embd", path)
    n_head = _size(config, "n_head", path)
    if d_model % n_head:
        raise PsqlmError(f"{path}: n_embd {d_model} is not a multiple of n_head {n_head}")
    if d_model > WIDEST:
        raise PsqlmError(
            f"n_embd {d_model} is too wide: a row of weights must fit a database page, "
            f"which holds {WIDEST}"
        )
    n_vocab = _size(config, "vocab_size", path)
    epsilon = config["layer_norm_epsilon"]
    if not isinstance(epsilon, (int, float)) or not 0 < epsilon < 1:
        raise PsqlmError(
            f"{path}: layer_norm_epsilon {_shown(epsilon)} is not a small positive number"
        )
    end_of_text = config["eos_token_id"]
    if end_of_text is not None and not (type(end_of_text) is int and 0 <= end_of_text < n_vocab):
        raise PsqlmError(
            f"{path}: eos_token_id {_shown(end_of_text)} is not a token of a vocabulary "
            f"of {n_vocab}"
        )
    return Architecture(
        n_layer=_size(config, "n_layer", path),
        n_head=n_head,
        d_model=d_model,
        d_mlp=4 * d_model if config["n_inner"] is None else _size(config, "n_inner", path),
        n_ctx=_size(config, "n_positions", path),
        n_vocab=n_vocab,
        layer_norm_eps=float(epsilon),
        end_of_text=end_of_text,
        tied=bool(config["tie_word_embeddings"]),
    )


def _size(config: dict[str, Any], name: str, path: Path) -> int:
    """A size that must be there and positive."""
    value = config.get(name)
    if type(value) is not int or value < 1:
        raise PsqlmError(f"{path}: {name} must be a positive number, not {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    """A value as JSON, for a line of an error; an array or object may be of any size."""
    if isinstance(value, (list, dict)):
        return "[…]" if isinstance(value, list) else "{…}"
    return shorten(json.dumps(value), 60)
