"""What differs from layer to layer: windows, and rotary frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psqlm.errors import PsqlmError

from .family import Family
from .rotary import Rotary, read_rotary

SLIDING, FULL = "sliding_attention", "full_attention"


@dataclass(frozen=True)
class Layers:
    """A window and a set of frequencies for each layer, None where it has none."""

    window: tuple[int | None, ...]
    rotary: tuple[int | None, ...]
    rotaries: tuple[Rotary, ...]


def read_layers(
    config: dict[str, Any], family: Family, n_layer: int, d_head: int, n_ctx: int
) -> Layers:
    """Windows and frequencies of every layer.

    Raises:
        PsqlmError: options that say nothing sensible, or what is not computed.
    """
    kinds = _kinds(config, family, n_layer)
    window = _window(config, family)
    windows = tuple(window if kind == SLIDING else None for kind in kinds)
    if not family.rotates:
        return Layers(windows, (None,) * n_layer, ())
    by_kind = {
        kind: read_rotary(_rope_parameters(config, family, kind), d_head, n_ctx)
        for kind in dict.fromkeys(kinds)
    }
    rotaries = tuple(dict.fromkeys(by_kind.values()))
    turns = _turns(config, n_layer)
    return Layers(
        windows,
        tuple(
            rotaries.index(by_kind[kind]) if turn else None
            for kind, turn in zip(kinds, turns, strict=True)
        ),
        rotaries,
    )


def _kinds(config: dict[str, Any], family: Family, n_layer: int) -> list[str]:
    """Whether each layer sees a window or all that is before it."""
    given = config.get("layer_types")
    if given is None:
        given = _default_kinds(config, family, n_layer)
    if (
        not isinstance(given, list)
        or len(given) != n_layer
        or any(kind not in (SLIDING, FULL) for kind in given)
    ):
        raise PsqlmError(
            f"layer_types must say {SLIDING} or {FULL} for each of {n_layer} layers: "
            "psqlm computes these two"
        )
    return given


def _default_kinds(config: dict[str, Any], family: Family, n_layer: int) -> list[str]:
    """What transformers takes where layer_types is missing."""
    if "attention_types" in config:
        return _expand(config, n_layer)
    if family.layers_have_windows:
        return [SLIDING] * n_layer
    pattern = _count(config, "sliding_window_pattern", 1)
    if pattern is not None:
        return [SLIDING if (layer + 1) % pattern else FULL for layer in range(n_layer)]
    if config.get("use_sliding_window"):
        first = _count(config, "max_window_layers", 0) or 0
        return [SLIDING if layer >= first else FULL for layer in range(n_layer)]
    return [FULL] * n_layer


def _expand(config: dict[str, Any], n_layer: int) -> list[str]:
    """GPT-Neo's attention_types, [[["global", "local"], 6]], or attention_layers."""
    names = {"global": FULL, "local": SLIDING}
    try:
        layers = config.get("attention_layers") or [
            kind
            for kinds, times in config["attention_types"]
            for kind in list(kinds) * min(times, n_layer + 1)
        ]
        return [names[kind] for kind in layers]
    except (KeyError, TypeError, ValueError) as error:
        raise PsqlmError(
            "attention_types must hold lists of global and local with a number of times: "
            "fetch the model again"
        ) from error


def _window(config: dict[str, Any], family: Family) -> int | None:
    value = config.get(family.window)
    if "use_sliding_window" in config and not config["use_sliding_window"]:
        return None
    if value is not None and (type(value) is not int or not 0 < value < 2**31):
        raise PsqlmError(f"{family.window} must be a positive number: fetch the model again")
    return value


def _count(config: dict[str, Any], option: str, least: int) -> int | None:
    """A number of layers, if the option is there."""
    value = config.get(option)
    if value is not None and (type(value) is not int or value < least):
        raise PsqlmError(f"{option} must be a number from {least} up: fetch the model again")
    return value


def _turns(config: dict[str, Any], n_layer: int) -> list[bool]:
    """Which layers rotate; in SmolLM3 not every one."""
    given = config.get("no_rope_layers")
    interval = _count(config, "no_rope_layer_interval", 1)
    if given is None and interval is not None:
        given = [(layer + 1) % interval != 0 for layer in range(n_layer)]
    if given is None:
        return [True] * n_layer
    if not isinstance(given, list) or len(given) != n_layer:
        raise PsqlmError(f"no_rope_layers must have a number for each of {n_layer} layers")
    return [bool(turn) for turn in given]


def _rope_parameters(config: dict[str, Any], family: Family, kind: str) -> dict[str, Any]:
    """Parameters of one kind of layer, from the keys of transformers 5 and from older ones."""
    given = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or {}
    if not isinstance(given, dict) or not isinstance(scaling, dict):
        raise PsqlmError("rope_parameters must be an object: fetch the model again")
    if FULL in given or SLIDING in given:
        given = given.get(kind) or {}
    parameters = dict(given)
    local = family.local_theta is not None and kind == SLIDING
    # what is scaled are the global layers
    for key, value in ({} if local else scaling).items():
        parameters.setdefault(key, value)
    bases = (family.local_theta,) if local else ("rope_theta", "rotary_emb_base")
    for key, olds in (
        ("rope_theta", bases),
        ("partial_rotary_factor", ("partial_rotary_factor", "rotary_pct")),
        ("original_max_position_embeddings", ("original_max_position_embeddings",)),
    ):
        for old in filter(None, olds):
            if parameters.get(key) is None and config.get(old) is not None:
                parameters[key] = config[old]
    return parameters
