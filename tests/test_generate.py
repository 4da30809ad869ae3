"""Generation: the reference's tokens, the reference's probabilities, and nothing left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import reference
from psycopg.rows import scalar_row
from scipy import stats

from psqlm.bundled_files import DEMO_MODEL

OPENINGS = [
    "Once upon a time", "There was once a king", "In a far country", "The old woman said",
    "A poor man had", "The wolf", "Long ago", "The princess wept", "One day the prince",
    "Deep in the forest", "The fox said to the bear,", "When the sun rose", "She opened the door",
    "Nobody knew", "A ship", "The giant laughed", "Under the hill", "The youngest brother",
    "It was winter", "And so",
]  # fmt: skip


@pytest.fixture
def committed(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    """Autocommit, on a database that is this module's own."""
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def rows_left(connection: psycopg.Connection) -> int:
    (left,) = connection.execute(
        "SELECT (SELECT count(*) FROM lm.attention_cache) + (SELECT count(*) FROM lm.generation)"
    ).fetchone()
    return left


@pytest.mark.parametrize("opening", OPENINGS)
def test_greedy_is_the_reference(connection: psycopg.Connection, opening: str) -> None:
    tokens = connection.execute("SELECT lm.encode(%s)", [opening]).fetchone()[0]
    ours = connection.cursor(row_factory=scalar_row).execute(
        "SELECT token_id FROM lm.generate_tokens(%s, 50)", [opening]
    )
    assert ours.fetchall() == reference.generate(DEMO_MODEL, tokens, 50)


@pytest.mark.parametrize("opening", OPENINGS[:5])
def test_greedy_is_the_reference_at_gpt2s_size(
    gpt2: tuple[psycopg.Connection, Path], opening: str
) -> None:
    connection, folder = gpt2
    tokens = connection.execute("SELECT lm.encode(%s)", [opening]).fetchone()[0]
    ours = connection.cursor(row_factory=scalar_row).execute(
        "SELECT token_id FROM lm.generate_tokens(%s, 20)", [opening]
    )
    assert ours.fetchall() == reference.generate(folder, tokens, 20)


def test_text_is_the_tokens_decoded(connection: psycopg.Connection) -> None:
    ours, theirs = connection.execute(
        "SELECT lm.generate('The bear', 12, temperature => 1, seed => 7), ("
        " SELECT lm.decode(array_agg(token_id ORDER BY step))"
        " FROM lm.generate_tokens('The bear', 12, temperature => 1, seed => 7))"
    ).fetchone()
    assert ours == theirs


def test_logit_and_probability_are_the_models_own(connection: psycopg.Connection) -> None:
    opening = "The bear said"
    tokens = connection.execute("SELECT lm.encode(%s)", [opening]).fetchone()[0]
    rows = connection.execute(
        "SELECT token_id, logit, probability"
        " FROM lm.generate_tokens(%s, 20, temperature => 1.5, top_k => 50, seed => 3)",
        [opening],
    ).fetchall()
    logits = reference.forward(DEMO_MODEL, tokens + [row[0] for row in rows]).logits
    for step, (token, logit, probability) in enumerate(rows):
        at = logits[len(tokens) - 1 + step].astype(float)
        assert abs(at[token] - logit) < 1e-3
        assert probability == pytest.approx(np.exp(at[token]) / np.exp(at).sum(), rel=1e-3)


def draws(connection: psycopg.Connection, options: str, n: int) -> Counter[int]:
    """First tokens drawn with n seeds after 'The old'."""
    return Counter(
        connection.cursor(row_factory=scalar_row)
        .execute(
            f"""
            WITH final AS MATERIALIZED (
                SELECT lm_internal.logits(t.x[2], m.model_id) AS logits
                FROM lm.model AS m, lm_internal.transformer(
                    m.model_id, '{{0,0}}', '{{0,1}}', (lm.encode('The old'))[:2], '{{}}'
                ) AS t
                WHERE t.layer = m.n_layer - 1 AND t.site = 'resid_post'
            )
            SELECT d.token_id FROM final, generate_series(1, {n}) AS seed
            CROSS JOIN LATERAL lm_internal.next_draw(logits, 0, {options}, seed) AS d
            """
        )
        .fetchall()
    )


