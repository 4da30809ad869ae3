"""What the planner makes of the SQL: what is inlined, what is called, what is read.

PostgreSQL counts the calls of functions that it does not inline. The forward pass is fast because
few are left: a call for each head and position would cost more than the products.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

INLINED = {
    "hook",
    "norm",
    "norm_heads",
    "rotate",
    "project",
    "linear",
    "output",
    "add",
    "activated",
    "attention",
    "context",
    "rows_before",
    "kv_heads",
    "scores",
    "weighted_sums",
    "mlp",
    "product",
    "softmax",
    "normalize",
    "halves",
    "fill",
    "pad",
    "embed_tokens",
    "embedding_of",
    "batch_tokens",
    "to_half",
}
LAYERS = 8


@pytest.fixture
def counting(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection that counts the calls of functions."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET track_functions = 'all'")
        # what another process calls is not counted here
        connection.execute("SET max_parallel_workers_per_gather = 0")
        yield connection
        connection.rollback()


def _calls(connection: psycopg.Connection, statement: str) -> dict[str, int]:
    """How often each function of lm was called by a statement, those inlined left out."""
    count = "SELECT funcname, calls FROM pg_stat_xact_user_functions WHERE schemaname ~ '^lm'"
    before = dict(connection.execute(count).fetchall())
    connection.execute(statement).fetchall()
    after = dict(connection.execute(count).fetchall())
    return {name: calls - before.get(name, 0) for name, calls in after.items()}


def test_the_count_would_notice(counting: psycopg.Connection) -> None:
    assert _calls(counting, "SELECT lm.encode('a tale', 'demo')").get("tokenize", 0) >= 1


@pytest.mark.parametrize("n_tokens", [1, 5, 40])
def test_the_operators_of_a_pass_are_inlined(counting: psycopg.Connection, n_tokens: int) -> None:
    calls = _calls(counting, f"SELECT lm.forward(token_ids => array_fill(7, ARRAY[{n_tokens}]))")
    assert calls["transformer"] == 1
    assert {name: calls[name] for name in INLINED if calls.get(name)} == {}


def test_rounding_to_float16_is_inlined(counting: psycopg.Connection) -> None:
    calls = _calls(
        counting,
        "SELECT lm.forward('Once upon a time', capture => '{all}', capture_dtype => 'float16')",
    )
    assert calls["transformer"] == 1
    assert {name: calls[name] for name in INLINED if calls.get(name)} == {}
    assert not calls.get("large_to_half")


@pytest.mark.parametrize(
    ("n_tokens", "product"), [(5, "linear_by_8"), (20, "linear_by_32"), (60, "linear_by_64")]
)
def test_a_layer_costs_a_call_for_each_map(
    counting: psycopg.Connection, n_tokens: int, product: str
) -> None:
    calls = _calls(counting, f"SELECT lm.forward(token_ids => array_fill(7, ARRAY[{n_tokens}]))")
    assert calls[product] == 6 * LAYERS
    assert calls["activate"] == LAYERS


def test_without_interventions_nothing_is_looked_at_row_by_row(
    counting: psycopg.Connection,
) -> None:
    calls = _calls(counting, "SELECT lm.forward('Once upon a time', capture => '{all}')")
    assert not calls.get("change_rows") and not calls.get("change_row")
    assert not calls.get("knock_out") and not calls.get("affine_step")


def test_an_uncaptured_site_costs_nothing(counting: psycopg.Connection) -> None:
    """Captured or not, a pass calls the same; what is not captured is not even returned."""
    few = _calls(counting, "SELECT lm.forward('Once upon a time', capture => '{attn_out}')")
    all_of_them = _calls(counting, "SELECT lm.forward('Once upon a time', capture => '{all}')")
    for name in ("linear_by_8", "activate", "transformer"):
        assert few[name] == all_of_them[name]
    returned = counting.execute(
        "SELECT array_agg(DISTINCT t.site) FROM lm.model AS m, lm_internal.transformer("
        "m.model_id, '{0,0}', '{0,1}', '{7,8}', '{attn_out}') AS t"
    ).fetchone()
    assert returned == (["attn_out", "resid_post"],) or returned == ("{attn_out,resid_post}",)


def test_a_step_of_a_generation_reads_one_position(counting: psycopg.Connection) -> None:
    """A prompt of 70 tokens is read in two pieces; then each step is one position."""
    count = """
        SELECT idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE schemaname = 'lm' AND relname = 'position_embedding'
    """
    before = counting.execute(count).fetchone()
    assert before is not None
    tokens = counting.execute(
        "SELECT count(*) FROM lm.generate_tokens(repeat('the ', 35), n_tokens => 6)"
    ).fetchone()
    after = counting.execute(count).fetchone()
    n_prompt = counting.execute("SELECT cardinality(lm.encode(repeat('the ', 35)))").fetchone()
    assert after is not None and tokens == (6,) and n_prompt is not None
    # the last token drawn is not run
    assert after[0] - before[0] == n_prompt[0] + 5


def test_a_prompt_in_pieces_computes_logits_once(counting: psycopg.Connection) -> None:
    calls = _calls(counting, "SELECT * FROM lm.generate_tokens(repeat('the ', 70), n_tokens => 3)")
    assert calls["next_step"] > 3
    assert calls["logits"] == 3


def test_one_more_token_reads_only_its_own_cache(counting: psycopg.Connection) -> None:
    """Not the caches of other generations, nor every layer's in each layer."""
    calls = _calls(counting, "SELECT * FROM lm.generate_tokens('a', n_tokens => 5)")
    assert calls["transformer"] == 5


def test_the_cache_of_a_generation_is_read_by_its_index(dsn: str) -> None:
    """Also where it was vacuumed while it was empty: it looks as if there were nothing to read."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM lm.attention_cache")
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT FROM lm.generate_many('{A tale, A king, A fox}', 4)")
        scans = connection.execute(
            "SELECT seq_scan, idx_scan > 0 FROM pg_stat_xact_user_tables"
            " WHERE relid = 'lm.attention_cache'::regclass"
        ).fetchone()
        connection.rollback()
    assert scans == (0, True)
