"""A pass in parts, however short it is."""

from __future__ import annotations

import psycopg

CUT = """
    CREATE OR REPLACE FUNCTION lm_internal.cut(
        model_id int, sequence int[], "position" int[], parent int[] DEFAULT NULL
    )
    RETURNS TABLE (manner text, n_before int[])
    LANGUAGE sql
    STABLE
    ROWS 1
    BEGIN ATOMIC
        SELECT '{manner}', ARRAY{n_before};
    END
"""
"""To be rolled back: the manner, and how many rows lie before each part."""

IN_SLICES = CUT.format(manner="slices", n_before=[0, 16, 32])
IN_STEP = CUT.format(manner="in step", n_before=[0, 24])


def cut(
    connection: psycopg.Connection, sequence: list[int], n_processes: int = 2
) -> tuple[str, list[int]] | None:
    """How a batch of these sequences is cut, and how many rows lie before each part."""
    connection.execute(f"SET max_parallel_workers_per_gather = {n_processes}")
    positions = [sequence[:row].count(number) for row, number in enumerate(sequence)]
    return connection.execute(
        "SELECT c.* FROM lm_internal.cut(lm.model_id(NULL), %s::int[], %s::int[]) AS c",
        [sequence, positions],
    ).fetchone()
