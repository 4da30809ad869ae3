"""Where the time goes, from the plans of the statements themselves.

EXPLAIN does not look into functions. So the function is copied into the session's temporary
schema without its SET clauses (they are set for the transaction instead): the planner then
inlines it, and the plan that EXPLAIN shows is the body's, a subplan for each CTE.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

Node = dict[str, Any]

TRANSFORMER = sql.SQL("""
    SELECT *
    FROM pg_temp.transformer(
        model_id => $1,
        sequence => $2,
        "position" => $3,
        token_id => $4,
        keep => $5,
        generation_id => $6
    )
""")


@dataclass(frozen=True)
class Profile:
    """A forward pass taken apart.

    Attributes:
        name: which pass.
        dtype: how the weights were stored.
        stages: seconds of each CTE of lm.transformer, without the CTEs that it reads.
        totals: seconds of the whole pass and of what surrounds it.
    """

    name: str
    dtype: str
    stages: dict[str, float]
    totals: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.stages.values())


@dataclass(frozen=True)
class Pass:
    """What lm.transformer is asked to run.

    Attributes:
        model_id: the model.
        first_position: position of the first token.
        tokens: the tokens.
        keep: the sites that are kept.
        generation_id: the generation whose cache holds the positions before, if any.
    """

    model_id: int
    first_position: int
    tokens: Sequence[int]
    keep: Sequence[str]
    generation_id: int | None = None

    @property
    def arguments(self) -> list[Any]:
        """The arguments of lm.transformer."""
        n_tokens = len(self.tokens)
        return [
            self.model_id,
            [0] * n_tokens,
            list(range(self.first_position, self.first_position + n_tokens)),
            list(self.tokens),
            list(self.keep),
            self.generation_id,
        ]


def explain(
    connection: psycopg.Connection[Any], work: Pass, repeats: int
) -> tuple[dict[str, float], str]:
    """Run a pass under EXPLAIN (ANALYZE, BUFFERS).

    Args:
        connection: with autocommit; a transaction on it is opened and rolled back.
        work: the pass.
        repeats: number of times. The median of each stage counts.

    Returns:
        Seconds of each stage; the plan as text.
    """
    with connection.transaction(force_rollback=True):
        _copy_function(connection, "transformer")
        connection.execute(
            sql.SQL("PREPARE bench (int, int[], int[], int[], lm.site[], bigint) AS {}").format(
                TRANSFORMER
            )
        )
        execute = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT {}) EXECUTE bench ({})")
        arguments = sql.SQL(", ").join(map(sql.Literal, work.arguments))
        samples = []
        for _ in range(repeats):
            row = connection.execute(execute.format(sql.SQL("JSON"), arguments)).fetchone()
            assert row is not None  # noqa: S101 (EXPLAIN answers)
            samples.append(stage_times(row[0][0]["Plan"]))
        lines = connection.execute(execute.format(sql.SQL("TEXT"), arguments)).fetchall()
        connection.execute("DEALLOCATE bench")
    stages = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
    return stages, "\n".join(line for (line,) in lines) + "\n"


def stage_times(plan: Node) -> dict[str, float]:
    """Seconds spent in each CTE of a plan, and in no other, in the order they are written.

    A CTE is computed while it is read for the first time, so its time is in its reader's time too.
    A plan does not say what each of several readers computed. But reading what is already computed
    takes next to no time, so the CTE's time is divided in proportion to how long they took.
    """
    stages = {
        node["Subplan Name"].removeprefix("CTE "): node
        for node in _walk(plan)
        if node.get("Subplan Name", "").startswith("CTE ")
    }
    reading = dict.fromkeys(stages, 0.0)
    for node in _walk(plan):
        if node["Node Type"] == "CTE Scan":
            reading[node["CTE Name"]] += _time(node)
    times = {}
    for name, top in stages.items():
        computing_others = sum(
            _time(node) * min(1.0, _time(stages[read]) / (reading[read] or 1.0))
            for node in _walk(top, into_stages=False)
            if (read := node.get("CTE Name")) in stages and node["Node Type"] == "CTE Scan"
        )
        times[name] = max(_time(top) - computing_others, 0.0)
    return times


def _walk(node: Node, into_stages: bool = True) -> Iterator[Node]:
    """A node and those below it, with the plans of CTEs only if wanted."""
    yield node
    for child in node.get("Plans", []):
        if into_stages or not child.get("Subplan Name", "").startswith("CTE "):
            yield from _walk(child, into_stages)


def _time(node: Node) -> float:
    """Seconds spent in a node and below it."""
    return float(node["Actual Total Time"]) * int(node["Actual Loops"]) / 1000


def _copy_function(connection: psycopg.Connection[Any], name: str) -> None:
    """Copy a function of lm to pg_temp without its SET clauses, and set these here."""
    row = connection.execute(
        """
        SELECT pg_get_functiondef(p.oid), p.proconfig
        FROM pg_proc AS p
        WHERE p.pronamespace = 'lm'::regnamespace AND p.proname = %s
        """,
        (name,),
    ).fetchone()
    assert row is not None  # noqa: S101 (psqlm has it)
    definition, settings = row
    head, body = definition.split("\nBEGIN ATOMIC", 1)
    head = re.sub(r"^ SET .*\n?", "", head.replace(" lm.", " pg_temp.", 1), flags=re.MULTILINE)
    for setting in settings or []:
        connection.execute("SELECT set_config(%s, %s, true)", tuple(setting.split("=", 1)))
    connection.execute(f"{head}\nBEGIN ATOMIC{body}".encode())
