"""Running a corpus: each of its texts once, several to a pass, over several connections."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import psycopg

from psqlm.database.progress import Task
from psqlm.errors import InterruptionError, PsqlmError
from psqlm.runs.storage import Storage, storage
from psqlm.runs.texts import Text

Connect = Callable[[], psycopg.Connection]
Show = Callable[[int, int], None]
"""Called with the tokens run so far and those to run in all."""
Tell = Callable[[Storage], None]
"""Called with what the texts to run will take up, before the first is run."""

BATCH_TOKENS = 256
"""Tokens in a pass: it reads a weight once for all of them, and more gain nothing."""
BATCH_TEXTS = 1000
"""Texts asked about at once."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """What is run and how.

    Attributes:
        model: its name; None for the default model.
        capture: the sites to keep.
        interventions: the set to make; None for none.
        capture_layers: the layers to keep; None for all.
        capture_positions: the positions to keep, −1 the last; None for all.
        tags: names and values to put on every run.
        capture_dtype: how vectors are stored, float32 or float16.
    """

    model: str | None = None
    capture: Sequence[str] = ("attn_out",)
    interventions: str | None = None
    capture_layers: Sequence[int] | None = None
    capture_positions: Sequence[int] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    capture_dtype: str = "float32"


@dataclass
class Outcome:
    """What became of a corpus.

    Attributes:
        run_ids: the run of every text, be it of now or of before.
        n_made: texts run now.
        n_before: texts that had been run, or stand in the corpus more than once.
        n_tokens: tokens of the runs made now.
        seconds: how long those took.
        left_out: lines on which texts begin that cannot be run, by the reason.
        n_tagged_otherwise: runs of before that had one of the tags with another value, and keep it.
    """

    run_ids: list[int] = field(default_factory=list)
    n_made: int = 0
    n_before: int = 0
    n_tokens: int = 0
    seconds: float = 0
    left_out: dict[str, list[int]] = field(default_factory=dict)
    n_tagged_otherwise: int = 0


def run_corpus(
    connect: Connect,
    texts: Sequence[Text],
    plan: Plan,
    jobs: int = 1,
    show: Show = lambda done, total: None,
    tell: Tell = lambda storage: None,
) -> Outcome:
    """Run the texts that have not been run; a transaction for each pass of several.

    What has been run with the same model, text, capture and interventions is left alone, so the
    same call goes on where an earlier one was stopped, and two at a time share the work.

    Args:
        connect: opens a connection; called once, and once for each job.
        texts: the corpus.
        plan: what is run and how.
        jobs: passes at a time, each over a connection of its own.
        show: is told of the progress.
        tell: is told what the runs will take up.

    Raises:
        PsqlmError: nothing in the corpus can be run; the disk has no room for it; or it was
            cancelled from another session.
        InterruptionError: it was interrupted; what was run is kept.
    """
    outcome = Outcome()
    with connect() as connection:
        usable = _usable(texts, outcome)
        found = _find_runs(connection, list(usable), plan)
        to_run = _count_tokens(connection, usable, found, plan, outcome)
        if to_run:
            needed = storage(connection, list(to_run.values()), plan)
            tell(needed)
            needed.require_room()
        (model,) = connection.execute(
            "SELECT name FROM lm.model WHERE model_id = lm.model_id(%s)", (plan.model,)
        ).fetchone() or ("",)
        outcome.run_ids = list(found.values())
        outcome.n_tagged_otherwise = put_tags(connection, outcome.run_ids, plan.tags)
    n_left_out = sum(map(len, outcome.left_out.values()))
    outcome.n_before = len(texts) - n_left_out - len(to_run)
    if n_left_out == len(texts):
        reasons = "; ".join(
            f"line {lines[0]}{' and others' if len(lines) > 1 else ''}: {reason}"
            for reason, lines in outcome.left_out.items()
        )
        raise PsqlmError(f"no text can be run: {reasons}")
    start = time.monotonic()
    try:
        _run(connect, to_run, plan, jobs, outcome, show, Task("run", model))
    except (KeyboardInterrupt, psycopg.errors.QueryCanceled) as error:
        stopped = (
            f"{outcome.n_made} of {len(to_run)} texts are run and kept; "
            "the same command goes on with the rest"
        )
        if isinstance(error, KeyboardInterrupt):
            raise InterruptionError(f"interrupted: {stopped}") from None
        raise PsqlmError(f"{error.diag.message_primary}: {stopped}") from error
    outcome.seconds = time.monotonic() - start
    return outcome


def put_tags(
    connection: psycopg.Connection, run_ids: Sequence[int], tags: Mapping[str, str]
) -> int:
    """Tag runs, except with what they are tagged with otherwise; returns how many those are."""
    if not tags:
        return 0
    given = {"runs": list(run_ids), "names": list(tags), "values": list(tags.values())}
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO lm.tag (run_id, name, value)
            SELECT r.run_id, t.name, t.value
            FROM unnest(%(runs)s::bigint[]) AS r (run_id)
            CROSS JOIN unnest(%(names)s::text[], %(values)s::text[]) AS t (name, value)
            ON CONFLICT DO NOTHING
            """,
            given,
        )
        row = connection.execute(
            """
            SELECT count(DISTINCT g.run_id)
            FROM lm.tag AS g
            INNER JOIN unnest(%(names)s::text[], %(values)s::text[]) AS t (name, value)
                ON g.name = t.name AND g.value <> t.value
            WHERE g.run_id = ANY (%(runs)s::bigint[]) AND g.position IS NULL
            """,
            given,
        ).fetchone()
    assert row is not None  # noqa: S101 (a count)
    return int(row[0])


