"""The layout of slices on processes against what can be worked out on paper."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))

import processes


def test_two_in_step() -> None:
    # one start, twelve layers ahead, and the last layer of the half behind
    assert processes.in_step([1, 1], 12, 0.1, 0) == pytest.approx(0.1 + 12 + 1)
    # the slower half sets the pace; the pages of a layer are mapped by the worker alone
    assert processes.in_step([1, 2], 12, 0.1, 0.5) == pytest.approx(0.1 + 1.5 + 12 * 2)
    assert processes.in_step([2, 1], 12, 0.1, 0.5) == pytest.approx(0.1 + 12 * 2.5 + 1)


def test_slices_in_stages() -> None:
    # of one slice the stages are the groups
    assert processes.in_stages([1], 12, 3, 0.1, 0) == pytest.approx(12 + 3 * 0.1)
    # four slices and three groups of four layers are six stages
    assert processes.in_stages([1, 1, 1, 1], 12, 3, 0.1, 0) == pytest.approx(6 * (4 + 0.1))
    # a slow slice holds up the stages that it is in, three of them
    assert processes.in_stages([1, 1, 1, 3], 12, 3, 0, 0) == pytest.approx(3 * 4 + 3 * 12)
