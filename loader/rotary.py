"""Frequencies of rotary position embeddings, every scaling of them worked in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
import numpy.typing as npt

from psqlm.errors import PsqlmError

Vector = npt.NDArray[np.float32]
WIDEST = 65536  # far above any head; what is made of it stays small


@dataclass(frozen=True)
class Rotary:
    """A set of frequencies, as a row of lm.rotary.

    Attributes:
        frequencies: radians per position, [r / 2].
        scaling: what the rotated dimensions are multiplied by.
    """

    frequencies: tuple[float, ...]
    scaling: float


def read_rotary(parameters: dict[str, Any], d_head: int, n_ctx: int) -> Rotary:
    """The frequencies that rope_parameters (or rope_scaling) ask for.

    Args:
        parameters: with rope_type, rope_theta and what the type needs, as in transformers 5.
        d_head: the width of a head.
        n_ctx: max_position_embeddings.

    Raises:
        PsqlmError: a type that is not computed, or one whose numbers are missing.
    """
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if not isinstance(kind, str) or kind not in KINDS:
        shown = shorten(repr(kind), 60)
        raise PsqlmError(f"rope_type {shown} is not supported: psqlm computes {', '.join(KINDS)}")
    width = int(min(d_head * _number(parameters, "partial_rotary_factor", 1.0), WIDEST + 1))
    theta = _number(parameters, "rope_theta", 10000.0)
    if width < 2 or width % 2 or width > min(d_head, WIDEST) or theta <= 1:
        raise PsqlmError(
            f"rope_theta {theta:g} over {width} of {d_head} dimensions cannot be computed: "
            "check the model's config.json"
        )
    base = 1 / theta ** (np.arange(0, width, 2, dtype=np.float32) / np.float32(width))
    senseless = PsqlmError(f"rope_parameters of type {kind} give no numbers: check config.json")
    try:
        frequencies, scaling = KINDS[kind](base.astype(np.float32), parameters, theta, n_ctx)
    except (ArithmeticError, ValueError) as error:
        raise senseless from error
    if not np.isfinite(frequencies).all():
        raise senseless
    return Rotary(tuple(float(f) for f in frequencies.astype(np.float32)), scaling)


def _default(base: Vector, _: dict[str, Any], __: float, ___: int) -> tuple[Vector, float]:
    return base, 1.0


def _linear(base: Vector, given: dict[str, Any], _: float, __: int) -> tuple[Vector, float]:
    return base / np.float32(_number(given, "factor")), 1.0


def _llama3(base: Vector, given: dict[str, Any], _: float, n_ctx: int) -> tuple[Vector, float]:
    """Long waves are stretched, short ones left, those between passed over smoothly."""
    factor, low, high = (
        _number(given, name) for name in ("factor", "low_freq_factor", "high_freq_factor")
    )
    if low >= high:
        raise PsqlmError(
            f"rope_parameters: low_freq_factor {low:g} must be below high_freq_factor {high:g}"
        )
    length = _number(given, "original_max_position_embeddings", n_ctx)
    wavelength = 2 * math.pi / base
    smooth = (length / wavelength - low) / (high - low)
    between = (1 - smooth) * base / factor + smooth * base
    return (
        np.where(
            wavelength > length / low,
            base / factor,
            np.where(wavelength < length / high, base, between),
        ),
        1.0,
    )


def _yarn(base: Vector, given: dict[str, Any], theta: float, n_ctx: int) -> tuple[Vector, float]:
    """YaRN (Peng et al. 2023): as llama3, by the number of rotations, and the scores scaled."""
    length = _number(given, "original_max_position_embeddings", n_ctx)
    factor = _number(given, "factor", n_ctx / length)
    width = 2 * len(base)

    def dimension(rotations: float) -> float:
        return width * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension(_number(given, "beta_fast", 32.0))
    high = dimension(_number(given, "beta_slow", 1.0))
    if given.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    ramp = np.clip((np.arange(width // 2) - low) / ((high - low) or 0.001), 0, 1)
    if given.get("attention_factor") is not None:
        scaling = _number(given, "attention_factor")
    elif given.get("mscale") and given.get("mscale_all_dim"):
        scale, all_scale = (_number(given, name) for name in ("mscale", "mscale_all_dim"))
        scaling = _magnitude(factor, scale) / _magnitude(factor, all_scale)
    else:
        scaling = _magnitude(factor, 1.0)
    return base / factor * ramp + base * (1 - ramp), scaling


def _magnitude(factor: float, scale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


Kind = Callable[[Vector, dict[str, Any], float, int], tuple[Vector, float]]
# Within n_ctx, which no prompt exceeds, dynamic scaling changes nothing.
KINDS: dict[str, Kind] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _default,
    "llama3": _llama3,
    "yarn": _yarn,
}


def _number(given: dict[str, Any], name: str, default: float | None = None) -> float:
    value = given.get(name)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        shown = shorten(repr(value), 60)
        raise PsqlmError(f"rope_parameters: {name} must be a number, not {shown}")
    if value <= 0:
        raise PsqlmError(f"rope_parameters: {name} must be above 0, not {value!r}")
    return float(value)
