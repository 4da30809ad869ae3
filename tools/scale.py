"""How long a corpus takes on N cores: the tables of docs/scale.md, by tools/simulation.py.

Without an option it prints them:

python tools/scale.py                     # the tables
python tools/scale.py --write             # … into the page
python tools/scale.py --cores 64 --tokens 20e6 --model gpt2
python tools/scale.py --check             # against two executors: tools/spark_figures.py first
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from simulation import PARAMETERS, Job, Result, analysis_seconds, read, repeat, simulate

PAGE = PARAMETERS.with_suffix(".md")
FIGURES = PARAMETERS.with_name("spark.json")
"""What tools/spark_figures.py has measured."""
PLACE = ("<!-- simulated -->\n", "<!-- end -->\n")
"""What stands before and after the tables on the page."""
DAY = 24 * 3600


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
    "waves of four tasks a slot": {"wave": 1 / 4},
    "waves of sixty-four": {"wave": 4},
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
