"""The rows that a model's tensors become, in batches and in the order of the tables' keys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from psqlm.errors import PsqlmError

from .architecture import Architecture
from .binary_copy import Field, Rows, integer, label, real, vector
from .checkpoint import Checkpoint, Progress
from .families import FAMILIES
from .mapping import parts

Floats = npt.NDArray[np.floating[Any]]

DTYPES = {"float32": np.float32, "float16": np.float16}
BATCH = 4 * 1024 * 1024  # bytes of weights sent at once
PAGE = 8000  # bytes of weights that fit a page of 8 kB beside the row's other columns


def block_width(sizes: Architecture, dtype: str) -> int:
    """How many weights a row holds at most.

    Each row costs a look-up, so of the widths that fit a page the one that makes the fewest rows;
    of those the narrowest, for blocks of one length waste the least of their pages.
    """
    widest = PAGE // np.dtype(DTYPES[dtype]).itemsize
    inputs = {
        sizes.d_model: 2 * sizes.d_mlp + sizes.d_q + 2 * sizes.d_kv + 2 * sizes.n_vocab,
        sizes.d_q: sizes.d_model,
        sizes.d_mlp: sizes.d_model,
    }

    def rows(width: int) -> int:
        return sum(units * math.ceil(length / width) for length, units in inputs.items())

    even = {math.ceil(length / math.ceil(length / widest)) for length in inputs}
    return min(sorted(even), key=rows)


class WeightRows:
    """Rows for the tables of weights, made from a checkpoint.

    Raises:
        PsqlmError: where a tensor is read that holds NaN, infinity or what float16 cannot hold.
    """

    def __init__(
        self,
        model_id: int,
        sizes: Architecture,
        checkpoint: Checkpoint,
        dtype: str,
        d_block: int,
        progress: Progress | None,
    ) -> None:
        """Nothing is read yet."""
        self._model_id = integer(model_id)
        self._sizes = sizes
        self._family = FAMILIES[sizes.family]
        self._read = checkpoint.reader(progress)
        self._dtype = dtype
        self._d_block = d_block

    def token_embedding(self) -> Iterator[Rows]:
        """A row for each token and block."""
        name = self._family.token_embedding
        for first, block, rows in self._blocks(self._rounded(self._read(name), name)):
            yield Rows(self._model_id, _numbers(first, rows), integer(block), vector(rows))

    def unembedding(self) -> Iterator[Rows]:
        """A row for each token and block."""
        name = f"{self._family.unembedding}.weight"
        if self._sizes.tied:
            name = self._family.token_embedding
        bias = (
            self._read(f"{self._family.unembedding}.bias")
            if self._family.unembedding_bias
            else None
        )
        for first, block, rows in self._blocks(self._rounded(self._read(name), name)):
            yield Rows(
                self._model_id,
                _numbers(first, rows),
                integer(block),
                _bias(bias, first, block, rows),
                vector(rows),
            )

    def position_embedding(self) -> Iterator[Rows]:
        """A row for each position; none where positions are not learned."""
        if self._family.position_embedding is None:
            return
        name, unused = self._family.position_embedding
        for first, rows in _in_batches(self._read(name)[unused:]):
            yield Rows(self._model_id, _numbers(first, rows), vector(rows))

    def linear_maps(self) -> Iterator[Rows]:
        """A row for each unit and block of each map."""
        for layer in range(self._sizes.n_layer):
            prefix = self._family.layer.format(layer)
            for linear in self._family.linears:
                name = f"{prefix}{linear.tensor}"
                weight = self._rounded(self._read(f"{name}.weight"), f"{name}.weight")
                bias = self._read(f"{name}.bias") if self._sizes.biases[linear.tensor] else None
                for site, units, biases in parts(self._sizes, linear, weight, bias):
                    for first, block, rows in self._blocks(units, by_block=True):
                        yield Rows(
                            self._model_id,
                            integer(layer),
                            label(site),
                            integer(block),
                            _numbers(first, rows),
                            _bias(biases, first, block, rows),
                            vector(rows),
                        )

    def norms(self) -> Iterator[Rows]:
        """A row for each norm."""
        places = [
            (layer, self._family.layer.format(layer) + tensor, norm)
            for layer in range(self._sizes.n_layer)
            for tensor, norm in (
                *self._family.norms.items(),
                # a norm that is another once more
                *(
                    (tensor, copy)
                    for copy, norm in self._family.copied_norms.items()
                    for tensor, original in self._family.norms.items()
                    if original == norm
                ),
            )
        ]
        for layer, tensor, norm in [
            *places,
            (self._sizes.n_layer, self._family.final_norm, "ln_final"),
        ]:
            gain = self._read(f"{tensor}.weight") + np.float32(self._family.norm_offset)
            bias = self._read(f"{tensor}.bias") if self._family.norm_bias else np.zeros_like(gain)
            yield Rows(
                self._model_id,
                integer(layer),
                label(norm),
                vector(gain[np.newaxis]),
                vector(bias[np.newaxis]),
            )

    def _blocks(self, rows: Floats, by_block: bool = False) -> Iterator[tuple[int, int, Floats]]:
        """Slices of a matrix's rows, each with the number of its first row and of its block."""
        width = self._d_block
        blocks = [
            (number, rows[:, start : start + width])
            for number, start in enumerate(range(0, rows.shape[1], width))
        ]
        if by_block or len(blocks) == 1:
            for number, block in blocks:
                for first, part in _in_batches(block):
                    yield first, number, part
            return
        # a token's blocks come one after the other: few models are as wide as that
        for first in range(0, len(rows), 256):
            for number, block in blocks:
                yield first, number, block[first : first + 256]

    def _rounded(self, tensor: Floats, name: str) -> Floats:
        """A tensor as the model's weights are stored."""
        with np.errstate(over="ignore"):
            rounded = tensor.astype(DTYPES[self._dtype], copy=False)
        if self._dtype == "float16" and not np.isfinite(rounded).all():
            raise PsqlmError(
                f"the tensor {name} reaches {np.abs(tensor).max():g}, beyond float16: "
                "load the model with --dtype float32"
            )
        return rounded


def _numbers(first: int, rows: Floats) -> Field:
    return integer(first + np.arange(len(rows)))


def _bias(bias: Floats | None, first: int, block: int, rows: Floats) -> Field:
    """Biases, which stand on block 0."""
    return real(0 if bias is None or block else bias[first : first + len(rows)])


def _in_batches(rows: Floats) -> Iterator[tuple[int, Floats]]:
    """Slices of some megabytes, each with the number of its first row."""
    step = max(1, BATCH // (rows.shape[1] * rows.itemsize))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]
