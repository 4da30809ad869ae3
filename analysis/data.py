"""What the analysis reads: a run and its rows of the views, as they are."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import psycopg

from psqlm.errors import PsqlmError
from psqlm.printable import printable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A forward pass: which model read which text."""

    run_id: int
    model: str
    n_layer: int
    prompt: str
    n_tokens: int

    @property
    def title(self) -> str:
        """Its number and its first words."""
        words = printable(" ".join(self.prompt.split()))
        first = textwrap.shorten(words, 40, placeholder="") or words[:40]
        shown = words if len(words) <= 44 else f"{first} …"
        return f"run {self.run_id}" + (f" “{shown}”" if shown else "")


def read_run(connection: psycopg.Connection, run_id: int) -> Run:
    """Read a run.

    Raises:
        PsqlmError: there is no such run, or it kept no attention adjustments.
    """
    row = connection.execute(
        """
        SELECT m.name, m.n_layer, r.prompt, cardinality(r.token_ids),
            EXISTS (SELECT FROM lm.attention_adjustment AS a WHERE a.run_id = r.run_id)
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE r.run_id = %s
        """,
        (run_id,),
    ).fetchone()
    if row is None:
        raise PsqlmError(
            f"there is no run {run_id}: the table lm.run lists the runs, psqlm run PROMPT makes one"
        )
    model, n_layer, prompt, n_tokens, has_adjustments = row
    if not has_adjustments:
        raise PsqlmError(
            f"run {run_id} kept no attention adjustments: {_run_again(run_id)} "
            "makes a run of its text that does"
        )
    return Run(run_id, model, n_layer, prompt or "", n_tokens)


def latest_run(connection: psycopg.Connection, model: str | None = None) -> int:
    """Key of the newest run with attention adjustments, of this model or of any.

    Raises:
        PsqlmError: there is none, or the newest run kept something else.
    """
    row = connection.execute(
        """
        SELECT r.run_id, 'attn_out' = ANY (r.capture)
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE (%(model)s::text IS NULL OR m.name = %(model)s)
            AND (
                'attn_out' <> ALL (r.capture)
                OR EXISTS (SELECT FROM lm.attention_adjustment AS a WHERE a.run_id = r.run_id)
            )
        ORDER BY r.run_id DESC
        LIMIT 1
        """,
        {"model": model},
    ).fetchone()
    if row is None:
        whose = f" of the model {model}" if model else ""
        raise PsqlmError(
            f"there is no run{whose} to analyze: psqlm analyze --prompt TEXT makes one"
        )
    run_id, kept = row
    if not kept:
        raise PsqlmError(
            f"run {run_id}, the newest, kept no attention adjustments: {_run_again(run_id)} "
            "makes a run of its text that does; --run ID takes an older one"
        )
    return int(run_id)


def _run_again(run_id: int) -> str:
    """The command that runs the same tokens and keeps their attention adjustments."""
    return (
        'psqlm sql -c "SELECT lm.forward(token_ids => token_ids, model => name) '  # noqa: S608
        f'FROM lm.run JOIN lm.model USING (model_id) WHERE run_id = {run_id}"'
    )


def read_norms(connection: psycopg.Connection, run_id: int) -> pd.DataFrame:
    """Read lm.adjustment_norm: layer, position, token, norm, log_norm (NaN where the norm is 0)."""
    return _frame(
        connection,
        """
        SELECT layer, position, token, norm, log_norm
        FROM lm.adjustment_norm
        WHERE run_id = %s
        ORDER BY layer, position
        """,
        (run_id,),
    )


def _frame(connection: psycopg.Connection, query: str, parameters: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of a query as a frame. Columns of numbers stay such if there are no rows."""
    import pandas as pd

    cursor = connection.execute(cast("Any", query), parameters)
    assert cursor.description is not None  # noqa: S101 (a SELECT has columns)
    frame = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    types = {"layer": "int64", "position": "int64", "token": "object"}
    typed: pd.DataFrame = frame.astype({name: types.get(name, "float64") for name in frame.columns})
    return typed
