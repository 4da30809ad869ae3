"""Text from elsewhere, made fit for a terminal: names, prompts and tokens may hold anything."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of writing, and halves of characters.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""The text, with \x1b and its like spelled out: a terminal would obey them.

    Args:
        text: anything.
        keep: which of these characters stay as they are.
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else _spelled(found[0]), text)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode()
