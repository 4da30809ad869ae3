"""Write sql/3_tokenizer/unicode.sql: classes of code points, as the references have them.

They are asked, code point by code point, because PostgreSQL's own classes follow the database's
locale and its own version of Unicode. Run it again when a reference moves to another version:

    python tools/unicode_classes.py DSN > sql/3_tokenizer/unicode.sql

DSN is any PostgreSQL, whose normal forms are compared with those of tokenizers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product

import psycopg
import tiktoken
from tokenizers import normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
WIDTH = 100  # columns

# A character assigned by each version of Unicode, the latest first: which one tiktoken knows.
FIRST_LETTERS = {"17.0": "\u088f", "16.0": "\u1c89", "15.1": "\U0002ebf0", "15.0": "\U00011f02"}

# Marks of several classes of combining, and of some that compose: their order shows others' class.
MARKS = "\u0334\u0338\u3099\u094d\u05b0\u0321\u0323\u0327\u0301\u0345\u1dce\u302a"


def matcher(pattern: str) -> tiktoken.Encoding:
    """An encoding that gives a character tokens if it matches, and none if it does not."""
    single_bytes = {bytes([byte]): byte for byte in range(256)}
    return tiktoken.Encoding(
        pattern, pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={}
    )


def matching(pattern: str) -> set[int]:
    """The code points that match."""
    encoding = matcher(pattern)
    return {c for c in CODE_POINTS if encoding.encode_ordinary(chr(c))}


def digits() -> set[int]:
    """The code points that tokenizers cuts out as digits."""
    cut = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in CODE_POINTS if len(cut.pre_tokenize_str(f"a{chr(c)}")) == 2}


def unknown_marks(dsn: str) -> set[int]:
    """The code points that PostgreSQL decomposes, orders or composes, and tokenizers does not."""
    theirs = normalizers.NFD()
    with psycopg.connect(dsn) as connection:

        def decomposed(texts: list[str]) -> list[str]:
            rows = connection.execute(
                "SELECT normalize(t.text, NFD) FROM unnest(%s::text[])"
                " WITH ORDINALITY AS t (text, number) ORDER BY t.number",
                (texts,),
            )
            return [text for (text,) in rows]

        found: set[int] = set()
        for mark, form in product(MARKS, ("a{c}{mark}", "a{mark}{c}")):
            texts = [form.format(c=chr(c), mark=mark) for c in CODE_POINTS]
            found |= {
                code_point
                for code_point, text, ours in zip(
                    CODE_POINTS, texts, decomposed(texts), strict=True
                )
                if ours != theirs.normalize_str(text)
            }
        # what begins a composition, too: without its first, none is made
        return found | {ord(text[0]) for text in decomposed([chr(c) for c in sorted(found)])}


def ranges(members: set[int]) -> Iterator[tuple[int, int]]:
    """First and last code point of each run."""
    starts = sorted(c for c in members if c - 1 not in members)
    ends = sorted(c for c in members if c + 1 not in members)
    return zip(starts, ends, strict=True)


def escape(code_point: int) -> str:
    """A code point in a regular expression of PostgreSQL."""
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"


def lines(pieces: Iterator[str]) -> Iterator[str]:
    """Pieces joined to string literals that fit the width; SQL reads literals on lines as one."""
    line = ""
    for piece in pieces:
        if len(line) + len(piece) + len("        ''") > WIDTH:
            yield f"        '{line}'"
            line = ""
        line += piece
    yield f"        '{line}'"


def unicode_version() -> str:
    """The newest version of Unicode some of whose letters tiktoken knows."""
    letter = matcher(r"\p{L}")
    return next(v for v, c in FIRST_LETTERS.items() if letter.encode_ordinary(c))


def main(dsn: str) -> None:
    """Print the file."""
    edition = unicode_version()
    letters, numbers = matching(r"\p{L}"), matching(r"\p{N}")
    classes = {
        "letters": (letters, f"The letters of Unicode {edition} (\\p{{L}})"),
        "numbers": (numbers, f"The numbers of Unicode {edition} (\\p{{N}})"),
        "newer_numbers": (digits() - numbers, "Numbers that came to Unicode since"),
        "spaces": (matching(r"\s"), f"The spaces of Unicode {edition} (\\s)"),
        "word_parts": (
            matching(r"\w") - letters,
            f"What words are made of besides letters in Unicode {edition} (\\w without \\p{{L}})",
        ),
        "unknown_marks": (
            unknown_marks(dsn),
            "What is newer than the normal form NFC of tokenizers, and changes in PostgreSQL''s",
        ),
    }
    print(
        "-- Classes of code points as the references have them, as ranges: "
        f"Unicode {edition}, and what differs.\n"
        "-- Written by tools/unicode_classes.py, not to be edited.\n"
        f"-- It asked tiktoken {version('tiktoken')} and tokenizers {version('tokenizers')}."
    )
    for name, (members, comment) in classes.items():
        parts = (
            escape(first) if first == last else f"{escape(first)}-{escape(last)}"
            for first, last in ranges(members)
        )
        print(
            f"\nCREATE OR REPLACE FUNCTION lm.unicode_{name}()\n"
            "RETURNS text\nLANGUAGE sql\nIMMUTABLE\nPARALLEL SAFE\nBEGIN ATOMIC\n    SELECT"
        )
        print("\n".join(lines(parts)) + ";\nEND;")
        print(
            f"\nCOMMENT ON FUNCTION lm.unicode_{name} IS\n"
            f"'{comment}, as ranges for a bracket expression.';"
        )


if __name__ == "__main__":
    main(sys.argv[1])
