"""A model's tokenizer: how its texts become tokens, as rows."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from psqlm.errors import PsqlmError

from .added import AddedToken, read_added
from .alphabet import MARK, byte_of, outside, spell, without_marks
from .bpe import Ranks, finest_cut, merges_to_itself, next_ranks
from .pipeline import Pipeline
from .tokenizer_files import Files, check_files, read_files

# An index entry, of which a token's bytes are a part, must fit a third of a database page.
LONGEST = 2000
# A character may shrink so much, in bytes, when a text is normalized or ▁ becomes a space.
SHRINKS = 3

# What reading raises where JSON of another form stands.
DAMAGE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


class Token(NamedTuple):
    """A token, as a row of lm.vocabulary."""

    token_id: int
    bytes: bytes
    kind: str
    special: bool

    @property
    def text(self) -> str:
        """The bytes as text; U+FFFD for what is not UTF-8, and for zero, which text cannot hold."""
        return self.bytes.decode("utf-8", "replace").replace("\0", "\ufffd")


class Merge(NamedTuple):
    """A merge, as a row of lm.merge."""

    rank: int
    left: bytes
    right: bytes
    token_id: int
    next_rank: int | None  # lowest rank of a merge that the token can come to


@dataclass(frozen=True)
class Tokenizer:
    """The tokens of a model, the merges that make them in order of rank, and the rest."""

    tokens: list[Token]
    merges: list[Merge]
    added: list[AddedToken]
    pipeline: Pipeline
    foreign_character: str | None
    longest: int | None


def read_tokenizer(folder: Path, n_vocab: int) -> Tokenizer:
    """Read tokenizer.json, or vocab.json and merges.txt where it is missing.

    Args:
        folder: the model's folder.
        n_vocab: the size of its vocabulary; a few of the last numbers may be without a token.

    Raises:
        PsqlmError: files missing or contradicting each other, or a tokenizer that the SQL does
            not compute.
    """
    try:
        files = read_files(folder)
        added, prepended = read_added(folder, files.vocabulary, files.pipeline)
    except DAMAGE as error:
        raise PsqlmError(f"the tokenizer in {folder} is damaged: fetch the model again") from error
    ranks = {pair: rank for rank, pair in enumerate(files.pairs)}
    check_files(files, ranks)
    looked_for = _looked_for(files, added)
    tokens = _tokens(files, added, looked_for, ranks, n_vocab)
    _check_reachable(files, tokens, added)
    if missing := set(prepended) - {token.token_id for token in tokens}:
        raise PsqlmError(f"{files.source} puts token {min(missing)} in front, which is not there")
    foreign_character = None
    if not files.pipeline.of_bytes:
        texts = (token.bytes.decode() for token in tokens if token.kind == "ordinary")
        foreign_character = outside({text for text in texts if len(text) == 1} - {"\0"})
    bounded = not any(token.lstrip or token.rstrip for token in added)
    return Tokenizer(
        tokens=tokens,
        merges=_merges(files, ranks),
        added=looked_for,
        pipeline=replace(files.pipeline, prepended=prepended, cut=_cut(files, ranks)),
        foreign_character=foreign_character,
        longest=SHRINKS * max(len(token.bytes) for token in tokens) if bounded else None,
    )


def _check_reachable(files: Files, tokens: list[Token], added: list[AddedToken]) -> None:
    """Refuse a token over bytes that no merge makes: text would be cut otherwise than learned.

    Where merges are ignored, or characters are merged, published vocabularies have such tokens.
    """
    if files.ignore_merges or not files.pipeline.of_bytes:
        return
    contents = {token.token_id for token in added}
    without = [t for t in tokens if t.kind == "unmerged" and t.token_id not in contents]
    if without:
        more = f" and {len(without) - 1} more tokens" if len(without) > 1 else ""
        raise PsqlmError(
            f"no merge in {files.source} makes the token {without[0].text!r}{more}: the merges "
            "are incomplete, fetch the model again"
        )


def _tokens(
    files: Files,
    added: list[AddedToken],
    looked_for: list[AddedToken],
    ranks: Ranks,
    n_vocab: int,
) -> list[Token]:
    """The tokens in the order of their numbers, checked."""
    special = {token.token_id for token in added if token.special}
    contents = {token.content: token.token_id for token in added}
    in_text = {token.token_id: token.content for token in looked_for}
    tokens: dict[int, Token] = {}
    for text, token_id in {**files.vocabulary, **contents}.items():
        if not 0 <= token_id < n_vocab:
            raise PsqlmError(
                f"{files.source}: token {text!r} has number {token_id}, config.json says "
                f"vocab_size {n_vocab}: these files belong to different models"
            )
        if token_id in tokens:
            raise PsqlmError(f"{files.source}: two tokens have the number {token_id}")
        if len(text) > LONGEST:  # before it is merged
            raise PsqlmError(
                f"{files.source}: token {token_id} has {len(text)} characters, not 1 to {LONGEST}"
            )
        kind = _kind(files, ranks, text)
        if kind == "unmerged" and text in contents:
            spelled = _bytes(files, in_text[token_id], whole=True)
        else:
            spelled = _bytes(files, text, whole=False)
        if not 0 < len(spelled) <= LONGEST:
            raise PsqlmError(
                f"{files.source}: token {token_id} has {len(spelled)} bytes, not 1 to {LONGEST}"
            )
        tokens[token_id] = Token(token_id, spelled, kind, token_id in special)
    return [tokens[token_id] for token_id in sorted(tokens)]


def _kind(files: Files, ranks: Ranks, text: str) -> str:
    """A value of lm.token_kind."""
    if text not in files.vocabulary:
        return "unmerged"
    if not files.pipeline.of_bytes:
        if byte_of(text) is not None:
            return "byte"
        if " " in text:  # all spaces are marks by then
            return "unmerged"
    return "ordinary" if files.ignore_merges or merges_to_itself(text, ranks) else "unmerged"


def _bytes(files: Files, text: str, *, whole: bool) -> bytes:
    """The bytes that a token stands for; whole: it is not spelled in the alphabet."""
    if not files.pipeline.of_bytes:
        byte = None if whole else byte_of(text)
        return without_marks(text) if byte is None else bytes([byte])
    try:
        return text.encode() if whole else spell(text)
    except UnicodeEncodeError as error:
        raise PsqlmError(
            f"{files.source}: token {text!r} is not spelled in GPT-2's alphabet of bytes"
        ) from error


def _merges(files: Files, ranks: Ranks) -> list[Merge]:
    """The merges in order of rank."""
    following = next_ranks(files.pairs, ranks)
    to_bytes = spell if files.pipeline.of_bytes else without_marks
    return [
        Merge(
            rank,
            to_bytes(left),
            to_bytes(right),
            files.vocabulary[left + right],
            following[rank],
        )
        for rank, (left, right) in enumerate(files.pairs)
        if files.pipeline.of_bytes or " " not in left + right  # all spaces are marks by then
    ]


def _cut(files: Files, ranks: Ranks) -> str:
    """A value of lm.cut."""
    if files.pipeline.cut is not None:
        return files.pipeline.cut
    if files.ignore_merges and not all(merges_to_itself(text, ranks) for text in files.vocabulary):
        return "whole"  # the text may be such a token as a whole, and in no smaller piece
    return finest_cut(pair for pair in files.pairs if " " not in "".join(pair))


def _looked_for(files: Files, added: list[AddedToken]) -> list[AddedToken]:
    """The added tokens as they are in a text when they are looked for."""

    def normalized(text: str) -> str:
        match files.pipeline.normalizer:
            case "nfc":
                text = unicodedata.normalize("NFC", text)
            case "marks":
                text = text.replace(" ", MARK)
        return MARK + text if files.pipeline.space_before == "segment" else text

    looked_for = [
        replace(token, content=normalized(token.content)) if token.normalized else token
        for token in added
    ]
    places = Counter((token.normalized, token.content) for token in looked_for)
    if twice := [content for (_, content), times in places.items() if times > 1]:
        raise PsqlmError(f"{files.source}: {twice[0]!r} is two added tokens")
    return looked_for
