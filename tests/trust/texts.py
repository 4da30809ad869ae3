"""Texts that make trouble for tokenizers: marks, scripts, invisible characters, runs, tokens."""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Callable, Iterator

from tokenizer_kinds import PIECES, prose

Maker = Callable[[random.Random], str]

EVERY = [chr(c) for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
MARKS = [c for c in EVERY if unicodedata.category(c).startswith("M")]
SPACES = [c for c in EVERY if c.isspace()]
DIGITS = [c for c in EVERY if unicodedata.category(c).startswith("N")]
INVISIBLE = [c for c in EVERY if unicodedata.category(c) in ("Cf", "Cc")]
UNASSIGNED = [*map(chr, (0x378, 0x2FE0, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0xE0FFF, 0x10FFFF))]
COMPOSED = [c for c in EVERY if unicodedata.normalize("NFD", c) != c]
# the last and the first of each length in UTF-8, and what surrounds the surrogates
EDGES = [*map(chr, (0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF))]
CASES = [*"\u017f\u212aİıßẞŉǅﬁΣςῼÅ\u0345"]
BLOCKS = [
    (0x0370, 0x0400),  # Greek
    (0x0400, 0x0530),
    (0x0530, 0x0600),
    (0x0600, 0x0780),  # Arabic
    (0x0900, 0x0E00),  # of India
    (0x0E00, 0x1000),
    (0x1000, 0x1200),
    (0x1100, 0x1200),  # parts of Hangul
    (0x1200, 0x13A0),
    (0x1780, 0x1880),
    (0x2000, 0x2C00),  # punctuation, signs, arrows
    (0x3000, 0x3200),
    (0x4E00, 0xA000),  # Chinese
    (0xAC00, 0xD7A4),
    (0xE000, 0xF900),  # private
    (0xF900, 0x10000),
    (0x10000, 0x12000),
    (0x1D400, 0x1D800),  # mathematical letters
    (0x1F000, 0x1FB00),  # emoji
    (0x20000, 0x2A6E0),
    (0xE0000, 0xE0200),  # tags
]
LOOKALIKES = [
    *("<0x41>", "<0x0A>", "<0xED><0xA0><0x80>", "<0xZZ>", "<0x", "0x00>", "<0X41>", "< 0x41>"),
    *("\u2581", "\u2581\u2581\u2581", "a\u2581b", "\u0120the", "\u010a", "\u0100", "\u0142\u0143"),
    *("<s>", "</s>", "<unk>", "<S>", "<s >", "<<s>>", "<s><s>", "<|end|>", "<|end|", "<|END|>"),
    *("<|endoftext|>", "<|endoftext|><|endoftext|>", "<|endof", "text|>", "<|endoftext|>\n"),
    *("<strip>", " <strip> ", "<left>", "<right>", "word", "aword", "word's", "said", "<|end|>.*"),
]
CODE = [
    *(
        "\\d+",
        "[^\\s]",
        "(?i:'s)",
        "$1",
        "$$",
        "\\x41",
        "%s",
        "{0}",
        "'; DROP TABLE x; --",
        '"',
        "\\",
    ),
    *("https://a.b/c?d=e%20f#g", "a.b@c.d", "x += 1;\n\t}", "\r\n\r\n", "::int", "E'\\n'", "/* */"),
]


def script(source: random.Random) -> str:
    first, end = source.choice(BLOCKS)
    return "".join(chr(source.randrange(first, end)) for _ in range(source.randint(1, 30)))


def marked(source: random.Random) -> str:
    """Letters with heaps of marks, in no order."""
    return "".join(
        source.choice(("a", "é", "q", "\u1100", "が", "\u0915", " "))
        + "".join(source.choices(MARKS, k=source.choice((1, 1, 2, 5, 40))))
        for _ in range(source.randint(1, 4))
    )


def run(source: random.Random) -> str:
    """One, two or three characters again and again."""
    few = source.choices(
        source.choice((EVERY, "ab x-=\n\u2581日0'", SPACES)), k=source.randint(1, 3)
    )
    return "".join(few) * source.choice((2, 3, 5, 16, 17, 64, 100))


def some(characters: list[str], most: int = 8) -> Maker:
    return lambda source: "".join(source.choices(characters, k=source.randint(1, most)))


def one(pieces: list[str]) -> Maker:
    return lambda source: source.choice(pieces)


def misspelled(source: random.Random) -> str:
    """Prose, with letters missing, doubled, or others among them."""
    text = list(source.choice(prose()))
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(text))
        text[at] = source.choice(("", text[at] * 2, text[at].upper(), source.choice(EVERY)))
    return "".join(text)


MAKERS: list[Maker] = [
    *(script, script, marked, run, misspelled, one(LOOKALIKES), one(LOOKALIKES), one(CODE)),
    *(one(PIECES), some(SPACES), some(DIGITS), some(INVISIBLE), some(UNASSIGNED), some(EDGES)),
    *(some(COMPOSED), some(CASES), some(EVERY)),
]


def troublesome(seed: str, count: int, tokens: list[str]) -> Iterator[str]:
    """Texts at random, of which some are made of the tokens of a vocabulary."""
    source = random.Random(seed)
    makers = [*MAKERS, some(tokens, 20), some(tokens, 20)]
    for _ in range(count):
        parts = [source.choice(makers)(source) for _ in range(source.randint(1, 6))]
        yield source.choice(("", "", " ", "\n")).join(parts).replace("\0", "")
