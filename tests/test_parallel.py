"""A pass shared between two processes: several sequences, or a long one."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest
import reference
from differences import assert_close
from psycopg.rows import scalar_row

from psqlm.bundled_files import DEMO_MODEL

# together long enough for a worker
PROMPTS = [
    "The",
    "Once upon a time there was a king and a queen. " * 8,
    "A fox and a crow",
    "She opened the door of the little house in the wood and looked in. " * 6,
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


# long enough to be cut, the second half a layer behind the first
TALE = "Once upon a time there was a king who had three daughters and no son at all. " * 15

CAPTURE = "{embed,pos_embed,resid_pre,k,v,pattern,z,attn_out,mlp_post,resid_post,ln_final,logits}"


def kept(connection: psycopg.Connection, interventions: str | None) -> list[tuple[object, ...]]:
    """All that a run of the tale has kept, to the last digit."""
    with connection.transaction(force_rollback=True):
        run = connection.execute(
            "SELECT lm.forward(%s, capture => %s, interventions => %s)",
            [TALE, CAPTURE, interventions],
        ).fetchone()
        assert run is not None
        return connection.execute(
            "SELECT site::text, layer, md5(string_agg(value::text, ' ' ORDER BY position, head))"
            " FROM lm.captured WHERE run_id = %s GROUP BY site, layer"
            " UNION ALL"
            " SELECT 'logits', 0, md5(string_agg(logit::text, ' ' ORDER BY position, token_id))"
            " FROM lm.logit WHERE run_id = %s ORDER BY 1, 2",
            [*run, *run],
        ).fetchall()


@pytest.mark.parametrize("interventions", [None, "halves"])
def test_a_long_sequence_has_the_digits_of_one_process(
    scratch_dsn: str, interventions: str | None
) -> None:
    """Whether the second half finds a worker for the first or runs it itself, too."""
    found = {}
    for name, settings in {
        "one process": "max_parallel_workers_per_gather = 0",
        "no worker free": "max_parallel_workers = 0",
        "two processes": "max_parallel_workers_per_gather = 2",
    }.items():
        with psycopg.connect(scratch_dsn, autocommit=True) as connection:
            connection.execute(f"SET {settings}")
            tokens = connection.execute("SELECT lm.encode(%s)", [TALE]).fetchone()[0]
            is_cut = cut(connection, [0] * len(tokens)) is not None
            assert is_cut is (name != "one process")
            if interventions:
                connection.execute(
                    "INSERT INTO lm.intervention"
                    " (set_name, site, layer, head, position, key_position, kind, factor)"
                    " SELECT * FROM (VALUES"
                    " ('halves', 'z'::lm.site, 2, 1, 200, NULL::int, 'scale', 0.5),"
                    " ('halves', 'resid_pre', 4, NULL, 3, NULL, 'scale', 2),"
                    " ('halves', 'attn_scores', 3, 0, 210, 5, 'knockout', NULL)) AS i"
                    " WHERE NOT EXISTS"
                    " (SELECT FROM lm.intervention WHERE set_name = 'halves')"
                )
            found[name] = kept(connection, interventions)
    # eight sites in each of eight layers, the embeddings, ln_final and logits
    assert len(found["one process"]) == 8 * 8 + 4
    assert found["no worker free"] == found["one process"]
    assert found["two processes"] == found["one process"]


def test_a_long_sequence_in_two_processes_is_the_reference(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.transaction(force_rollback=True):
            run = connection.execute("SELECT lm.forward(%s)", [TALE]).fetchone()
            ours = np.array(
                connection.execute(
                    "SELECT array_agg(adjustment::real[] ORDER BY layer, position)"
                    " FROM lm.attention_adjustment WHERE run_id = %s",
                    run,
                ).fetchone()[0]
            )
        tokens = connection.execute("SELECT lm.encode(%s)", [TALE]).fetchone()[0]
    theirs = reference.forward(DEMO_MODEL, tokens).attn_out
    assert_close("the tale", ours.reshape(theirs.shape), theirs, relative=1e-4)


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
        together = workers()
        assert together > before
        connection.execute("SELECT lm.forward(%s)", [TALE])
        in_step = workers()
        assert in_step > together
        run = connection.execute(
            "SELECT lm.forward(token_ids => array_fill(5, ARRAY[3]), capture => '{ln_final}')"
        ).fetchone()
        # more rows than there are positions, for the bundled model's vocabulary is small
        logits = (
            "SELECT count(*) FROM lm_internal.unembed("
            " ARRAY(SELECT value FROM lm.captured, generate_series(1, %s)"
            " WHERE run_id = %s AND site = 'ln_final' AND position = 0), lm.model_id(NULL))"
        )
        before = workers()
        assert connection.execute(logits, [20, run]).fetchone() == 20
        assert workers() == before
        assert connection.execute(logits, [1600, run]).fetchone() == 1600
        assert workers() > before


def cut(connection: psycopg.Connection, sequence: list[int]) -> tuple[int, bool] | None:
    """Where a batch of these sequences is cut, and whether that is between two of them."""
    positions = [sequence[:row].count(number) for row, number in enumerate(sequence)]
    return connection.execute(
        "SELECT c.* FROM lm_internal.cut(lm.model_id(NULL), %s::int[], %s::int[]) AS c",
        [sequence, positions],
    ).fetchone()


@pytest.mark.parametrize(
    ("sequence", "rows"),
    [
        ([0], None),
        ([0, 0, 0], None),
        ([0, 0, 1, 1, 2, 2], None),
        ([0] * 80 + [1] * 80, 80),
        ([0] * 60 + [1] * 60 + [2] * 60, 60),
        ([0] * 160 + [1] * 5, 160),
        ([0] * 5 + [1] * 160, 5),
        ([3] * 70 + [5] * 90 + [8] * 20, 70),
    ],
)
def test_short_sequences_are_not_cut(dsn: str, sequence: list[int], rows: int | None) -> None:
    with psycopg.connect(dsn) as connection:
        found = cut(connection, sequence)
    assert found == (None if rows is None else (rows, True))


LONG = 300


@pytest.mark.parametrize(
    ("sequence", "rows", "is_between"),
    [
        # its last positions have more keys to look at
        ([0] * LONG, range(151, 200), False),
        ([0] * LONG + [1] * LONG, range(LONG, LONG + 1), True),
        ([0] * LONG + [1] * 5, range(151, 200), False),
    ],
)
def test_a_long_sequence_is_cut_where_both_halves_take_the_same_time(
    dsn: str, sequence: list[int], rows: range, is_between: bool
) -> None:
    with psycopg.connect(dsn) as connection:
        found = cut(connection, sequence)
        assert found is not None
        assert found[0] in rows
        assert found[1] is is_between
        # without a second process there is nothing to cut for
        connection.execute("SET max_parallel_workers_per_gather = 0")
        assert cut(connection, sequence) is None


def test_with_huge_pages_less_work_is_cut(scratch_dsn: str) -> None:
    """Huge pages are the machine's, so the test says whether there are any."""
    with psycopg.connect(scratch_dsn) as connection:
        found = {}
        for huge in ("true", "false"):
            connection.execute(
                "CREATE OR REPLACE FUNCTION lm_internal.has_huge_pages() RETURNS boolean"
                f" LANGUAGE sql STABLE PARALLEL SAFE RETURN {huge}"
            )
            found[huge] = cut(connection, [0] * 40 + [1] * 40)
        connection.rollback()
    assert found == {"true": (40, True), "false": None}
