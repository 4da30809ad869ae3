"""Each role's runs are its own: nobody else changes them, or sees them where they are private."""

from __future__ import annotations

from threading import Thread

import psycopg
import pytest
from roles import READS, role_of

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
