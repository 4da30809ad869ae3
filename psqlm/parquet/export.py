"""Taking runs out of a database, as Parquet files: all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import (
    ONE_PER_KEY,
    DType,
    Interventions,
    Model,
    Plan,
    require_pyarrow,
    table_of,
)
from psqlm.parquet.manifest import Manifest
from psqlm.parquet.writer import Writer

Show = Callable[[int, int], None]

TOKENS_AT_ONCE = 2048
"""How many tokens the runs have together that are asked for in one statement."""


@dataclass(frozen=True)
class Run:
    """A run that is exported.

    Attributes:
        run_id: its number.
        text_id: the key of its text.
        n_tokens: how many tokens it has.
    """

    run_id: int
    text_id: str
    n_tokens: int


@dataclass
class Exported:
    """What was written.

    Attributes:
        n_runs: how many runs.
        n_older: runs of a text that was run again later by the same plan, and are left out.
        n_without: runs that kept none of the sites asked for, and are left out.
        n_bytes: of all files.
        plans: what was run and kept, by Plan.key().
        runs: the runs of each plan, in order.
    """

    n_runs: int = 0
    n_older: int = 0
    n_without: int = 0
    n_bytes: int = 0
    plans: dict[str, Plan] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))


def export(
    connection: psycopg.Connection,
    which: str,
    folder: Path,
    model: str | None = None,
    dtype: DType = "float32",
    sites: Sequence[str] | None = None,
    show: Show = lambda done, total: None,
) -> Exported:
    """Write runs into a new folder, or an empty one.

    Args:
        connection: to the database that has them, outside any transaction.
        which: numbers (1,2,5-9), tag:NAME=VALUE, or all.
        folder: where to.
        model: whose runs; None: of any.
        dtype: float16 rounds the vectors to it, which take less space then; those of runs that are
            stored so stay as they are.
        sites: what to write of what they kept; None: all of it.
        show: is told how many rows of vectors and logits are written, and of how many.

    Raises:
        PsqlmError: there are no such runs, the folder is not empty, or pyarrow is missing.
    """
    require_pyarrow()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PsqlmError(f"{folder} is there and not empty: give --out a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # beside it, so that it can be moved there when it is whole
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-unfinished-"))
    try:
        with connection.transaction():
            # all statements see the database as it was at the first
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            exported = choose(connection, which, model, dtype, sites)
            writer = Writer(unfinished, dtype)
            _write(connection, exported, writer, show)
            manifest = Manifest(_versions(connection), exported.plans, writer.files)
        manifest.write(unfinished)
        exported.n_bytes = sum(file.bytes for file in writer.files.values())
        unfinished.chmod(0o777 & ~_umask())
        try:
            unfinished.rename(folder)
        except OSError as error:
            raise PsqlmError(
                f"{folder} has been filled meanwhile ({error.strerror}): give --out a new folder"
            ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return exported


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def choose(
    connection: psycopg.Connection,
    which: str,
    model: str | None = None,
    dtype: DType = "float32",
    sites: Sequence[str] | None = None,
) -> Exported:
    """The runs to write, by their plans; of a text that a plan ran several times, the last.

    Within a transaction, for the arguments see `export`.
    """
    exported = Exported()
    run_ids = [
        run_id
        for (run_id,) in connection.execute(
            "SELECT n.run_id FROM lm.named_runs(%s, %s) AS n (run_id)", (which, model)
        )
    ]
    plans: dict[tuple[str, ...], tuple[str, Plan]] = {}
    models = _models(connection)
    newest: dict[str, tuple[str, Run]] = {}
    with connection.cursor("runs", row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT
                r.run_id,
                r.model_id,
                r.prompt,
                r.token_ids,
                r.capture::text[],
                r.capture_layers,
                r.capture_positions,
                r.top_logits,
                r.interventions,
                r.intervention_digest,
                r.capture_dtype
            FROM lm.run AS r
            WHERE r.run_id = ANY (%s::bigint[])
            ORDER BY r.run_id
            """,
            (run_ids,),
        )
        for row in cursor:
            run_id, prompt, token_ids = (
                row.pop(name) for name in ("run_id", "prompt", "token_ids")
            )
            said = tuple(str(value) for value in row.values())
            if said not in plans:
                plan = _plan(connection, models[row["model_id"]], row, dtype).only(sites)
                plans[said] = plan.key(), plan
            key, plan = plans[said]
            if sites is not None and not plan.capture:
                exported.n_without += 1
                continue
            run = Run(run_id, plan.text_id(prompt, token_ids), len(token_ids))
            exported.n_older += run.text_id in newest
            exported.plans.setdefault(key, plan)
            newest[run.text_id] = (key, run)
    if not newest:
        raise PsqlmError(
            f"none of these runs kept {', '.join(sites or ())}: psqlm run --capture keeps it"
        )
    for key, run in newest.values():
        exported.runs[key].append(run)
    for runs in exported.runs.values():
        runs.sort(key=lambda run: run.run_id)
    exported.n_runs = len(newest)
    return exported


