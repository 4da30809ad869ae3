"""Several sequences shared between two processes."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest
import reference
from differences import assert_close
from psycopg.rows import scalar_row

from psqlm.bundled_files import DEMO_MODEL

PROMPTS = [
    "The",
    "Once upon a time there was a king",
    "A fox and a crow",
    "She opened the door of the little house in the wood and looked in",
]


def forward_many(connection: psycopg.Connection) -> dict[str, np.ndarray]:
    """The adjustments of every prompt, run together: [layer and position, d_model]."""
    with connection.transaction(force_rollback=True):
        runs = connection.execute("SELECT run_id FROM lm.forward_many(%s)", [PROMPTS]).fetchall()
        return {
            prompt: np.array(
                connection.execute(
                    "SELECT array_agg(adjustment::real[] ORDER BY layer, position)"
                    " FROM lm.attention_adjustment WHERE run_id = %s",
                    [run_id],
                ).fetchone()[0]
            )
            for prompt, (run_id,) in zip(PROMPTS, runs, strict=True)
        }


@pytest.mark.parametrize("workers", [0, 2])
def test_with_a_worker_and_without_the_result_is_the_reference(dsn: str, workers: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"SET max_parallel_workers_per_gather = {workers}")
        found = forward_many(connection)
        for prompt, ours in found.items():
            tokens = connection.execute("SELECT lm.encode(%s)", [prompt]).fetchone()[0]
            theirs = reference.forward(DEMO_MODEL, tokens).attn_out
            assert_close(
                f"{workers} workers: {prompt[:12]!r}",
                ours.reshape(theirs.shape),
                theirs,
                relative=1e-4,
            )


def test_a_worker_takes_part(scratch_dsn: str) -> None:
    with psycopg.connect(scratch_dsn, autocommit=True, row_factory=scalar_row) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("PostgreSQL counts the workers it started from 18 on")

        def workers() -> int:
            connection.execute("SELECT pg_stat_force_next_flush()")
            return connection.execute(
                "SELECT parallel_workers_launched FROM pg_stat_database"
                " WHERE datname = current_database()"
            ).fetchone()

        before = workers()
        connection.execute("SELECT * FROM lm.forward_many(%s)", [PROMPTS])
        assert workers() > before


@pytest.mark.parametrize(
    ("sequence", "rows"),
    [
        ([0], 1),
        ([0, 0, 0], 3),
        ([0, 1], 1),
        ([0, 0, 1, 1, 2, 2], 2),
        ([0, 0, 0, 0, 1], 4),
        ([0, 1, 1, 1, 1], 1),
        ([3, 3, 3, 5, 5, 5, 5, 8], 3),
    ],
)
def test_no_sequence_is_cut(dsn: str, sequence: list[int], rows: int) -> None:
    with psycopg.connect(dsn, row_factory=scalar_row) as connection:
        found = connection.execute(
            "SELECT lm_internal.first_half(%s::int[])", [sequence]
        ).fetchone()
    assert found == rows
