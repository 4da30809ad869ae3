"""What a lens cannot answer is said, with what can be done."""

from __future__ import annotations

import lens
import psycopg
import pytest
from psycopg.rows import scalar_row


@pytest.mark.parametrize(
    ("call", "sites"),
    [
        ("head_scores({run})", "pattern"),
        ("logit_lens({run})", "resid_post"),
        ("logit_lens({run}, site => 'mlp_out')", "mlp_out"),
        ("lens_trajectory({run})", "resid_post"),
        ("head_results({run})", "z"),
        ("logit_attribution({run})", "embed, pos_embed, z, mlp_out, resid_post"),
        ("surprise({run})", "ln_final"),
        ("perplexity({run})", "ln_final"),
        ("surprise(ARRAY[{run}])", "ln_final"),
        ("nearest_tokens(lm.vector_at({run}, 'resid_post', 2))", "resid_post"),
        ("nearest_activations(lm.vector_at({run}, 'z', 2, head => 1), 'z', 2, 1)", "z"),
    ],
)
def test_what_was_not_captured_is_said(
    connection: psycopg.Connection, call: str, sites: str
) -> None:
    """And the hint is a command that makes a run of which the lens can speak."""
    run = lens.run(connection, capture=["mlp_pre"])
    message = f"^run {run} did not capture {sites}"
    with (
        pytest.raises(psycopg.Error, match=message) as refused,
        connection.transaction(),
    ):
        connection.execute(f"SELECT * FROM lm.{call.format(run=run)}")
    assert refused.value.diag.message_hint is not None
    cursor = connection.cursor(row_factory=scalar_row)
    better = cursor.execute(refused.value.diag.message_hint).fetchone()
    rows = connection.execute(f"SELECT * FROM lm.{call.format(run=better)}")
    assert rows.fetchall()


def test_the_command_repeats_the_interventions(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO lm.intervention (set_name, site, kind) VALUES ('test', 'mlp_out', 'zero')"
    )
    run = lens.run(connection, "The king", capture=[], interventions="test")
    with pytest.raises(psycopg.Error) as refused, connection.transaction():
        connection.execute("SELECT * FROM lm.logit_lens(%s)", [run])
    assert refused.value.diag.message_hint is not None
    better = connection.execute(refused.value.diag.message_hint).fetchone()
    assert connection.execute(
        "SELECT interventions FROM lm.run WHERE run_id = %s", better
    ).fetchone() == ("test",)


@pytest.mark.parametrize(
    "call",
    [
        "head_scores({run})",
        "logit_lens({run})",
        "lens_trajectory({run})",
        "head_results({run})",
        "logit_attribution({run})",
        "final_logits({run}, '{{0}}')",
        "surprise({run})",
        "perplexity({run})",
        "surprise(ARRAY[{run}])",
        "perplexity(ARRAY[{run}])",
        "vector_at({run}, 'resid_post')",
    ],
)
def test_a_run_that_is_not_there_is_said(connection: psycopg.Connection, call: str) -> None:
    with pytest.raises(psycopg.Error, match=r"^there is no run 0"):
        connection.execute(f"SELECT * FROM lm.{call.format(run=0)}")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("logit_lens({run}, 99)", "run {run} has positions 0 to 3, not 99"),
        ("logit_lens({run}, NULL)", "run {run} has positions 0 to 3, not NULL"),
        ("logit_lens({run}, 2)", "run {run} did not capture resid_post at position 2"),
        ("logit_lens({run}, site => 'z')", "z is not read by the final norm"),
        ("lens_trajectory({run}, -1)", 'model "demo" has tokens 0 to 4095, not -1'),
        ("logit_attribution({run}, 1, 9999)", 'model "demo" has tokens 0 to 4095, not 9999'),
        ("logit_attribution({run})", "run {run} did not capture .* in layer 0"),
        ("surprise({run})", "run {run} did not capture resid_post at position 0, 1, 2\n"),
        (
            "final_logits({run}, '{{0,1,2,3,1}}')",
            "run {run} did not capture resid_post at position 0, 1, 2, …\n",
        ),
        ("vector_at({run}, 'resid_post', 99)", "run {run} did not capture resid_post in layer 99"),
        ("vector_at({run}, 'z', 7, head => 4)", "run {run} has no z of layer 7 and head 4"),
        ("token_id('rumpelstiltskin')", '"rumpelstiltskin" is not one token of model "demo" but .'),
        ("token_id('')", '"" is not one token of model "demo" but 0'),
        ("lens_trajectory({run}, 'rumpelstiltskin')", '"rumpelstiltskin" is not one token'),
        ("logit_attribution({run}, ' king', 'ö')", '"ö" is not one token'),
        ("nearest_tokens('[1,2]')", "the vector has 2 numbers and the embeddings of model"),
        ("nearest_tokens(NULL)", "the vector has 0 numbers and the embeddings of model"),
        ("nearest_activations('[1,2]', 'q')", "the vector has 2 numbers and q has 32"),
        ("nearest_activations('[1,2]', 'pattern')", "pattern has no width of its own"),
        ("nearest_activations('[1,2]', NULL)", "site is NULL"),
        (
            "nearest_activations(array_fill(1, '{{32}}')::vector, 'q', NULL)",
            "layer or head is NULL",
        ),
        ("nearest_activations(array_fill(1, '{{32}}')::vector, 'q', 1, NULL)", "layer or head is"),
        ("nearest_activations(array_fill(1, '{{32}}')::vector, 'q', k => -1)", "k is -1"),
        ("index_activations(NULL)", "site is NULL"),
        ("index_activations('q', NULL)", "layer or head is NULL"),
        ("index_activations('q', 1, NULL)", "layer or head is NULL"),
        ("nearest_tokens(lm.vector_at({run}, 'embed'), -1)", "k is -1: it counts rows, from 0 up"),
        ("logit_lens({run}, k => -1)", "k is -1"),
        ("next_token('The bear', -1)", "k is -1"),
        ("index_activations('attn_scores')", "attn_scores has no width of its own"),
    ],
)
def test_bad_questions_are_refused(connection: psycopg.Connection, call: str, message: str) -> None:
    run = lens.run(
        connection,
        "The king and the",
        capture=["resid_post", "z", "embed", "pos_embed", "mlp_out"],
        capture_layers=[lens.N_LAYER - 1],
        capture_positions=[-1],
    )
    with pytest.raises(psycopg.Error, match=message.format(run=run)):
        connection.execute(f"SELECT * FROM lm.{call.format(run=run)}")


def test_a_token_is_looked_for_by_its_index(connection: psycopg.Connection) -> None:
    """lm.token_id is called once, and not for each row."""
    connection.execute(
        """
        INSERT INTO lm.run (run_id, model_id, token_ids, capture)
        SELECT -n, lm.model_id('demo'), '{}', '{}' FROM generate_series(1, 50) AS n;
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT -n, p, (n * p) % 4096
        FROM generate_series(1, 50) AS n CROSS JOIN generate_series(0, 399) AS p;
        -- as it is sooner or later where rows have come: the planner must know that there are many
        ANALYZE lm.run_token;
        """
    )
    asked = "SELECT count(*) FROM lm.run_token WHERE token_id = lm.token_id(' the')"
    rows = connection.execute(f"EXPLAIN {asked}".encode()).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "run_token_token" in plan, plan
    assert (
        connection.execute(asked.encode()).fetchone()
        == connection.execute(
            "SELECT count(*) FROM lm.run_token WHERE token_id = %s",
            connection.execute("SELECT lm.token_id(' the')").fetchone(),
        ).fetchone()
    )
