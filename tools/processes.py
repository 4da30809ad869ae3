"""What more than two processes would give one prompt: its slices measured, then laid out.

    python tools/processes.py --dsn DSN --model gpt2 256 512

A position looks back only, so a slice of positions can run through a group of layers as soon as the
slice before it has. Slice s is at group g in stage g + s; each stage starts workers anew, for
PostgreSQL's workers talk to the process that started them and to nobody else. What is handed over
is taken to cost nothing, and cores not to disturb each other: the truth is slower. Two processes
that go in step, as lm_internal.halves_in_step has them, are laid out beside, to be held against the
measured time. Take the figures of a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import psycopg

START = 0.035
"""Seconds until a worker has planned the layers and begins with the first."""
FAULTS = 0.005
"""Seconds that it takes longer for a layer of GPT-2 small: it maps the pages for the first time."""
ROUNDS = 3
PROCESSES = (4, 8)
GROUPS = (2, 3, 4, 6, 12)

CUTS = """
SELECT array_agg(DISTINCT c.cut ORDER BY c.cut)
FROM (
    SELECT
        8 * round(
            (
                SELECT min(s.row)
                FROM (
                    SELECT w.row, sum(w.work) OVER (ORDER BY w.row) / sum(w.work) OVER () AS share
                    FROM unnest(lm_internal.work_of_rows(%(model)s, %(positions)s))
                        WITH ORDINALITY AS w (work, row)
                ) AS s
                WHERE s.share >= n / %(n_slices)s::float8
            ) / 8.0
        )::int AS cut
    FROM generate_series(1, %(n_slices)s) AS n
) AS c
"""

LAYER = """
SELECT count(*)
FROM lm_internal.transformer(
    %(model)s,
    array_fill(0, ARRAY[cardinality(%(rows)s::int[])]),
    %(rows)s,
    array_fill(5, ARRAY[cardinality(%(rows)s::int[])]),
    '{rot_k,v}',
    first_layer => 1,
    last_layer => 1,
    resid => (SELECT array_agg(x) FROM state WHERE position = ANY (%(rows)s)),
    before => (
        SELECT (array_agg(0), array_agg(s.position), array_agg(s.x), array_agg(s.x))::
            lm_internal.key_values
        FROM state AS s
        WHERE s.position < %(first)s
    )
)
"""


def of_slices(
    connection: psycopg.Connection, model: int, n_positions: int, n_slices: int
) -> list[float]:
    """Seconds that each of so many slices takes for a layer, in one process, the median."""
    positions = list(range(n_positions))
    (cuts,) = connection.execute(
        CUTS, {"model": model, "positions": positions, "n_slices": n_slices}
    ).fetchone()
    seconds = []
    for first, last in zip([0, *cuts], cuts, strict=False):
        values = {"model": model, "rows": positions[first:last], "first": first}
        taken = []
        for _ in range(ROUNDS + 1):  # the first one plans
            began = time.monotonic()
            connection.execute(LAYER, values)
            taken.append(time.monotonic() - began)
        seconds.append(statistics.median(taken[1:]))
    return seconds


def in_step(seconds: Sequence[float], n_layer: int, start: float, faults: float) -> float:
    """Two slices, the second a layer behind the first."""
    ahead, behind = start, 0.0
    for _ in range(n_layer):
        ahead += seconds[0] + faults
        behind = max(ahead, behind) + seconds[1]
    return behind


def in_stages(
    seconds: Sequence[float], n_layer: int, n_groups: int, start: float, faults: float
) -> float:
    """Any number of slices, each a group of layers behind the one before it."""
    n_layers = n_layer / n_groups
    stages = n_groups + len(seconds) - 1
    return sum(
        start
        + n_layers
        * max(
            slice_ + faults
            for number, slice_ in enumerate(seconds)
            if 0 <= stage - number < n_groups
        )
        for stage in range(stages)
    )


def main() -> None:
    """Print a line for each length."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lengths", nargs="+", type=int, help="positions of a prompt")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--huge-pages", action="store_true", help="shared_buffers has them")
    given = parser.parse_args()
    faults = 0 if given.huge_pages else FAULTS
    with psycopg.connect(given.dsn, autocommit=True) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        model, n_layer, d_model = connection.execute(
            "SELECT model_id, n_layer, d_model FROM lm.model WHERE name = %s", [given.model]
        ).fetchone()
        connection.execute(
            "CREATE TEMP TABLE state AS SELECT position, ("
            " SELECT array_agg(sin(position * i)) FROM generate_series(1, %s) AS i)::vector AS x"
            " FROM generate_series(0, %s) AS position",
            [d_model, max(given.lengths)],
        )
        print("positions | one process | two in step | " + " | ".join(map(str, PROCESSES)))
        for n_positions in given.lengths:
            of = {n: of_slices(connection, model, n_positions, n) for n in (1, 2, *PROCESSES)}
            best = [
                min((in_stages(of[n], n_layer, g, START, faults), g) for g in GROUPS)
                for n in PROCESSES
            ]
            print(
                f"{n_positions} | {n_layer * of[1][0]:.2f} s"
                f" | {in_step(of[2], n_layer, START, faults):.2f} s | "
                + " | ".join(f"{seconds:.2f} s in {g} groups" for seconds, g in best)
            )


if __name__ == "__main__":
    main()
