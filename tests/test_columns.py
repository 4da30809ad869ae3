"""A model over a column: what follows many texts, and how likely a text is to follow."""

from __future__ import annotations

from collections.abc import Iterator

import family_models
import numpy as np
import psycopg
import pytest
import reference
from families import Families
from psycopg.rows import scalar_row

from psqlm.bundled_files import DEMO_MODEL

OPENINGS = [
    "Once upon a time", "The", "The old woman said to the fox, who was", "A ship", "And so",
    "In a far country there lived a tailor who had three sons, and", "Nobody knew", "The wolf",
]  # fmt: skip

REVIEWS = ["The king was very kind. He was", "The witch was cruel, and", "The fo"]
CONTINUATIONS = [" good", " bad and wicked", ".", "x said"]


@pytest.fixture
def committed(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    """Autocommit, on a database that is this module's own."""
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def encode(connection: psycopg.Connection, text: str, model: str | None = None) -> list[int]:
    return connection.execute("SELECT lm.encode(%s, %s)", [text, model]).fetchone()[0]


def many(connection: psycopg.Connection, prompts: list[str], options: str = "20") -> list[str]:
    rows = connection.execute(
        f"SELECT ordinal, text FROM lm.generate_many(%s, {options})", [prompts]
    ).fetchall()
    assert [ordinal for ordinal, _ in rows] == list(range(1, len(prompts) + 1))
    return [text for _, text in rows]


# What follows many texts --------------------------------------------------------------------------


def test_each_goes_on_as_the_reference_does_alone(connection: psycopg.Connection) -> None:
    ours = many(connection, OPENINGS)
    for opening, text in zip(OPENINGS, ours, strict=True):
        theirs = reference.generate(DEMO_MODEL, encode(connection, opening), 20)
        decoded = connection.execute("SELECT lm.decode(%s)", [theirs]).fetchone()[0]
        assert text == decoded.removesuffix("<|endoftext|>")


@pytest.mark.parametrize("name", ["gpt_neo, local", "gemma2", "qwen3", "gpt_neox", "olmo2"])
def test_in_other_families(families: Families, name: str) -> None:
    """As tokens: these models know more of them than their vocabulary."""
    folder = families.folder(name)
    prompts = [opening[:12] for opening in OPENINGS[:5]]
    rows = families.execute(
        "SELECT array_agg(g.token_id ORDER BY g.step) FROM lm_internal.generated("
        "%s, 12, 0, NULL, NULL, NULL, lm.model_id(%s), NULL, false) AS g"
        " WHERE g.step >= 0 GROUP BY g.sequence ORDER BY g.sequence",
        prompts,
        name,
    )
    for prompt, (ours,) in zip(prompts, rows, strict=True):
        ids = encode(families.connection, prompt, name)
        assert ours == family_models.generate(folder, ids, 12)


def test_more_than_run_together(connection: psycopg.Connection) -> None:
    """Thirty-two run together; these are two such groups."""
    prompts = [OPENINGS[number % len(OPENINGS)] for number in range(37)]
    ours = many(connection, prompts, "3")
    theirs = {prompt: many(connection, [prompt], "3") for prompt in OPENINGS}
    assert ours == [theirs[prompt][0] for prompt in prompts]


def test_draws_are_those_of_a_lone_generation(connection: psycopg.Connection) -> None:
    """With a seed that differs from prompt to prompt."""
    prompts = ["The fox"] * 34
    ours = many(connection, prompts, "6, temperature => 1, top_k => 50, seed => 5")
    alone = connection.cursor(row_factory=scalar_row).execute(
        "SELECT lm.generate('The fox', 6, temperature => 1, top_k => 50, seed => int8xor(5, n))"
        " FROM generate_series(0, 33) AS n ORDER BY n"
    )
    assert ours == alone.fetchall()
    assert len(set(ours)) > 20


def test_a_text_that_has_ended_lets_the_others_go_on(families: Families) -> None:
    """One prompt takes its model to the last position, the others go on."""
    families.folder("gpt2")
    prompts = ["a" * 60, "b", "c" * 30]
    texts = families.execute(
        "SELECT cardinality(lm.encode(text, 'gpt2')) "
        "FROM lm.generate_many(%s, 10, model => 'gpt2')",
        prompts,
    )
    lengths = [row[0] for row in texts]
    alone = [
        families.execute(
            "SELECT cardinality(lm.encode(lm.generate(%s, 10, model => 'gpt2'), 'gpt2'))", prompt
        )[0][0]
        for prompt in prompts
    ]
    assert lengths == alone
    assert lengths[0] < 10


def test_no_prompts_and_no_tokens(connection: psycopg.Connection) -> None:
    assert many(connection, []) == []
    assert many(connection, ["The end", "The"], "0") == ["", ""]


def test_nothing_is_left_behind(committed: psycopg.Connection) -> None:
    many(committed, OPENINGS, "2")
    assert committed.execute("SELECT count(*) FROM lm.attention_cache").fetchone() == (0,)
    assert committed.execute("SELECT count(*) FROM lm.generation").fetchone() == (0,)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["The", None], "no prompt: it is NULL"),
        (["The", ""], "the prompt is empty"),
        (["The", "the " * 900], "has positions for"),
    ],
)
def test_a_bad_prompt_is_named(
    connection: psycopg.Connection, prompts: list[str | None], message: str
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        connection.execute("SELECT * FROM lm.generate_many(%s)", [prompts])


# How likely a text is to follow -------------------------------------------------------------------


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(axis=-1, keepdims=True)
    return logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))


