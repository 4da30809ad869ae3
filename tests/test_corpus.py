"""Corpus runs: every text once, whatever stops them; tags; the same values as one by one."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import reference
from differences import assert_close
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from psqlm.bundled_files import DEMO_MODEL
from psqlm.cli import app
from psqlm.ranges import write_ranges
from psqlm.runs.corpus import run_corpus
from psqlm.runs.passes import BATCH_TOKENS
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text, split

TEXTS = [
    "Once upon a time there was a king who had a daughter.",
    "The wolf came to the door of the little house and knocked three times.",
    "Then the old woman laughed, and gave him the key.",
    "A tailor sat at his window.",
]


@pytest.fixture
def database(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A database without runs that the commands work on."""
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.setenv("COLUMNS", "200")
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM lm.run")
        connection.execute("DELETE FROM lm.intervention")
        yield connection


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The texts, one on a line."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(TEXTS) + "\n", "utf-8")
    return path


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


def prompts(database: psycopg.Connection) -> list[str]:
    return [prompt for (prompt,) in database.execute("SELECT prompt FROM lm.run ORDER BY run_id")]


# Texts of a file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        ("line", [(1, "one"), (2, " two "), (3, ""), (4, "three"), (5, "four"), (6, "")]),
        ("paragraph", [(1, "one\n two "), (4, "three\nfour")]),
        ("document", [(1, "one\n two \n\nthree\nfour\n")]),
    ],
)
def test_split(each: str, expected: list[tuple[int, str]]) -> None:
    found = split("one\n two \n\nthree\nfour\n", each)  # type: ignore[arg-type]
    assert [(text.line, text.text) for text in found] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.integers(0, 200), min_size=1))
def test_ranges_are_read_as_they_are_written(
    connection: psycopg.Connection, numbers: set[int]
) -> None:
    written = write_ranges(numbers)
    row = connection.execute(
        """
        SELECT
            lm_internal.write_ranges(lm_internal.read_ranges(%(written)s)),
            array_agg(n ORDER BY n)
        FROM unnest(lm_internal.read_ranges(%(written)s)) AS r (part)
        CROSS JOIN generate_series(lower(r.part), upper(r.part) - 1) AS n
        """,
        {"written": written},
    ).fetchone()
    assert row == (written, sorted(numbers))


def test_ranges(connection: psycopg.Connection) -> None:
    assert write_ranges([]) == ""
    assert write_ranges([9, 1, 2, 5, 6, 7, 2]) == "1-2,5-7,9"
    for text, expected in [
        ("1,2, 5-7", "{[1,3),[5,8)}"),
        (f"1-{2**63 - 2}", f"{{[1,{2**63 - 1})}}"),  # not written out
        *((nonsense, None) for nonsense in ("", "a", "1-", "-1", "3-1", "1,,2", "1-2-3", "²")),
        (f"1-{2**63}", None),
        (f"1-{10**30}", None),
    ]:
        found = connection.execute("SELECT lm_internal.read_ranges(%s)::text", (text,)).fetchone()
        assert found == (expected,), text


# Running ------------------------------------------------------------------------------------------


