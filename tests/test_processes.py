"""The layout of slices on processes against what can be worked out on paper."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))

import processes


def test_two_in_step() -> None:
    # one start, twelve layers ahead, and the last layer of the half behind
    assert processes.in_step([1, 1], 12, 0.1) == pytest.approx(0.1 + 12 + 1)
    # the slower half sets the pace
    assert processes.in_step([1, 2], 12, 0.1) == pytest.approx(0.1 + 1 + 12 * 2)
    assert processes.in_step([2, 1], 12, 0.1) == pytest.approx(0.1 + 12 * 2 + 1)


def test_slices_start_anew_for_each_layer() -> None:
    # the slowest sets the pace; one start more, for the keys and values of the first layer
    assert processes.in_slices([1, 2, 1], 12, 0.1) == pytest.approx(12 * 2 + 13 * 0.1)
