"""How long a corpus takes on N cores: a simulation of psqlm spark run, with measured parameters.

    python tools/scale.py                     # the tables of docs/scale.md
    python tools/scale.py --write             # … into it
    python tools/scale.py --cores 64 --tokens 20e6 --model gpt2
    python tools/scale.py --check             # against two executors: tools/spark_figures.py first

It walks through a job event by event: executors start, tasks go to whichever slot is free, some
take longer, fail or lose their executor and are done again; after each wave the driver commits its
files. docs/scale.json holds the parameters and says where each comes from.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

PARAMETERS = Path(__file__).resolve().parents[1] / "docs" / "scale.json"
PAGE = PARAMETERS.with_suffix(".md")
FIGURES = PARAMETERS.with_name("spark.json")
"""What tools/spark_figures.py has measured."""
PLACE = ("<!-- simulated -->\n", "<!-- end -->\n")
"""What stands before and after the tables on the page."""
MOST_ATTEMPTS = 16
"""spark.task.maxFailures, as psqlm spark run sets it."""
DAY = 24 * 3600


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
        tasks_per_slot: tasks of a wave for each slot.
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
        n = min(n_left, job.slots * job.tasks_per_slot)
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


def said(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * DAY else f"{seconds / DAY:.1f} d"


def size(n_bytes: float) -> str:
    """A number of bytes for people."""
    power = min(4, int(math.log10(max(n_bytes, 1)) / 3))
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def quantiles(results: Sequence[Result]) -> tuple[float, float]:
    """The median of the seconds, and what nineteen in twenty stay below."""
    seconds = np.array([result.seconds for result in results])
    return float(np.median(seconds)), float(np.quantile(seconds, 0.95))


def n_repeats(job: Job) -> int:
    """Fewer for large jobs, whose sums vary little."""
    return 10 if job.n_tasks > 20_000 else 50 if job.n_tasks > 2_000 else 200


def table(model: str, values: dict[str, float]) -> Iterator[str]:
    """Times and costs by tokens and cores."""
    yield (
        f"| {model}: tokens | cores | time | 95 % within | core-hours | of them in vain | files "
        "| lag regression |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for tokens in (1e6, 1e8, 1e9):
        yield from rows(values, tokens)


def rows(values: dict[str, float], tokens: float) -> Iterator[str]:
    """The rows of so many tokens."""
    for slots in (1, 10, 100, 1000):
        job = Job(tokens, slots, **values)  # type: ignore[arg-type]
        results = repeat(job, n_repeats(job))
        median, most = quantiles(results)
        cores = np.mean([result.core_seconds for result in results])
        wasted = np.mean([result.wasted for result in results])
        yield (
            f"| {tokens / 1e6:,.0f} M | {slots:,} | {said(median)} | {said(most)} "
            f"| {cores / 3600:,.0f} | {wasted / cores:.1%} "
            f"| {size(tokens * job.bytes_per_token)} | {said(analysis_seconds(job))} |"
        )


CHANGES: dict[str, dict[str, float]] = {
    "as above": {},
    "slow tasks are started once more (spark.speculation)": {"speculation": 1},
    "waves of sixteen tasks a slot": {"tasks_per_slot": 4},
    "both": {"speculation": 1, "tasks_per_slot": 4},
    "no machine is slow": {"straggler_share": 0},
    "tasks fail twice as often": {"task_failures": 2},
    "executors are lost ten times as often, as spot instances are": {"executor_losses": 10},
    "one task in twenty lands on a slow machine": {"straggler_share": 5},
    "a commit costs 50 ms a file, as in an object store": {"commit": 25},
    "… and tasks are eight times as large": {"commit": 25, "task_tokens": 8},
    "models load ten times as slowly": {"model_load": 10},
    "a slot is half as fast": {"tokens_per_second": 0.5},
}
"""What is changed, and by which factor."""


def sensitivities(model: str, values: dict[str, float], tokens: float, slots: int) -> Iterator[str]:
    """What a job would take if parameters were others."""
    yield (
        f"| {model}, {tokens / 1e6:,.0f} M tokens, {slots:,} cores | time | 95 % within | in vain "
        "| commits |"
    )
    yield "|---|---|---|---|---|"
    for name, factors in CHANGES.items():
        changed: dict[str, float] = {"speculation": 1, **values}
        changed |= {key: changed[key] * factor for key, factor in factors.items()}
        changed["speculation"] = factors.get("speculation", 0)
        job = Job(tokens, slots, **changed)  # type: ignore[arg-type]
        results = repeat(job, 20)
        median, most = quantiles(results)
        wasted = np.mean([result.wasted / result.core_seconds for result in results])
        commits = np.mean([result.committing / result.seconds for result in results])
        yield f"| {name} | {said(median)} | {said(most)} | {wasted:.1%} | {commits:.0%} |"


def check(figures: dict[str, dict[str, dict[str, float]]], efficiency: float) -> Iterator[str]:
    """What two executors did, and what the simulation makes of the rate of one."""
    yield "| model | one executor, tokens/s | two, measured | two, simulated |"
    yield "|---|---|---|---|"
    for model, said in figures.items():
        one, two = (said[name]["tokens/s"] for name in ("1 executor", "2 executors"))
        # a corpus of some thousand tokens, whose tasks are as small as they get
        tokens = 4096.0
        job = Job(tokens, 2, one, efficiency)
        yield f"| {model} | {one:.0f} | {two:.0f} | {tokens / simulate(job, 0).seconds:.0f} |"


def main() -> None:
    """Print the tables, or one job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--tokens", type=float)
    parser.add_argument("--cores", type=int)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scale.md")
    parser.add_argument("--check", action="store_true", help="compare with two executors")
    given = parser.parse_args()
    if given.check:
        if not FIGURES.exists():
            sys.exit(f"there is no {FIGURES.name}: python tools/spark_figures.py measures")
        efficiency = next(iter(read().values()))["efficiency"]
        print("\n".join(check(json.loads(FIGURES.read_text("utf-8")), efficiency)))
        return
    models = read()
    if given.tokens and given.cores:
        model = given.model or next(iter(models))
        job = Job(given.tokens, given.cores, **models[model])  # type: ignore[arg-type]
        median, most = quantiles(repeat(job, n_repeats(job)))
        print(f"{model}: {said(median)}, 95 % within {said(most)}")
        return
    tables = [
        *("\n".join(table(model, values)) for model, values in models.items()),
        *("\n".join(sensitivities(model, values, 1e9, 1000)) for model, values in models.items()),
    ]
    text = "\n\n".join(tables)
    if not given.write:
        print(text)
        return
    page = PAGE.read_text("utf-8")
    before, after = (page.split(mark)[number] for number, mark in enumerate(PLACE))
    PAGE.write_text(f"{before}{PLACE[0]}{text}\n{PLACE[1]}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
