"""What tokenizer.json says of a text's way to tokens, besides the tokens themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psqlm.errors import PsqlmError

from .alphabet import MARK

Json = dict[str, Any]

GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
BYTES_ALONE = GPT2 | {"use_regex": False}
DIGITS = {"type": "Digits", "individual_digits": True}


def _split(numbers: str) -> Json:
    """The step that cuts as Llama 3 and Qwen do, but for their numbers."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        + numbers
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }


# The cuts of a text whose tokens begin as bytes, by the steps that make them: values of lm.cut.
CUTS: dict[str, list[Json]] = {
    "gpt2": [GPT2],
    "digits": [DIGITS, GPT2],
    "llama3": [_split(r"\p{N}{1,3}"), BYTES_ALONE],
    "qwen2": [_split(r"\p{N}"), BYTES_ALONE],
}

# The ways to ▁ of a text whose tokens begin as characters.
SPACES_TO_MARKS = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
MARK_BEFORE = {"type": "Prepend", "prepend": MARK}
CUT_AT_SPACES = {  # of which ▁ has left none
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}
SCHEMES = {"never": "nothing", "always": "piece", "first": "start"}

MARKS_TO_SPACES = {"type": "Replace", "pattern": {"String": MARK}, "content": " "}
TO_TEXT = [MARKS_TO_SPACES, {"type": "ByteFallback"}, {"type": "Fuse"}]

# Options of a step that change no token, or that are not written when they have this value.
IGNORED = ("trim_offsets", "str_rep")
IMPLIED = {"ByteLevel": {"use_regex": True}, "Split": {"invert": False}}


@dataclass(frozen=True)
class Pipeline:
    """A row of lm.tokenizer, as far as the pipeline goes."""

    of_bytes: bool = True  # what tokens begin as, or as characters
    normalizer: str = "none"
    space_before: str = "nothing"
    cut: str | None = "gpt2"  # None: the text is not cut
    prepended: tuple[int, ...] = ()
    stripped: int = 0


def read_pipeline(path: Path, contents: Json) -> Pipeline:
    """Read the steps of a tokenizer.json.

    Raises:
        PsqlmError: one of them is not known, which is shown.
    """
    normalizer = _steps(contents.get("normalizer"), "normalizers")
    cutting = _steps(contents.get("pre_tokenizer"), "pretokenizers")
    decoder = _steps(contents.get("decoder"), "decoders")
    prepended = _prepended(path, contents.get("post_processor"))
    if any(step.get("type") == "ByteLevel" for step in cutting):
        cut = next((name for name, steps in CUTS.items() if steps == cutting), None)
        if cut is None:
            raise _unknown(path, "pre_tokenizer", contents)
        if normalizer not in ([], [{"type": "NFC"}]):
            raise _unknown(path, "normalizer", contents)
        if decoder and decoder[0].get("type") != "ByteLevel":
            raise _unknown(path, "decoder", contents)
        return Pipeline(normalizer="nfc" if normalizer else "none", cut=cut, prepended=prepended)
    return _of_characters(path, contents, normalizer, cutting, decoder, prepended)


def _of_characters(
    path: Path,
    contents: Json,
    normalizer: list[Json],
    cutting: list[Json],
    decoder: list[Json],
    prepended: tuple[int, ...],
) -> Pipeline:
    """The pipeline where tokens begin as characters, and ▁ stands for a space."""
    marks = normalizer in ([SPACES_TO_MARKS], [MARK_BEFORE, SPACES_TO_MARKS])
    if normalizer and not marks:
        raise _unknown(path, "normalizer", contents)
    space_before = "segment" if MARK_BEFORE in normalizer else "nothing"
    cut = None
    match cutting:
        case [] if marks:
            pass
        case [step] if marks and step == CUT_AT_SPACES:
            pass
        case [{"type": "Metaspace", "replacement": "\u2581", **options}] if not marks:
            scheme = options.get("prepend_scheme", "always")
            if options.get("add_prefix_space") is False:  # as it was written before
                scheme = "never"
            space_before = SCHEMES[scheme]
            cut = "space" if options.get("split", True) else None
        case _:
            raise _unknown(path, "pre_tokenizer", contents)
    match decoder:
        case [*steps] if steps == TO_TEXT:
            stripped = 0
        case [*steps, {"type": "Strip", "content": " ", "start": int(start), "stop": 0}] if (
            steps == TO_TEXT
        ):
            stripped = start
        case _:
            raise _unknown(path, "decoder", contents)
    return Pipeline(
        of_bytes=False,
        normalizer="marks" if marks else "none",
        space_before=space_before,
        cut=cut,
        prepended=prepended,
        stripped=stripped,
    )


def _steps(part: Json | None, inner: str) -> list[Json]:
    """The steps of a part, sequences resolved and without options that change nothing."""
    if part is None:
        return []
    if part.get("type") == "Sequence":
        return [step for each in part[inner] for step in _steps(each, inner)]
    step = {option: value for option, value in part.items() if option not in IGNORED}
    return [IMPLIED.get(part.get("type", ""), {}) | step]


def _prepended(path: Path, part: Json | None) -> tuple[int, ...]:
    """The tokens that a post-processor puts in front of a text."""
    prepended: list[int] = []
    for step in _steps(part, "processors"):
        match step:
            case {"type": "ByteLevel"}:
                pass
            case {
                "type": "TemplateProcessing",
                "single": [*front, {"Sequence": {"id": "A"}}],
                "special_tokens": known,
            } if all("SpecialToken" in item for item in front):
                names = [item["SpecialToken"]["id"] for item in front]
                prepended = [number for name in names for number in known[name]["ids"]] + prepended
            case _:
                raise _unknown(path, "post_processor", {"post_processor": step})
    return tuple(prepended)


def _unknown(path: Path, part: str, contents: Json) -> PsqlmError:
    shown = json.dumps(contents.get(part), ensure_ascii=False)
    return PsqlmError(f"{path}: psqlm does not know this {part}: {shown}")
