"""Running a corpus: each of its texts once, several to a pass, over several connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import psycopg

from psqlm.database.progress import Task
from psqlm.errors import InterruptionError, PsqlmError
from psqlm.runs.passes import Connect, Show, run_passes
from psqlm.runs.plan import Outcome, Plan
from psqlm.runs.storage import Storage, storage
from psqlm.runs.tags import put_tags
from psqlm.runs.texts import Text

Tell = Callable[[Storage], None]
"""Called with what the texts to run will take up, before the first is run."""

BATCH_TEXTS = 1000
"""Texts asked about at once."""

Item = TypeVar("Item")


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
        run_passes(connect, to_run, plan, jobs, outcome, show, Task("run", model))
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
            (list(part), *plan.arguments),
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


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
