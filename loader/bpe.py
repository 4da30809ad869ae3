"""What can be proved of a vocabulary's merges before any text is read."""

from __future__ import annotations

import string
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import pairwise

from .alphabet import MARK

Ranks = dict[tuple[str, str], int]

LETTERS = frozenset(string.ascii_letters)
OTHERS = frozenset(map(chr, range(128))) - LETTERS - {" "}


def merges_to_itself(token: str, ranks: Ranks) -> bool:
    """Whether a token's text becomes that token and not several others.

    The open merges are kept in a heap, so that a long token takes little more than its length.
    """
    size = len(token)
    ends = list(range(1, size + 1))  # of the part that starts at a place; 0: none does any more
    before = list(range(-1, size - 1))  # where the part before that one starts
    merges = [
        (ranks[pair], start, start + 1, start + 2)
        for start, pair in enumerate(pairwise(token))
        if pair in ranks
    ]
    heapify(merges)

    def offer(start: int, middle: int, end: int) -> None:
        rank = ranks.get((token[start:middle], token[middle:end]))
        if rank is not None:
            heappush(merges, (rank, start, middle, end))

    while merges:
        _, start, middle, end = heappop(merges)
        if ends[start] != middle or ends[middle] != end:
            continue  # one of the two has become part of another
        ends[start], ends[middle] = end, 0
        if start > 0:
            offer(before[start], start, end)
        if end < size:
            before[end] = start
            offer(start, end, ends[end])
    return ends[0] == size


def next_ranks(pairs: list[tuple[str, str]], ranks: Ranks) -> list[int | None]:
    """For each merge, the lowest rank of a merge that the token it makes can come to.

    It comes to none with a neighbour that would have merged with one of its two pieces before.
    """
    uses: dict[str, list[int]] = {}
    for rank, (left, right) in enumerate(pairs):
        uses.setdefault(left, []).append(rank)
        if right != left:
            uses.setdefault(right, []).append(rank)
    never = len(pairs)

    def reachable(use: int, token: str, rank: int, left: str, right: str) -> bool:
        before, after = pairs[use]
        return (after == token and ranks.get((before, left), never) >= rank) or (
            before == token and ranks.get((right, after), never) >= rank
        )

    return [
        next(
            (
                use
                for use in uses.get(left + right, ())
                if reachable(use, left + right, rank, left, right)
            ),
            None,
        )
        for rank, (left, right) in enumerate(pairs)
    ]


def finest_cut(pairs: Iterable[tuple[str, str]]) -> str:
    """Where a text that is not cut may be cut all the same, for no merge crosses there.

    Returns:
        A value of lm.cut: "words", "spaces" or "whole".
    """
    borders = {(left[-1], right[0]) for left, right in pairs}
    if any(after == MARK != before for before, after in borders):
        return "whole"
    if any(
        (before in LETTERS and after in OTHERS) or (before in OTHERS and after in LETTERS)
        for before, after in borders
    ):
        return "spaces"
    return "words"
