"""Numbers as people write them: 1,2,5-9."""

from __future__ import annotations

from collections.abc import Iterable


def write_ranges(numbers: Iterable[int]) -> str:
    """Numbers in order, each once, those that follow one another as a range."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in ranges)


def read_ranges(text: str) -> list[int]:
    """The numbers in the order in which they stand.

    Raises:
        ValueError: something else than numbers from 0 and ranges that go upwards.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(part)
        if dash and int(last) < int(first):
            raise ValueError(part)
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers
