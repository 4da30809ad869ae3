"""Who may do what: readers query, runners run models too, each role's runs are its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from conftest import MakeDatabase
from psycopg.conninfo import make_conninfo
from test_plans import INLINED, _calls

from psqlm import database, loader
from psqlm.database import rights
from psqlm.database.server import VERSION, EmbeddedServer
from psqlm.errors import PsqlmError
from psqlm.runs.corpus import run_corpus
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools"))


ROLES = ("psqlm_alice", "psqlm_bob", "psqlm_rita", "psqlm_nora")
"""Two runners, a reader, and one without rights."""

OWN = "SELECT lm.forward('The cat sat on the mat', capture => '{all}')"


def _make_roles(connection: psycopg.Connection) -> None:
    for role in ROLES:
        connection.execute(f"DROP ROLE IF EXISTS {role}")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    connection.execute("GRANT psqlm_runner TO psqlm_alice, psqlm_bob")
    connection.execute("GRANT psqlm_reader TO psqlm_rita")


@pytest.fixture(scope="module")
def shared_dsn(create_database: Callable[..., str], demo_template: str) -> Iterator[str]:
    """A database with a run, a tag, a set and a sweep of each runner's and of the owner's."""
    dsn = create_database("psqlm_rights", template=demo_template)
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


SWEEP = (
    "SELECT count(*) FROM lm.patching_sweep('The cat ran', 'The dog ran', 'attn_out', ' to', ' on')"
)
RUN_OF = {"psqlm_owner": 1, "psqlm_alice": 2, "psqlm_bob": 3}


@pytest.fixture
def shared(shared_dsn: str) -> Iterator[psycopg.Connection]:
    """A superuser there; what a test does is undone."""
    with psycopg.connect(shared_dsn) as connection:
        yield connection
        connection.rollback()


@contextmanager
def role_of(connection: psycopg.Connection, role: str) -> Iterator[None]:
    """Within it the connection has the rights of a role; what it did is undone after it."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role}")
        yield


# Every function and table -------------------------------------------------------------------------

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


def test_every_function_is_in_one_of_the_lists(shared: psycopg.Connection) -> None:
    functions = shared.execute(
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'lm'::regnamespace"
    )
    assert {name for (name,) in functions} == READS.keys() | RUNS.keys() | OWNS.keys()


@pytest.mark.parametrize("role", ["psqlm_rita", "psqlm_alice"])
def test_functions(shared: psycopg.Connection, role: str) -> None:
    """What a role may not call says so in one line, with who gives the right, and does nothing."""
    allowed = READS | (RUNS if role == "psqlm_alice" else {})
    for name, call in (READS | RUNS | OWNS).items():
        with role_of(shared, role):
            if name in allowed:
                shared.execute(f"SELECT * FROM {call}").fetchall()
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                shared.execute(f"SELECT * FROM {call}").fetchall()
            said = caught.value.diag
            assert said.message_primary and said.message_primary.startswith(f"the role {role} may")
            owner = shared.info.user
            assert said.message_hint in (
                f"{owner} gives that right: psqlm grant {role} runner, "
                f"or GRANT psqlm_runner TO {role}",
                f"that is for {owner}, who owns the schema lm",
            ), name


def test_tables(shared: psycopg.Connection) -> None:
    """Readers read all of them, runners write where runs are, and nobody else anything."""
    held: dict[tuple[str, str], set[str]] = {}
    for role, table, right in shared.execute(
        """
        SELECT r.role, c.relname, p.name
        FROM unnest(%s::text[]) AS r (role)
        CROSS JOIN pg_class AS c
        CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[])
            AS p (name)
        WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND NOT c.relispartition
            AND has_table_privilege(r.role, c.oid, p.name)
        """,
        (list(ROLES),),
    ):
        held.setdefault((role, table), set()).add(right)
    tables = {table for role, table in held if role == "psqlm_rita"}
    assert len(tables) > 30 and "run" in tables
    assert all(held["psqlm_rita", table] == {"SELECT"} for table in tables)
    assert not any(role == "psqlm_nora" for role, _ in held)
    written = {
        table: rights - {"SELECT"}
        for (role, table), rights in held.items()
        if role == "psqlm_bob" and rights != {"SELECT"}
    }
    # besides rights to some columns of tag, generation, patching_sweep and intervention_set
    assert written == {
        "run": {"INSERT", "DELETE"},
        "run_token": {"INSERT"},
        "stored_adjustment": {"INSERT"},
        "stored_activation": {"INSERT"},
        "logit": {"INSERT"},
        "patching_effect": {"INSERT"},
        "attention_cache": {"INSERT"},
        "tag": {"UPDATE", "DELETE"},
        "intervention": {"INSERT", "UPDATE", "DELETE"},
        "intervention_set": {"DELETE"},
        "generation": {"DELETE"},
        "patching_sweep": {"DELETE"},
    }


