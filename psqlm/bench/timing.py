"""Taking times."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from psqlm.errors import PsqlmError

PAUSE = 0.05  # s; PyTorch's threads keep spinning for a while after their work

Work = Callable[[], object]
Samples = tuple[list[float], list[float]]  # ours, theirs


def seconds(work: Work) -> float:
    """How long work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(
    ours: Work, theirs: Work | None, repeats: int, after: Work | None = None, warm_up: int = 1
) -> Samples:
    """Seconds that ours and theirs take, measured in turn.

    Args:
        ours: our work.
        theirs: their work, if it can be done here.
        repeats: samples of each.
        after: done after each of ours, and not timed.
        warm_up: samples before, not counted.
    """
    samples: Samples = ([], [])
    for _ in range(warm_up + repeats):
        for work, times in zip((ours, theirs), samples, strict=True):
            if work is not None:
                time.sleep(PAUSE)
                times.append(seconds(work))
            if work is ours and after is not None:
                after()
    return samples[0][warm_up:], samples[1][warm_up:]


def shell(command: list[str], dsn: str) -> None:
    """Run a command in a process of its own.

    Raises:
        PsqlmError: it failed; the text is its last line.
    """
    result = subprocess.run(
        command, env={**os.environ, "PSQLM_DSN": dsn}, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or ["no message"]
        raise PsqlmError(f"{' '.join(command[1:5])} … failed: {said[-1]}")
