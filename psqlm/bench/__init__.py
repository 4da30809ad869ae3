"""`psqlm bench`: what an answer costs here, and what it costs in transformers.

Everything happens in a database of its own, made for it and dropped at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from psqlm.bench.plan import DEMO, USUAL, Plan, plan_of
from psqlm.errors import PsqlmError
from psqlm.synth import SIZES

__all__ = ["main"]

DTYPES = ("float32", "float16")


def main(
    dsn: str,
    json_path: Path | None = None,
    *,
    before: Path | None = None,
    size: str = USUAL,
    dtypes: Sequence[str] | None = None,
    quick: bool = False,
    tokenizer: Path | None = None,
    plan: Plan | None = None,
) -> None:
    """Measure, print the table, and write the samples.

    The plans that EXPLAIN shows go to a folder beside the JSON, or to bench-explain.

    Args:
        dsn: a server; the role must be allowed to make a database there.
        json_path: a file for every sample, for programs. By default none is written.
        before: what an earlier benchmark wrote with `json_path`, to compare with at the end.
        size: one of `psqlm.synth.SIZES`, with random weights, or "demo", the bundled model. Shapes
            other than gpt2's are measured in fewer rows.
        dtypes: how the weights are stored, float32 or float16. By default both in turn.
        quick: fewer rows and repeats.
        tokenizer: a folder with vocab.json and merges.txt, for random weights.
        plan: exactly what to measure, instead of what `quick` says.

    Raises:
        PsqlmError: the size or dtype is unknown, files cannot be written, or the role may not make
            a database. What was measured before is printed and written.
    """
    from psqlm.bench.comparison import print_comparison, read_earlier
    from psqlm.bench.report import Report
    from psqlm.bench.run import run
    from psqlm.bench.scratch import model_folder, scratch_database

    if size != DEMO and size not in SIZES:
        raise PsqlmError(f"unknown size {size}: {DEMO}, {', '.join(SIZES)}")
    dtypes = tuple(dict.fromkeys(dtypes or (plan.dtypes if plan else DTYPES)))
    if unknown := [dtype for dtype in dtypes if dtype not in DTYPES]:
        raise PsqlmError(f"unknown dtype {unknown[0]}: {' or '.join(DTYPES)}")
    if json_path is not None and not json_path.parent.is_dir():
        raise PsqlmError(f"there is no folder {json_path.parent}: make it, or choose another")
    earlier = None if before is None else read_earlier(before)  # before minutes are spent
    chosen = replace(plan or plan_of(size, quick), dtypes=dtypes)
    report = Report(size, quick, json_path)
    real_tokens = size == DEMO or tokenizer is not None
    with model_folder(size, tokenizer) as folder, scratch_database(dsn) as scratch:
        try:
            run(scratch, folder, chosen, report, real_tokens)
        finally:
            report.finish()
            if earlier is not None:
                print_comparison(earlier, report)
