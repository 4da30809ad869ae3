"""lm.forward_rows: what lm.forward keeps, without keeping it, whoever shares the pass."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest

from psqlm import loader

TEXTS = [
    "a",
    "Once",
    "Once upon a time",
    "There was once a king who had three daughters, and the youngest was so fair that even the sun "
    "wondered when it shone upon her face. " * 3,
    "The fox ran. " * 9,
    "x",
]
"""One token each: the first two and the last. The fourth has more than are read at once."""

SITES = ["attn_out", "embed", "ln_final", "logits", "mlp_post", "pattern", "z"]

Rows = dict[str, list[tuple[object, ...]]]


def forward_rows(
    connection: psycopg.Connection, texts: Sequence[str], model: str = "demo", **options: object
) -> Rows:
    """The rows of each text, their vectors as text, which has every bit."""
    named = "".join(f", {name} => %({name})s" for name in options)
    found = connection.execute(
        f"""
        SELECT ordinal, site::text, layer, head, position, token_id, value::text, logit
        FROM lm.forward_rows(%(texts)s::text[], %(model)s{named})
        """,
        {"texts": list(texts), "model": model, **options},
    ).fetchall()
    rows: Rows = {text: [] for text in texts}
    for ordinal, *row in found:
        rows[texts[ordinal - 1]].append(tuple(row))
    return {text: sorted(of_text, key=repr) for text, of_text in rows.items()}


@pytest.fixture(scope="module")
def models(scratch_dsn: str) -> psycopg.Connection:
    with psycopg.connect(scratch_dsn) as connection:
        loader.load(connection, "demo", name="half", dtype="float16")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.mark.parametrize("model", ["demo", "half"])
def test_rows_do_not_depend_on_what_shares_a_pass(models: psycopg.Connection, model: str) -> None:
    together = forward_rows(models, TEXTS, model, capture=SITES)
    assert all(together.values())
    for shared in (TEXTS[::-1], [TEXTS[0], TEXTS[5]], TEXTS[3:5], *([text] for text in TEXTS)):
        found = forward_rows(models, shared, model, capture=SITES)
        assert found == {text: together[text] for text in shared}


def test_a_lone_position_would_take_another_way(models: psycopg.Connection) -> None:
    """What the test above guards against is there: in float16 lm.forward has other last bits."""
    (rows,) = forward_rows(models, ["a"], "half", capture=["attn_out"]).values()
    kept = models.execute(
        "SELECT adjustment::text FROM lm.attention_adjustment"
        " WHERE run_id = lm.forward('a', 'half') ORDER BY layer"
    ).fetchall()
    models.rollback()
    assert [row[5] for row in rows] != [value for (value,) in kept]


@pytest.mark.parametrize(
    "options",
    [
        {"capture": ["all"]},
        {"capture": ["logits"], "top_logits": None, "capture_positions": [-1]},
        {"capture": ["resid_post", "ln_final"], "capture_layers": [1, 3]},
        {"capture": ["q", "logits"], "capture_positions": [0, -1], "top_logits": 2},
    ],
    ids=lambda options: ",".join(options),
)
def test_rows_are_what_lm_forward_keeps(
    connection: psycopg.Connection, options: dict[str, object]
) -> None:
    rows = forward_rows(connection, TEXTS[2:4], **options)
    named = ", ".join(f"{name} => %({name})s" for name in options)
    for text, found in rows.items():
        kept = connection.execute(
            f"""
            WITH run AS MATERIALIZED (SELECT lm.forward(%(text)s, {named}) AS run_id)
            SELECT 'made' FROM run
            """,
            {"text": text, **options},
        ).fetchall()
        assert kept == [("made",)]
        kept = connection.execute(
            """
            SELECT
                c.site::text, c.layer, c.head, c.position, t.token_id, c.value::text, NULL::float8
            FROM lm.captured AS c
            INNER JOIN lm.run_token AS t USING (run_id, position)
            WHERE run_id = (SELECT max(run_id) FROM lm.run)
            UNION ALL
            SELECT 'logits', NULL, -1, l.position, l.token_id, NULL, l.logit
            FROM lm.logit AS l
            WHERE l.run_id = (SELECT max(run_id) FROM lm.run)
            """
        ).fetchall()
        assert found == sorted(kept, key=repr)


def test_interventions_count_from_the_end_of_the_text(models: psycopg.Connection) -> None:
    """A position that is put behind a lone one is not its last."""
    models.execute(
        "SELECT lm.replace_interventions("
        "'last', lm.make_intervention('attn_out', 'zero', \"position\" => -1))"
    )
    rows = forward_rows(models, ["a", "Once upon"], capture=["attn_out"], interventions="last")
    models.rollback()
    for text, last in (("a", 0), ("Once upon", 1)):
        assert {row[3] for row in rows[text] if set(row[5].strip("[]").split(",")) == {"0"}} == {
            last
        }


def test_nothing_is_written(connection: psycopg.Connection) -> None:
    connection.execute("SET TRANSACTION READ ONLY")
    assert forward_rows(connection, ["Once upon"])["Once upon"]
    assert forward_rows(connection, []) == {}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ARRAY['a', '']", "the prompt is empty"),
        ("NULL", "no prompt: it is NULL"),
        ("'{a}', capture => '{nothing}'", "capture holds what is no site: nothing"),
        ("'{a}', capture_layers => '{99}'", "capture_layers holds others than 0 to 7"),
    ],
)
def test_what_is_refused(connection: psycopg.Connection, call: str, said: str) -> None:
    with pytest.raises(psycopg.Error, match=said):
        connection.execute(f"SELECT * FROM lm.forward_rows({call})")