def test_each_line_is_a_run(database: psycopg.Connection, file: Path) -> None:
    result = psqlm("run", "--file", str(file), "--each", "line", "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    assert prompts(database) == TEXTS
    rows = database.execute("SELECT run_id FROM lm.run ORDER BY run_id").fetchall()
    assert result.stdout == f"{rows[0][0]}-{rows[-1][0]}\n"
    row = database.execute("SELECT count(*) FROM lm.run_token").fetchone()
    assert row is not None
    assert f"texts: 4 run ({row[0]} tokens in " in result.stderr
    assert result.stderr.endswith(f"next: psqlm analyze --runs {result.stdout}")


def test_each_run_of_a_batch_against_transformers(database: psycopg.Connection, file: Path) -> None:
    assert psqlm("run", "--file", str(file), "--each", "line", "--jobs", "1").exit_code == 0
    for number, (run_id, token_ids) in enumerate(
        database.execute("SELECT run_id, token_ids FROM lm.run ORDER BY run_id").fetchall()
    ):
        expected = reference.forward(DEMO_MODEL, token_ids).attn_out
        rows = database.execute(
            """
            SELECT adjustment::real[] FROM lm.attention_adjustment
            WHERE run_id = %s ORDER BY layer, position
            """,
            (run_id,),
        ).fetchall()
        assert_close(
            f"attn_out of text {number} of a corpus",
            [row for (row,) in rows],
            expected.reshape(len(rows), -1),
            relative=1e-4,
        )


def test_batches_keep_to_their_budget(database: psycopg.Connection, scratch_dsn: str) -> None:
    texts = [Text(n, f"{TEXTS[n % 4]} It was the {n}th day.") for n in range(24)]
    shown: list[tuple[int, int]] = []
    outcome = run_corpus(
        lambda: psycopg.connect(scratch_dsn),
        texts,
        Plan(),
        jobs=3,
        show=lambda done, total: shown.append((done, total)),
    )
    # a pass is a transaction: its rows have the same xmin
    rows = database.execute(
        "SELECT sum(cardinality(token_ids)), count(*) FROM lm.run GROUP BY xmin::text"
    ).fetchall()
    assert sorted(prompts(database)) == sorted(text.text for text in texts)
    assert all(tokens <= BATCH_TOKENS for tokens, _ in rows)
    assert max(n for _, n in rows) > 1
    assert (outcome.n_made, outcome.n_tokens) == (24, sum(tokens for tokens, _ in rows))
    assert sorted(shown) == shown
    assert shown[0] == (0, outcome.n_tokens)
    assert shown[-1] == (outcome.n_tokens, outcome.n_tokens)
    assert len(shown) == len(rows) + 1


def test_a_text_longer_than_the_budget_is_a_pass_of_its_own(
    database: psycopg.Connection, tmp_path: Path
) -> None:
    long = tmp_path / "long.txt"
    long.write_text("word " * (BATCH_TOKENS + 20), "utf-8")
    result = psqlm("run", "--file", str(long), "--each", "document")
    assert result.exit_code == 0, result.stderr
    assert len(prompts(database)) == 1


def test_many_texts_are_cut_into_passes(database: psycopg.Connection) -> None:
    """In the order of the texts, each as alone; one bad text and nothing is written."""
    texts = [f"{TEXTS[n % 4]} It was the {n}th day." for n in range(40)]
    texts.insert(7, "word " * 300)
    rows = database.execute("SELECT * FROM lm.forward_many(%s)", (texts,)).fetchall()
    assert [ordinal for ordinal, _ in rows] == list(range(1, 42))
    assert [
        database.execute("SELECT prompt FROM lm.run WHERE run_id = %s", (run_id,)).fetchone()
        for _, run_id in rows
    ] == [(text,) for text in texts]
    # one pass, one duration: those that ran together took the same time, but for microseconds
    passes = database.execute(
        """
        SELECT sum(cardinality(token_ids)), max(cardinality(token_ids))
        FROM lm.run GROUP BY date_trunc('milliseconds', started_at) ORDER BY min(run_id)
        """
    ).fetchall()
    assert len(passes) > 3
    assert all(tokens - longest < BATCH_TOKENS for tokens, longest in passes)
    for number in (0, 7, 40):
        (run_id,) = database.execute("SELECT lm.forward(%s)", (texts[number],)).fetchone() or (0,)
        norms = (
            "SELECT norm FROM lm.attention_adjustment WHERE run_id = %s ORDER BY layer, position"
        )
        assert_close(
            f"text {number} of many, and alone",
            [norm for (norm,) in database.execute(norms, (rows[number][1],))],
            [norm for (norm,) in database.execute(norms, (run_id,))],
            relative=1e-4,
        )
    database.execute("DELETE FROM lm.run")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="the prompt is empty"):
        database.execute("SELECT * FROM lm.forward_many(%s)", ([*texts, ""],))
    assert prompts(database) == []
    last = "SELECT count(*) FROM lm.forward_many(%s, capture_positions => '{299}')"
    assert database.execute(last, (texts,)).fetchone() == (41,)  # the longest text has it


