"""Roles of a database that is shared, and what users call, by the right that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

ROLES = ("psqlm_alice", "psqlm_bob", "psqlm_rita", "psqlm_nora")
"""Two runners, a reader, and one without rights."""

OWN = "SELECT lm.forward('The cat sat on the mat', capture => '{all}')"
SWEEP = (
    "SELECT count(*) FROM lm.patching_sweep('The cat ran', 'The dog ran', 'attn_out', ' to', ' on')"
)

VECTOR = "(SELECT adjustment FROM lm.attention_adjustment WHERE run_id = 2 LIMIT 1)"

# What users call, by the right that it needs.
READS = {
    "default_model": "lm.default_model()",
    "runs_are_private": "lm.runs_are_private()",
    "tokenize": "lm.tokenize('Once upon a time')",
    "encode": "lm.encode('Once upon a time')",
    "decode": "lm.decode('{7,8}')",
    "decode_bytes": "lm.decode_bytes('{7,8}')",
    "merge_steps": "lm.merge_steps('wolf')",
    "fill": "lm.fill(1, 3)",
    "concat": "(SELECT lm.concat(x) FROM unnest(ARRAY['[1]'::vector]) AS x)",
    "total": "(SELECT lm.total(x) FROM unnest(ARRAY['[1]'::vector]) AS x)",
    "model_id": "lm.model_id()",
    "help": "lm.help('surprise')",
    "score": "lm.score('{Once upon}', '{\" a\",\" the king\"}')",
    "latest_run": "lm.latest_run()",
    "named_runs": "lm.named_runs('2')",
    "capture_bytes": "lm.capture_bytes('{5}')",
    "attention_share": "lm.attention_share('{2}', ',')",
    "unit_effects": "lm.unit_effects('attn_out', 'of', 'psqlm_alice')",
    "lens_grid": "lm.lens_grid(2)",
    "predictions": "lm.predictions(2)",
    "next_token": "lm.next_token('Once upon a', 3)",
    "vector_at": "lm.vector_at(2, 'z', 0, 1, 0)",
    "run_position": "lm.run_position(2)",
    "forward_rows": "lm.forward_rows('{Once upon,A wolf}')",
    "make_intervention": "lm.make_intervention('z', 'zero')",
    "find_runs": "lm.find_runs('{Once upon}')",
    "select_runs": "lm.select_runs('all')",
    "token_id": "lm.token_id(' the')",
    "embedding": "lm.embedding(' the')",
    "head_scores": "lm.head_scores(2)",
    "logit_lens": "lm.logit_lens(2, 2)",
    "lens_trajectory": "lm.lens_trajectory(2, ' the', 2)",
    "lens_logits": "lm.lens_logits(2)",
    "logit_attribution": "lm.logit_attribution(2, ' the', ' a', 2)",
    "head_results": "lm.head_results(2)",
    "surprise": "lm.surprise(2)",
    "perplexity": "lm.perplexity(2)",
    "final_logits": "lm.final_logits(2, '{7}')",
    "nearest_tokens": f"lm.nearest_tokens({VECTOR})",
    "nearest_activations": f"lm.nearest_activations({VECTOR}, 'attn_out', 1)",
    "lag_ols": "lm.lag_ols('{2}')",
    "lag_diagnostics": "lm.lag_diagnostics('{2}')",
    "lag_rows": "lm.lag_rows('{2}')",
    "ols": "lm.ols(ARRAY(SELECT ROW('g', i * i, ARRAY[i])::lm.observation"
    " FROM generate_series(1.0, 9) AS i))",
    "ols_moments": "lm.ols_moments(ARRAY(SELECT ROW('g', i * i, ARRAY[i])::lm.observation"
    " FROM generate_series(1.0, 9) AS i))",
    "pool_moments": "lm.pool_moments('{}')",
    "benjamini_hochberg": "lm.benjamini_hochberg('{0.1,0.2}')",
    "student_t_p": "lm.student_t_p(1, 2)",
    # what others left behind is not the caller's to drop: none
    "drop_leftovers": "lm.drop_leftovers()",
}
RUNS = {
    "forward": "lm.forward('Once upon')",
    "forward_many": "lm.forward_many('{Once upon,A wolf}')",
    "forward_once": "lm.forward_once('{Once upon}')",
    "generate": "lm.generate('Once', 1)",
    "generate_many": "lm.generate_many('{Once}', 1)",
    "generate_tokens": "lm.generate_tokens('Once', 1, keep_cache => true)",
    "patching_sweep": "lm.patching_sweep('The cat ran', 'The dog ran', 'attn_out', ' to', ' on')",
    "replace_interventions": "lm.replace_interventions('new', lm.make_intervention('z', 'zero'))",
    "drop_runs": "lm.drop_runs(ARRAY[(SELECT clean_run FROM lm.patching_sweep)])",
}
OWNS = {
    "set_default_model": "lm.set_default_model('demo')",
    "drop_model": "lm.drop_model('demo')",
    "index_activations": "lm.index_activations('attn_out')",
    "grant_to_roles": "lm.grant_to_roles()",
    "keep_runs_private": "lm.keep_runs_private()",
}


def _make_roles(connection: psycopg.Connection) -> None:
    for role in ROLES:
        connection.execute(f"DROP ROLE IF EXISTS {role}")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    connection.execute("GRANT psqlm_runner TO psqlm_alice, psqlm_bob")
    connection.execute("GRANT psqlm_reader TO psqlm_rita")


def shared(dsn: str) -> Iterator[str]:
    """Gives a database a run, a tag, a set and a sweep of each runner's and of the owner's."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        _make_roles(connection)
        for role in ("NONE", "psqlm_alice", "psqlm_bob"):
            with connection.transaction():
                connection.execute(f"SET LOCAL ROLE {role}")
                row = connection.execute(OWN).fetchone()
                assert row is not None
                connection.execute(
                    "INSERT INTO lm.tag (run_id, name, value) VALUES (%s, 'of', %s)", (row[0], role)
                )
                connection.execute(
                    "SELECT lm.replace_interventions(%s, lm.make_intervention('z', 'replace',"
                    " from_run => %s))",
                    (f"{role} set", row[0]),
                )
        with connection.transaction():
            connection.execute("SET LOCAL ROLE psqlm_alice")
            connection.execute(SWEEP)
        yield dsn
        # its rights here go with the database, which other roles of the suite do not know
        for role in ROLES:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")


@contextmanager
def role_of(connection: psycopg.Connection, role: str) -> Iterator[None]:
    """Within it the connection has the rights of a role; what it did is undone after it."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role}")
        yield


def as_role(dsn: str, role: str) -> str:
    return make_conninfo(dsn, user=role, password="secret")