def expected(logits: np.ndarray, prompt: list[int], together: list[int]) -> tuple[int, float]:
    """Tokens from the first that is not the prompt's, and Σ ln p of these."""
    shared = 0
    while shared < min(len(prompt), len(together)) and prompt[shared] == together[shared]:
        shared += 1
    log_p = log_probabilities(logits.astype(np.float64))
    return (
        len(together) - shared,
        sum(log_p[place - 1, together[place]] for place in range(shared, len(together))),
    )


def test_scores_are_the_references(connection: psycopg.Connection) -> None:
    """Also where a continuation merges with the end of its prompt: The fo and x."""
    rows = connection.execute("SELECT * FROM lm.score(%s, %s)", [REVIEWS, CONTINUATIONS]).fetchall()
    assert [row[:2] for row in rows] == [
        (p + 1, c + 1) for p in range(len(REVIEWS)) for c in range(len(CONTINUATIONS))
    ]
    merged = encode(connection, "The fox")
    assert encode(connection, "The fo") != merged and len(merged) == 2
    for p, c, n_tokens, log_probability, mean in rows:
        ids = encode(connection, REVIEWS[p - 1] + CONTINUATIONS[c - 1])
        logits = reference.forward(DEMO_MODEL, ids).logits
        theirs = expected(logits, encode(connection, REVIEWS[p - 1]), ids)
        assert n_tokens == theirs[0]
        assert log_probability == pytest.approx(theirs[1], abs=1e-3)
        assert mean == pytest.approx(log_probability / n_tokens)


@pytest.mark.parametrize("name", ["gpt_neo, local", "gemma2", "gemma3", "mistral", "opt", "phi"])
def test_scores_in_other_families(families: Families, name: str) -> None:
    """Beyond their windows too: a continuation sees its prompt as if it stood behind it."""
    folder = families.folder(name)
    prompts, continuations = (
        ["a b c", "the cat sat on the mat"],
        [" is here", " x", " and there is"],
    )
    rows = families.execute("SELECT * FROM lm.score(%s, %s, %s)", prompts, continuations, name)
    assert len(rows) == 6
    for p, c, n_tokens, log_probability, _ in rows:
        ids = encode(families.connection, prompts[p - 1] + continuations[c - 1], name)
        logits, _ = family_models.forward(folder, ids)
        theirs = expected(logits, encode(families.connection, prompts[p - 1], name), ids)
        assert n_tokens == theirs[0]
        assert log_probability == pytest.approx(theirs[1], abs=1e-3)


def test_a_prompt_is_run_once(connection: psycopg.Connection) -> None:
    """Whatever follows it: the positions that are embedded are those of the prompt, and of each
    continuation all but the last token."""
    count = """
        SELECT idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE schemaname = 'lm' AND relname = 'position_embedding'
    """
    connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
    before = connection.execute(count).fetchone()[0]
    connection.execute("SELECT * FROM lm.score(%s, %s)", [REVIEWS[:2], CONTINUATIONS[:3]])
    after = connection.execute(count).fetchone()[0]
    shared = sum(len(encode(connection, prompt)) for prompt in REVIEWS[:2])
    branches = sum(len(encode(connection, text)) - 1 for text in CONTINUATIONS[:3])
    assert after - before == shared + 2 * branches


def test_many_prompts_take_several_passes(connection: psycopg.Connection) -> None:
    prompts = [f"{opening} {number}" for number in range(12) for opening in OPENINGS]
    rows = connection.execute(
        "SELECT log_probability FROM lm.score(%s, %s)", [prompts, CONTINUATIONS[:2]]
    ).fetchall()
    last = connection.execute(
        "SELECT log_probability FROM lm.score(%s, %s)", [prompts[-1:], CONTINUATIONS[:2]]
    ).fetchall()
    assert len(rows) == 2 * len(prompts)
    assert [row[0] for row in rows[-2:]] == pytest.approx([row[0] for row in last], abs=1e-5)


@pytest.mark.parametrize(
    ("prompts", "continuations", "message"),
    [
        (["a"], [""], "continuation 1 is empty"),
        ([""], ["a"], "prompt 1 leaves no token before continuation 1"),
        ([None], ["a"], "no prompt: it is NULL"),
        (["a"], [None], "no prompt: it is NULL"),
        (["the " * 900], ["a"], "has positions for"),
    ],
)
def test_what_cannot_be_scored(
    connection: psycopg.Connection,
    prompts: list[str | None],
    continuations: list[str | None],
    message: str,
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        connection.execute("SELECT * FROM lm.score(%s, %s)", [prompts, continuations])


def test_nothing_to_score(connection: psycopg.Connection) -> None:
    query = "SELECT * FROM lm.score(%s::text[], %s::text[])"
    assert connection.execute(query, [[], ["a"]]).fetchall() == []
    assert connection.execute(query, [["a"], []]).fetchall() == []