def test_a_corpus_run_twice_at_once_is_run_once(
    database: psycopg.Connection, scratch_dsn: str
) -> None:
    texts = [Text(n, f"{TEXTS[n % 4]} It was the {n}th day.") for n in range(30)]

    def go(_: int) -> tuple[int, int, list[int]]:
        outcome = run_corpus(
            lambda: psycopg.connect(scratch_dsn), texts, Plan(tags={"a": "b"}), jobs=2
        )
        return outcome.n_made, outcome.n_before, sorted(outcome.run_ids)

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(go, range(3)))
    assert sorted(prompts(database)) == sorted(text.text for text in texts)
    assert sum(made for made, _, _ in outcomes) == 30
    assert all(made + before == 30 for made, before, _ in outcomes)
    assert outcomes[0][2] == outcomes[1][2] == outcomes[2][2]
    assert database.execute("SELECT count(*) FROM lm.tag").fetchone() == (30,)


def test_a_text_that_stands_there_twice_is_run_once(database: psycopg.Connection) -> None:
    rows = database.execute(
        "SELECT ordinal, run_id, is_new FROM lm.forward_once(%s)",
        ([TEXTS[0], TEXTS[1], TEXTS[0]],),
    ).fetchall()
    assert [(ordinal, is_new) for ordinal, _, is_new in rows] == [(1, True), (2, True), (3, True)]
    assert rows[0][1] == rows[2][1]
    assert prompts(database) == TEXTS[:2]


# What has been run --------------------------------------------------------------------------------


def test_what_has_been_run_is_not_run_again(database: psycopg.Connection, file: Path) -> None:
    command = ["run", "--file", str(file), "--each", "line"]
    first = psqlm(*command)
    second = psqlm(*command)
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert "texts: 0 run, 4 had been run" in second.stderr
    assert len(prompts(database)) == 4
    file.write_text("\n".join([*TEXTS[:2], "A new one came.", TEXTS[2], "A new one came."]))
    third = psqlm(*command)
    assert "texts: 1 run (" in third.stderr
    assert "4 had been run" in third.stderr
    assert sorted(prompts(database)) == sorted([*TEXTS, "A new one came."])


def test_other_models_captures_and_interventions_are_other_runs(
    database: psycopg.Connection, file: Path
) -> None:
    database.execute(
        "INSERT INTO lm.intervention (set_name, site, layer, kind)"
        " VALUES ('silence', 'attn_out', 2, 'zero')"
    )
    assert psqlm("load", "demo", "--name", "other").exit_code == 0
    command = ["run", "--file", str(file), "--each", "line"]
    for options, made in [
        (["--model", "demo"], 4),
        (["--model", "other"], 4),
        (["--model", "demo", "--capture", "attn_out,z"], 4),
        (["--model", "demo", "--capture", "z", "--capture", "attn_out"], 0),
        (["--model", "demo", "--interventions", "silence"], 4),
        (["--model", "demo", "--interventions", "silence"], 0),
        (["--model", "demo"], 0),
    ]:
        result = psqlm(*command, *options)
        assert result.exit_code == 0, result.stderr
        assert f"texts: {made} run" in result.stderr
    assert psqlm("drop", "other").exit_code == 0
    silenced = database.execute(
        """
        SELECT bool_and(a.norm = 0) FROM lm.attention_adjustment AS a
        INNER JOIN lm.run AS r USING (run_id) WHERE a.layer = 2 AND r.interventions = 'silence'
        """
    ).fetchone()
    assert silenced == (True,)


@pytest.mark.parametrize(
    "options",
    ["capture_layers => '{1}'", "capture_positions => '{-1}'", "capture => '{attn_out,logits}'"],
)
def test_a_run_that_kept_something_else_does_not_count(
    database: psycopg.Connection, options: str
) -> None:
    database.execute(f"SELECT lm.forward(%s, {options})".encode(), (TEXTS[0],))
    found = "SELECT ordinal FROM lm.find_runs(%s)"
    assert database.execute(found, (TEXTS,)).fetchall() == []
    database.execute("SELECT lm.forward(%s)", (TEXTS[0],))
    database.execute("SELECT lm.forward(%s)", (TEXTS[2],))
    assert database.execute(found, (TEXTS,)).fetchall() == [(1,), (3,)]


