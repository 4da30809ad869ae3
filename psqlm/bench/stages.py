"""Where the time goes, step by step.

The planner inlines the steps of lm_internal.transformer_layers, so neither EXPLAIN nor PostgreSQL's
statistics name them. Hence two looks at each pass, by copies that a transaction makes and rolls
back. In one copy the steps are functions that are not inlined, and PostgreSQL counts the time of
each. The other is inlined whole: EXPLAIN shows its plan, with a subplan for each CTE of attention.
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

# What the pass is made of, and itself: each holds steps, or those before it.
PARTS = ("mlp", "attention_inputs", "attention_and_mlp", "transformer_layers")
# A step or a part as it stands in the body of a part, with the site it makes if it says so.
STEP = re.compile(
    r"\blm_internal\.(?P<function>embed_tokens|norm|norm_heads|linear|rotate|attention|output|add"
    r"|activated|" + "|".join(PARTS) + r")\(\s*(?P<site>'\w+'(?=::))?"
)
UNNAMED = {"embed_tokens": "embed", "activated": "mlp_post", "attention": "attention"}
# What lm_internal.attention is made of, by its CTEs.
ATTENTION = {
    "batch": "sequences",
    "attn_scores": "attn_scores",
    "pattern": "pattern",
    "head_z": "z",
}

TRANSFORMER = sql.SQL("""
    SELECT
        l.layer,
        k.site,
        k.x
    FROM pg_temp.transformer_layers(
        model_id => $1,
        sequence => $2,
        "position" => $3,
        token_id => $4,
        keep => $5,
        generation_id => $6
    ) AS l
    CROSS JOIN unnest(l.kept) AS k (site, x)
""")


@dataclass(frozen=True)
class Profile:
    """A forward pass taken apart.

    Attributes:
        name: which pass.
        dtype: how the weights were stored.
        stages: seconds of each step, under the site that it makes.
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
    """What lm_internal.transformer is asked to run.

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
        """The arguments of lm_internal.transformer."""
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
    """Run a pass with its steps watched, and under EXPLAIN (ANALYZE, BUFFERS).

    Args:
        connection: of a superuser, with autocommit; what it opens is rolled back.
        work: the pass.
        repeats: number of times. The median of each stage counts.

    Returns:
        Seconds of each stage; the plan as text.
    """
    steps = [_steps(connection, work) for _ in range(repeats)]
    with connection.transaction(force_rollback=True):
        _set_as(connection, "transformer")
        _copy_function(connection, "transformer_layers")
        _prepare(connection)
        execute = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT {}) EXECUTE bench ({})")
        arguments = sql.SQL(", ").join(map(sql.Literal, work.arguments))
        plans = []
        for _ in range(repeats):
            row = connection.execute(execute.format(sql.SQL("JSON"), arguments)).fetchone()
            assert row is not None  # noqa: S101 (EXPLAIN answers)
            plans.append(stage_times(row[0][0]["Plan"]))
        lines = connection.execute(execute.format(sql.SQL("TEXT"), arguments)).fetchall()
        connection.execute("DEALLOCATE bench")
    stages = {}
    for step in steps[0]:
        if step != "attention":
            stages[step] = statistics.median(sample[step] for sample in steps)
            continue
        for cte, name in ATTENTION.items():
            stages[name] = statistics.median(sample.get(cte, 0.0) for sample in plans)
    return stages, "\n".join(line for (line,) in lines) + "\n"


def _steps(connection: psycopg.Connection[Any], work: Pass) -> dict[str, float]:
    """Seconds of each step of one pass, in the order in which they stand."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL track_functions = 'all'")
        _set_as(connection, "transformer")
        copied: dict[str, dict[str, str]] = {}
        for part in PARTS:
            copied[part] = names = _copy_function(connection, part, copied)
        _prepare(connection)
        connection.execute(
            sql.SQL("EXECUTE bench ({})").format(
                sql.SQL(", ").join(map(sql.Literal, work.arguments))
            )
        ).fetchall()
        connection.execute("DEALLOCATE bench")
        times = dict(
            connection.execute(
                "SELECT schemaname, total_time / 1000 FROM pg_stat_xact_user_functions"
                " WHERE schemaname = ANY (%s)",
                (list(names),),
            ).fetchall()
        )
    return {step: times[schema] for schema, step in names.items() if schema in times}


def _prepare(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        sql.SQL("PREPARE bench (int, int[], int[], int[], lm.site[], bigint) AS {}").format(
            TRANSFORMER
        )
    )


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


def _set_as(connection: psycopg.Connection[Any], name: str) -> None:
    """Set in this transaction what a function of lm_internal sets."""
    _, settings = _definition(connection, name)
    for setting in settings:
        connection.execute("SELECT set_config(%s, %s, true)", tuple(setting.split("=", 1)))


def _copy_function(
    connection: psycopg.Connection[Any],
    name: str,
    copied: dict[str, dict[str, str]] | None = None,
) -> dict[str, str]:
    """Copy a function of lm_internal to pg_temp.

    Args:
        connection: in a transaction.
        name: the function.
        copied: schemas and steps of the parts that have been copied, if the steps are to be
            watched: they become copies that are not inlined, each in a schema of its own.

    Returns:
        Schemas and steps, in the order in which they stand.
    """
    definition, _ = _definition(connection, name)
    head, body = definition.split("\nBEGIN ATOMIC", 1)
    head = head.replace(" lm_internal.", " pg_temp.", 1)
    steps: dict[str, str] = {}

    def watch(call: re.Match[str]) -> str:
        function, site = call["function"], call["site"] or ""
        if copied is not None and function in copied:
            steps.update(copied[function])
            return f"pg_temp.{function}({site}"
        step = site.strip("'") or UNNAMED[function]
        schema = f"bench_{step}_{function}"
        if schema not in steps:
            steps[schema] = step
            definition, _ = _definition(connection, function)
            connection.execute(
                sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema))
            )
            # a function with a setting is not inlined
            before, rest = definition.replace(" lm_internal.", f" {schema}.", 1).split(
                "\nBEGIN ATOMIC", 1
            )
            connection.execute(f"{before}\n SET jit = off\nBEGIN ATOMIC{rest}".encode())
        return f"{schema}.{function}({site}"

    if copied is not None:
        body = STEP.sub(watch, body)
    connection.execute(f"{head}\nBEGIN ATOMIC{body}".encode())
    return steps


def _definition(connection: psycopg.Connection[Any], name: str) -> tuple[str, list[str]]:
    """The text of a function, and its settings; of overloads the one that takes a layer's here."""
    row = connection.execute(
        """
        SELECT pg_get_functiondef(p.oid), p.proconfig
        FROM pg_proc AS p
        WHERE p.pronamespace = 'lm_internal'::regnamespace AND p.proname = %s
        ORDER BY 'lm_internal.here'::regtype = ANY (p.proargtypes) DESC
        LIMIT 1
        """,
        (name,),
    ).fetchone()
    assert row is not None  # noqa: S101 (psqlm has it)
    return row[0], row[1] or []
