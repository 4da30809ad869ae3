"""Write sql/15_unicode.sql: the code points that GPT-2's pattern calls letters, numbers and spaces.

They are asked of tiktoken, code point by code point, because PostgreSQL's own classes follow the
database's locale. Run it again when tiktoken moves to another version of Unicode:

    python tools/unicode_classes.py > sql/15_unicode.sql
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version

import tiktoken

CLASSES = {"letters": r"\p{L}", "numbers": r"\p{N}", "spaces": r"\s"}
SURROGATES = range(0xD800, 0xE000)
WIDTH = 100  # columns

# A character assigned by each version of Unicode, the latest first: which one tiktoken knows.
FIRST_LETTERS = {"17.0": "\u088f", "16.0": "\u1c89", "15.1": "\U0002ebf0", "15.0": "\U00011f02"}


def matcher(pattern: str) -> tiktoken.Encoding:
    """An encoding that gives a character tokens if it matches, and none if it does not."""
    single_bytes = {bytes([byte]): byte for byte in range(256)}
    return tiktoken.Encoding(
        pattern, pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={}
    )


def ranges(pattern: str) -> Iterator[tuple[int, int]]:
    """First and last code point of each run of code points that match."""
    encoding = matcher(pattern)
    first: int | None = None
    for code_point in range(sys.maxunicode + 2):
        matches = (
            code_point <= sys.maxunicode
            and code_point not in SURROGATES
            and bool(encoding.encode_ordinary(chr(code_point)))
        )
        if matches and first is None:
            first = code_point
        elif not matches and first is not None:
            yield first, code_point - 1
            first = None


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


def main() -> None:
    """Print the file."""
    edition = unicode_version()
    print(
        "-- Which code points GPT-2's pattern calls letters, numbers and spaces, as ranges: "
        f"Unicode {edition}.\n"
        f"-- Written by tools/unicode_classes.py, which asked tiktoken {version('tiktoken')}; "
        "not to be edited."
    )
    for name, pattern in CLASSES.items():
        parts = (
            escape(first) if first == last else f"{escape(first)}-{escape(last)}"
            for first, last in ranges(pattern)
        )
        print(
            f"\nCREATE OR REPLACE FUNCTION lm.unicode_{name}()\n"
            "RETURNS text\nLANGUAGE sql\nIMMUTABLE\nPARALLEL SAFE\nAS $$\n    SELECT"
        )
        print("\n".join(lines(parts)) + "\n$$;")
        print(
            f"\nCOMMENT ON FUNCTION lm.unicode_{name} IS\n"
            f"'The {name} of Unicode {edition} ({pattern}), as ranges for a bracket expression.';"
        )


if __name__ == "__main__":
    main()
