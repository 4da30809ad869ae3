"""A pass shared among processes: several sequences, or a long one."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest
import reference
from differences import assert_close
from parts import IN_SLICES, IN_STEP, cut
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


@pytest.mark.parametrize("workers", [0, 2, 4])
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


# long enough to be cut, in two halves or in slices
TALE = "Once upon a time there was a king who had three daughters and no son at all. " * 22

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
    """Whether there is a worker for each part or this process runs them all, too."""
    found = {}
    for name, (n_processes, n_workers, manner) in {
        "one process": (0, 8, None),
        "no worker free": (2, 0, "in step"),
        "two processes": (2, 8, "in step"),
        "slices, no worker free": (5, 0, "slices"),
        "slices": (5, 8, "slices"),
    }.items():
        with psycopg.connect(scratch_dsn, autocommit=True) as connection:
            connection.execute(f"SET max_parallel_workers = {n_workers}")
            tokens = connection.execute("SELECT lm.encode(%s)", [TALE]).fetchone()[0]
            how = cut(connection, [0] * len(tokens), n_processes)
            assert (None if how is None else how[0]) == manner
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
    assert {name for name, digits in found.items() if digits != found["one process"]} == set()


# what else a pass may be given: a prompt with two that go on from it, a run that is continued, the
# stream above a layer; each of 48 positions
GIVEN = {
    "a parent": (
        "array_fill(0, ARRAY[24]) || array_fill(1, ARRAY[16]) || array_fill(2, ARRAY[8])",
        "ARRAY(SELECT generate_series(0, 23)) || ARRAY(SELECT generate_series(24, 39))"
        " || ARRAY(SELECT generate_series(24, 31))",
        "parent => array_fill(NULL::int, ARRAY[24]) || array_fill(0, ARRAY[24])",
    ),
    "a run before": (
        "array_fill(0, ARRAY[48])",
        "ARRAY(SELECT generate_series(16, 63))",
        "context_run => %(run)s",
    ),
    "a stream": (
        "array_fill(0, ARRAY[48])",
        "ARRAY(SELECT generate_series(0, 47))",
        "first_layer => 3, resid => (SELECT array_agg(value ORDER BY position) FROM lm.captured"
        " WHERE run_id = %(run)s AND site = 'resid_pre' AND layer = 3 AND position < 48)",
    ),
}


@pytest.mark.parametrize("what", GIVEN)
@pytest.mark.parametrize("manner", [IN_STEP, IN_SLICES], ids=["in step", "slices"])
def test_parts_take_all_that_a_pass_takes(scratch_dsn: str, what: str, manner: str) -> None:
    sequences, positions, more = GIVEN[what]
    digits = (
        "SELECT t.layer, t.site, md5(string_agg(x.x::text, ' ' ORDER BY t.n_before, x.row))"
        " FROM lm_internal.transformer_parts("
        f" lm.model_id(NULL), {sequences}, {positions},"
        " ARRAY(SELECT 5 + i %% 90 FROM generate_series(1, 48) AS i), '{rot_k,pattern,mlp_out}',"
        f" {more}) AS t, unnest(t.x) WITH ORDINALITY AS x (x, row)"
        " GROUP BY t.layer, t.site ORDER BY 1, 2"
    )
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        (run,) = connection.execute("SELECT lm.forward(%s, capture => '{all}')", [TALE]).fetchone()
        one_process = connection.execute(digits, {"run": run}).fetchall()
        connection.execute("SET max_parallel_workers_per_gather = 3")
        connection.execute(manner)
        in_parts = connection.execute(digits, {"run": run}).fetchall()
        connection.rollback()
    assert len(one_process) >= 3 * 5
    assert in_parts == one_process


@pytest.mark.parametrize("n_processes", [2, 5])
def test_a_long_sequence_in_several_processes_is_the_reference(dsn: str, n_processes: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"SET max_parallel_workers_per_gather = {n_processes}")
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
    assert_close(f"the tale, {n_processes}", ours.reshape(theirs.shape), theirs, relative=1e-4)


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

        connection.execute("SET max_parallel_workers_per_gather = 2")
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


SHARED = {
    "sequences": ("SELECT * FROM lm.forward_many(%s)", PROMPTS, "part_apart", 2),
    "a tale": ("SELECT lm.forward(%s)", TALE, "slice_of_layer", 5 * (1 + 8)),
    "logits": (
        "SELECT count(*) FROM lm.model_id(%s) AS m, LATERAL lm_internal.unembed_parts("
        " ARRAY(SELECT w.weight FROM generate_series(1, 99), lm_internal.unembedding_rows(m) AS w"
        " WHERE w.token_id = 7), m, 4096, 5)",
        None,
        "unembed_tokens",
        5,
    ),
}


@pytest.mark.parametrize("what", SHARED)
def test_this_process_does_not_do_it_all(scratch_dsn: str, what: str) -> None:
    """PostgreSQL counts a worker's calls with the worker."""
    statement, prompt, function, parts = SHARED[what]
    calls = "SELECT sum(calls) FROM pg_stat_xact_user_functions WHERE funcname = %s"
    found = {}
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("SET track_functions = 'all'")
        connection.execute(
            f"SET max_parallel_workers_per_gather = {2 if what == 'sequences' else 5}"
        )
        for n_workers in (0, 8):
            connection.execute(f"SET max_parallel_workers = {n_workers}")
            before = connection.execute(calls, [function]).fetchone()[0] or 0
            connection.execute(statement, [prompt]).fetchall()
            found[n_workers] = connection.execute(calls, [function]).fetchone()[0] or 0
            found[n_workers] -= before
        connection.rollback()
    assert found[0] == parts
    assert found[8] < parts
