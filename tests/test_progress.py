"""Long work is seen from other sessions, and ended from them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from psqlm import database, loader
from psqlm.database.progress import cancel
from psqlm.errors import PsqlmError
from psqlm.runs.corpus import run_corpus
from psqlm.runs.generate import stream
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text

MODEL = Path(__file__).parents[1] / "demo" / "model"
TEXTS = [Text(i, f"Once upon a time, number {i}, there lived a king.") for i in range(1, 61)]
SEEN = "SELECT what, model, done, total, unit, role FROM lm.progress ORDER BY id"

Rows = list[tuple[object, ...]]


@pytest.fixture
def watcher(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    """Another session, of a role that may only read."""
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("SET ROLE psqlm_reader")
        yield connection


@pytest.fixture
def other(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def _user(connection: psycopg.Connection) -> str:
    return connection.info.user


# Seen ---------------------------------------------------------------------------------------------


def test_a_load(scratch_dsn: str, watcher: psycopg.Connection, other: psycopg.Connection) -> None:
    seen: Rows = []
    copied: Rows = []

    def look(done: int, total: int) -> None:
        seen.extend(watcher.execute(SEEN).fetchall())
        copied.extend(other.execute(SEEN).fetchall())

    with psycopg.connect(scratch_dsn) as connection:
        before = connection.execute("SHOW application_name").fetchone()
        connection.rollback()
        loader.load(connection, "demo", name="seen", progress=look)
        assert connection.execute("SHOW application_name").fetchone() == before
        loader.drop(connection, "seen")
    who = _user(other)
    # in the file numbers have two bytes, in the table four
    megabytes = ceil(2 * (MODEL / "model.safetensors").stat().st_size / 1e6)
    assert {(what, model, total, unit, role) for what, model, _, total, unit, role in seen} == {
        ("load", "seen", megabytes, "MB", who)
    }
    done = [int(str(row[2])) for row in seen]
    assert done == sorted(done) and done[0] == 0
    # one's own role sees what PostgreSQL has read of a table as well
    assert any(int(str(a[2])) > int(str(b[2])) for a, b in zip(copied, seen, strict=True))
    assert watcher.execute(SEEN).fetchall() == []


def test_a_corpus_of_two_sessions(scratch_dsn: str, watcher: psycopg.Connection) -> None:
    seen: list[tuple[Rows, int, int]] = []

    def look(done: int, total: int) -> None:
        seen.append((watcher.execute(SEEN).fetchall(), done, total))

    run_corpus(lambda: database.connect(scratch_dsn), TEXTS, Plan(tags={"a": "b"}), 2, look)
    total = seen[0][2]
    told = [row for rows, _, _ in seen for row in rows]
    assert all(len(rows) <= 1 for rows, _, _ in seen)
    assert {row[:2] + row[3:5] for row in told} == {("run", "demo", total, "tokens")}
    # what a session tells at the start of its pass: never more than what is done
    assert all(row[2] <= done for rows, done, _ in seen for row in rows)
    assert max(int(str(row[2])) for row in told) > total / 2
    until = time.monotonic() + 5
    while watcher.execute(SEEN).fetchall() and time.monotonic() < until:
        time.sleep(0.05)
    assert watcher.execute(SEEN).fetchall() == []


def test_a_generation_and_a_statement(
    scratch_dsn: str, watcher: psycopg.Connection, other: psycopg.Connection
) -> None:
    who = _user(other)
    with database.connect(scratch_dsn) as connection:
        pieces = stream(connection, "Once upon", 7, 0, None, None, None, None)
        next(pieces)
        assert watcher.execute(SEEN).fetchall() == [("generate", "demo", None, 7, "tokens", who)]
        list(pieces)
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("SELECT lm.forward('The')")
        assert watcher.execute(SEEN).fetchall() == [("run", None, None, None, None, who)]
        connection.commit()
        connection.execute("SELECT lm.drop_runs(array_agg(run_id)) FROM lm.run")
        assert watcher.execute(SEEN).fetchall() == []
        connection.commit()
        assert watcher.execute(SEEN).fetchall() == []


def test_what_others_call_themselves_is_taken_for_text(
    scratch_dsn: str, watcher: psycopg.Connection
) -> None:
    for name in ("psqlm load x/y 1 1 z", "psqlm load 1/2 1 9999999999 z", "psqlm load", "psqlm"):
        with psycopg.connect(scratch_dsn, application_name=name):
            assert watcher.execute(SEEN).fetchall() == []


# Ended --------------------------------------------------------------------------------------------


@contextmanager
def cancelling(dsn: str) -> Iterator[Callable[[int, int], None]]:
    """A callback of progress that has everything cancelled once something is done."""
    threads: list[Thread] = []

    def end() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            cancel(connection)

    def look(done: int, total: int) -> None:
        if done and not threads:
            threads.append(Thread(target=end))
            threads[0].start()
        if threads:
            time.sleep(0.1)  # the demo model is quick

    yield look
    assert threads
    threads[0].join(30)
    assert not threads[0].is_alive()


def test_a_cancelled_load_leaves_nothing(scratch_dsn: str, other: psycopg.Connection) -> None:
    with (
        cancelling(scratch_dsn) as look,
        psycopg.connect(scratch_dsn) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        loader.load(connection, "demo", name="cancelled", progress=look)
    assert other.execute("SELECT name FROM lm.model").fetchall() == [("demo",)]
    tables = other.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'linear_%'")
    assert tables.fetchone() == (2,)  # the demo model's and its key
    with psycopg.connect(scratch_dsn) as connection:
        loader.load(connection, "demo", name="cancelled")
        loader.drop(connection, "cancelled")


def test_a_cancelled_corpus_keeps_what_is_done(scratch_dsn: str, other: psycopg.Connection) -> None:
    other.execute("SELECT lm.drop_runs(array_agg(run_id)) FROM lm.run HAVING count(*) > 0")
    with (
        cancelling(scratch_dsn) as look,
        pytest.raises(
            PsqlmError,
            match=r"of 60 texts are run and kept; the same command goes on with the rest",
        ) as caught,
    ):
        run_corpus(lambda: database.connect(scratch_dsn), TEXTS, Plan(), 2, look)
    row = other.execute("SELECT count(*) FROM lm.run").fetchone()
    assert row is not None and 0 < row[0] < 60
    assert f": {row[0]} of 60 " in str(caught.value)
    rest = run_corpus(lambda: database.connect(scratch_dsn), TEXTS, Plan(), 2)
    assert (rest.n_made, rest.n_before) == (60 - row[0], row[0])


def test_whom_one_may_cancel(scratch_dsn: str, other: psycopg.Connection) -> None:
    with pytest.raises(PsqlmError, match=r"nothing runs by the id 1: TABLE lm\.progress lists"):
        cancel(other, 1)
    assert cancel(other) == []
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("SELECT lm.forward('The')")
        other.execute("SET ROLE psqlm_reader")
        with pytest.raises(PsqlmError, match="may be cancelled by that role or by a superuser"):
            cancel(other)
        connection.rollback()


def test_the_command(scratch_dsn: str, other: psycopg.Connection, tmp_path: Path) -> None:
    """One line and status 1 for the command that is cancelled."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(f"{text.text} Again." for text in TEXTS))
    environment = os.environ | {"PSQLM_DSN": scratch_dsn, "PSQLM_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "psqlm"]
    running = subprocess.Popen(
        [*command, "run", "--file", str(corpus), "--each", "line", "--capture", "all"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while not (rows := other.execute("SELECT id FROM lm.progress WHERE done > 0").fetchall()):
        assert time.monotonic() < until and running.poll() is None
        time.sleep(0.02)
    done = subprocess.run(
        [*command, "cancel", str(rows[0][0])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"cancelled: run demo of {_user(other)}\n"
    _, said = running.communicate(timeout=30)
    assert running.returncode == 1
    before, last = said.splitlines()
    assert before.startswith("to run: 60 texts")
    assert "texts are run and kept; the same command goes on with the rest" in last
