"""psqlm spark run on N cores, event by event, with measured parameters.

Executors start, tasks go to whichever core is free, some take longer, fail or lose their executor
and are done again; after each wave the driver commits its files. docs/scale.json holds the
parameters and says where each comes from.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

PARAMETERS = Path(__file__).resolve().parents[1] / "docs" / "scale.json"
MOST_ATTEMPTS = 16
"""spark.task.maxFailures, as psqlm spark run sets it."""


@dataclass(frozen=True)
class Job:
    """What is simulated; seconds, bytes and tokens.

    Attributes:
        tokens: of the corpus.
        slots: tasks that run at a time, a core each.
        tokens_per_second: of a slot, if nothing else runs on its machine.
        efficiency: what is left of that where all cores of the machine are busy.
        spread: standard deviation of the logarithm of a task's time.
        bytes_per_token: of the files.
        slots_per_executor: slots that share a JVM, a database and a model.
        driver_start: until the first executor is asked for.
        executor_spread: the last executor is handed out so long after the first.
        jvm_start: of an executor.
        server_start: of its database.
        model_load: into it.
        dispatch: of one task by the driver.
        straggler_share: share of the tasks that land on a slow machine.
        straggler_factor: how much longer they take there.
        task_failures: per hour of a task.
        executor_losses: per hour of an executor.
        commit: of a file by the driver.
        files_per_task: how many it writes.
        manifest_bytes: that each file adds to the manifest.
        manifest_rate: bytes of the manifest per second.
        task_tokens: tokens of a task of a large corpus.
        least_tokens: of a task of a small one.
        tasks_per_slot: tasks of a small corpus for each slot.
        wave: tasks that each slot has in a wave at most.
        analysis_rate: tokens per second and slot of the lag regression.
        analysis_start: seconds that it takes besides.
        speculation: whether slow tasks are started once more, as Spark 4 does by its defaults.
    """

    tokens: float
    slots: int
    tokens_per_second: float
    efficiency: float = 1
    spread: float = 0
    bytes_per_token: float = 0
    slots_per_executor: int = 1
    driver_start: float = 0
    executor_spread: float = 0
    jvm_start: float = 0
    server_start: float = 0
    model_load: float = 0
    dispatch: float = 0
    straggler_share: float = 0
    straggler_factor: float = 1
    task_failures: float = 0
    executor_losses: float = 0
    commit: float = 0
    files_per_task: int = 0
    manifest_bytes: float = 0
    manifest_rate: float = 50e6
    task_tokens: int = 8192
    least_tokens: int = 256
    tasks_per_slot: int = 4
    wave: int = 16
    analysis_rate: float = math.inf
    analysis_start: float = 0
    speculation: bool = False

    @property
    def n_tasks(self) -> int:
        """How many tasks there are."""
        wanted = self.tokens // (self.slots * self.tasks_per_slot)
        per_task = min(self.task_tokens, max(self.least_tokens, wanted))
        return max(1, math.ceil(self.tokens / per_task))


@dataclass(frozen=True)
class Result:
    """What became of a job.

    Attributes:
        seconds: from the start to the last commit.
        core_seconds: of all slots in that time.
        wasted: core seconds of what was done again.
        committing: seconds in which the driver committed and all slots waited.
        failed: whether a task failed as often as Spark allows.
    """

    seconds: float
    core_seconds: float
    wasted: float
    committing: float
    failed: bool


class Executors:
    """When each executor is there: it is lost now and then, and started again."""

    def __init__(self, job: Job, random: np.random.Generator) -> None:
        n = math.ceil(job.slots / job.slots_per_executor)
        self._random = random
        self._rate = job.executor_losses / 3600
        self._start = job.jvm_start + job.server_start + job.model_load
        asked = job.driver_start + job.executor_spread * np.linspace(0, 1, n)
        self.ready = (asked + self._start).tolist()
        self._losses: list[list[float]] = [[] for _ in range(n)]

    def next_loss(self, executor: int, time: float) -> float:
        """When this executor is lost next, if it runs at that time."""
        if not self._rate:
            return math.inf
        losses = self._losses[executor]
        while not losses or losses[-1] <= time:
            since = losses[-1] + self._start if losses else self.ready[executor]
            losses.append(since + float(self._random.exponential(1 / self._rate)))
        return next(loss for loss in losses if loss > time)

    def up(self, executor: int, time: float) -> float:
        """The first moment from then on at which it runs."""
        self.next_loss(executor, time)
        for loss in reversed(self._losses[executor]):
            if loss <= time:
                return max(time, loss + self._start)
        return max(time, self.ready[executor])

    def after(self, loss: float) -> float:
        """When an executor that is lost then is there again."""
        return loss + self._start


def simulate(job: Job, seed: int) -> Result:
    """Run a job once."""
    random = np.random.default_rng(seed)
    executors = Executors(job, random)
    free = [(executors.ready[slot // job.slots_per_executor], slot) for slot in range(job.slots)]
    heapq.heapify(free)
    n_left, now, wasted, committing, n_files = job.n_tasks, 0.0, 0.0, 0.0, 0
    mean = job.tokens / job.n_tasks / (job.tokens_per_second * job.efficiency)
    failed = False
    while n_left:
        n = min(n_left, round(job.slots * job.wave))
        n_left -= n
        ends, again, wave_failed = _wave(job, random, executors, free, n, mean, now)
        failed |= wave_failed
        wasted += again
        n_files += n * job.files_per_task
        commit = n * job.files_per_task * job.commit
        commit += n_files * job.manifest_bytes / job.manifest_rate
        committing += commit
        now = max(ends) + commit
    return Result(now, now * job.slots, wasted, committing, failed)


def _durations(job: Job, random: np.random.Generator, n: int, mean: float) -> list[float]:
    times = np.full(n, mean)
    if job.spread:  # with this mean
        times *= random.lognormal(-(job.spread**2) / 2, job.spread, n)
    if job.straggler_share:
        times *= np.where(random.random(n) < job.straggler_share, job.straggler_factor, 1)
    return times.tolist()


def _wave(
    job: Job,
    random: np.random.Generator,
    executors: Executors,
    free: list[tuple[float, int]],
    n: int,
    mean: float,
    start: float,
) -> tuple[list[float], float, bool]:
    """Run the tasks of a wave; when each ended, core seconds done in vain, whether one gave up."""
    waiting = [(time, 0) for time in reversed(_durations(job, random, n, mean))]
    took: list[tuple[float, float]] = []
    wasted, sent, failed = 0.0, start, False
    back: list[tuple[float, float, int]] = []  # when a task comes back, its time, its failures
    while waiting or back:
        at, slot = heapq.heappop(free)
        if waiting:
            time, failures = waiting.pop()
            earliest = start
        else:
            earliest, time, failures = heapq.heappop(back)
        sent = max(sent, start) + job.dispatch
        executor = slot // job.slots_per_executor
        begin = executors.up(executor, max(at, sent, earliest))
        loss = executors.next_loss(executor, begin)
        fails = math.inf
        if job.task_failures:
            fails = begin + float(random.exponential(3600 / job.task_failures))
        end = begin + time
        if end <= min(loss, fails):
            took.append((begin, end))
            heapq.heappush(free, (end, slot))
        elif loss < fails:  # which does not count as a failure of the task
            wasted += loss - begin
            heapq.heappush(back, (loss, time, failures))
            heapq.heappush(free, (executors.after(loss), slot))
        else:
            wasted += fails - begin
            failed |= failures + 1 >= MOST_ATTEMPTS
            heapq.heappush(back, (fails, time, failures + 1))
            heapq.heappush(free, (fails, slot))
    if job.speculation:
        return *_speculate(job, random, took, mean), failed
    return [end for _, end in took], wasted, failed


def _speculate(
    job: Job, random: np.random.Generator, took: Sequence[tuple[float, float]], mean: float
) -> tuple[list[float], float]:
    """Once nine tenths are done, what has run three times the median is started once more."""
    ends = sorted(end for _, end in took)
    from_then_on = ends[min(len(ends) - 1, math.ceil(0.9 * len(ends)) - 1)]
    longest = 3 * float(np.median([end - begin for begin, end in took]))
    result, wasted = [], 0.0
    plain = replace(job, straggler_share=0)
    for begin, end in took:
        copied = max(from_then_on, begin + longest)
        if end > copied:
            (time,) = _durations(plain, random, 1, mean)
            wasted += min(end, copied + time) - copied
            end = min(end, copied + time)
        result.append(end)
    return result, wasted


def analysis_seconds(job: Job) -> float:
    """How long the lag regression takes on the same slots."""
    return job.analysis_start + job.tokens / (job.slots * job.analysis_rate)


def read(path: Path = PARAMETERS) -> dict[str, dict[str, float]]:
    """The parameters of each model."""
    said = json.loads(path.read_text("utf-8"))
    names = {field.name for field in fields(Job)}

    def values(part: dict[str, dict[str, float]]) -> dict[str, float]:
        return {name: entry["value"] for name, entry in part.items() if name in names}

    common = values(said["job"]) | values(said["assumed"]) | values(said["measured"]["common"])
    return {model: common | values(part) for model, part in said["measured"]["models"].items()}


def repeat(job: Job, n: int, seed: int = 0) -> list[Result]:
    """Run a job n times."""
    return [simulate(job, seed + number) for number in range(n)]