@pytest.mark.parametrize(
    ("options", "temperature", "top_k", "top_p"),
    [
        ("1, NULL, NULL", 1, None, None),
        ("0.7, 20, NULL", 0.7, 20, None),
        ("1.3, 50, 0.8", 1.3, 50, 0.8),
    ],
)
def test_draws_follow_the_distribution(
    connection: psycopg.Connection, options: str, temperature: float, top_k: int, top_p: float
) -> None:
    """Chi-square against probabilities of the reference's logits and the reference's filters."""
    import torch
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    tokens = connection.execute("SELECT (lm.encode('The old'))[:2]").fetchone()[0]
    scores = torch.tensor(reference.forward(DEMO_MODEL, tokens).logits[-1:])
    scores = TemperatureLogitsWarper(float(temperature))(None, scores)
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p:
        scores = TopPLogitsWarper(top_p)(None, scores)
    expected = torch.softmax(scores[0].double(), dim=0).numpy()

    n = 1000
    drawn = draws(connection, options, n)
    observed = np.array([drawn.get(token, 0) for token in range(len(expected))])
    assert observed[expected == 0].sum() == 0, "a token was drawn that the filters exclude"

    # tokens expected fewer than five times are one cell together, as the test needs
    rare = expected * n < 5
    cells = np.append(observed[~rare], observed[rare].sum())
    means = np.append(expected[~rare], expected[rare].sum()) * n
    keep = means > 0
    assert keep.sum() >= 3
    assert (
        stats.chisquare(cells[keep], means[keep] * cells[keep].sum() / means[keep].sum()).pvalue
        > 1e-3
    )


def test_a_seed_is_reproducible_and_seeds_differ(connection: psycopg.Connection) -> None:
    texts = connection.execute(
        "SELECT array_agg(lm.generate('The fox', 10, temperature => 1, seed => s)) "
        "FROM unnest('{1,1,2,3}'::bigint[]) AS s"
    ).fetchone()[0]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_stops_where_positions_run_out(committed: psycopg.Connection) -> None:
    notices: list[str] = []
    committed.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    n_ctx, tokens = committed.execute(
        "SELECT n_ctx, (lm.encode(repeat('The cat sat on the mat. ', 200)))[:n_ctx - 3]"
        " FROM lm.model"
    ).fetchone()
    prompt = committed.execute("SELECT lm.decode(%s)", [tokens]).fetchone()[0]
    assert committed.execute("SELECT lm.encode(%s)", [prompt]).fetchone()[0] == tokens
    rows = committed.execute("SELECT * FROM lm.generate_tokens(%s, 10)", [prompt]).fetchall()
    # three more fit, and the last of them still has a successor
    assert len(rows) == 4
    assert None not in [value for row in rows for value in row]
    assert notices == [
        f"generation stops: the model has positions for {n_ctx} tokens and they are used up"
    ]


def test_stops_at_end_of_text(committed: psycopg.Connection) -> None:
    """With every token the end of text, there is one."""
    with committed.transaction(force_rollback=True):
        (first,) = committed.execute(
            "SELECT token_id FROM lm.generate_tokens('The end', 1)"
        ).fetchone()
        committed.execute("UPDATE lm.model SET end_of_text = %s", [first])
        assert committed.execute(
            "SELECT count(*), lm.generate('The end', 5) FROM lm.generate_tokens('The end', 5)"
        ).fetchone() == (1, "")