def _models(connection: psycopg.Connection) -> dict[int, Model]:
    rows = connection.execute(
        "SELECT model_id, name, source, revision, sha256, dtype FROM lm.model"
    ).fetchall()
    return {model_id: Model(*values) for model_id, *values in rows}


def _plan(connection: psycopg.Connection, model: Model, row: dict[str, Any], dtype: DType) -> Plan:
    done = None
    if row["interventions"] is not None:
        name, digest = row["interventions"], row["intervention_digest"]
        changes = connection.execute(
            "SELECT lm_internal.carried_interventions(%s, %s, %s)",
            (name, row["model_id"], digest),
        ).fetchone()
        done = Interventions(name, digest, changes[0] if changes else None)
    return Plan(
        model=model,
        capture=tuple(sorted(set(row["capture"]))),
        layers=_sorted(row["capture_layers"]),
        positions=_sorted(row["capture_positions"]),
        top_logits=row["top_logits"],
        interventions=done,
        dtype="float16" if row["capture_dtype"] == "float16" else dtype,
    )


def _sorted(numbers: list[int] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(sorted(set(numbers)))


def _write(connection: psycopg.Connection, exported: Exported, writer: Writer, show: Show) -> None:
    """Write every table of every plan."""
    total = sum(
        run.n_tokens * (1 + len(exported.plans[key].capture))
        for key, runs in exported.runs.items()
        for run in runs
    )
    done = 0

    def parts(runs: Sequence[Run]) -> Iterator[list[Run]]:
        """Some runs at a time, and tells of the progress."""
        nonlocal done
        for part in _parts(runs):
            yield part
            done += sum(run.n_tokens for run in part)
            show(done, total)

    for key, runs in exported.runs.items():
        plan = exported.plans[key]
        writer.texts(connection, plan, parts(runs))
        for site in plan.vector_sites():
            width = None if site in ONE_PER_KEY else _width(connection, plan, site)
            path = plan.folder(table_of(site), None if site == "pattern" else site)
            writer.vectors(connection, path, site, width, parts(runs))
        if "logits" in plan.capture:
            writer.logits(connection, plan, parts(runs))


def _width(connection: psycopg.Connection, plan: Plan, site: str) -> int:
    row = connection.execute(
        "SELECT s.width FROM lm.model_site AS s INNER JOIN lm.model AS m USING (model_id)"
        " WHERE m.name = %s AND s.site = %s::lm.site",
        (plan.model.name, site),
    ).fetchone()
    assert row is not None  # noqa: S101 (the model has what its runs kept)
    return int(row[0])


def _parts(runs: Sequence[Run]) -> Iterator[list[Run]]:
    part: list[Run] = []
    size = 0
    for run in runs:
        if part and size + run.n_tokens > TOKENS_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(run)
        size += run.n_tokens
    if part:
        yield part


def _versions(connection: psycopg.Connection) -> dict[str, str]:
    import pyarrow

    row = connection.execute(
        "SELECT current_setting('server_version'),"
        " (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'vector')"
    ).fetchone()
    server, vector = row or ("", "")
    return {
        "psqlm": version("psqlm"),
        "postgresql": server,
        "pgvector": vector,
        "pyarrow": pyarrow.__version__,
    }
