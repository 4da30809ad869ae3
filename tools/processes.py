"""What more processes would give one prompt: its slices measured, then laid out.

    python tools/processes.py --dsn DSN --model gpt2 96 256 512

A machine with two cores cannot show what eight would do. So a layer of each slice is run by itself,
in one process, and what it costs to start workers, to hand over and to join is measured with two of
them. A layer then takes as long as its slowest slice and that (lm_internal.in_slices). It is taken
that cores do not disturb each other: the truth is slower. Two processes that go in step
(lm_internal.halves_in_step) are laid out beside. Take the figures of a machine that does nothing
else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import psycopg

ROUNDS = 5
PROCESSES = (2, 4, 8, 16)

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


PROMPT = """
SELECT count(*)
FROM lm_internal.in_slices(
    0 || %(cuts)s::int[],
    (
        array_fill(0, ARRAY[cardinality(%(positions)s::int[])]), %(positions)s,
        array_fill(5, ARRAY[cardinality(%(positions)s::int[])]), NULL, NULL
    )::lm_internal.batch,
    %(model)s, '{}', NULL, NULL, 0, NULL
)
"""


def median_time(connection: psycopg.Connection, query: str, values: dict[str, object]) -> float:
    """Seconds of a query; the first time, which plans it, is not counted."""
    taken = []
    for _ in range(ROUNDS + 1):
        began = time.monotonic()
        connection.execute(query, values)
        taken.append(time.monotonic() - began)
    return statistics.median(taken[1:])


def slices(
    connection: psycopg.Connection, model: int, n_positions: int, n_slices: int
) -> tuple[list[float], list[int]]:
    """Seconds that each of so many slices takes for a layer in one process, and where they end."""
    positions = list(range(n_positions))
    (cuts,) = connection.execute(
        CUTS, {"model": model, "positions": positions, "n_slices": n_slices}
    ).fetchone()
    return [
        median_time(
            connection, LAYER, {"model": model, "rows": positions[first:last], "first": first}
        )
        for first, last in zip([0, *cuts], cuts, strict=False)
    ], cuts


def start_of_a_layer(
    connection: psycopg.Connection,
    model: int,
    n_layer: int,
    n_positions: int,
    cuts: list[int],
    seconds: Sequence[float],
) -> float:
    """Seconds that a prompt in two slices takes longer than its slower slice does, per layer."""
    whole = median_time(
        connection,
        PROMPT,
        {"model": model, "positions": list(range(n_positions)), "cuts": cuts[:-1]},
    )
    return (whole - n_layer * max(seconds)) / (n_layer + 1)


def in_step(seconds: Sequence[float], n_layer: int, start: float) -> float:
    """Two slices, the second a layer behind the first, which begins when it has started."""
    ahead, behind = start, 0.0
    for _ in range(n_layer):
        ahead += seconds[0]
        behind = max(ahead, behind) + seconds[1]
    return behind


def in_slices(seconds: Sequence[float], n_layer: int, start: float) -> float:
    """Any number of slices, started anew for the first keys and values and for each layer."""
    return start + n_layer * (start + max(seconds))


def main() -> None:
    """Print a line for each length."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lengths", nargs="+", type=int, help="positions of a prompt")
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--model", required=True)
    given = parser.parse_args()
    with (
        psycopg.connect(given.dsn, autocommit=True) as connection,
        psycopg.connect(given.dsn, autocommit=True) as parallel,
    ):
        model, n_layer, d_model = connection.execute(
            "SELECT model_id, n_layer, d_model FROM lm.model WHERE name = %s", [given.model]
        ).fetchone()
        connection.execute("SET max_parallel_workers_per_gather = 0")
        parallel.execute("SET max_parallel_workers_per_gather = 2")
        connection.execute(
            "CREATE TEMP TABLE state AS SELECT position, ("
            " SELECT array_agg(sin(position * i)) FROM generate_series(1, %s) AS i)::vector AS x"
            " FROM generate_series(0, %s) AS position",
            [d_model, max(given.lengths)],
        )
        print("positions | one process | start of a layer | two in step | slices: ", end="")
        print(" | ".join(map(str, PROCESSES)))
        for n_positions in given.lengths:
            whole, _ = slices(connection, model, n_positions, 1)
            of = {n: slices(connection, model, n_positions, n) for n in PROCESSES}
            halves, cuts = of[2]
            start = start_of_a_layer(parallel, model, n_layer, n_positions, cuts, halves)
            print(
                f"{n_positions} | {n_layer * whole[0]:.2f} s | {start * 1000:.0f} ms"
                f" | {in_step(halves, n_layer, start):.2f} s | "
                + " | ".join(f"{in_slices(of[n][0], n_layer, start):.2f} s" for n in PROCESSES)
            )


if __name__ == "__main__":
    main()
