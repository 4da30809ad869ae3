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
