"""docs/reference.md says what the catalog says."""

import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import catalog  # noqa: E402


def test_reference_is_what_the_catalog_says(connection: psycopg.Connection) -> None:
    assert catalog.TARGET.read_text() == catalog.reference(connection), (
        "the comments have changed: python tools/catalog.py"
    )


def test_what_users_call_is_there(connection: psycopg.Connection) -> None:
    """A name that no object has is a misspelling, or the object has gone."""
    for_users = catalog.reference(connection).split("\n## Inside\n")[0]
    names = " ".join(catalog.FOR_USERS.values()).split()
    assert [name for name in names if f"\n### lm.{name}\n" not in for_users] == []
