"""Kills executors, their servers and their Python workers while a job runs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import psutil

from spark.cluster import executors, postmasters, workers

BEGUN = 2
"""Tasks that have to begin after a kill before the next: else no work would ever be done."""

LATEST = 2.5
"""Seconds until the kill then, at the latest."""


class Chaos:
    """Kills by a seed: when, and what.

    Attributes:
        struck: how often each kind was.
    """

    def __init__(self, seed: int, scratch: Path) -> None:
        self.struck: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._find = {
            "executor": executors,
            "database": lambda: postmasters(scratch),
            "worker": workers,
        }
        self._kinds: list[str] = []

    @contextmanager
    def at_work(self, out: Path) -> Iterator[None]:
        """Kill as long as this lasts, while tasks write to a folder."""
        ended = Event()
        thread = Thread(target=self._run, args=(out, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _run(self, out: Path, ended: Event) -> None:
        seen: set[Path] = set()
        while not ended.wait(0.05):
            begun = set(out.glob("_temporary/*/*/0.parquet"))
            if len(begun - seen) < BEGUN or ended.wait(self._random.uniform(0, LATEST)):
                continue
            seen |= begun
            if not self._kinds:  # each kind as often as the others
                self._kinds = sorted(self._find)
                self._random.shuffle(self._kinds)
            found = self._find[self._kinds[-1]]()
            if not found:
                continue
            victim = self._random.choice(sorted(found, key=lambda process: process.pid))
            try:
                victim.kill()
            except psutil.Error:
                continue
            self.struck[self._kinds.pop()] += 1