def test_every_view_has_the_rights_of_who_asks(shared: psycopg.Connection) -> None:
    """Else it would have those of its owner, whom no policy holds."""
    loose = shared.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])"
        " AND relkind = 'v'"
        " AND NOT COALESCE(reloptions @> '{security_invoker=true}', false)"
    ).fetchall()
    assert loose == []


def test_what_has_the_rights_of_its_owner(shared: psycopg.Connection) -> None:
    """A single function, which locks a row and finds nobody else's names."""
    definers = shared.execute(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace = ANY ('{lm,lm_internal}'::regnamespace[]) AND prosecdef"
    ).fetchall()
    assert definers == [("hold_model", ["search_path=pg_catalog, pg_temp"])]


# One's own ----------------------------------------------------------------------------------------


def test_ones_own_may_go(shared: psycopg.Connection) -> None:
    with role_of(shared, "psqlm_alice"):
        shared.execute("UPDATE lm.tag SET value = 'mine' WHERE run_id = 2")
        shared.execute("SELECT lm.replace_interventions('psqlm_alice set')")
        dropped = shared.execute(
            "SELECT lm.drop_runs(array_agg(run_id)) FROM lm.run WHERE owner = current_user"
        ).fetchone()
        assert dropped == (3,)  # the sweep made two
        left = shared.execute(
            "SELECT (SELECT count(*) FROM lm.activation WHERE run_id = 2),"
            " (SELECT count(*) FROM lm.patching_sweep), (SELECT count(*) FROM lm.tag)"
        ).fetchone()
        assert left == (0, 0, 2)