def test_no_tokens_are_no_rows(connection: psycopg.Connection) -> None:
    assert connection.execute("SELECT * FROM lm.generate_tokens('The end', 0)").fetchall() == []
    assert connection.execute("SELECT lm.generate('The end', 0)").fetchone() == ("",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'', 5", "the prompt is empty"),
        ("NULL, 5", "no prompt: it is NULL"),
        ("'a', -1", "n_tokens must be 0 or more"),
        ("'a', NULL", "n_tokens must be 0 or more"),
        ("'a', 5, temperature => -1", "temperature must be 0"),
        ("'a', 5, temperature => 'NaN'", "temperature must be 0"),
        ("'a', 5, temperature => 1e308", "temperature must be 0"),
        ("'a', 5, temperature => 1e-320", "temperature must be 0"),
        ("'a', 5, top_k => 0", "top_k must be 1 or more"),
        ("'a', 5, top_p => 1.5", "top_p must be above 0"),
        ("'a', 5, model => 'gpt5'", 'no model named "gpt5"'),
    ],
)
def test_bad_arguments(committed: psycopg.Connection, arguments: str, message: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        committed.execute(f"SELECT * FROM lm.generate_tokens({arguments})")
    assert rows_left(committed) == 0


def test_a_finished_generation_leaves_no_rows(committed: psycopg.Connection) -> None:
    committed.execute("SELECT * FROM lm.generate_tokens('The end', 3)")
    committed.execute("SELECT lm.generate('The end', 3)")
    assert rows_left(committed) == 0


def test_a_cache_goes_when_its_generation_ends(committed: psycopg.Connection) -> None:
    """Long before the transaction does: many prompts leave no more than one."""
    with committed.transaction():
        told = committed.execute(
            """
            SELECT
                lm.generate(p.prompt, 3)
            FROM unnest(%s::text[]) AS p (prompt)
            """,
            [OPENINGS[:4]],
        ).fetchall()
        assert len(told) == 4
        assert rows_left(committed) == 0
        committed.execute("SELECT * FROM lm.generate_tokens('The end', 3)")
        assert rows_left(committed) == 0
        committed.execute("SELECT * FROM lm.generate_tokens('The end', 3, keep_cache => true)")
        assert rows_left(committed) > 0
    assert rows_left(committed) > 0
    committed.execute("DELETE FROM lm.generation")


def test_rows_come_as_they_are_made_and_a_closed_cursor_leaves_none(
    committed: psycopg.Connection,
) -> None:
    with committed.transaction():
        with committed.cursor("story") as cursor:
            cursor.itersize = 1
            cursor.execute("SELECT step FROM lm.generate_tokens('The end', 40)")
            assert cursor.fetchone() == (0,)
            assert cursor.fetchone() == (1,)
        (cached,) = committed.execute(
            "SELECT count(DISTINCT position) FROM lm.attention_cache"
        ).fetchone()
        (prompt_length,) = committed.execute("SELECT cardinality(lm.encode('The end'))").fetchone()
        assert cached == prompt_length + 1, "more was computed than was fetched"
    assert rows_left(committed) == 0


def test_an_aborted_generation_leaves_no_rows(committed: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        committed.execute("SELECT 1 / (2 - step) FROM lm.generate_tokens('The end', 10)")
    assert rows_left(committed) == 0


def test_a_kept_cache_can_be_queried(committed: psycopg.Connection) -> None:
    committed.execute("SELECT * FROM lm.generate_tokens('The end', 3, keep_cache => true)")
    generation_id, keys = committed.execute(
        "SELECT generation_id, count(*) FROM lm.attention_cache GROUP BY generation_id"
    ).fetchone()
    n_layer, n_prompt = committed.execute(
        "SELECT n_layer, cardinality(lm.encode('The end')) FROM lm.model"
    ).fetchone()
    assert keys == n_layer * (n_prompt + 2)
    committed.execute("DELETE FROM lm.generation WHERE generation_id = %s", [generation_id])
    assert rows_left(committed) == 0


def test_concurrent_generations_do_not_meet(scratch_dsn: str) -> None:
    """Two sessions, a token at a time in turn."""
    openings = ["The wolf", "The princess wept"]
    with psycopg.connect(scratch_dsn) as one, psycopg.connect(scratch_dsn) as two:
        cursors = [one.cursor("one"), two.cursor("two")]
        for cursor, opening in zip(cursors, openings, strict=True):
            cursor.itersize = 1
            cursor.execute("SELECT token_id FROM lm.generate_tokens(%s, 8)", [opening])
        told = [[], []]
        for _ in range(8):
            for tokens, cursor in zip(told, cursors, strict=True):
                tokens.append(cursor.fetchone()[0])
        for tokens, opening in zip(told, openings, strict=True):
            prompt = one.execute("SELECT lm.encode(%s)", [opening]).fetchone()[0]
            assert tokens == reference.generate(DEMO_MODEL, prompt, 8)