def _usable(texts: Sequence[Text], outcome: Outcome) -> dict[str, list[int]]:
    """Texts that can be stored, each once, with the lines on which it begins."""
    usable: dict[str, list[int]] = {}
    for text in texts:
        if not text.text.strip():
            outcome.left_out.setdefault("empty", []).append(text.line)
        elif "\0" in text.text:
            outcome.left_out.setdefault("a NUL, which no text may hold", []).append(text.line)
        else:
            usable.setdefault(text.text, []).append(text.line)
    return usable


def _find_runs(connection: psycopg.Connection, texts: Sequence[str], plan: Plan) -> dict[str, int]:
    """Runs of before, by text."""
    found: dict[str, int] = {}
    for part in _parts(texts, BATCH_TEXTS):
        rows = connection.execute(
            "SELECT ordinal, run_id FROM lm.find_runs("
            "%s::text[], %s, %s, %s, %s::int[], %s::int[], %s)",
            (list(part), *_arguments(plan)),
        )
        found |= {part[ordinal - 1]: run_id for ordinal, run_id in rows}
    return found


def _count_tokens(
    connection: psycopg.Connection,
    usable: Mapping[str, list[int]],
    found: Mapping[str, int],
    plan: Plan,
    outcome: Outcome,
) -> dict[str, int]:
    """Numbers of tokens of the texts to run, those left out that the model has no room for."""
    row = connection.execute(
        "SELECT n_ctx FROM lm.model WHERE model_id = lm.model_id(%s)", (plan.model,)
    ).fetchone()
    assert row is not None  # noqa: S101 (lm.model_id refuses a model that is not there)
    to_run: dict[str, int] = {}
    for part in _parts([text for text in usable if text not in found], BATCH_TEXTS):
        counts = connection.execute(
            """
            SELECT cardinality(lm.encode(t.text, %s))
            FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, ordinal)
            ORDER BY t.ordinal
            """,
            (plan.model, list(part)),
        )
        for text, (n_tokens,) in zip(part, counts, strict=True):
            if n_tokens > row[0]:
                reason = f"{n_tokens} tokens, the model has positions for {row[0]}"
                outcome.left_out.setdefault(reason, []).extend(usable[text])
            else:
                to_run[text] = n_tokens
    return to_run


def _run(
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
            (list(batch), *_arguments(plan)),
        ).fetchall()
        put_tags(connection, [run_id for run_id, _ in rows], plan.tags)
    return rows


def _arguments(plan: Plan) -> tuple[Any, ...]:
    """What lm.find_runs and lm.forward_once take after the texts."""
    return (
        plan.model,
        list(plan.capture),
        plan.interventions,
        plan.capture_layers,
        plan.capture_positions,
        plan.capture_dtype,
    )


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


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