ATTACKS = {
    "drop another's run": ("SELECT lm.drop_runs('{2}')", "run 2 belongs to psqlm_alice"),
    "add a row to another's run": (
        "INSERT INTO lm.run_token VALUES (2, 400, 7)",
        'row-level security policy for table "run_token"',
    ),
    "add an adjustment": (
        "INSERT INTO lm.stored_adjustment (run_id, layer, position, adjustment)"
        " VALUES (2, 99, 0, '[1]')",
        'row-level security policy for table "stored_adjustment"',
    ),
    "add an activation": (
        "INSERT INTO lm.stored_activation (run_id, site, layer, position, value)"
        " VALUES (2, 'z', 99, 0, '[1]')",
        'row-level security policy for table "stored_activation"',
    ),
    "add a logit": (
        "INSERT INTO lm.logit VALUES (2, 400, 7, 1)",
        'row-level security policy for table "logit"',
    ),
    "add an effect": (
        "INSERT INTO lm.patching_effect SELECT sweep_id, 99, -1, -1, 0 FROM lm.patching_sweep",
        'row-level security policy for table "patching_effect"',
    ),
    "make a run in another's name": (
        "INSERT INTO lm.run (model_id, token_ids, capture, owner)"
        " VALUES (1, '{7}', '{}', 'psqlm_alice')",
        'row-level security policy for table "run"',
    ),
    "take the number of a run to come": (
        "INSERT INTO lm.run (run_id, model_id, token_ids, capture) VALUES (10000, 1, '{7}', '{}')",
        'row-level security policy for table "run"',
    ),
    "take numbers from the sequence": (
        "SELECT setval('lm.run_run_id_seq', 1)",
        "permission denied for sequence run_run_id_seq",
    ),
    "make a run one's own": ("UPDATE lm.run SET owner = current_user", "permission denied"),
    "make a tag one's own": (
        "UPDATE lm.tag SET owner = 'psqlm_alice' WHERE owner = current_user",
        'row-level security policy for table "tag"',
    ),
    "tag in another's name": (
        "INSERT INTO lm.tag VALUES (2, NULL, 'x', 'y', 'psqlm_alice')",
        "permission denied",
    ),
    "add to another's set": (
        "INSERT INTO lm.intervention (set_name, site, kind)"
        " VALUES ('psqlm_alice set', 'z', 'zero')",
        'the set of interventions "psqlm_alice set" belongs to psqlm_alice',
    ),
    "move one's own into another's set": (
        "UPDATE lm.intervention SET set_name = 'psqlm_alice set'",
        'the set of interventions "psqlm_alice set" belongs to psqlm_alice',
    ),
    "replace another's set": (
        "SELECT lm.replace_interventions('psqlm_alice set')",
        'the set of interventions "psqlm_alice set" belongs to psqlm_alice',
    ),
    "take a set": ("UPDATE lm.intervention_set SET owner = current_user", "permission denied"),
    "a function in lm": (
        "CREATE FUNCTION lm.f() RETURNS int RETURN 1",
        "permission denied for schema lm",
    ),
    "a trigger": (
        "CREATE TRIGGER t BEFORE INSERT ON lm.run FOR EACH ROW"
        " EXECUTE FUNCTION lm_internal.forget_generation()",
        "permission denied for table run",
    ),
    "no policies": ("ALTER TABLE lm.run DISABLE ROW LEVEL SECURITY", "must be owner"),
    "empty a table": ("TRUNCATE lm.run CASCADE", "permission denied"),
    "a model": ("DELETE FROM lm.model", "permission denied for table model"),
    "a weight": ("UPDATE lm.linear SET bias = 0", "permission denied for table linear"),
    "an own model": (
        "INSERT INTO lm.vocabulary SELECT 1, 99999, 'x', 'x'",
        "permission denied for table vocabulary",
    ),
    "more members": ("GRANT psqlm_runner TO psqlm_nora", 'permission denied to grant role "psqlm'),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(shared: psycopg.Connection, attack: str) -> None:
    statement, message = ATTACKS[attack]
    with role_of(shared, "psqlm_bob"), pytest.raises(psycopg.Error, match=message):
        shared.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM lm.run WHERE owner <> current_user",
        "DELETE FROM lm.tag WHERE owner <> current_user",
        "UPDATE lm.tag SET value = 'x' WHERE owner <> current_user",
        "UPDATE lm.run SET duration = '1 s' WHERE owner <> current_user",
        "DELETE FROM lm.intervention WHERE set_name <> 'psqlm_bob set'",
        "UPDATE lm.intervention SET layer = 1 WHERE set_name <> 'psqlm_bob set'",
        "DELETE FROM lm.intervention_set WHERE owner <> current_user",
        "DELETE FROM lm.patching_sweep",
        "UPDATE lm.patching_sweep SET clean_difference = 0",
    ],
)
def test_what_is_others_is_not_touched(shared: psycopg.Connection, statement: str) -> None:
    with role_of(shared, "psqlm_bob"):
        assert shared.execute(statement).rowcount == 0


def test_the_owner_of_a_run_removes_others_tags(shared: psycopg.Connection) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute("SET LOCAL ROLE psqlm_bob")
        shared.execute("INSERT INTO lm.tag (run_id, name, value) VALUES (2, 'by', 'bob')")
        shared.execute("SET LOCAL ROLE psqlm_alice")
        assert shared.execute("DELETE FROM lm.tag WHERE name = 'by'").rowcount == 1


def test_two_who_begin_a_set_of_one_name(shared_dsn: str) -> None:
    """The second waits for the first, and is refused: a set has one owner."""
    failures: list[str] = []
    insert = "INSERT INTO lm.intervention (set_name, site, kind) VALUES ('both', 'z', 'zero')"
    with psycopg.connect(shared_dsn) as alice, psycopg.connect(shared_dsn) as bob:
        alice.execute("SET ROLE psqlm_alice")
        bob.execute("SET ROLE psqlm_bob")
        alice.execute(insert)

        def second() -> None:
            try:
                bob.execute(insert)
            except psycopg.Error as error:
                failures.append(str(error.diag.message_primary))

        thread = Thread(target=second)
        thread.start()
        alice.commit()
        thread.join(20)
        assert failures == ['the set of interventions "both" belongs to psqlm_alice']
        bob.rollback()
        alice.execute("SELECT lm.replace_interventions('both')")
        alice.commit()


