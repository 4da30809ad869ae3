"""The audit of dependencies: what it asks about, what it makes of an answer or of none."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import audit  # noqa: E402


def test_all_that_psqlm_needs_is_asked_about() -> None:
    versions = audit.closure("psqlm")
    # directly, by an extra, and by one that another needs
    assert {"numpy", "psycopg", "psycopg-binary", "kiwisolver"} <= versions.keys()
    assert not {"psqlm", "pytest", "torch"} & versions.keys()
    assert versions["psycopg"].startswith("3.")


@pytest.mark.parametrize(
    ("report", "line", "is_vulnerable"),
    [
        ("", "pip-audit: the advisories cannot be reached, so nothing was audited", False),
        (
            {"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]},
            "pip-audit: the index has no advisories to ask, so nothing was audited",
            False,
        ),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
            "pip-audit: no known vulnerability in 1 of 1 packages",
            False,
        ),
        (
            {
                "dependencies": [
                    {
                        "name": "a",
                        "version": "1",
                        "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}],
                    }
                ]
            },
            "a 1: CVE-1, fixed in 1.1",
            True,
        ),
    ],
)
def test_what_is_made_of_a_report(report: object, line: str, is_vulnerable: bool) -> None:
    text = report if isinstance(report, str) else json.dumps(report)
    assert audit.told(text) == ([line], is_vulnerable)


def test_dependencies_are_bounded_on_both_sides() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    listed = text.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    needed = [Requirement(found) for found in re.findall(r'"(.+)"', listed)]
    assert len(needed) > 10
    for requirement in needed:
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators == {">=", "<"}, requirement
