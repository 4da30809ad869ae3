"""Whatever a function is given, it answers or says in plain words why not, and soon."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

import family_models
import psycopg
import pytest
from psycopg import sql

from psqlm import loader
from trust.odd_arguments import WIDTH, Call, functions, odd_values, several, singles

SECONDS = 20
"""What a call may take."""

few_and_many = pytest.mark.parametrize(
    "count", [200, pytest.param(20_000, marks=pytest.mark.trust)], ids=["few", "many"]
)


@pytest.fixture(scope="module")
def connection(
    make_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[psycopg.Connection]:
    """A small GPT-2, two runs that kept everything, and a set of interventions."""
    folder = family_models.save("gpt2", tmp_path_factory.mktemp("odd") / "tiny")
    with psycopg.connect(make_database("psqlm_odd"), autocommit=True) as opened:
        loader.load(opened, str(folder))
        assert opened.execute("SELECT d_model FROM lm.model").fetchone() == (WIDTH,)
        opened.execute(
            """
            SELECT lm.forward_many(
                '{the cat sat on the mat and the dog sat,the dog sat on the log and the cat}',
                capture => '{all}'
            );
            SELECT lm.replace_interventions(
                'half', lm.make_intervention('attn_out', 'scale', factor => 0.5)
            );
            -- what is usual of a text
            INSERT INTO lm.tag (run_id, position, name, value)
            VALUES (1, 0, 'the cat', 'the cat'), (1, 1, 'the cat', 'the dog');
            """
        )
        opened.execute(f"SET statement_timeout = '{SECONDS}s'")
        yield opened


def is_plain(error: psycopg.Error, function: str) -> bool:
    """Whether an error speaks to a user: raised by psqlm, or a rule of a table that users fill.

    lm.fill is a part of every operator of a pass and checks nothing: pgvector says there what a
    vector cannot hold. So it does where an intervention makes products below what float32 holds.
    What is wrong with a regular expression, PostgreSQL says best.
    """
    if function == "attention_share" and isinstance(error, psycopg.errors.InvalidRegularExpression):
        return True
    if error.diag.source_function == "exec_stmt_raise":
        return error.sqlstate == "22023" and bool(error.diag.message_primary)
    if error.diag.table_name == "intervention":
        return isinstance(error, psycopg.IntegrityError)
    if function == "make_intervention":
        return error.diag.message_primary == "value out of range: underflow"
    return function == "fill" and error.sqlstate in ("22000", "22004", "54000")


def try_all(connection: psycopg.Connection, calls: Iterable[Call]) -> str:
    """Make each call in a transaction that is undone; says how many answered and how many did not.

    Raises:
        AssertionError: one of them failed in words that are not psqlm's, or not in time.
    """
    answered, refused = 0, 0
    for function, odd in calls:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(function.call(odd)).fetchall()
            answered += 1
        except psycopg.Error as error:
            shown = {name: value and value[:80] for name, value in odd.items()}
            assert is_plain(error, function.name), f"lm.{function.name}, {shown}: {error!r}"
            refused += 1
    return (
        f"{answered + refused:,} calls: {answered:,} answered, {refused:,} refused in plain words"
    )


def test_there_is_much_to_call(connection: psycopg.Connection) -> None:
    """What is usual is an answer: otherwise nothing odd would be looked at behind it."""
    called = functions(connection)
    assert len(called) > 40
    for function in called:
        with connection.transaction(force_rollback=True):
            connection.execute(function.call({})).fetchall()


@pytest.mark.parametrize(
    "share", [0.25, pytest.param(1, marks=pytest.mark.trust)], ids=["some", "all"]
)
def test_each_argument_alone(connection: psycopg.Connection, share: float) -> None:
    calls = singles(connection)
    chosen = random.Random(0).sample(calls, int(len(calls) * share))
    print(f"one argument odd: {try_all(connection, chosen)}")


@few_and_many
def test_several_arguments_together(connection: psycopg.Connection, count: int) -> None:
    print(f"two or three odd: {try_all(connection, several(connection, count))}")


CALLS = (
    "lm.next_token('the cat sat', 3, interventions => 'odd')",
    "lm.forward('the cat sat on the mat', capture => '{all}', interventions => 'odd')",
    "lm.generate('the cat', 3, interventions => 'odd')",
)
NEEDS = {"scale": "factor", "add": "value", "replace": "value"}


@few_and_many
def test_interventions_at_random(connection: psycopg.Connection, count: int) -> None:
    """Any row that lm.intervention takes is computed, or refused when it is used."""
    source = random.Random(0)
    (make,) = (f for f in functions(connection) if f.name == "make_intervention")
    values = {argument.name: odd_values(connection, argument.type) for argument in make.arguments}
    values |= {
        "kind": ["zero", "mean", "scale", "add", "replace", "knockout"],
        "layer": [None, "0", "1", "2", "-1"],
        "from_run": ["1", "2", "99"],
    }
    taken, answered = 0, 0
    for _ in range(count):
        kind = source.choice(values["kind"])
        given = {"site", NEEDS.get(kind or "", "site")}
        given |= {name for name in values if source.random() < 0.15}
        odd = {name: source.choice(values[name]) if name in given else None for name in values}
        odd["kind"] = kind
        if kind == "knockout" and source.random() < 0.9:
            odd["site"] = "attn_scores"
        try:
            with connection.transaction(force_rollback=True):
                row = make.call(odd).as_string().removeprefix("SELECT * FROM ")
                connection.execute(
                    sql.SQL("SELECT lm.replace_interventions('odd', {})").format(
                        sql.SQL(row)  # type: ignore[arg-type]
                    )
                )
                taken += 1
                connection.execute(f"SELECT * FROM {source.choice(CALLS)}").fetchall()
                answered += 1
        except psycopg.Error as error:
            assert is_plain(error, "make_intervention"), f"{odd}: {error!r}"
    print(f"{count:,} random interventions: {taken:,} taken, {answered:,} of them computed")
    assert answered > count / 10
