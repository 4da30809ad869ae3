"""How far a job is: one line, from what Spark knows of its tasks."""

from __future__ import annotations

import sys
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark import SparkContext
    from rich.status import Status

EVERY = 1.0
"""Seconds between two looks."""


class Watch:
    """Shows nothing; the progress is on Spark's own pages all the same."""

    def __enter__(self) -> Watch:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    def tell(self, context: SparkContext, said: str) -> None:
        """A wave begins.

        Args:
            context: which knows the tasks.
            said: how far the job is.
        """


class Line(Watch):
    """Shows a line on standard error, where that is a terminal; else a line for each wave."""

    def __init__(self) -> None:
        """Nothing is shown yet."""
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._said = ""
        self._context: SparkContext | None = None
        self._ended = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Line:
        """Begin."""
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        self._ended.set()
        if self._status is not None:
            self._status.stop()

    def tell(self, context: SparkContext, said: str) -> None:
        """A wave begins."""
        self._context, self._said = context, said
        if self._status is None:
            print(said, file=sys.stderr, flush=True)

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            if self._context is None or self._status is None:
                continue
            tracker = self._context.statusTracker()
            stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
            done = sum(stage.numCompletedTasks for stage in stages if stage)
            of = sum(stage.numTasks for stage in stages if stage)
            self._status.update(f"{self._said}, {done} of {of} tasks")
