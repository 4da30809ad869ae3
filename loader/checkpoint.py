"""A model's weights: safetensors files, one or several, read one tensor at a time."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from psqlm.errors import PsqlmError

from .architecture import Architecture
from .config import read_json
from .families import FAMILIES
from .mapping import IGNORED, expected_shapes, unembedding_shapes

INDEX = "model.safetensors.index.json"
STORED_AS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}

Array = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies."""

    path: Path
    offset: int
    kind: str  # F32, F16 or BF16
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return math.prod(self.shape) * STORED_AS[self.kind].itemsize

    def read(self, rows: slice = slice(None)) -> Array:
        """The tensor as float32, exactly; a view of the file where that is what it holds."""
        stored = np.memmap(self.path, STORED_AS[self.kind], "r", self.offset, self.shape)[rows]
        if self.kind == "BF16":  # the upper half of a float32
            widened: Array = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
            return widened
        return np.asarray(stored, np.float32)


class Checkpoint:
    """The weights of a model, checked against its configuration.

    Attributes:
        size: bytes of the tensors that are read.
        n_numbers: how many numbers they hold.
        has_unembedding: whether the unembedding is another matrix than the token embedding.
    """

    def __init__(self, files: Sequence[Path], sizes: Architecture) -> None:
        """Read the headers of the files, no weights yet.

        Raises:
            PsqlmError: a file is damaged, or the tensors are not those of such a model.
        """
        self.files = sorted(files)
        self._family = FAMILIES[sizes.family]
        self._tensors: dict[str, Tensor] = {}
        for path in self.files:
            self._tensors |= _read_header(path, self._family.prefixes)
        self.has_unembedding = not sizes.tied or self._family.unembedding_bias
        self._check(sizes)
        head = f"{self._family.unembedding}.weight"
        read = [
            tensor for name, tensor in self._tensors.items() if self.has_unembedding or name != head
        ]
        self.size = sum(tensor.size for tensor in read)
        self.n_numbers = sum(math.prod(tensor.shape) for tensor in read)

    def __getitem__(self, name: str) -> Array:
        """A tensor by its name, as float32.

        Raises:
            PsqlmError: it holds NaN or infinity.
        """
        array = self._tensors[name].read()
        # a sum is quicker than a look at each, and not finite if one of them is not
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(array.sum())
        if suspicious and not np.isfinite(array).all():
            raise PsqlmError(f"the tensor {name} holds NaN or infinity: fetch the model again")
        return array

    def reader(self, progress: Progress | None) -> Callable[[str], Array]:
        """What reads tensors by their names, and reports the bytes read and those in all."""
        done = 0

        def read(name: str) -> Array:
            nonlocal done
            tensor = self[name]
            done += self.size_of(name)
            if progress:
                progress(min(done, self.size), self.size)
            return tensor

        if progress:
            progress(0, self.size)
        return read

    def size_of(self, name: str) -> int:
        """Bytes of a tensor."""
        return self._tensors[name].size

    def sha256(self) -> str:
        """Hash of the weight files, hexadecimal; of several, as if they were one file."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(np.memmap(path, np.uint8, "r").data)
        return digest.hexdigest()

    def check_tied(self) -> None:
        """Compare the unembedding, where the checkpoint has one, with the token embedding.

        Raises:
            PsqlmError: they differ.
        """
        head, embedding = (
            self._tensors.get(name)
            for name in (f"{self._family.unembedding}.weight", self._family.token_embedding)
        )
        if self.has_unembedding or head is None or embedding is None:
            return
        for start in range(0, embedding.shape[0], 4096):
            rows = slice(start, start + 4096)
            if not np.array_equal(head.read(rows), embedding.read(rows)):
                raise PsqlmError(
                    f"{self._family.unembedding}.weight differs from "
                    f"{self._family.token_embedding}, and tie_word_embeddings is true: "
                    "set it to false in config.json if they are meant to differ"
                )

    def _check(self, sizes: Architecture) -> None:
        """Compare names, shapes and kinds with what config.json promises."""
        # every layer has tensors of its own: this bounds what is made of what config.json says
        if sizes.n_layer > len(self._tensors):
            raise PsqlmError(
                f"config.json promises {sizes.n_layer} layers, and the weights are "
                f"{len(self._tensors)} tensors: fetch the model again"
            )
        expected = expected_shapes(sizes)
        head = unembedding_shapes(sizes)
        absent = [name for name in head if name not in self._tensors]
        if absent and (not sizes.tied or any(name.endswith(".bias") for name in absent)):
            raise PsqlmError(
                f"tie_word_embeddings is {json.dumps(sizes.tied)} and {absent[0]} is missing: "
                "fetch the model again"
            )
        expected |= {name: shape for name, shape in head.items() if name in self._tensors}
        if missing := [name for name in expected if name not in self._tensors]:
            raise PsqlmError(f"the weights lack {_some(missing)}, which config.json promises")
        if unknown := [name for name in self._tensors if name not in expected]:
            raise PsqlmError(
                f"the weights hold {_some(unknown)}, which a {sizes.family} model does not have"
            )
        for name, shape in expected.items():
            tensor = self._tensors[name]
            if tensor.shape != shape:
                raise PsqlmError(
                    f"the tensor {name} has shape {list(tensor.shape)}, "
                    f"config.json promises {list(shape)}"
                )
            if tensor.kind not in STORED_AS:
                raise PsqlmError(
                    f"the tensor {name} is of type {tensor.kind}: "
                    f"psqlm reads {', '.join(STORED_AS)}"
                )


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a folder: model.safetensors, or the shards that its index names.

    Raises:
        PsqlmError: there are none, or a shard is missing.
    """
    single, index = folder / "model.safetensors", folder / INDEX
    if single.is_file():
        return [single]
    if not index.is_file():
        raise PsqlmError(
            f"{folder} has neither model.safetensors nor {INDEX}: "
            "save the model with transformers' save_pretrained(folder)"
        )
    shards = [folder / name for name in shard_names(index)]
    for shard in shards:
        try:
            is_there = shard.is_file()
        except OSError:  # no file can have such a name
            is_there = False
        if not is_there:
            raise PsqlmError(f"{folder} lacks {shard.name}, which {INDEX} names")
    return shards


def shard_names(index: Path) -> list[str]:
    """File names of the shards that an index names.

    Raises:
        PsqlmError: it is not an index of shards beside it.
    """
    contents = read_json(index)
    weight_map = contents.get("weight_map") if isinstance(contents, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise PsqlmError(f"{index} names no shards: fetch the model again")
    names = sorted({str(name) for name in weight_map.values()})
    if strange := [name for name in names if name in ("", "..") or Path(name).name != name]:
        raise PsqlmError(f"{index} names a file outside its folder: {strange[0]}")
    return names


def _read_header(path: Path, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by their names without prefix, masks left out."""
    try:
        with safe_open(path, framework="numpy"):
            pass  # opening checks that header and length agree
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except SafetensorError as error:
        raise PsqlmError(f"{path} is damaged ({error}): fetch the model again") from error
    tensors = {
        _without(prefixes, name): Tensor(
            path, 8 + length + entry["data_offsets"][0], entry["dtype"], tuple(entry["shape"])
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }
    return {name: tensor for name, tensor in tensors.items() if not IGNORED.fullmatch(name)}


def _without(prefixes: tuple[str, ...], name: str) -> str:
    """A name without what it may begin with."""
    return next((name[len(p) :] for p in prefixes if name.startswith(p)), name)


def _some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more tensors"