def test_a_generation_of_anothers(shared: psycopg.Connection) -> None:
    """A kept cache takes no keys of another role's, who would steer what is generated with it."""
    with shared.transaction(force_rollback=True):
        shared.execute("SET LOCAL ROLE psqlm_alice")
        shared.execute("SELECT count(*) FROM lm.generate_tokens('Once', 2, keep_cache => true)")
        shared.execute("SET LOCAL ROLE psqlm_bob")
        assert shared.execute("DELETE FROM lm.generation").rowcount == 0
        with pytest.raises(psycopg.Error, match='policy for table "attention_cache"'):
            shared.execute(
                "INSERT INTO lm.attention_cache"
                " SELECT generation_id, 99, 0, 0, '[1]', '[1]' FROM lm.generation"
            )


# Private runs -------------------------------------------------------------------------------------


@pytest.fixture
def private(shared: psycopg.Connection) -> psycopg.Connection:
    assert shared.execute("SELECT lm.runs_are_private()").fetchone() == (False,)
    shared.execute(
        "SELECT count(*) FROM lm.generate_tokens('Once', 2, keep_cache => true)"
    ).fetchall()
    shared.execute("SELECT lm.keep_runs_private()")
    assert shared.execute("SELECT lm.runs_are_private()").fetchone() == (True,)
    return shared


def _relations(connection: psycopg.Connection, column: str) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "SELECT c.relname FROM pg_class AS c"
            " INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = %s"
            " WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind IN ('r', 'v')",
            (column,),
        )
    ]


@pytest.mark.parametrize("role", ["psqlm_rita", "psqlm_bob"])
def test_no_table_or_view_shows_private_runs_of_others(
    private: psycopg.Connection, role: str
) -> None:
    relations = _relations(private, "run_id")
    assert {"run", "run_token", "activation", "logit", "captured", "token"} <= set(relations)
    own = {3} if role == "psqlm_bob" else set()
    for relation in relations:
        with role_of(private, role):
            seen = private.execute(f"SELECT DISTINCT run_id FROM lm.{relation}").fetchall()
            assert {run_id for (run_id,) in seen} <= own, relation
    for table in ("patching_sweep", "patching_effect", "generation", "attention_cache"):
        for who, n in ((role, 0), ("NONE", 1)):
            with role_of(private, who):
                found = private.execute(f"SELECT count(*) > 0 FROM lm.{table}").fetchone()
                assert found == (bool(n),), (table, who)


def test_no_function_answers_for_private_runs_of_others(private: psycopg.Connection) -> None:
    asks = {name: call for name, call in READS.items() if "2" in call and "run" not in name}
    for name in ("vector_at", "head_scores", "logit_lens", "surprise", "perplexity", "lag_rows"):
        assert name in asks
    for name, call in asks.items():
        if name in ("fill", "benjamini_hochberg", "student_t_p"):
            continue
        with role_of(private, "psqlm_bob"):
            try:
                rows = private.execute(f"SELECT * FROM {call}").fetchall()
            except psycopg.errors.InvalidParameterValue:
                continue
            assert rows in ([], [(None,)]), name


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT lm.drop_runs('{2}')", "no such run: 2"),
        ("INSERT INTO lm.tag (run_id, name, value) VALUES (2, 'a', 'b')", "policy for table"),
        (
            "SELECT lm.replace_interventions('mine', lm.make_intervention('z', 'mean',"
            " from_run => 2))",
            "policy for table",
        ),
        (
            "UPDATE lm.intervention SET from_run = 2 WHERE set_name = 'psqlm_bob set'",
            "policy for table",
        ),
        ("SELECT lm.forward('The', interventions => 'psqlm_alice set')", "finds no z to take"),
    ],
)
def test_private_runs_of_others_are_no_use(
    private: psycopg.Connection, statement: str, message: str
) -> None:
    with role_of(private, "psqlm_bob"), pytest.raises(psycopg.Error, match=message):
        private.execute(statement)


