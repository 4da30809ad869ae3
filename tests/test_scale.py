"""The simulation of jobs against what can be worked out on paper."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from psqlm.spark.job import LEAST_TOKENS, TASK_TOKENS, TASKS_PER_SLOT, WAVE

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import scale  # noqa: E402
import simulation  # noqa: E402

PLAIN = simulation.Job(tokens=8192 * 100, slots=10, tokens_per_second=81.92)
"""A hundred tasks of 100 s each on ten slots; nothing else takes time, and nothing fails."""


def mean(job: simulation.Job, n: int) -> tuple[float, float]:
    """The mean of n times, and its standard error."""
    seconds = np.array([result.seconds for result in simulation.repeat(job, n)])
    return float(seconds.mean()), float(seconds.std(ddof=1) / math.sqrt(n))


@pytest.mark.parametrize(
    ("n_tasks", "slots", "rounds"), [(100, 10, 10), (101, 10, 11), (100, 1, 100), (7, 3, 3)]
)
def test_tasks_of_one_length(n_tasks: int, slots: int, rounds: int) -> None:
    job = replace(PLAIN, tokens=8192 * n_tasks, slots=slots, least_tokens=8192)
    result = simulation.simulate(job, 0)
    assert job.n_tasks == n_tasks
    assert result.seconds == pytest.approx(100 * rounds)
    assert result.core_seconds == pytest.approx(100 * rounds * slots)
    assert (result.wasted, result.committing, result.failed) == (0, 0, False)


def test_a_small_corpus_keeps_every_slot_at_work() -> None:
    job = replace(PLAIN, tokens=40_000, slots=10)
    assert job.n_tasks == 40
    assert simulation.simulate(job, 0).seconds == pytest.approx(40_000 / 10 / 81.92)
    assert replace(job, slots=1000).n_tasks == math.ceil(40_000 / 256)


def test_starts_and_commits_add_up() -> None:
    job = replace(
        PLAIN, driver_start=5, jvm_start=7, server_start=2, model_load=3, commit=0.5,
        files_per_task=4, manifest_bytes=100, manifest_rate=1000, slots_per_executor=2, wave=4,
    )  # fmt: skip
    # waves of 40, 40 and 20 tasks; the manifest has the files of those before, too
    commits = [n * 4 * 0.5 + total * 4 * 0.1 for n, total in ((40, 40), (40, 80), (20, 100))]
    result = simulation.simulate(job, 0)
    assert result.seconds == pytest.approx(17 + 10 * 100 + sum(commits))
    assert result.committing == pytest.approx(sum(commits))
    # the last executor comes later, and the first wave waits for it: no task of it is left then
    late = simulation.simulate(replace(job, executor_spread=50), 0)
    assert late.seconds == pytest.approx(result.seconds + 50)


def test_the_driver_sends_out_tasks_one_by_one() -> None:
    job = replace(PLAIN, tokens=8192 * 10, least_tokens=8192, dispatch=2)
    assert simulation.simulate(job, 0).seconds == pytest.approx(10 * 2 + 100)


def test_tasks_that_fail_start_anew() -> None:
    """With failures at a rate λ a task of d seconds takes (e^{λd} − 1) / λ in the mean."""
    job = replace(PLAIN, slots=1, tokens=8192 * 20, task_failures=36)  # λd = 1
    expected = 20 * 100 * (math.exp(1) - 1)
    seconds, error = mean(job, 300)
    assert abs(seconds - expected) < 4 * error
    assert error < expected / 50
    wasted = np.mean([result.wasted for result in simulation.repeat(job, 300)])
    assert wasted == pytest.approx(seconds - 2000, rel=1e-9)


def test_executors_that_are_lost_start_anew() -> None:
    """… and (1/λ + R) (e^{λd} − 1) if it takes R seconds until there is an executor again."""
    job = replace(PLAIN, slots=1, tokens=8192 * 20, executor_losses=36, jvm_start=60)
    expected = 60 + 20 * (100 + 60) * (math.exp(1) - 1)
    seconds, error = mean(job, 300)
    assert abs(seconds - expected) < 4 * error
    assert error < expected / 50
    assert not any(result.failed for result in simulation.repeat(job, 20))


def test_all_slots_of_an_executor_are_lost_together() -> None:
    """The first loss of each of two executors strikes both of its tasks, or none."""
    job = replace(PLAIN, tokens=8192 * 4, slots=4, slots_per_executor=2, least_tokens=8192,
                  executor_losses=18)  # fmt: skip
    for seed in range(50):
        random = np.random.default_rng(seed)
        executors = simulation.Executors(job, random)
        losses = [executors.next_loss(number, 0.0) for number in range(2)]
        first = 2 * sum(loss for loss in losses if loss < 100)
        again = [loss for loss in losses if loss < 100]
        result = simulation.simulate(job, seed)
        if not again:
            assert (result.seconds, result.wasted) == (100, 0)
        elif all(executors.next_loss(n, loss) > loss + 100 for n, loss in enumerate(losses)):
            assert result.wasted == pytest.approx(first)


def test_the_slowest_of_many_holds_all_up() -> None:
    """Of n tasks none is a straggler with probability (1 − p)ⁿ."""
    job = replace(PLAIN, tokens=8192 * 50, slots=50, least_tokens=8192, straggler_share=0.02,
                  straggler_factor=4)  # fmt: skip
    seconds = np.array([result.seconds for result in simulation.repeat(job, 2000)])
    assert set(np.round(seconds, 6)) == {100.0, 400.0}
    share, expected = float((seconds == 100).mean()), 0.98**50
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / 2000)


def test_a_second_try_of_slow_tasks_helps() -> None:
    job = replace(PLAIN, tokens=8192 * 50, slots=50, least_tokens=8192, straggler_share=0.02,
                  straggler_factor=10)  # fmt: skip
    again = replace(job, speculation=True)
    for seed in range(20):
        slow, helped = simulation.simulate(job, seed), simulation.simulate(again, seed)
        # when it has run three times the median, a copy starts, which takes as long as the others
        assert helped.seconds == (100 if slow.seconds == 100 else pytest.approx(400))


def test_the_spread_keeps_the_mean() -> None:
    job = replace(PLAIN, slots=1, tokens=8192 * 400, spread=0.5)
    seconds, error = mean(job, 100)
    assert abs(seconds - 40_000) < 4 * error
    variance = 400 * 100**2 * (math.exp(0.25) - 1)
    assert error == pytest.approx(math.sqrt(variance / 100), rel=0.3)


def test_two_executors_on_one_machine() -> None:
    """They do twice as much where they share nothing, and less where they do."""
    figures = {"demo": {"1 executor": {"tokens/s": 200.0}, "2 executors": {"tokens/s": 333.0}}}
    for efficiency, expected in ((1, 400), (0.8, 320)):
        *_, row = scale.check(figures, efficiency)
        assert row == f"| demo | 200 | 333 | {expected} |"


def test_a_seed_is_one_story() -> None:
    job = replace(PLAIN, spread=0.2, task_failures=1, executor_losses=1, jvm_start=5)
    assert simulation.simulate(job, 3) == simulation.simulate(job, 3) != simulation.simulate(job, 4)


def test_the_parameters_are_those_of_the_page() -> None:
    """What docs/scale.json says becomes a job, and each number says where it comes from."""
    said = json.loads(simulation.PARAMETERS.read_text("utf-8"))
    parts = [said["job"], said["assumed"], said["measured"]["common"]]
    for part in (*parts, *said["measured"]["models"].values()):
        for name, entry in part.items():
            assert entry["from"] or name, name
    models = simulation.read()
    assert set(models) == {"gpt2", "smollm2-135m"}
    for values in models.values():
        assert values["task_tokens"] == TASK_TOKENS
        assert values["least_tokens"] == LEAST_TOKENS
        assert values["tasks_per_slot"] == TASKS_PER_SLOT
        assert values["wave"] == WAVE
        job = simulation.Job(1e6, 2, **values)
        assert job.tokens_per_second > 0 < job.analysis_rate < math.inf
        assert simulation.simulate(job, 0).seconds > 1e6 / 2 / job.tokens_per_second
