"""Texts to run."""

from __future__ import annotations

from pathlib import Path

TALES = Path(__file__).resolve().parents[2] / "docs" / "tales.txt"


def short_texts(n: int) -> list[str]:
    """Texts of a few tokens, no two alike."""
    beasts = ("fox", "crow", "wolf", "hen", "bear", "goose", "cat", "hare", "frog", "ass")
    return [f"{beasts[i % 10]} {beasts[i // 10 % 10]} {beasts[i // 100]}" for i in range(n)]


def sentences(n: int) -> list[str]:
    found = TALES.read_text().replace("\n", " ").split(". ")
    return [text for text in dict.fromkeys(found) if 40 < len(text) < 400][:n]


def write_lines(folder: Path, texts: list[str]) -> str:
    path = folder / "texts.txt"
    path.write_text("\n".join(texts))
    return str(path)
