"""Many at once: each has its answer, or one line that says why not; nothing is half done.

Two at a time are tested beside what they do: loads of one name in
tests/test_loader_transactions.py, a drop and a pass in tests/test_removal.py, corpora in
tests/test_corpus.py, installations in tests/test_reinstalling.py, commands that start the server in
tests/test_server.py.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from psqlm import database, loader
from psqlm.errors import PsqlmError
from trust.invariants import violations
from trust.ledger import LEDGER
from trust.scenarios import EARLIEST

N_CLIENTS = 20
OPENINGS = [f"On the {n}th day the king" for n in range(N_CLIENTS)]
GENERATE = "SELECT lm.generate(%s, 6, 0.8, seed => %s)"


def test_twenty_that_generate_at_once_are_answered_as_if_alone(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        alone = [
            session.execute(GENERATE, (opening, n)).fetchone() for n, opening in enumerate(OPENINGS)
        ]
    together = threading.Barrier(N_CLIENTS)

    def generate(n: int) -> object:
        with psycopg.connect(dsn, autocommit=True) as session:
            together.wait()
            return session.execute(GENERATE, (OPENINGS[n], n)).fetchone()

    began = time.monotonic()
    with ThreadPoolExecutor(N_CLIENTS) as pool:
        assert list(pool.map(generate, range(N_CLIENTS))) == alone
    LEDGER.told.append(
        f"{N_CLIENTS} clients at once: each answered as if alone, {time.monotonic() - began:.1f} s"
    )


LOADED_ALREADY = "is loaded already"
NOT_LOADED = "no model named"
IN_USE = "is in use by"
GONE = "the model has been dropped meanwhile"


@pytest.mark.parametrize("seconds", [3, pytest.param(40, marks=pytest.mark.trust)])
def test_loads_drops_and_runs_of_one_name(scratch_dsn: str, seconds: float) -> None:
    """Two load, one replaces, one drops, two run: whatever the order, each ends in a known way."""
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + seconds

    def attempt(
        what: str, act: Callable[[psycopg.Connection], object], refusals: list[str]
    ) -> None:
        with psycopg.connect(scratch_dsn) as session:
            while time.monotonic() < until:
                try:
                    act(session)
                    session.commit()
                    outcomes[f"{what}: done"] += 1
                except (PsqlmError, psycopg.errors.InvalidParameterValue) as error:
                    session.rollback()
                    found = [refusal for refusal in refusals if refusal in str(error)]
                    assert found, f"{what}: {error}"
                    outcomes[f"{what}: {found[0]}"] += 1

    def load(session: psycopg.Connection) -> None:
        loader.load(session, "demo", name="other")

    def replace(session: psycopg.Connection) -> None:
        loader.load(session, "demo", name="other", force=True)

    def drop(session: psycopg.Connection) -> None:
        loader.drop(session, "other")

    def run(session: psycopg.Connection) -> None:
        session.execute("SELECT lm.forward('The king had a cat', 'other')")

    with ThreadPoolExecutor(6) as pool:
        attempts = [
            *(pool.submit(attempt, "load", load, [LOADED_ALREADY, IN_USE]) for _ in range(2)),
            pool.submit(attempt, "replace", replace, [IN_USE]),
            pool.submit(attempt, "drop", drop, [NOT_LOADED, IN_USE]),
            *(pool.submit(attempt, "run", run, [NOT_LOADED, GONE]) for _ in range(2)),
        ]
        for each in attempts:
            each.result()
    LEDGER.told.append(
        "loads, drops and runs of one name: "
        + ", ".join(f"{what} {n}" for what, n in sorted(outcomes.items()))
    )
    with psycopg.connect(scratch_dsn, autocommit=True) as session:
        session.execute("SELECT lm.drop_leftovers()")
        assert violations(session) == []
        if loader.is_loaded(session, "other"):
            loader.drop(session, "other")
        assert violations(session) == []


def test_a_migration_during_use(create_database: Callable[..., str]) -> None:
    """Questions are answered by the new version as by the old one.

    One that is under way at the moment itself may not find a function: in the earliest version
    they look names up when they run. The next is answered.
    """
    dsn = create_database("psqlm_migrated_in_use")
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(EARLIEST.read_bytes())
    question = "SELECT array_agg(n.token_id ORDER BY n.rank) FROM lm.next_token('the cat', 5) AS n"
    stop = threading.Event()
    found: Counter[str] = Counter()
    cut_off: list[int] = []

    def ask(number: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as session:
            while not stop.is_set():
                try:
                    found[str(session.execute(question).fetchone())] += 1
                except psycopg.errors.UndefinedFunction:
                    cut_off.append(number)

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask, number) for number in range(3)]
        time.sleep(0.3)
        before = found.total()
        try:
            database.connect(dsn).close()
            after = found.total()
            time.sleep(0.3)
        finally:
            stop.set()
        for each in asking:
            each.result()
    with psycopg.connect(dsn, autocommit=True) as session:
        assert violations(session) == []
    assert len(found) == 1
    assert len(cut_off) == len({*cut_off})
    assert 0 < before < after < found.total()
    LEDGER.told.append(
        f"a migration in use: {found.total()} questions, one answer, {len(cut_off)} cut off"
    )