def test_the_newest_of_several_runs_is_found(database: psycopg.Connection) -> None:
    ids = [database.execute("SELECT lm.forward(%s)", (TEXTS[0],)).fetchone() for _ in range(3)]
    found = database.execute("SELECT run_id FROM lm.find_runs(%s)", (TEXTS,)).fetchall()
    assert found == [max(row for row in ids if row)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_halfway_it_goes_on(
    database: psycopg.Connection, tmp_path: Path, how: signal.Signals
) -> None:
    texts = [" ".join([f"{n} days later."] + TEXTS * 2) for n in range(24)]
    file = tmp_path / "long.txt"
    file.write_text("\n".join(texts), "utf-8")
    command = ["run", "--file", str(file), "--each", "line", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "psqlm", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore it, and so would theirs
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while len(prompts(database)) < 3 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(how)
    printed, errors = process.communicate(timeout=30)
    others = """
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'psqlm'
    """
    while database.execute(others.encode()).fetchall():  # the server notices later than we do
        time.sleep(0.05)
    done = prompts(database)
    assert 0 < len(done) < len(texts)
    assert printed == ""
    if how == signal.SIGINT:
        assert process.returncode == 130
        said, _, interrupted = errors.partition("\n")
        assert said.startswith("to run: 24 texts with ")
        assert interrupted == (
            f"psqlm: interrupted: {len(done)} of 24 texts are run and kept; "
            "the same command goes on with the rest\n"
        )
    result = psqlm(*command)
    assert result.exit_code == 0, result.stderr
    assert f"texts: {24 - len(done)} run" in result.stderr
    assert f", {len(done)} had been run" in result.stderr
    assert sorted(prompts(database)) == sorted(texts)


# What cannot be run -------------------------------------------------------------------------------


def test_what_cannot_be_run_is_said_and_left_out(
    database: psycopg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "odd.txt"
    lines = [TEXTS[0], "", "word " * 600, "  ", "nul \0 here", TEXTS[1], "word " * 600, ""]
    file.write_text("\n".join(lines), "utf-8")
    result = psqlm("run", "--file", str(file), "--each", "line")
    assert result.exit_code == 0, result.stderr
    assert sorted(prompts(database)) == sorted(TEXTS[:2])
    for line in (
        r"lines 2,4 left out: empty",
        r"lines 3,7 left out: \d+ tokens, the model has positions for 512",
        r"line 5 left out: a NUL.*",
        r"texts: 2 run \(.*\), 5 left out",
    ):
        assert re.search(f"^{line}$", result.stderr, re.MULTILINE), result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "line 1: empty"), ("word " * 600, "positions for 512"), ("\n \n", "line 1 and others")],
)
def test_nothing_that_can_be_run(
    database: psycopg.Connection, tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "odd.txt"
    file.write_text(content, "utf-8")
    result = psqlm("run", "--file", str(file), "--each", "line")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("psqlm: no text can be run: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "gpt5"], 'no model named "gpt5"'),
        (["--capture", "nowhere"], "capture holds what is no site"),
        (["--interventions", "nothing"], "nothing"),
    ],
)
def test_a_corpus_that_fails_writes_nothing(
    database: psycopg.Connection, file: Path, options: list[str], message: str
) -> None:
    result = psqlm("run", "--file", str(file), "--each", "line", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert prompts(database) == []


def test_a_pass_that_fails_ends_the_others(database: psycopg.Connection, scratch_dsn: str) -> None:
    """The error is the failing pass's own, not that of those it stopped."""
    opened = iter(range(100))

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(scratch_dsn)
        if next(opened) == 2:  # the second job's
            connection.execute("SET default_transaction_read_only = on")
            connection.commit()
        return connection

    texts = [Text(n, " ".join([f"{n} days later."] + TEXTS * 2)) for n in range(12)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        run_corpus(connect, texts, Plan(), jobs=2)
    assert len(prompts(database)) < 12


@pytest.mark.parametrize(
    "arguments",
    [
        ["A prompt", "--each", "line"],
        ["--file", "x", "--each", "word"],
        ["--file", "x", "--each", "line", "--jobs", "0"],
        ["A prompt", "--tag", "source"],
        ["A prompt", "--tag", "=grimm"],
        ["A prompt", "--tag", "a=1", "--tag", "a=2"],
    ],
)
def test_wrong_usage(database: psycopg.Connection, arguments: list[str]) -> None:
    result = psqlm("run", *arguments)
    assert result.exit_code == 2, result.output
    assert prompts(database) == []


# Tags ---------------------------------------------------------------------------------------------


def tags(database: psycopg.Connection) -> list[tuple[str, int | None, str, str]]:
    return database.execute(
        """
        SELECT r.prompt, t.position, t.name, t.value
        FROM lm.tag AS t INNER JOIN lm.run AS r USING (run_id) ORDER BY r.run_id, t.name
        """
    ).fetchall()


def test_tags_of_runs(database: psycopg.Connection, file: Path) -> None:
    command = ["run", "--file", str(file), "--each", "line", "--jobs", "1"]
    assert psqlm("run", TEXTS[1], "--tag", "source=mine", "--tag", "a=b=c").exit_code == 0
    assert tags(database) == [(TEXTS[1], None, "a", "b=c"), (TEXTS[1], None, "source", "mine")]
    assert psqlm(*command).exit_code == 0
    result = psqlm(*command, "--tag", "source=grimm")
    assert "texts: 0 run, 4 had been run" in result.stderr
    assert "1 of the runs that were there are tagged otherwise" in result.stderr
    source = [(prompt, value) for prompt, _, name, value in tags(database) if name == "source"]
    assert source == [
        (TEXTS[1], "mine"),
        *((text, "grimm") for text in (TEXTS[0], TEXTS[2], TEXTS[3])),
    ]
    database.execute("DELETE FROM lm.run")
    assert psqlm(*command, "--tag", "source=grimm").exit_code == 0
    assert tags(database) == [(text, None, "source", "grimm") for text in TEXTS]


def test_a_place_has_one_tag_of_a_name(database: psycopg.Connection) -> None:
    row = database.execute("SELECT lm.forward(%s)", (TEXTS[3],)).fetchone()
    assert row is not None
    insert = "INSERT INTO lm.tag (run_id, position, name, value) VALUES (%s, %s, %s, %s)"
    database.execute(insert, (row[0], None, "source", "x"))
    database.execute(insert, (row[0], 0, "source", "y"))
    for position in (None, 0):
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.execute(insert, (row[0], position, "source", "z"))
    for position in (-1, 1000):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            database.execute(insert, (row[0], position, "source", "z"))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute(insert, (-5, None, "source", "z"))
    database.execute("DELETE FROM lm.run")
    assert database.execute("SELECT count(*) FROM lm.tag").fetchone() == (0,)


def test_tags_of_tokens(database: psycopg.Connection) -> None:
    row = database.execute("SELECT lm.forward(%s)", (TEXTS[3],)).fetchone()
    assert row is not None
    run_id = row[0]
    database.execute("INSERT INTO lm.tag VALUES (%s, NULL, 'source', 'grimm')", (run_id,))
    database.execute("INSERT INTO lm.tag VALUES (%s, 2, 'source', 'own')", (run_id,))
    database.execute(
        """
        INSERT INTO lm.tag (run_id, position, name, value)
        SELECT t.run_id, t.position, 'capital', (v.token ~ '^ ?[A-Z]')::text
        FROM lm.run_token AS t
        INNER JOIN lm.run AS r USING (run_id)
        INNER JOIN lm.vocabulary AS v USING (model_id, token_id)
        """
    )
    found = database.execute(
        "SELECT position, name, value FROM lm.token_tag ORDER BY name, position"
    ).fetchall()
    row = database.execute("SELECT cardinality(token_ids) FROM lm.run").fetchone()
    assert row is not None
    assert found[: row[0]] == [(n, "capital", "true" if n == 0 else "false") for n in range(row[0])]
    assert found[row[0] :] == [(n, "source", "own" if n == 2 else "grimm") for n in range(row[0])]
