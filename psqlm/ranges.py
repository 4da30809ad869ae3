"""Numbers as people write them: 1,2,5-9."""

from __future__ import annotations

import re
from collections.abc import Iterable

RANGE = re.compile(r"(-?\d+)(?:-(\d+))?")


def read_numbers(text: str) -> list[int]:
    """The numbers of a text such as 1,2,5-9. Single ones may be negative.

    Raises:
        ValueError: it is written otherwise.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{text!r} names no numbers")
        first, last = match.groups()
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def write_ranges(numbers: Iterable[int]) -> str:
    """Numbers in order, each once, those that follow one another as a range."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in ranges)
