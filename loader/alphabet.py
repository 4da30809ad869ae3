"""The alphabets in which a vocabulary spells its tokens: GPT-2's, of bytes, and characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Bytes that print stand for themselves; the others, in order, for the characters from U+0100 on.
_PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTING]

CHARACTER_OF_BYTE = {byte: chr(byte) for byte in _PRINTING} | {
    byte: chr(0x100 + number) for number, byte in enumerate(_OTHERS)
}
# U+FFFF stands for what is no letter of the alphabet, yet below U+0100.
_LETTERS = {ord(character): byte for byte, character in CHARACTER_OF_BYTE.items()}
_TO_BYTES = dict.fromkeys(_OTHERS, 0xFFFF) | _LETTERS

# What stands for a space in a vocabulary of characters.
MARK = "\u2581"

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def spell(text: str) -> bytes:
    """The bytes that a token's characters stand for, in GPT-2's alphabet.

    Raises:
        UnicodeEncodeError: a character is not of the alphabet.
    """
    return text.translate(_TO_BYTES).encode("latin-1")


def without_marks(text: str) -> bytes:
    """The bytes that a token's characters stand for, in a vocabulary of characters."""
    return text.replace(MARK, " ").encode()


def byte_of(token: str) -> int | None:
    """The byte that a token such as <0x0A> stands for, in a vocabulary of characters."""
    found = _BYTE.fullmatch(token)
    return int(found[1], 16) if found else None


def outside(characters: Iterable[str]) -> str:
    """The regular expression, for PostgreSQL, of a character that is not one of these."""
    parts = (
        _escape(first) + (f"-{_escape(last)}" if last > first else "")
        for first, last in _ranges({ord(character) for character in characters})
    )
    return f"[^{''.join(parts)}]"


def _ranges(code_points: set[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of code points."""
    starts = sorted(c for c in code_points if c - 1 not in code_points)
    ends = sorted(c for c in code_points if c + 1 not in code_points)
    return zip(starts, ends, strict=True)


def _escape(code_point: int) -> str:
    """A code point in a bracket expression."""
    plain = code_point > 0x7F or chr(code_point).isalnum()
    return chr(code_point) if plain else f"\\u{code_point:04x}"
