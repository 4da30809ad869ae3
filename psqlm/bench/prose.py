"""Prose to tokenize and to run, on every machine that has Python: its own documentation."""

from __future__ import annotations

import re
from pydoc_data.topics import topics

TOPICS = ("objects", "naming", "exceptions", "import", "execmodel")


def prose(size: int) -> str:
    """This many bytes of English text, nothing repeated on purpose. Each paragraph is a line."""
    names = [*TOPICS, *sorted(set(topics) - set(TOPICS))]
    text = "\n\n".join(topics[name].strip() for name in names)
    unwrapped = re.sub(r"(?<!\n)\n[ ]*(?!\n)", " ", text)
    return unwrapped.encode()[:size].decode(errors="ignore")
