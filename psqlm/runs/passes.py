"""Passes over several connections: a transaction for each, as many texts to one as pay."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from threading import Lock

import psycopg

from psqlm.database.progress import Task
from psqlm.runs.plan import Outcome, Plan
from psqlm.runs.tags import put_tags

Connect = Callable[[], psycopg.Connection]
Show = Callable[[int, int], None]
"""Called with the tokens run so far and those to run in all."""

BATCH_TOKENS = 256
"""Tokens in a pass: it reads a weight once for all of them, and more gain nothing."""


def run_passes(
    connect: Connect,
    to_run: Mapping[str, int],
    plan: Plan,
    jobs: int,
    outcome: Outcome,
    show: Show,
    task: Task,
) -> None:
    """Run texts in passes, `jobs` of them at a time."""
    waiting = deque(_batches(to_run))
    at_once = min(jobs, len(waiting))
    total = sum(to_run.values())
    opened: list[psycopg.Connection] = []
    counting = Lock()

    done = 0

    def work() -> None:
        nonlocal done
        with connect() as connection:
            opened.append(connection)
            if at_once > 1:  # the cores are busy: no pass takes a second
                connection.execute("SET max_parallel_workers_per_gather = 0")
                connection.commit()
            while True:
                try:
                    batch = waiting.popleft()
                except IndexError:
                    return
                tell = partial(task.tell, connection, done, total, lasts=True)
                rows = _forward_once(connection, batch, plan, tell)
                made = [text for text, (_, is_new) in zip(batch, rows, strict=True) if is_new]
                with counting:
                    done += sum(to_run[text] for text in batch)
                    outcome.run_ids += [run_id for run_id, _ in rows]
                    outcome.n_made += len(made)
                    outcome.n_before += len(batch) - len(made)
                    outcome.n_tokens += sum(to_run[text] for text in made)
                    show(done, total)

    show(0, total)
    with ThreadPoolExecutor(jobs) as pool:
        workers = [pool.submit(work) for _ in range(at_once)]
        try:
            finished, going_on = wait(workers, return_when=FIRST_EXCEPTION)
            failures = [worker for worker in finished if worker.exception()]
        except BaseException:
            _stop(waiting, opened)
            raise
        if going_on:
            _stop(waiting, opened)
    for worker in failures:
        worker.result()


def _stop(waiting: deque[list[str]], opened: Sequence[psycopg.Connection]) -> None:
    """Let the passes under way, which are not committed, be the last."""
    waiting.clear()
    for connection in opened:
        with suppress(psycopg.Error):  # closed already
            connection.cancel()


def _forward_once(
    connection: psycopg.Connection, batch: Sequence[str], plan: Plan, tell: Callable[[], None]
) -> list[tuple[int, bool]]:
    """One pass, and its tags, committed; of each text its run, and whether it is of now."""
    with connection.transaction():
        tell()
        rows = connection.execute(
            "SELECT run_id, is_new FROM lm.forward_once("
            "%s::text[], %s, %s, %s, %s::int[], %s::int[], %s)",
            (list(batch), *plan.arguments),
        ).fetchall()
        put_tags(connection, [run_id for run_id, _ in rows], plan.tags)
    return rows


def _batches(to_run: Mapping[str, int]) -> Iterator[list[str]]:
    """Texts in their order, as many together as the budget of tokens allows, one at least."""
    batch: list[str] = []
    size = 0
    for text, n_tokens in to_run.items():
        if batch and size + n_tokens > BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += n_tokens
    if batch:
        yield batch
