"""The benchmark from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from psqlm import database
from psqlm.bench import theirs
from psqlm.bench.measure import Measurements
from psqlm.bench.plan import Plan
from psqlm.bench.report import Difference, Report, Row, describe_machine
from psqlm.bench.stages import Pass, Profile, explain
from psqlm.bench.timing import in_turn
from psqlm.loader.config import read_config

INSTALL = "The column of theirs is not full: pip install {}"


def run(
    dsn: str,
    folder: Path,
    plan: Plan,
    report: Report,
    real_tokens: bool,
) -> None:
    """Measure all that is planned. After a failure the report has the rows before it.

    Args:
        dsn: a database that may be filled.
        folder: the model's files.
        plan: what to measure.
        report: where the rows go.
        real_tokens: whether the vocabulary was learnt from text, not made up.

    Raises:
        PsqlmError: a measurement failed.
    """
    sizes = read_config(folder / "config.json")
    report.model |= {
        "family": sizes.family,
        "n_layer": sizes.n_layer,
        "n_head": sizes.n_head,
        "n_kv_head": sizes.n_kv_head,
        "d_model": sizes.d_model,
        "n_vocab": sizes.n_vocab,
    }
    if (missing := theirs.missing()) is not None:
        report.notes.append(INSTALL.format(missing))
    with database.connect(dsn) as connection:
        connection.autocommit = True
        report.machine = describe_machine(connection)
        stored = [
            Measurements(connection, dsn, folder, report.size, dtype, plan, real_tokens)
            for dtype in plan.dtypes
        ]
        _with_progress(list(_steps(stored, plan, report)))
    report.complete = True


Step = tuple[str, Callable[[], None]]


def _steps(stored: list[Measurements], plan: Plan, report: Report) -> Iterator[Step]:
    """All steps in order, each with its name."""
    reference: list[npt.NDArray[np.float64]] = []  # the logits of the first

    def measure(rows: Callable[[], Iterator[Row]]) -> None:
        report.rows.extend(rows())

    def compare(each: Measurements) -> None:
        report.differences.extend(_compare(each, plan, reference))

    for each in stored:
        for words, rows in each.steps():
            yield f"{each.dtype}: {words}", partial(measure, rows)
        yield f"{each.dtype}: differences", partial(compare, each)
        yield f"{each.dtype}: where the time goes", partial(_take_apart, each, plan, report)
        yield f"{each.dtype}: done", each.release


def _with_progress(steps: list[Step]) -> None:
    """Take all steps, and name the current one on standard error."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        refresh_per_second=1,  # drawing on the screen would be measured too
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=len(steps))
        for words, step in steps:
            progress.update(task, description=words)
            if not console.is_terminal:
                console.print(words, highlight=False)
            step()
            progress.advance(task)


def _compare(
    each: Measurements, plan: Plan, reference: list[npt.NDArray[np.float64]]
) -> Iterator[Difference]:
    """How far logits are from transformers', and those of float16 from those of float32."""
    prompt = each.ours.prompt(plan.profile[0])
    logits = each.ours.logits(prompt.text)
    if each.theirs is not None:
        name = f"{each.dtype} and transformers in {each.theirs.dtype}"
        yield _difference(name, logits, each.theirs.logits(prompt.tokens))
    if reference:
        yield _difference(f"{each.dtype} and {plan.dtypes[0]}", logits, reference[0])
    reference.append(logits)


def _difference(
    name: str, logits: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> Difference:
    return Difference(
        name,
        float(np.abs(logits - expected).max()),
        float(expected.std()),
        bool(logits.argmax() == expected.argmax()),
    )


def _take_apart(each: Measurements, plan: Plan, report: Report) -> None:
    """Time the stages of a whole prompt, and of one token after a cache."""
    connection, ours = each.ours.connection, each.ours
    n_tokens, context = plan.profile
    model_id = ours.model_id
    prompt = Pass(model_id, 0, ours.prompt(n_tokens).tokens, ["attn_out"])
    with ours.cached(ours.prompt(context).text) as generation_id:
        token = Pass(model_id, context, [0], ["k", "v"], generation_id)
        for name, key, work in (
            (f"{n_tokens} tokens", f"forward-{n_tokens}", prompt),
            (f"1 at context {context}", f"decode-{context}", token),
        ):
            try:
                stages, text = explain(connection, work, plan.watched)
            except psycopg.Error as error:
                report.notes.append(
                    f"Where the time goes, {name}, {each.dtype}: not known, {error}"
                )
                continue
            report.plans[f"{key}-{each.dtype}"] = text
            totals = {"lm_internal.transformer as watched": sum(stages.values())}
            if work is token:
                samples, _ = in_turn(ours.unembed, None, plan.repeats)
                totals["lm_internal.logits of a position"] = float(np.median(samples))
            row = report.row(key, each.dtype)
            if row is not None and row.medians[0] is not None:
                totals["the whole, unwatched"] = row.medians[0]
            report.profiles.append(Profile(name, each.dtype, stages, totals))
