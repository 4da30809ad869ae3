"""The texts of a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Each = Literal["line", "paragraph", "document"]


@dataclass(frozen=True)
class Text:
    """A text of a corpus, and the line of the file it begins on, from 1."""

    line: int
    text: str


def split(text: str, each: Each) -> list[Text]:
    """The texts of a file: its lines, its paragraphs (blank lines between them) or all of it.

    Nothing is trimmed but the ends of lines; a paragraph keeps those within it.
    """
    if each == "document":
        return [Text(1, text)]
    lines = [Text(number, line) for number, line in enumerate(text.split("\n"), 1)]
    if each == "line":
        return lines
    paragraphs: list[list[Text]] = [[]]
    for line in lines:
        if line.text.strip():
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [
        Text(part[0].line, "\n".join(line.text for line in part)) for part in paragraphs if part
    ]
