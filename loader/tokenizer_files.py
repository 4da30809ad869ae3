"""The files of a tokenizer: what they say, and whether they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psqlm.errors import PsqlmError

from .alphabet import CHARACTER_OF_BYTE, byte_of
from .bpe import Ranks
from .config import read_json
from .pipeline import Pipeline, read_pipeline

# What BPE is in tokenizer.json; anything else would merge otherwise.
SUPPORTED: dict[str, tuple[Any, ...]] = {
    "type": ("BPE",),
    "dropout": (None, 0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
}


@dataclass(frozen=True)
class Files:
    """What they say: tokens as they are spelled, with their numbers, and the rest."""

    source: Path
    vocabulary: dict[str, int]
    pairs: list[tuple[str, str]]
    ignore_merges: bool
    pipeline: Pipeline


def read_files(folder: Path) -> Files:
    """Read them as they stand.

    Raises:
        PsqlmError: files are missing, or of a tokenizer that the SQL does not compute.
    """
    path = folder / "tokenizer.json"
    if path.is_file():
        contents = read_json(path)
        model = contents["model"]
        for option, values in SUPPORTED.items():
            if model.get(option) not in values:
                raise PsqlmError(
                    f"{path}: {option} of its model is {model.get(option)!r}; "
                    f"psqlm reads BPE, where it is {values[0]!r}"
                )
        pipeline = read_pipeline(path, contents)
        if pipeline.of_bytes is bool(model.get("byte_fallback")):
            raise PsqlmError(
                f"{path}: byte_fallback is {model.get('byte_fallback')!r}: psqlm reads BPE over "
                "bytes without it, and over characters with it"
            )
        return Files(
            path,
            {token: int(number) for token, number in model["vocab"].items()},
            [_pair(merge) for merge in model["merges"]],
            bool(model.get("ignore_merges")),
            pipeline,
        )
    vocab_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    if vocab_file.is_file() and merges_file.is_file():
        vocabulary = {token: int(number) for token, number in read_json(vocab_file).items()}
        return Files(vocab_file, vocabulary, _read_merges(merges_file), False, Pipeline())
    raise PsqlmError(f"{folder} has neither vocab.json and merges.txt nor tokenizer.json")


def _pair(merge: Any) -> tuple[str, str]:
    """A merge of tokenizer.json: an array of two, or as it was written before, with a space."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    if not (isinstance(left, str) and isinstance(right, str)):
        raise TypeError
    return left, right


def check_files(files: Files, ranks: Ranks) -> None:
    """Refuse what would leave texts without tokens, or contradicts itself.

    Args:
        files: what the folder says.
        ranks: its merges, numbered.

    Raises:
        PsqlmError: a byte has no token, or the merges do not fit the vocabulary or each other.
    """
    _check_bytes(files)
    _check_merges(files, ranks)


def _read_merges(path: Path) -> list[tuple[str, str]]:
    """The pairs of merges.txt."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PsqlmError(f"cannot read {path}: {error}") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        match line.rstrip("\r").split(" "):
            case [left, right] if left and right:
                pairs.append((left, right))
            case _:
                raise PsqlmError(f"{path}, line {number}: {line!r} is not a merge of two pieces")
    return pairs


def _check_bytes(files: Files) -> None:
    """Refuse a vocabulary that has no tokens for some texts."""
    of_bytes = files.pipeline.of_bytes
    single = CHARACTER_OF_BYTE.values() if of_bytes else [f"<0x{n:02X}>" for n in range(256)]
    if missing := set(single) - set(files.vocabulary):
        raise PsqlmError(
            f"{files.source} lacks {len(missing)} of the 256 bytes: there are texts that it "
            "has no tokens for"
        )


def _check_merges(files: Files, ranks: Ranks) -> None:
    """Refuse merges that contradict the vocabulary or each other."""
    for rank, (left, right) in enumerate(files.pairs):
        for piece in (left, right, left + right):
            if not piece or piece not in files.vocabulary:
                raise PsqlmError(
                    f"{files.source} lacks {piece!r}, which merge {rank} ({left} {right}) uses: "
                    "these files belong to different models"
                )
            if not files.pipeline.of_bytes and byte_of(piece) is not None:
                raise PsqlmError(
                    f"{files.source}: merge {rank} ({left} {right}) is about {piece}, "
                    "which stands for a byte"
                )
    if len(ranks) < len(files.pairs):
        twice = next(pair for pair, times in Counter(files.pairs).items() if times > 1)
        raise PsqlmError(f"{files.source}: the merge {' '.join(twice)} is there twice")
