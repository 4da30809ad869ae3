"""What somebody meets in the first hour: lm.help, the starters of psqlm sql, runs, Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from psqlm.cli import app
from psqlm.cli.shell import command_name
from psqlm.cli.starters import STARTERS
from psqlm.database.server import EmbeddedServer

PSQL = str(EmbeddedServer().binaries / "psql")


@pytest.fixture(autouse=True)
def _environment(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.setenv("PSQLM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def database(scratch_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        yield connection


def psqlm(*arguments: str, input: str | None = None) -> Any:  # noqa: A002
    return CliRunner().invoke(app, arguments, input=input, prog_name="psqlm")


# lm.help ------------------------------------------------------------------------------------------


def test_every_example_of_help_runs(database: psycopg.Connection, scratch_dsn: str) -> None:
    examples = [example for (example,) in database.execute("SELECT example FROM lm.help()")]
    asked = subprocess.run(
        [PSQL, "-X", "-v", "ON_ERROR_STOP=1", "-d", scratch_dsn, "-f", "-"],
        input="\n".join(examples),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "(0 rows)" not in asked.stdout
    assert len(examples) > 20


def test_help_fits_a_hundred_columns(scratch_dsn: str) -> None:
    command = [PSQL, "-X", "-d", scratch_dsn, "-c", "SELECT * FROM lm.help()"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert max(map(len, shown.splitlines())) <= 100


def test_help_about_a_word(database: psycopg.Connection) -> None:
    every = database.execute("SELECT topic, example FROM lm.help()").fetchall()
    found = database.execute("SELECT topic, example FROM lm.help('Attention')").fetchall()
    assert {topic for topic, _ in found} >= {"attention"}
    assert 3 <= len(found) < len(every)
    assert set(found) < set(every)
    assert database.execute("SELECT topic, example FROM lm.help(NULL)").fetchall() == every
    with pytest.raises(psycopg.Error, match='has nothing about "spoons"'):
        database.execute("SELECT * FROM lm.help('spoons')")


# psqlm sql ----------------------------------------------------------------------------------------


def test_the_starters_run(scratch_dsn: str) -> None:
    commands = [part for starter in STARTERS for part in ("-c", starter)]
    command = [PSQL, "-X", "-v", "ON_ERROR_STOP=1", "-d", scratch_dsn, *commands]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "(0 rows)" not in shown.stdout


def _on_a_terminal(arguments: list[str], typed: str, **environment: str) -> str:
    """What a command shows on a terminal where this is typed."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 60, 200, 0, 0))
        os.environ.update({"TERM": "dumb", **environment})
        os.execv(sys.executable, [sys.executable, "-m", "psqlm", *arguments])
    shown, begun, end = b"", not typed, time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            new = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not new:
            break
        shown += new
        if not begun and shown.rstrip().endswith(b"=#"):
            os.write(terminal, f"{typed}\n\\q\n".encode())
            begun = True
    os.kill(child, signal.SIGKILL)  # has ended, unless it waits for more
    os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode(errors="replace")


def test_psql_greets_whoever_opens_it(tmp_path: Path) -> None:
    settings = tmp_path / "psqlrc"
    settings.write_text("\\setenv PAGER mine\n")
    asked = "\\echo pager `echo $PAGER`, `echo $PSQL_PAGER`;"
    for environment, pager in (
        ({"PAGER": "", "PSQLRC": "/nowhere"}, "less -S" if shutil.which("less") else ""),
        ({"PAGER": "most", "PSQLRC": "/nowhere"}, "most"),
        ({"PAGER": "", "PSQLRC": str(settings)}, "mine"),
    ):
        shown = _on_a_terminal(["sql"], asked, **environment)
        for starter in STARTERS:
            assert starter in shown
        assert f"pager {pager}, " in shown


def test_psql_greets_nobody_else() -> None:
    assert "begin with" not in _on_a_terminal(["sql", "-c", "SELECT 1 AS one"], "")
    piped = subprocess.run(
        [sys.executable, "-m", "psqlm", "sql"],
        input="SELECT 1 AS one;\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert piped.stdout == " one \n-----\n   1\n(1 row)\n\n"


def test_an_empty_database_is_told_how_to_load(
    create_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", create_database("psqlm_first_hour"))
    assert "psqlm load demo" in _on_a_terminal(["sql"], "\\echo")


@pytest.mark.parametrize(
    ("called", "path", "said"),
    [
        ("bin/psqlm", "bin", "psqlm"),
        ("bin/psqlm", "elsewhere", "bin/psqlm"),
        ("bin/psqlm", "other", "bin/psqlm"),  # where another one lies
    ],
)
def test_what_to_type_next(
    called: str, path: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("bin", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "psqlm").touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / called), "demo"])
    monkeypatch.setenv("PATH", str(tmp_path / path))
    assert command_name() == said
    monkeypatch.chdir("/")
    assert command_name() == (said if said == "psqlm" else str(tmp_path / called).lstrip("/"))


