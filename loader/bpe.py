"""What can be proved of a vocabulary's merges before any text is read."""

from __future__ import annotations

import string
from collections.abc import Iterable
from itertools import pairwise

from .alphabet import MARK

Ranks = dict[tuple[str, str], int]

LETTERS = frozenset(string.ascii_letters)
OTHERS = frozenset(map(chr, range(128))) - LETTERS - {" "}


def merges_to_itself(token: str, ranks: Ranks) -> bool:
    """Whether a token's text becomes that token and not several others."""
    parts = list(token)
    none = len(ranks)
    while len(parts) > 1:
        open_ranks = [ranks.get(pair, none) for pair in pairwise(parts)]
        lowest = min(open_ranks)
        if lowest == none:
            return False
        place = open_ranks.index(lowest)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return True


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
