"""docs/architecture.md and its picture show the sites that there are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import sites_figure  # noqa: E402

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture
def sites(connection: psycopg.Connection) -> list[str]:
    """The sites in the order of computation."""
    rows = connection.execute("SELECT unnest(enum_range(NULL::lm.site))::text").fetchall()
    return [site for (site,) in rows]


def test_every_site_has_an_equation_in_order(sites: list[str]) -> None:
    first_cells = re.findall(r"^\| (`[^|]*`) \|", TEXT.split("## The folders")[0], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == sites


def test_the_picture_has_every_site(sites: list[str]) -> None:
    assert sorted(box.site for box in sites_figure.BOXES) == sorted(sites)


def test_every_folder_is_there() -> None:
    folders = re.findall(r"^\| `([\w/]+)` \|", TEXT.split("## The folders")[1], re.MULTILINE)
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    chapters = sorted(path.name for path in (ROOT / "sql").glob("[0-9]*"))
    assert [folder[4:] for folder in folders if re.match(r"sql/\d", folder)] == chapters
    parts = {f"psqlm/{path.parent.name}/" for path in (ROOT / "psqlm").glob("*/__init__.py")}
    assert parts == {folder for folder in folders if folder.startswith("psqlm/")}