def test_a_condition_of_the_callers_sees_no_private_rows(private: psycopg.Connection) -> None:
    """Cheap as it is, it is not asked before the policy."""
    heard: list[str] = []
    private.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
    private.execute("GRANT CREATE ON SCHEMA public TO psqlm_bob")
    with role_of(private, "psqlm_bob"):
        private.execute(
            "CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
            " $$ BEGIN RAISE NOTICE 'heard %', $1; RETURN true; END $$"
        )
        private.execute("SELECT * FROM lm.run WHERE public.leak(owner)").fetchall()
        private.execute("SELECT * FROM lm.run_token WHERE public.leak(run_id::text)").fetchall()
    assert set(heard) == {"heard psqlm_bob", "heard 3"}


def test_a_mean_is_taken_over_the_runs_one_sees(private: psycopg.Connection) -> None:
    digests = []
    for role in ("psqlm_alice", "psqlm_bob"):
        with role_of(private, role):
            private.execute(
                "SELECT lm.replace_interventions('m', lm.make_intervention('attn_out', 'mean'))"
            )
            digests.append(
                private.execute("SELECT lm_internal.intervention_digest('m', 1)").fetchone()
            )
            private.execute("SELECT lm.forward('The', interventions => 'm')")
    assert digests[0] != digests[1]


def test_open_again(private: psycopg.Connection) -> None:
    private.execute("SELECT lm.keep_runs_private(false)")
    with role_of(private, "psqlm_rita"):
        seen = private.execute("SELECT array_agg(DISTINCT run_id) FROM lm.activation").fetchone()
    assert seen and set(seen[0]) >= {1, 2, 3}


# What it costs ------------------------------------------------------------------------------------

QUERIES = [
    "SELECT avg(norm) FROM lm.attention_adjustment",
    "SELECT * FROM lm.activation WHERE run_id = 2 AND site = 'z' AND layer = 1",
    "SELECT * FROM lm.adjustment_norm WHERE run_id = 2",
    "SELECT * FROM lm.token WHERE token_id = 7",
    "SELECT * FROM lm.captured WHERE run_id = 2 AND site = 'attn_out'",
]


@pytest.mark.parametrize("query", QUERIES)
def test_what_all_may_read_costs_nothing(shared: psycopg.Connection, query: str) -> None:
    """Neither the owner nor a reader has anything in a plan that was not asked for."""
    plans = []
    for role in ("NONE", "psqlm_rita"):
        with role_of(shared, role):
            plans.append(shared.execute(f"EXPLAIN {query}").fetchall())
    assert plans[0] == plans[1]
    shared.execute("SELECT lm.keep_runs_private()")
    assert shared.execute(f"EXPLAIN {query}").fetchall() == plans[0]


@pytest.mark.parametrize("is_private", [False, True])
def test_a_runners_pass_calls_what_the_owners_calls(
    shared: psycopg.Connection, is_private: bool
) -> None:
    statement = "SELECT lm.forward('Once upon a time', capture => '{all}')"
    shared.execute("SELECT lm.keep_runs_private(%s)", (is_private,))
    shared.execute("SET track_functions = 'all'")
    shared.execute("SET max_parallel_workers_per_gather = 0")
    # the first pass of each is planned, which calls functions too
    _, owners = _calls(shared, statement), _calls(shared, statement)
    with role_of(shared, "psqlm_alice"):
        _, runners = _calls(shared, statement), _calls(shared, statement)
    assert {name: n for name, n in runners.items() if n > owners.get(name, 0)} == {}
    assert owners["transformer"] == 1 and not any(runners.get(name) for name in INLINED)


# Roles of a server --------------------------------------------------------------------------------


@contextmanager
def aside(connection: psycopg.Connection) -> Iterator[None]:
    """Within it the server has no roles of psqlm's names."""
    names = ("psqlm_reader", "psqlm_runner")
    for name in names:
        connection.execute(f"ALTER ROLE {name} RENAME TO {name}_aside")
    try:
        yield
    finally:
        for name in names:
            connection.execute(f"DROP ROLE IF EXISTS {name}")
            connection.execute(f"ALTER ROLE {name}_aside RENAME TO {name}")


