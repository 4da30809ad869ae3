"""Added tokens, those that are read whole wherever a text has them; and those put in front."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psqlm.errors import PsqlmError

from .config import read_json
from .pipeline import Pipeline

END_OF_TEXT = "<|endoftext|>"
# What tokenizer_config.json calls the tokens that GPT-2's tokenizer knows as special.
ROLES = ("bos_token", "eos_token", "unk_token", "pad_token")

Json = dict[str, Any]


@dataclass(frozen=True)
class AddedToken:
    """An added token, as a row of lm.added_token; whether it is special is in lm.vocabulary."""

    token_id: int
    content: str
    special: bool
    normalized: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False


def read_added(
    folder: Path, vocabulary: dict[str, int], pipeline: Pipeline
) -> tuple[list[AddedToken], tuple[int, ...]]:
    """Read the added tokens, and the tokens put in front of a text.

    Args:
        folder: the model's folder.
        vocabulary: its tokens, without those of them that are added alone.
        pipeline: what tokenizer.json says besides, if it is there.

    Raises:
        PsqlmError: the files contradict each other, or a token would follow a text.
    """
    path, config_path = folder / "tokenizer.json", folder / "tokenizer_config.json"
    config = read_json(config_path) if config_path.is_file() else {}
    added: dict[str, AddedToken] = {}
    if (folder / "added_tokens.json").is_file():
        for content, number in read_json(folder / "added_tokens.json").items():
            added[content] = _token({"content": content, "id": number})
    entries = [{"content": END_OF_TEXT}, *filter(None, map(config.get, ROLES))]
    for entry in [] if path.is_file() else entries:
        named = entry if isinstance(entry, dict) else {"content": entry}
        if (content := named["content"]) in vocabulary:
            added[content] = _token(named | {"id": vocabulary[content], "special": True})
    for number, entry in (config.get("added_tokens_decoder") or {}).items():
        added[entry["content"]] = _token(entry | {"id": number})
    if path.is_file():
        for entry in read_json(path).get("added_tokens") or []:
            added[entry["content"]] = _token(entry)
    added.pop("", None)
    for content, token in added.items():
        if vocabulary.get(content, token.token_id) != token.token_id:
            raise PsqlmError(
                f"{folder}: the added token {content!r} has the numbers {token.token_id} and "
                f"{vocabulary[content]}: fetch the model again"
            )
    numbers = vocabulary | {content: token.token_id for content, token in added.items()}
    in_front = _in_front(config_path, config, numbers, pipeline, whole=path.is_file())
    return list(added.values()), in_front


def _in_front(
    path: Path, config: Json, numbers: dict[str, int], pipeline: Pipeline, *, whole: bool
) -> tuple[int, ...]:
    """The tokens put in front: what the files agree on, tokenizer.json being whole or not there."""
    if config.get("add_eos_token"):
        raise PsqlmError(f"{path}: add_eos_token is true: psqlm puts no token after a text")
    if config.get("add_prefix_space") and pipeline.of_bytes:
        raise PsqlmError(
            f"{path}: add_prefix_space is true: psqlm reads BPE over bytes, where it is false"
        )
    add_bos = config.get("add_bos_token")
    if whole:
        if add_bos is not None and bool(add_bos) is not bool(pipeline.prepended):
            says = "puts tokens" if pipeline.prepended else "puts none"
            raise PsqlmError(
                f"{path}: add_bos_token is {str(bool(add_bos)).lower()} and tokenizer.json {says} "
                "in front: make the two agree"
            )
        return pipeline.prepended
    if not add_bos:
        return ()
    bos = config.get("bos_token")
    content = bos["content"] if isinstance(bos, dict) else bos
    if content not in numbers:
        raise PsqlmError(f"{path}: add_bos_token is true and bos_token {content!r} is no token")
    return (numbers[content],)


def _token(entry: Json) -> AddedToken:
    """An added token from its entry in a file."""
    special = bool(entry.get("special", False))
    return AddedToken(
        token_id=int(entry["id"]),
        content=entry["content"],
        special=special,
        normalized=bool(entry.get("normalized", not special)),
        single_word=bool(entry.get("single_word", False)),
        lstrip=bool(entry.get("lstrip", False)),
        rstrip=bool(entry.get("rstrip", False)),
    )
