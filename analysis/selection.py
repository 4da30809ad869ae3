"""Which runs are analyzed, and what their tokens are tagged with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import psycopg

from psqlm.errors import PsqlmError, said_by_server


@dataclass(frozen=True)
class Selection:
    """Runs of one model, and what was left out of them, in a line each."""

    run_ids: list[int]
    notes: list[str]


def select_runs(connection: psycopg.Connection, which: str, model: str | None = None) -> Selection:
    """Find the runs that kept their attention adjustments whole: lm.select_runs.

    Args:
        connection: to the database that holds them.
        which: numbers (1,2,5-9), tag:NAME=VALUE, or all, which are those without interventions.
            Of runs of the same tokens all and tag: take the newest: rows that are there twice would
            count twice.
        model: whose runs; left out, there may be runs of one model only.

    Raises:
        PsqlmError: no such runs, or runs of several models.
    """
    try:
        with connection.transaction():
            rows = connection.execute(
                "SELECT run_id, n_older FROM lm.select_runs(%s, %s)", (which, model)
            ).fetchall()
            row = connection.execute(
                "SELECT count(*) FROM lm_internal.whole_run"
                " WHERE interventions IS NOT NULL AND model = COALESCE(%s, model)",
                (model,),
            ).fetchone()
    except psycopg.errors.InvalidParameterValue as error:
        raise said_by_server(error) from error
    changed = row[0] if row and which == "all" else 0
    repeated = sum(n_older for _, n_older in rows)
    notes = {
        f"left out: {_runs(changed)} with interventions; their numbers would include them": changed,
        f"left out: {_runs(repeated)} of a text that was run again later": repeated,
    }
    return Selection([run_id for run_id, _ in rows], [note for note, n in notes.items() if n])


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n} runs"


def read_tags(connection: psycopg.Connection, run_ids: Sequence[int], name: str) -> pd.DataFrame:
    """Read lm.token_tag: run_id, position and the value of this tag, of tokens that have it.

    Raises:
        PsqlmError: none of the runs has it.
    """
    rows = connection.execute(
        "SELECT run_id, position, value FROM lm.token_tag WHERE run_id = ANY (%s) AND name = %s",
        (list(run_ids), name),
    ).fetchall()
    if not rows:
        there = tag_names(connection, run_ids)
        theirs = f"they have {', '.join(there)}" if there else "they have none"
        raise PsqlmError(
            f'none of these runs has the tag "{name}" ({theirs}): '
            "insert rows into lm.tag, or psqlm run … --tag NAME=VALUE"
        )
    tags: pd.DataFrame = pd.DataFrame(rows, columns=["run_id", "position", name])
    return tags


def tag_names(connection: psycopg.Connection, run_ids: Sequence[int]) -> list[str]:
    """Names of the tags that these runs have."""
    rows = connection.execute(
        "SELECT DISTINCT name FROM lm.tag WHERE run_id = ANY (%s) ORDER BY name", (list(run_ids),)
    )
    return [name for (name,) in rows]