@pytest.fixture
def administrator(server_dsn: str, demo_template: str) -> Iterator[psycopg.Connection]:
    """A superuser, on a server where psqlm has been installed before."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        yield connection
        for name in ("psqlm_trudy", "psqlm_carol"):
            if connection.execute("SELECT to_regrole(%s)", (name,)).fetchone() != (None,):
                connection.execute(f"DROP OWNED BY {name} CASCADE")
                connection.execute(f"DROP ROLE {name}")


def _as(dsn: str, role: str) -> str:
    return make_conninfo(dsn, user=role, password="secret")


def test_an_owner_who_may_not_make_roles(
    administrator: psycopg.Connection, create_database: Callable[..., str]
) -> None:
    """Installs psqlm for itself, and hears what others would need."""
    administrator.execute("CREATE ROLE psqlm_carol LOGIN PASSWORD 'secret'")
    dsn = create_database("psqlm_carols")
    administrator.execute("ALTER DATABASE psqlm_carols OWNER TO psqlm_carol")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE EXTENSION vector SCHEMA public")
    told: list[str] = []
    try:
        with aside(administrator):
            with database.connect(_as(dsn, "psqlm_carol"), told.append) as connection:
                loader.load(connection, "demo")
                assert told == [
                    "the database psqlm_carols is its owner's alone, for there is no role "
                    "psqlm_reader: let a superuser call lm.grant_to_roles()"
                ]
                with pytest.raises(PsqlmError, match="there is no role psqlm_reader: let a super"):
                    rights.grant(connection, "psqlm_carol", "reader")
            # which a superuser does
            with psycopg.connect(dsn, autocommit=True) as connection:
                assert connection.execute("SELECT lm.grant_to_roles()").fetchone() == (None,)
                connection.execute("DROP OWNED BY psqlm_reader, psqlm_runner")
    finally:
        administrator.execute("DROP DATABASE psqlm_carols WITH (FORCE)")


def test_a_role_that_others_prepared_gets_no_rights(
    administrator: psycopg.Connection, create_database: Callable[..., str]
) -> None:
    """The exploit: make the roles first, be in them, and wait for a superuser to install."""
    administrator.execute("CREATE ROLE psqlm_trudy LOGIN CREATEROLE PASSWORD 'secret'")
    dsn = create_database("psqlm_prepared")
    with aside(administrator):
        with psycopg.connect(_as(dsn, "psqlm_trudy"), autocommit=True) as trudy:
            trudy.execute("CREATE ROLE psqlm_reader")
            trudy.execute("CREATE ROLE psqlm_runner")
            trudy.execute("GRANT psqlm_reader, psqlm_runner TO psqlm_trudy")
        told: list[str] = []
        with database.connect(dsn, told.append) as connection:
            assert told == [
                "the database psqlm_prepared is its owner's alone, for psqlm_trudy decides who "
                "is in the role psqlm_reader: REVOKE psqlm_reader FROM psqlm_trudy CASCADE"
            ]
            with pytest.raises(PsqlmError, match="psqlm_trudy decides who is in"):
                rights.grant(connection, "psqlm_trudy", "reader")
        with pytest.raises(PsqlmError, match="the role psqlm_trudy has no rights to psqlm"):
            database.connect(_as(dsn, "psqlm_trudy"))


@pytest.mark.parametrize(
    "prepare",
    [
        "ALTER ROLE psqlm_runner LOGIN",
        "ALTER ROLE psqlm_reader CREATEROLE",
        "GRANT pg_write_server_files TO psqlm_runner",
    ],
)
def test_a_role_that_may_do_more_gets_no_rights(shared: psycopg.Connection, prepare: str) -> None:
    shared.execute(prepare)
    row = shared.execute("SELECT lm.grant_to_roles()").fetchone()
    assert row and "may do more than psqlm gave it: ALTER ROLE psqlm_r" in row[0]


def test_the_roles_are_there_from_another_database(
    administrator: psycopg.Connection, make_database: MakeDatabase
) -> None:
    with psycopg.connect(make_database("psqlm_second")) as connection:
        assert connection.execute("SELECT lm.grant_to_roles()").fetchone() == (None,)
        assert connection.execute(
            "SELECT has_table_privilege('psqlm_runner', 'lm.run', 'INSERT')"
        ).fetchone() == (True,)


# As users meet them -------------------------------------------------------------------------------


def test_grant_and_revoke(shared_dsn: str) -> None:
    nora = _as(shared_dsn, "psqlm_nora")
    owner = psycopg.connect(shared_dsn).info.user
    with pytest.raises(
        PsqlmError,
        match="the role psqlm_nora has no rights to psqlm in the database psqlm_rights: "
        f"{owner} gives them by psqlm grant psqlm_nora reader .or runner., or by "
        "GRANT psqlm_reader TO psqlm_nora",
    ):
        database.connect(nora)
    with database.connect(shared_dsn) as connection:
        rights.grant(connection, "psqlm_nora", "runner")
        with database.connect(nora) as theirs:
            outcome = run_corpus(
                lambda: database.connect(nora),
                [Text(1, "A wolf ran."), Text(2, "A hen sang.")],
                Plan(tags={"kind": "tale"}),
            )
            assert outcome.n_made == 2
            theirs.execute("SELECT lm.drop_runs(%s)", (outcome.run_ids,))
        rights.revoke(connection, "psqlm_nora", "runner")
        with pytest.raises(PsqlmError, match="has no rights"):
            database.connect(nora)
        with pytest.raises(PsqlmError, match='there is no role nobody"s: CREATE ROLE "nobody""s" '):
            rights.grant(connection, 'nobody"s', "reader")


def test_load_and_drop_are_the_owners(shared_dsn: str) -> None:
    with database.connect(_as(shared_dsn, "psqlm_alice")) as connection:
        for work in (
            lambda: loader.load(connection, "demo", name="another"),
            lambda: loader.drop(connection, "demo"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"may not (load|drop)"):
                work()


def test_another_version_is_the_owners_to_install(
    shared_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.installation, "digest", lambda: "another")
    with pytest.raises(
        PsqlmError,
        match=r"the database psqlm_rights has psqlm's SQL of another version, and the role "
        r"psqlm_rita may not replace it: connect as .* once",
    ):
        database.connect(_as(shared_dsn, "psqlm_rita"))


def test_dump_and_restore_keep_owners(
    shared_dsn: str, create_database: Callable[..., str], tmp_path: Path
) -> None:
    """Though the roles that made the runs are not on the other server."""
    # of the server's version: a newer one writes settings that it does not know
    version = int(os.environ.get("PSQLM_TEST_POSTGRES", VERSION))
    programs = EmbeddedServer(version=version).binaries
    dump = tmp_path / "dump.sql"
    with psycopg.connect(shared_dsn, autocommit=True) as connection:
        connection.execute("SELECT lm.keep_runs_private()")
        try:
            _run_program(programs / "pg_dump", f"--dbname={_dsn(connection)}", f"--file={dump}")
        finally:
            connection.execute("SELECT lm.keep_runs_private(false)")
    restored = create_database("psqlm_restored")
    with psycopg.connect(restored) as connection:
        given = _dsn(connection)
    _run_program(programs / "psql", f"--dbname={given}", "-qX", "-v", "ON_ERROR_STOP=1", "-f", dump)
    with database.connect(restored) as connection:
        assert connection.execute(
            "SELECT array_agg(DISTINCT owner ORDER BY owner) FROM lm.run WHERE run_id > 1"
        ).fetchone() == (["psqlm_alice", "psqlm_bob"],)
        assert connection.execute("SELECT lm.runs_are_private()").fetchone() == (True,)
    with database.connect(_as(restored, "psqlm_bob")) as connection:
        assert connection.execute("SELECT array_agg(run_id) FROM lm.run").fetchone() == ([3],)


def _dsn(connection: psycopg.Connection) -> str:
    return make_conninfo(connection.info.dsn, password=connection.info.password)


def _run_program(program: Path, *arguments: str | Path) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
