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

PAUSE = (0.3, 2.5)
"""Seconds between two kills."""


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
    def at_work(self) -> Iterator[None]:
        """Kill as long as this lasts."""
        ended = Event()
        thread = Thread(target=self._run, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _run(self, ended: Event) -> None:
        while not ended.wait(self._random.uniform(*PAUSE)):
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
