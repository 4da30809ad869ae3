"""Who may do what: readers query, runners run models too; and what that costs."""

from __future__ import annotations

import psycopg
import pytest
from roles import OWNS, READS, ROLES, RUNS, role_of
from test_plans import INLINED, _calls

# Every function and table -------------------------------------------------------------------------


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
