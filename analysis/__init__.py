"""Least squares over the views of psqlm: read rows, fit, draw, report."""

from pathlib import Path

DEMO_PROMPT = (Path(__file__).parent / "demo_prompt.txt").read_text(encoding="ascii").strip()
"""The beginning of a fairy tale, the kind of text the demo model was trained on."""
