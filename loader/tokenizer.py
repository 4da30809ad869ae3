"""A model's tokenizer: its tokens and merges, as bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from psqlm.errors import PsqlmError

from .alphabet import CHARACTER_OF_BYTE, spell
from .config import read_json

END_OF_TEXT = "<|endoftext|>"

Options = dict[tuple[str, str], tuple[Any, ...]]

# What GPT-2's byte-level BPE says in tokenizer.json; anything else would cut text otherwise.
SUPPORTED: Options = {
    ("model", "type"): ("BPE",),
    ("model", "dropout"): (None,),
    ("model", "continuing_subword_prefix"): (None, ""),
    ("model", "end_of_word_suffix"): (None, ""),
    ("model", "byte_fallback"): (False, None),
    ("model", "ignore_merges"): (False, None),
    ("pre_tokenizer", "type"): ("ByteLevel",),
    ("pre_tokenizer", "add_prefix_space"): (False,),
    ("pre_tokenizer", "use_regex"): (True, None),
    ("normalizer", "type"): (None,),
}
SUPPORTED_ADDED: Options = {
    ("added_tokens", "single_word"): (False, None),
    ("added_tokens", "lstrip"): (False, None),
    ("added_tokens", "rstrip"): (False, None),
}
SUPPORTED_CONFIG: Options = {
    ("tokenizer", "add_prefix_space"): (False, None),
    ("tokenizer", "add_bos_token"): (False, None),
}
# What reading raises where JSON of another form stands.
DAMAGE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


class Token(NamedTuple):
    """A token, as a row of lm.vocabulary."""

    token_id: int
    bytes: bytes
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
    next_rank: int | None  # lowest rank that takes the token as a piece


@dataclass(frozen=True)
class Tokenizer:
    """The tokens of a model, and the merges that make them in order of rank."""

    tokens: list[Token]
    merges: list[Merge]


def read_tokenizer(folder: Path, n_vocab: int) -> Tokenizer:
    """Read vocab.json and merges.txt, or tokenizer.json where they are missing.

    Args:
        folder: the model's folder.
        n_vocab: the size of its vocabulary; a few of the last numbers may be without a token.

    Raises:
        PsqlmError: files missing or contradicting each other, or not GPT-2's kind of tokenizer.
    """
    try:
        source, vocabulary, pairs = _read_vocabulary(folder)
        added = _added_tokens(folder, vocabulary)
        tokens = _tokens(source, vocabulary, added, n_vocab)
        merges = _merges(source, vocabulary, pairs)
    except DAMAGE as error:
        raise PsqlmError(f"the tokenizer in {folder} is damaged: fetch the model again") from error
    _check_reachable(folder, tokens, merges)
    return Tokenizer(tokens, merges)


def _read_vocabulary(folder: Path) -> tuple[Path, dict[str, int], list[tuple[str, str]]]:
    """The file, the tokens as they are spelled with their numbers, and the pairs of the merges."""
    vocab_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    tokenizer_file = folder / "tokenizer.json"
    if vocab_file.is_file() and merges_file.is_file():
        vocabulary = {token: int(number) for token, number in read_json(vocab_file).items()}
        return vocab_file, vocabulary, _read_merges(merges_file)
    if not tokenizer_file.is_file():
        raise PsqlmError(f"{folder} has neither vocab.json and merges.txt nor tokenizer.json")
    contents = read_json(tokenizer_file)
    _check_options(tokenizer_file, contents, SUPPORTED)
    model = contents["model"]
    # an array of pairs, or as it was written before, of strings with a space between
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    vocabulary = {token: int(number) for token, number in model["vocab"].items()}
    return tokenizer_file, vocabulary, [(left, right) for left, right in pairs]


def _tokens(
    source: Path, vocabulary: dict[str, int], added: dict[str, int], n_vocab: int
) -> list[Token]:
    """The tokens in the order of their numbers, checked."""
    tokens: dict[int, Token] = {}
    for text, token_id in {**vocabulary, **added}.items():
        if not 0 <= token_id < n_vocab:
            raise PsqlmError(
                f"{source}: token {text!r} has number {token_id}, config.json says vocab_size "
                f"{n_vocab}: these files belong to different models"
            )
        if token_id in tokens:
            raise PsqlmError(f"{source}: two tokens have the number {token_id}")
        special = text in added
        try:
            tokens[token_id] = Token(token_id, text.encode() if special else spell(text), special)
        except UnicodeEncodeError as error:
            raise PsqlmError(
                f"{source}: token {text!r} is not spelled in GPT-2's alphabet of bytes"
            ) from error
    if missing := set(CHARACTER_OF_BYTE.values()) - set(vocabulary):
        raise PsqlmError(
            f"{source} lacks {len(missing)} of the 256 bytes: it is not a byte-level vocabulary"
        )
    if not all(token.bytes for token in tokens.values()):
        raise PsqlmError(f"{source} holds an empty token")
    return [tokens[token_id] for token_id in sorted(tokens)]


def _merges(source: Path, vocabulary: dict[str, int], pairs: list[tuple[str, str]]) -> list[Merge]:
    """The merges in order of rank, checked against the vocabulary."""
    first_use: dict[str, int] = {}
    for rank, (left, right) in enumerate(pairs):
        for piece in (left, right, left + right):
            if piece not in vocabulary:
                raise PsqlmError(
                    f"{source} lacks {piece!r}, which merge {rank} ({left} {right}) uses: "
                    "these files belong to different models"
                )
        first_use.setdefault(left, rank)
        first_use.setdefault(right, rank)
    if len(set(pairs)) < len(pairs):
        twice = next(pair for pair, times in Counter(pairs).items() if times > 1)
        raise PsqlmError(f"{source}: the merge {' '.join(twice)} is there twice")
    return [
        Merge(
            rank,
            spell(left),
            spell(right),
            vocabulary[left + right],
            first_use.get(left + right),
        )
        for rank, (left, right) in enumerate(pairs)
    ]


def _check_reachable(folder: Path, tokens: list[Token], merges: list[Merge]) -> None:
    """Refuse a token that no merge makes: text would be cut otherwise than the model learned.

    The pieces of a merge are tokens themselves, so one merge for each token is enough.
    """
    made = {merge.token_id for merge in merges}
    without = [
        token
        for token in tokens
        if len(token.bytes) > 1 and not token.special and token.token_id not in made
    ]
    if without:
        more = f" and {len(without) - 1} more tokens" if len(without) > 1 else ""
        raise PsqlmError(
            f"no merge in {folder} makes the token {without[0].text!r}{more}: the merges are "
            "incomplete, fetch the model again"
        )


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


def _added_tokens(folder: Path, vocabulary: dict[str, int]) -> dict[str, int]:
    """Tokens read whole, never made by merges: what the files say, and <|endoftext|>."""
    added: dict[str, int] = {}
    if (path := folder / "tokenizer.json").is_file():
        for entry in read_json(path).get("added_tokens") or []:
            _check_options(path, {"added_tokens": entry}, SUPPORTED_ADDED)
            added[entry["content"]] = int(entry["id"])
    if (path := folder / "tokenizer_config.json").is_file():
        config = read_json(path)
        _check_options(path, {"tokenizer": config}, SUPPORTED_CONFIG)
        for number, entry in (config.get("added_tokens_decoder") or {}).items():
            _check_options(path, {"added_tokens": entry}, SUPPORTED_ADDED)
            added[entry["content"]] = int(number)
    if (path := folder / "added_tokens.json").is_file():
        added |= {token: int(number) for token, number in read_json(path).items()}
    if END_OF_TEXT in vocabulary:
        added[END_OF_TEXT] = vocabulary[END_OF_TEXT]
    return added


def _check_options(path: Path, contents: dict[str, Any], supported: Options) -> None:
    """Refuse options under which the same text would give other tokens."""
    for (part, option), values in supported.items():
        value = (contents.get(part) or {}).get(option)
        if value not in values:
            raise PsqlmError(
                f"{path}: {part}.{option} is {value!r}; psqlm reads GPT-2's byte-level BPE, "
                f"where it is {values[0]!r}"
            )
