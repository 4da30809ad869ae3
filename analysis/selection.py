"""Which runs are analyzed, and what their tokens are tagged with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import psycopg

from psqlm.errors import PsqlmError
from psqlm.ranges import read_ranges, write_ranges


@dataclass(frozen=True)
class Selection:
    """Runs of one model, and what was left out of them, in a line each."""

    run_ids: list[int]
    notes: list[str]


def select_runs(connection: psycopg.Connection, which: str, model: str | None = None) -> Selection:
    """Find the runs that kept their attention adjustments whole.

    Args:
        connection: to the database that holds them.
        which: numbers (1,2,5-9), tag:NAME=VALUE, or all, which are those without interventions.
            Of runs of the same tokens all and tag: take the newest: rows that are there twice would
            count twice.
        model: whose runs; left out, there may be runs of one model only.

    Raises:
        PsqlmError: no such runs, or runs of several models.
    """
    if which != "all" and not which.startswith("tag:"):
        return Selection(_numbered_runs(connection, which, model), [])
    name, equals, value = which.removeprefix("tag:").partition("=")
    if which != "all" and not (name and equals):
        raise PsqlmError(f"--runs {which}: say tag:NAME=VALUE")
    rows = connection.execute(
        """
        SELECT m.name, r.interventions IS NULL OR %(tagged)s, max(r.run_id), count(*)
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE (%(model)s::text IS NULL OR m.name = %(model)s)
            AND 'attn_out' = ANY (r.capture)
            AND num_nonnulls(r.capture_layers, r.capture_positions) = 0
            AND (
                NOT %(tagged)s
                OR EXISTS (
                    SELECT FROM lm.tag AS t
                    WHERE t.run_id = r.run_id
                        AND t.position IS NULL
                        AND t.name = %(name)s
                        AND t.value = %(value)s
                )
            )
        GROUP BY m.name, r.token_ids, r.interventions
        ORDER BY max(r.run_id)
        """,
        {"model": model, "tagged": which != "all", "name": name, "value": value},
    ).fetchall()
    taken = [row for row in rows if row[1]]
    if not taken:
        whose = f" of the model {model}" if model else ""
        raise PsqlmError(
            f"there is no run{whose} to analyze: psqlm run --file F --each line makes some"
            if which == "all"
            else f"no run{whose} that kept attn_out is tagged {name}={value}: "
            "the table lm.tag has the tags there are"
        )
    _check_one_model({row[0] for row in taken})
    changed = sum(row[3] for row in rows if not row[1])
    repeated = sum(row[3] - 1 for row in taken)
    notes = {
        f"left out: {_runs(changed)} with interventions; their numbers would include them": changed,
        f"left out: {_runs(repeated)} of a text that was run again later": repeated,
    }
    return Selection([row[2] for row in taken], [note for note, n in notes.items() if n])


def _numbered_runs(connection: psycopg.Connection, which: str, model: str | None) -> list[int]:
    try:
        parts = [f"[{part.start},{part.stop})" for part in read_ranges(which)]
    except ValueError as error:
        raise PsqlmError(f"--runs {which}: say 1,2,5-9 or all or tag:NAME=VALUE") from error
    asked = f"{{{','.join(parts)}}}"
    rows = connection.execute(
        """
        SELECT r.run_id, m.name, 'attn_out' = ANY (r.capture)
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE r.run_id <@ %s::int8multirange
        ORDER BY r.run_id
        """,
        (asked,),
    ).fetchall()
    # what was asked for and is not there, as ranges: there may be more numbers than memory
    missing = connection.execute(
        """
        SELECT
            string_agg(
                concat_ws('-', lower(m.part), nullif(upper(m.part) - 1, lower(m.part))),
                ',' ORDER BY m.part
            )
        FROM (
            SELECT %s::int8multirange - COALESCE(
                range_agg(int8range(r.run_id, r.run_id, '[]')), '{}'
            ) AS parts
            FROM lm.run AS r
            WHERE r.run_id = ANY (%s)
        ) AS missing
        CROSS JOIN unnest(missing.parts) AS m (part)
        """,
        (asked, [row[0] for row in rows]),
    ).fetchone()
    if missing and missing[0]:
        raise PsqlmError(f"there are no runs {missing[0]}: the table lm.run lists those there are")
    chosen = [row for row in rows if model in (None, row[1])]
    if not chosen:
        raise PsqlmError(f"none of the runs {which} is of the model {model}")
    if without := [row[0] for row in chosen if not row[2]]:
        raise PsqlmError(
            f"the runs {write_ranges(without)} kept no attention adjustments: "
            "run their texts again with attn_out among the captured sites"
        )
    _check_one_model({row[1] for row in chosen})
    return [row[0] for row in chosen]


def _check_one_model(names: set[str]) -> None:
    if len(names) > 1:
        several = sorted(names)
        raise PsqlmError(
            f"the runs are of several models ({', '.join(several)}): name one with --model, "
            f"or compare them: --models {','.join(several)}"
        )


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
