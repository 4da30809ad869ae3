"""Numbers as people write them: 1,2,5-9."""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 2**63 - 1
"""The end of a range lies below it, for it is a bigint in the database."""


def write_ranges(numbers: Iterable[int]) -> str:
    """Numbers in order, each once, those that follow one another as a range."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in ranges)


def read_ranges(text: str) -> list[range]:
    """The ranges in the order in which they stand; a lone number is a range of one.

    Raises:
        ValueError: something else than numbers from 0 and ranges that go upwards.
    """
    ranges: list[range] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(part)
        if dash and int(last) < int(first):
            raise ValueError(part)
        if int(last or first) >= LARGEST:
            raise ValueError(part)
        ranges.append(range(int(first), int(last or first) + 1))
    return ranges
