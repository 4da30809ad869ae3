"""Faults are drawn by the seed PSQLM_TRUST_SEED; make test-trust runs all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from trust.ledger import LEDGER
from trust.world import World, a_world

LEDGER.seed = os.environ.get("PSQLM_TRUST_SEED", "1")


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A home whose server is killed now and then."""
    if os.environ.get("PSQLM_TEST_DSN"):
        pytest.skip("PSQLM_TEST_DSN names a server that is not ours to kill")
    with a_world() as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what has struck and what came of it."""
    if lines := list(LEDGER.lines()):
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
