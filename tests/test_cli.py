"""The command line: what it prints where, its exit status, and one line for what fails."""

from __future__ import annotations

import csv
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from psqlm import __version__
from psqlm.cli import app
from psqlm.runs.generate import stream, whole_characters

PROMPT = "Once upon a time there was a little girl who lived in a wood"


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


def psqlm(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, input=input, prog_name="psqlm")


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "psqlm", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fails(result: Result | subprocess.CompletedProcess[str], message: str) -> None:
    """Check for status 1, one line on standard error and nothing on standard output."""
    status = result.exit_code if isinstance(result, Result) else result.returncode
    assert status == 1, result
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("psqlm: ")
    assert message in result.stderr


# Usage --------------------------------------------------------------------------------------------


def test_every_command_and_option_has_help() -> None:
    group: Any = get_command(app)
    assert set(group.commands) >= set(
        "demo load models drop run generate analyze sql stop dsn synth bench".split()
    )
    for name, command in group.commands.items():
        assert command.help, name
        assert psqlm(name, "--help").exit_code == 0
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.name}"


def test_version() -> None:
    result = psqlm("--version")
    assert (result.exit_code, result.stdout) == (0, f"psqlm {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["load"],
        ["load", "demo", "--nonsense"],
        ["run"],
        ["run", PROMPT, "--file", "x"],
        ["analyze", "--run", "1", "--prompt", PROMPT],
        ["generate", PROMPT, "-n", "many"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    result = psqlm(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: psqlm" in result.stderr


def test_a_connection_that_ends_is_said_in_one_line(database: psycopg.Connection) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "psqlm", "generate", PROMPT, "-n", "400"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'FETCH%'"
    )
    while not database.execute(others.encode()).fetchall():
        assert command.poll() is None
        time.sleep(0.01)
    _, said = command.communicate(timeout=30)
    assert command.returncode == 1
    assert said == "psqlm: terminating connection due to administrator command\n"


# Models -------------------------------------------------------------------------------------------


def test_load_list_and_drop(database: psycopg.Connection) -> None:
    fails(psqlm("load", "demo"), '"demo" is loaded already: --force replaces it')
    assert psqlm("load", "demo", "--if-missing").exit_code == 0
    result = psqlm("load", "demo", "--name", "half", "--dtype", "float16")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "loaded half" in result.stderr
    listed = psqlm("models").stdout
    assert [line.split()[0] for line in listed.splitlines() if "float" in line] == ["demo", "half"]
    ran = psqlm("run", PROMPT)  # by the one loaded first
    assert ran.exit_code == 0, ran.stderr
    assert database.execute(
        "SELECT m.name FROM lm.run AS r INNER JOIN lm.model AS m USING (model_id)"
        " WHERE r.run_id = %s",
        (int(ran.stdout),),
    ).fetchone() == ("demo",)
    assert psqlm("drop", "half").exit_code == 0
    fails(psqlm("drop", "half"), 'no model named "half" is loaded')
    assert database.execute("SELECT name FROM lm.model").fetchall() == [("demo",)]


def test_force_asks_before_runs_are_removed(database: psycopg.Connection) -> None:
    assert psqlm("load", "demo", "--name", "mine").exit_code == 0
    assert psqlm("load", "demo", "--name", "mine", "--force").exit_code == 0  # nothing to lose
    for _ in range(2):
        assert psqlm("run", PROMPT, "--model", "mine").exit_code == 0
    count = (
        "SELECT count(*) FROM lm.run AS r INNER JOIN lm.model AS m USING (model_id) "
        "WHERE m.name = 'mine'"
    )
    for answer in ("n\n", "\n", ""):
        result = psqlm("load", "demo", "--name", "mine", "--force", input=answer)
        assert result.exit_code == 1
        assert 'replace "mine" and remove its 2 runs? [y/N]' in result.stderr
        assert result.stderr.rstrip().endswith(
            'psqlm: "mine" and its 2 runs are kept: --yes replaces them, --keep-old NAME keeps '
            "them under another name, --name loads beside them"
        )
        assert database.execute(count).fetchone() == (2,)
    assert psqlm("load", "demo", "--name", "mine", "--force", input="y\n").exit_code == 0
    assert database.execute(count).fetchone() == (0,)
    assert psqlm("run", PROMPT, "--model", "mine").exit_code == 0
    assert psqlm("load", "demo", "--name", "mine", "--force", "--yes").exit_code == 0
    assert database.execute(count).fetchone() == (0,)
    assert psqlm("drop", "mine").exit_code == 0


def test_the_old_model_is_kept_under_another_name(database: psycopg.Connection) -> None:
    count = """
        SELECT m.name, count(r.run_id)
        FROM lm.model AS m
        LEFT JOIN lm.run AS r USING (model_id)
        WHERE m.name <> 'demo'
        GROUP BY m.name
        ORDER BY m.name
    """
    assert psqlm("load", "demo", "--name", "mine").exit_code == 0
    database.execute("SELECT lm.set_default_model('mine')")
    assert psqlm("run", PROMPT, "--model", "mine").exit_code == 0
    fails(
        psqlm("load", "demo", "--name", "mine", "--keep-old", "demo"),
        'a model named "demo" is loaded: keep the old one by another name',
    )
    # which would keep its run from being dropped
    database.execute(
        "SELECT lm.replace_interventions('s', lm.make_intervention('attn_out', 'replace',"
        " from_run => max(run_id))) FROM lm.run"
    )
    result = psqlm("load", "demo-llama", "--name", "mine", "--keep-old", "mine-before")
    assert result.exit_code == 0, result.stderr
    assert database.execute(count).fetchall() == [("mine", 0), ("mine-before", 1)]
    families = database.execute("SELECT name, family FROM lm.model WHERE is_default").fetchall()
    assert families == [("mine", "llama")]
    database.execute("SELECT lm.replace_interventions('s')")
    for name in ("mine", "mine-before"):
        assert psqlm("drop", name).exit_code == 0


def test_interrupted_while_modules_load(tmp_path: Path) -> None:
    """A module that takes long stands for a machine on which all of them do."""
    (tmp_path / "typer.py").write_text(
        "print('loading', flush=True)\nimport time\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "psqlm", "models"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs ignore it, and so would theirs
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "psqlm: interrupted\n")


# Runs and generation ------------------------------------------------------------------------------


def test_run_prints_the_number_of_the_run(database: psycopg.Connection, tmp_path: Path) -> None:
    text = tmp_path / "prompt.txt"
    text.write_text(f"{PROMPT}\nand a wolf\n")
    runs = [
        (psqlm("run", PROMPT), PROMPT),
        (psqlm("run", "--file", str(text)), f"{PROMPT}\nand a wolf"),
        (psqlm("run", "--file", "-", input=f"{PROMPT}\n"), PROMPT),
    ]
    for result, prompt in runs:
        assert result.exit_code == 0, result.stderr
        assert "next: psqlm analyze" in result.stderr
        assert database.execute(
            "SELECT prompt FROM lm.run WHERE run_id = %s", (int(result.stdout),)
        ).fetchone() == (prompt,)


def test_run_captures_the_sites_that_are_named(database: psycopg.Connection) -> None:
    result = psqlm("run", PROMPT, "--capture", "attn_out,z", "--capture", "pattern")
    row = database.execute(
        "SELECT capture::text[] FROM lm.run WHERE run_id = %s", (int(result.stdout),)
    ).fetchone()
    assert row is not None
    assert set(row[0]) == {"attn_out", "z", "pattern"}
    fails(psqlm("run", PROMPT, "--capture", "nowhere"), "capture holds what is no site: nowhere")


def test_bad_prompts(database: psycopg.Connection, tmp_path: Path) -> None:
    count = "SELECT count(*) FROM lm.run"
    before = database.execute(count).fetchone()
    latin = tmp_path / "latin.txt"
    latin.write_bytes("è".encode("latin-1"))
    fails(psqlm("run", ""), "the prompt is empty")
    fails(psqlm("run", "word " * 600), "512")
    fails(psqlm("run", PROMPT, "--model", "gpt5"), 'no model named "gpt5" is loaded')
    fails(psqlm("run", "--file", str(latin)), "is not UTF-8")
    fails(psqlm("run", "--file", "nowhere.txt"), "nowhere.txt: No such file or directory")
    fails(psqlm("run", "a\0b"), "NUL")
    fails(psqlm("generate", ""), "the prompt is empty")
    fails(psqlm("generate", PROMPT, "--temperature", "-1"), "temperature must be 0")
    assert database.execute(count).fetchone() == before


def test_generate_prints_prompt_and_continuation(database: psycopg.Connection) -> None:
    row = database.execute("SELECT lm.generate(%s, 12)", (PROMPT,)).fetchone()
    assert row is not None
    result = psqlm("generate", PROMPT, "-n", "12")
    assert (result.exit_code, result.stdout) == (0, f"{PROMPT}{row[0]}\n")


def test_generate_with_interventions(database: psycopg.Connection) -> None:
    make = "SELECT lm.replace_interventions('hush', lm.make_intervention('attn_out', 'zero'))"
    database.execute(make)
    told = database.execute(
        "SELECT lm.generate(%s, 5), lm.generate(%s, 5, interventions => 'hush')", (PROMPT, PROMPT)
    ).fetchone()
    assert told is not None
    assert told[0] != told[1]
    result = psqlm("generate", PROMPT, "-n", "5", "--interventions", "hush")
    assert (result.exit_code, result.stdout) == (0, f"{PROMPT}{told[1]}\n")
    fails(psqlm("generate", PROMPT, "--interventions", "x"), 'no set of interventions "x"')


def test_streamed_text_is_the_text(scratch_dsn: str) -> None:
    with psycopg.connect(scratch_dsn) as connection:
        row = connection.execute(
            "SELECT lm.generate(%s, 20, temperature => 3, top_k => 50, top_p => 0.9, seed => 7)",
            (PROMPT,),
        ).fetchone()
        assert ("".join(stream(connection, PROMPT, 20, 3, 50, 0.9, 7, None)),) == row


@pytest.mark.parametrize(
    "text", ["naïve 🦊 汉字".encode(), b"half \xf0\x9f\xa6", b"\xff\xc3\xc3\xa9\x80 \xe6\xb1x"]
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_characters_split_between_tokens(text: bytes, size: int) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(whole_characters(pieces)) == text.decode("utf-8", "replace")


def test_text_arrives_as_it_is_made(scratch_dsn: str) -> None:
    with psycopg.connect(scratch_dsn) as connection:
        n_tokens = 10
        cached = []
        for _ in stream(connection, "Once upon", n_tokens, 0, None, None, None, None):
            row = connection.execute(
                "SELECT count(DISTINCT position) FROM lm.attention_cache"
            ).fetchone()
            assert row is not None
            cached.append(row[0])
    print("positions cached when each token arrived:", cached)
    assert cached[:n_tokens] == sorted(set(cached[:n_tokens]))


def test_a_notice_reaches_the_user(database: psycopg.Connection) -> None:
    result = psqlm("generate", "word " * 509, "-n", "50", "--temperature", "1", "--seed", "1")
    assert result.exit_code == 0
    assert result.stderr.startswith("psqlm: generation stops: the model has positions for 512")


# Figures ------------------------------------------------------------------------------------------


def test_analyze(tmp_path: Path) -> None:
    run = int(psqlm("run", f"{PROMPT}, and {PROMPT}").stdout)
    result = psqlm("analyze")
    assert result.exit_code == 0, result.stderr
    newest = tmp_path / f"run-{run}"
    with (newest / "coefficients.csv").open() as file:
        header, *rows = csv.reader(file)
    assert " ".join(header) == (
        "layer n intercept beta_lag1 beta_lag2 p_intercept p_lag1 p_lag2 r_squared adj_r_squared"
    )
    assert [row[0] for row in rows] == [str(layer) for layer in range(8)]
    again = psqlm("analyze", "--run", str(run), "--out", "elsewhere")
    assert again.exit_code == 0, again.stderr
    elsewhere = tmp_path / "elsewhere"
    assert (elsewhere / "coefficients.csv").read_text() == (newest / "coefficients.csv").read_text()
    assert {path.suffix for path in elsewhere.iterdir()} == {".csv", ".txt", ".png", ".svg"}
    fails(psqlm("analyze", "--run", "999999"), "no run 999999")
    fails(psqlm("analyze", "--prompt", "short"), "cannot be regressed")


def test_demo(tmp_path: Path) -> None:
    result = psqlm("demo", "--out", "story")
    assert result.exit_code == 0, result.stderr
    for part in ("lm.tokenize", "lm.next_token", "lm.forward", "lag 1", "psqlm sql"):
        assert part in result.stdout
    assert (tmp_path / "story" / "coefficients.csv").is_file()


# Connections and shells ---------------------------------------------------------------------------


def test_dsn(scratch_dsn: str) -> None:
    result = psqlm("dsn")
    assert (result.exit_code, result.stdout) == (0, f"{scratch_dsn}\n")


def test_a_given_dsn_goes_before_the_environment(scratch_dsn: str) -> None:
    environment = {"PSQLM_DSN": "host=/nowhere"}
    fails(shell("models", **environment), "no connection: ")
    assert "demo" in shell("models", "--dsn", scratch_dsn, **environment).stdout
    assert "demo" in shell("--dsn", scratch_dsn, "models", **environment).stdout
    fails(shell("models", "--dsn", "no = dsn = at all", **environment), "no connection: ")


def test_sql_passes_arguments_on_untouched() -> None:
    result = shell("sql", "-At", "-F", "|", "-v", "x=a b", "-c", "SELECT 1, 'it''s --csv; $HOME'")
    assert (result.returncode, result.stdout) == (0, "1|it's --csv; $HOME\n")
    assert shell("sql", "--csv", "-c", "SELECT 1 AS one").stdout == "one\n1\n"
    failed = shell("sql", "-c", "SELECT nonsense")
    assert failed.returncode == 1
    assert 'column "nonsense" does not exist' in failed.stderr


def test_a_password_is_not_on_a_command_line(scratch_dsn: str, tmp_path: Path) -> None:
    fake = tmp_path / "psql"
    fake.write_text('#!/bin/sh\necho "$@"\necho "$PGPASSWORD"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    result = shell(
        *("sql", "-c", "SELECT 1"),
        PSQLM_DSN=f"{scratch_dsn} password=secret",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )
    arguments, password = result.stdout.splitlines()
    assert password == "secret"
    assert "secret" not in arguments


def test_a_reader_that_leaves_early() -> None:
    result = subprocess.run(
        f"{sys.executable} -m psqlm generate 'Once upon' -n 30 | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""


@pytest.mark.parametrize("module", ["loader", "psqlm.loader"])
def test_the_loader_as_a_module(module: str) -> None:
    checkout = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-m", module, "demo"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    fails(result, '"demo" is loaded already')


# Made models --------------------------------------------------------------------------------------


def test_synth(tmp_path: Path) -> None:
    result = psqlm("synth", "distilgpt2", "model", "--seed", "3")
    assert result.exit_code == 0, result.stderr
    fails(psqlm("synth", "distilgpt2", "model"), "model holds a model already")
    fails(psqlm("synth", "gpt9", "other"), "unknown size gpt9")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.json",
        "merges.txt",
        "model.safetensors",
        "vocab.json",
    ]
    (tmp_path / "model" / "model.safetensors").unlink()


# The log ------------------------------------------------------------------------------------------


def log_lines(home: Path) -> list[dict[str, str]]:
    """The lines of the log, each as its words by their names."""
    lines = (home / "psqlm.log").read_text().splitlines()
    return [dict(word.partition("=")[::2] for word in shlex.split(line)[1:]) for line in lines]


def test_what_was_done_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    assert psqlm("models").exit_code == 0
    assert psqlm("status").exit_code == 0
    assert not home.exists()
    secret = "the king's secret"
    assert psqlm("run", secret, "--model", "demo", "--capture", "z").exit_code == 0
    assert psqlm("run", secret, "--model", "none").exit_code == 1
    assert psqlm("run", secret, "--file", "x").exit_code == 2
    run, missing, usage = log_lines(home)
    assert run.keys() == set("command model capture prompt_length run status seconds".split())
    assert (run["command"], run["model"], run["status"]) == ("run", "demo", "0")
    assert run["prompt_length"] == str(len(secret))
    assert float(run["seconds"]) < 60
    assert missing["status"] == "1"
    assert missing["error"].startswith("no model named 'none' is loaded: SELECT name FROM lm.model")
    assert usage["status"] == "2"
    written = (home / "psqlm.log").read_text()
    assert secret not in written
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    assert all(re.match(f"{time} command=run ", line) for line in written.splitlines())
    assert stat.S_IMODE((home / "psqlm.log").stat().st_mode) == 0o600


def test_a_password_is_not_logged(tmp_path: Path) -> None:
    result = psqlm("run", "x", "--dsn", "postgresql://u:sesame@127.0.0.1:1/x")
    assert result.exit_code == 1
    assert "sesame" not in (tmp_path / "home" / "psqlm.log").read_text()


def test_the_log_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psqlm.cli.log.LARGEST", 400)
    for number in range(40):
        psqlm("synth", "no-such-size", str(tmp_path / f"folder-{number}"))
    home = tmp_path / "home"
    assert sorted(path.name for path in home.iterdir()) == [
        "psqlm.log",
        "psqlm.log.1",
        "psqlm.log.2",
        "psqlm.log.3",
    ]
    assert all(path.stat().st_size <= 400 for path in home.iterdir())
    assert "folder-39" in (home / "psqlm.log").read_text()


def test_a_log_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    """Nor is a link followed, for root may be who writes."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "psqlm.log").symlink_to(tmp_path / "target")
    assert psqlm("run", PROMPT, "--model", "demo").exit_code == 0
    assert not (tmp_path / "target").exists()
