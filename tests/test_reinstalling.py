"""Installing while others work: who waits for whom, and that nothing breaks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sql_copies import changed_sql

from psqlm import database
from psqlm.errors import PsqlmError

QUESTIONS = (
    "SELECT array_agg(n.token_id ORDER BY n.rank) FROM lm.next_token('Once upon a', 3) AS n",
    "SELECT lm.generate('Once upon', 3)",
    "SELECT count(*) FROM lm.adjustment_norm",
    "SELECT count(*) FROM lm.captured AS c WHERE c.site = 'attn_out'",
    "SELECT lm.forward('Once upon a time') > 0",
)


def test_nothing_changed_waits_for_nobody(scratch_dsn: str) -> None:
    """Neither for tables nor for views that others have locked altogether."""
    with psycopg.connect(scratch_dsn) as holder, psycopg.connect(scratch_dsn) as other:
        holder.execute("LOCK TABLE lm.model, lm.run, lm.linear IN ACCESS EXCLUSIVE MODE")
        other.execute("SET lock_timeout = '100ms'")
        other.commit()
        assert database.install(other) is False
        with psycopg.connect(scratch_dsn) as another:
            assert database.install(another) is False


def test_code_under_load(scratch_dsn: str, tmp_path: Path) -> None:
    """Two sessions at work while the code is replaced: every statement ends, and ends well."""
    stop = threading.Event()
    answers: Counter[tuple[str, object]] = Counter()
    errors: list[str] = []

    def work() -> None:
        with psycopg.connect(scratch_dsn, autocommit=True) as connection:
            while not stop.is_set():
                for question in QUESTIONS:
                    try:
                        row = connection.execute(question).fetchone()
                        answers[question, str(row)] += 1
                    except psycopg.Error as error:
                        errors.append(f"{question}: {error}")

    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("SELECT lm.forward('Once upon a time')")
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        with psycopg.connect(scratch_dsn) as connection:
            for number in range(2):
                time.sleep(0.3)
                with changed_sql(tmp_path, f"SELECT {number};"):
                    assert database.install(connection) is True
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert errors == []
    n_answers = Counter(question for question, _ in answers.elements())
    assert min(n_answers[question] for question in QUESTIONS) > 3
    for question in (QUESTIONS[0], QUESTIONS[1], QUESTIONS[4]):
        assert len([answer for asked, answer in answers if asked == question]) == 1


def test_two_installations_at_once(create_database: Callable[..., str]) -> None:
    """The second waits, and finds the work done."""
    dsn = create_database("psqlm_at_once")
    made: list[bool] = []

    def install() -> None:
        with psycopg.connect(dsn) as connection:
            made.append(database.install(connection))

    sessions = [threading.Thread(target=install) for _ in range(3)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert sorted(made) == [False, False, True]


def test_a_view_in_use_is_waited_for(scratch_dsn: str, tmp_path: Path) -> None:
    """The installation gives way until the reader is done: it never stands in the queue."""
    with psycopg.connect(scratch_dsn) as reader, psycopg.connect(scratch_dsn) as installer:
        reader.execute("SELECT count(*) FROM lm.adjustment_norm")
        result: list[bool] = []

        def install() -> None:
            result.append(database.install(installer))

        with changed_sql(tmp_path, "SELECT 'patient';"):
            session = threading.Thread(target=install)
            session.start()
            time.sleep(1.5)
            assert session.is_alive()
            # others who read are not held up by it
            with psycopg.connect(scratch_dsn) as another:
                another.execute("SET statement_timeout = '1 s'")
                another.execute("SELECT count(*) FROM lm.adjustment_norm")
            reader.rollback()
            session.join()
        assert result == [True]


def test_what_stays_in_use_ends_the_installation(scratch_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(scratch_dsn) as reader, psycopg.connect(scratch_dsn) as installer:
        reader.execute("SELECT count(*) FROM lm.adjustment_norm")
        with (
            changed_sql(tmp_path, "SELECT 'impatient';", lock=("'30 s'", "'1 s'")),
            pytest.raises(
                PsqlmError, match=r"lm\.adjustment_norm has been in use .*: try again when"
            ),
        ):
            database.install(installer)
        assert installer.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