# psqlm runs and psqlm rm --------------------------------------------------------------------------


@pytest.fixture
def runs(database: psycopg.Connection) -> list[int]:
    database.execute("SELECT lm.drop_runs(ARRAY(SELECT run_id FROM lm.run))")
    rows = database.execute(
        """
        SELECT run_id FROM lm.forward_many(ARRAY['A fox', 'Two foxes', 'Three'], capture => '{z}')
        UNION ALL
        SELECT lm.forward(E'One\\n day', capture => '{all}', capture_layers => '{2,3}')
        """
    ).fetchall()
    database.execute("INSERT INTO lm.tag VALUES (%s, NULL, 'source', 'fable')", rows[0])
    database.execute("INSERT INTO lm.tag VALUES (%s, NULL, 'source', 'fable')", rows[1])
    database.execute("INSERT INTO lm.tag VALUES (%s, 0, 'source', 'fable')", rows[2])
    return [run for (run,) in rows]


def _listed(*arguments: str) -> list[dict[str, Any]]:
    result = psqlm("runs", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_runs_are_listed(runs: list[int]) -> None:
    rows = _listed()
    assert [row["run_id"] for row in rows] == runs[::-1]
    assert [row["first_words"] for row in rows] == ["One day", "Three", "Two foxes", "A fox"]
    assert [row["captured"] for row in rows] == ["all", "z", "z", "z"]
    assert [row["tags"] for row in rows] == [None, None, "source=fable", "source=fable"]
    assert [row["model"] for row in _listed("--model", "demo")] == ["demo"] * 4
    assert [row["run_id"] for row in _listed("--tag", "source=fable")] == [runs[1], runs[0]]
    assert [row["run_id"] for row in _listed("-n", "1")] == runs[-1:]
    shown = psqlm("runs").stdout
    assert all(str(run) in shown for run in runs)
    assert "Two foxes" in shown
    assert "kB" in shown
    assert psqlm("runs", "--model", "nope").exit_code == 1
    assert psqlm("runs", "--tag", "source").exit_code == 2
    nothing = psqlm("runs", "--tag", "source=news")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "next: psqlm run" in nothing.stderr


def test_runs_are_removed(runs: list[int], database: psycopg.Connection) -> None:
    count = "SELECT count(*) FROM lm.run"
    for answer in ("n\n", "\n", ""):
        result = psqlm("rm", "all", input=answer)
        assert result.exit_code == 1
        assert f"remove 4 runs ({runs[0]}-{runs[3]}) and all" in result.stderr
        assert "kept: --yes" in result.stderr
        assert database.execute(count).fetchone() == (4,)
    for which, message in (
        ("0", "there are no runs 0"),
        ("tag:source=news", "there is no such run: tag:source=news"),
        ("tag:source", '"tag:source" names no tag: say tag:NAME=VALUE'),
        ("some", '"some" names no runs'),
    ):
        result = psqlm("rm", which, "--yes")
        assert (result.exit_code, result.stdout) == (1, "")
        assert message in result.stderr
    assert psqlm("rm", "all", "--model", "nope", "--yes").exit_code == 1
    assert psqlm("rm", "tag:source=fable", input="y\n").exit_code == 0
    assert [row["run_id"] for row in _listed()] == [runs[3], runs[2]]
    assert psqlm("rm", f"{runs[2]}-{runs[3]}", "--yes").exit_code == 0
    assert database.execute(count).fetchone() == (0,)


def test_the_newest_run(runs: list[int], database: psycopg.Connection) -> None:
    asked = "SELECT lm.latest_run(), lm.latest_run('z'), lm.latest_run('pattern')"
    assert database.execute(asked).fetchone() == (runs[3],) * 3
    database.execute("SELECT lm.drop_runs(%s)", (runs[3:],))
    assert database.execute("SELECT lm.latest_run('z')").fetchone() == (runs[2],)
    with pytest.raises(psycopg.Error, match="there is no run that captured pattern") as refused:
        database.execute(asked)
    assert refused.value.diag.message_hint is not None
    hint = refused.value.diag.message_hint.removesuffix(" makes one")
    made = database.execute(hint).fetchone()
    assert database.execute("SELECT lm.latest_run('pattern')").fetchone() == made


# What a corpus keeps ------------------------------------------------------------------------------


def _corpus(tmp_path: Path) -> str:
    file = tmp_path / "corpus.txt"
    file.write_text("The wolf went to the house.\nThe fox and the hen.\nOne day a king rode out.\n")
    return str(file)


def test_some_layers_and_positions_of_a_corpus(
    database: psycopg.Connection, tmp_path: Path
) -> None:
    kept = ["--capture", "resid_post", "--capture-positions", "0,-1"]
    corpus = ["run", "--file", _corpus(tmp_path), "--each", "line", *kept]
    result = psqlm(*corpus, "--capture-layers", "1,5-6")
    assert result.exit_code == 0, result.stderr
    assert "texts: 3 run" in result.stderr
    assert "lm.captured" in result.stderr  # no analysis without adjustments
    first, last = map(int, result.stdout.split("-"))
    rows = database.execute(
        """
        SELECT c.run_id, array_agg(DISTINCT c.layer), array_agg(DISTINCT c.position),
            cardinality(r.token_ids) - 1
        FROM lm.captured AS c
        INNER JOIN lm.run AS r USING (run_id)
        WHERE c.run_id BETWEEN %s AND %s
        GROUP BY c.run_id, r.token_ids
        """,
        (first, last),
    ).fetchall()
    assert len(rows) == 3
    for _, layers, positions, last_position in rows:
        assert (layers, positions) == ([1, 5, 6], [0, last_position])
    again = psqlm(*corpus, "--capture-layers", "6,5,1")
    assert again.stdout == result.stdout
    assert "0 run, 3 had been run" in again.stderr
    for others in (["--capture-layers", "1,5"], []):
        assert "texts: 3 run" in psqlm(*corpus, *others).stderr
    alone = psqlm("run", "A hen", *kept, "--capture-layers", "2")
    assert database.execute(
        "SELECT capture_layers, capture_positions FROM lm.run WHERE run_id = %s",
        (int(alone.stdout),),
    ).fetchone() == ([2], [0, -1])
    assert psqlm(*corpus, "--capture-layers", "one").exit_code == 2
    assert psqlm(*corpus, "--capture-layers", "8").exit_code == 1


def test_a_corpus_says_what_it_will_take_up(tmp_path: Path) -> None:
    corpus = ["run", "--file", _corpus(tmp_path), "--each", "line", "--capture", "ln1"]
    first = psqlm(*corpus).stderr.splitlines()[0]
    assert first.startswith("to run: 3 texts with 20 tokens, which will take up about ")
    assert "to run" not in psqlm(*corpus).stderr  # all have been run


def test_a_corpus_that_does_not_fit_the_disk(
    database: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psqlm.runs.storage._free", lambda connection: 1000)
    before = database.execute("SELECT count(*) FROM lm.run").fetchone()
    result = psqlm("run", "--file", _corpus(tmp_path), "--each", "line", "--capture", "ln2")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1.0 kB of disk are free" in result.stderr.splitlines()[-1]
    assert "--capture-layers" in result.stderr
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == before


def test_a_servers_free_disk(database: psycopg.Connection, scratch_dsn: str) -> None:
    from psqlm.runs.storage import _free

    row = database.execute("SHOW data_directory").fetchone()
    assert row is not None
    if database.info.host.startswith("/"):
        assert _free(database) == pytest.approx(shutil.disk_usage(row[0]).free, rel=0.01)
    else:
        assert _free(database) is None


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_sizes_are_what_runs_take_up(database: psycopg.Connection, dtype: str) -> None:
    """Within a quarter, on fresh tables: pages are not always full."""
    text = "The king had a daughter and the queen had a son. " * 6
    in_tables = {
        "stored_adjustment": ["attn_out"],
        "stored_activation": ["mlp_post", "z", "pattern", "ln_final"],
        "logit": ["logits"],
    }
    with database.transaction(force_rollback=True):
        database.execute("TRUNCATE lm.run CASCADE")
        database.execute(
            "SELECT lm.forward_many(array_fill(%s::text, '{6}'), capture => %s,"
            " capture_dtype => %s)",
            (text, [site for sites in in_tables.values() for site in sites], dtype),
        )
        for table, sites in in_tables.items():
            row = database.execute(
                """
                SELECT pg_total_relation_size(%(table)s::regclass), lm.capture_bytes(
                    array_fill(cardinality(lm.encode(%(text)s)), '{6}'), capture => %(sites)s,
                    capture_dtype => %(dtype)s
                )
                """,
                {"table": f"lm.{table}", "text": text, "sites": sites, "dtype": dtype},
            ).fetchone()
            assert row is not None
            empty = 100_000  # first pages of indexes and maps
            print(table, *row)
            assert row[1] == pytest.approx(row[0], rel=0.25, abs=empty), table


def test_sizes_of_some_layers_and_positions(database: psycopg.Connection) -> None:
    row = database.execute(
        """
        SELECT
            lm.capture_bytes('{2,2}', capture => '{z}'),
            lm.capture_bytes('{9,9}', capture => '{z}', capture_positions => '{0,0,-1,-9}')
            - lm.capture_bytes('{7,7}', capture => '{}'),
            4 * lm.capture_bytes('{2,2}', capture => '{z}', capture_layers => '{1,1,7}')
            - 3 * lm.capture_bytes('{2,2}', capture => '{}'),
            lm.capture_bytes('{9}', capture => '{z}', capture_positions => '{12}')
            - lm.capture_bytes('{9}', capture => '{}')
        """
    ).fetchone()
    assert row is not None
    assert max(row[:3]) - min(row[:3]) <= 4  # rounded
    assert row[3] == 0


def test_wide_rows_are_cut_in_parts(database: psycopg.Connection) -> None:
    """Beyond a page PostgreSQL cuts a vector in parts and stores those."""
    with database.transaction(force_rollback=True):
        database.execute("CREATE TABLE wide (a bigint, b bigint, c bigint PRIMARY KEY, x vector)")
        database.execute("ALTER TABLE wide ALTER x SET STORAGE MAIN")
        database.execute(
            """
            INSERT INTO wide
            SELECT 1, 1, n, ARRAY(SELECT random() + n FROM generate_series(1, 3072))::vector
            FROM generate_series(1, 200) AS n
            """
        )
        row = database.execute(
            "SELECT pg_total_relation_size('wide'),"
            " 200 * lm_internal.vector_row_bytes(3072, 'float32')"
        ).fetchone()
    assert row is not None
    assert row[1] == pytest.approx(row[0], rel=0.1)


# Ctrl-C -------------------------------------------------------------------------------------------

COMMANDS = {
    "demo": [],
    "load": ["demo"],
    "models": [],
    "drop": ["demo"],
    "run": ["A fox"],
    "runs": [],
    "rm": ["all"],
    "generate": ["A fox"],
    "analyze": [],
    "verify": ["demo"],
    "sql": ["-c", "SELECT 1"],
    "dsn": [],
    "bench": ["--size", "demo"],
    "cancel": ["--all"],
    "export": ["--runs", "all", "--out", "out"],
    "grant": ["alice", "reader"],
    "status": [],
    "vacuum": [],
    "view": [],
}
"""Each with what it needs."""
OTHERS = {"import", "spark", "start", "stop", "synth"}
"""They wait for no server, or not before they have read their files or started Spark."""


def test_every_command_is_interrupted_below() -> None:
    group: Any = get_command(app)
    assert set(group.commands) == set(COMMANDS) | OTHERS


@pytest.fixture(scope="module")
def silent_server() -> Iterator[socket.socket]:
    """Takes connections and says nothing: whoever calls waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.parametrize("command", COMMANDS)
def test_interrupted(command: str, silent_server: socket.socket) -> None:
    port = silent_server.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "psqlm", command, *COMMANDS[command]],
        env=os.environ | {"PSQLM_DSN": f"host=127.0.0.1 port={port} dbname=x user=x"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore it, and so would theirs
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    silent_server.settimeout(60)
    with silent_server.accept()[0]:  # it has got that far
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, "", "psqlm: interrupted\n")


def test_interrupted_within_a_text() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "psqlm", "generate", "Once upon a time", "-n", "500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore it, and so would theirs
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    begun = process.stdout.read(20)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "psqlm: interrupted\n")
    assert begun.startswith("Once upon a time")
    assert (begun + rest).endswith("\n")
