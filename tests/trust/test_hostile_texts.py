"""A prompt, a name, a tag, a token or a file never becomes SQL, or an order to the terminal."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import family_models
import psycopg
import pytest
from typer.testing import CliRunner, Result

from psqlm import loader
from psqlm.cli import app
from psqlm.errors import PsqlmError
from trust.hostile import HOSTILE, TERMINAL

USUAL = ("a quote", "a double quote", "dollars", "formats", "lines", "a terminal", "markup")
hostile = pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=kind, marks=() if kind in USUAL else pytest.mark.trust)
        for kind, text in HOSTILE.items()
    ],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2."""
    return family_models.save("gpt2", tmp_path_factory.mktemp("hostile") / "tiny")


@pytest.fixture(scope="module")
def dsn(make_database: Callable[[str], str], folder: Path) -> str:
    """A database with that model."""
    made = make_database("psqlm_hostile")
    with psycopg.connect(made) as connection:
        loader.load(connection, str(folder), name="tiny")
        connection.execute("SELECT lm.set_default_model('tiny')")
    return made


FOR_FIGURES = [HOSTILE[kind] for kind in ("a terminal", "mathematics")]
"""A name stands in them, and drawing takes seconds."""

OBJECTS = """
    SELECT 'relation', c.oid::regclass::text
    FROM pg_class AS c
    WHERE NOT c.relispartition AND c.relkind IN ('r', 'p', 'v')
    UNION ALL SELECT 'function', p.oid::regprocedure::text FROM pg_proc AS p
    UNION ALL SELECT 'role', r.rolname || r.rolsuper FROM pg_roles AS r
    ORDER BY 1, 2
"""


@pytest.fixture
def connection(dsn: str, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """A connection; nothing but rows may have changed at the end."""
    with psycopg.connect(dsn, autocommit=True) as opened:
        before = opened.execute(OBJECTS).fetchall()
        yield opened
        assert opened.execute(OBJECTS).fetchall() == before
        assert not list(tmp_path.rglob("owned"))


def one(connection: psycopg.Connection, query: str, *values: object) -> object:
    """The only value of a query."""
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def psqlm(dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command in this process; whatever it prints is no order to the terminal."""
    monkeypatch.setenv("PSQLM_DSN", dsn)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments, prog_name="psqlm")
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        assert not set(TERMINAL) & set(result.output), ascii(result.output)
        return result

    return run


# Models -------------------------------------------------------------------------------------------


@hostile
def test_a_models_name(
    connection: psycopg.Connection, psqlm: Callable[..., Result], folder: Path, text: str
) -> None:
    """Every command and function that takes one takes it as it is."""
    loaded = psqlm("load", str(folder), f"--name={text}")
    assert loaded.exit_code == 0, loaded.output
    try:
        assert one(connection, "SELECT count(*) FROM lm.model WHERE name = %s", text) == 1
        connection.execute("SELECT lm.set_default_model(%s)", (text,))
        assert one(connection, "SELECT lm.default_model()") == text
        for call in (
            "lm.encode('the cat', %s)",
            "lm.generate('the cat', 2, model => %s)",
            "lm.nearest_tokens(lm.embedding('the'), 1, %s)",
            "lm.forward('the cat', %s, '{z}')",
            "lm.index_activations('z', 0, 0, %s)",
            "lm.select_runs('all', %s)",
        ):
            try:
                connection.execute(f"SELECT {call}".encode(), (text,))
            except psycopg.errors.InvalidParameterValue:
                assert "select_runs" in call  # no run kept attn_out
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="no model named"):
            connection.execute("SELECT lm.encode('x', %s)", (f"{text}.",))
        assert psqlm("models").exit_code == 0
        line = "the cat sat on the mat and the dog sat on the log"
        ran = psqlm("run", line, f"--model={text}")
        assert ran.exit_code == 0, ran.output
        if text in FOR_FIGURES:
            assert psqlm("analyze", f"--run={ran.stdout.strip()}").exit_code == 0
        assert psqlm("load", str(folder), f"--name={text}").exit_code == 1
    finally:
        dropped = psqlm("drop", "--", text)
        connection.execute("SELECT lm.set_default_model('tiny')")
    assert dropped.exit_code == 0, dropped.output
    assert one(connection, "SELECT count(*) FROM lm.model") == 1


def test_a_name_with_nul(connection: psycopg.Connection, folder: Path) -> None:
    with pytest.raises((PsqlmError, psycopg.DataError), match="NUL"):
        loader.load(connection, str(folder), name="a\0b")
    assert one(connection, "SELECT count(*) FROM lm.model") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["run", "the cat\udcff"],
        ["run", "the cat", "--tag", "a=\udcff"],
        ["run", "the cat", "--interventions", "\udcff"],
        ["generate", "the cat\udcff"],
        ["analyze", "--model", "\udcff"],
        ["load", "demo", "--name", "\udcff"],
        ["drop", "\udcff"],
    ],
    ids=" ".join,
)
def test_what_is_not_utf8(
    connection: psycopg.Connection, psqlm: Callable[..., Result], command: list[str]
) -> None:
    """A shell passes any bytes; Python has those that are not UTF-8 as halves of characters."""
    runs = one(connection, "SELECT count(*) FROM lm.run")
    refused = psqlm(*command)
    assert refused.exit_code == 1
    assert one(connection, "SELECT count(*) FROM lm.run") == runs
    (line,) = refused.stderr.splitlines()
    assert "\\udcff" in line
    assert line.endswith("is not UTF-8: give texts and names in UTF-8")


# Prompts, tags, sets ------------------------------------------------------------------------------


@hostile
def test_what_a_run_is_given(
    connection: psycopg.Connection, psqlm: Callable[..., Result], text: str
) -> None:
    prompt = text[:30]
    set_name = f"set {text}"
    connection.execute(
        "SELECT lm.replace_interventions(%s, lm.make_intervention('attn_out', 'zero'))", (set_name,)
    )
    ran = psqlm("run", f"--tag=source={text}", f"--interventions={set_name}", "--", prompt)
    assert ran.exit_code == 0, ran.output
    run_id = int(ran.stdout)
    rows = connection.execute(
        "SELECT r.prompt, lm.decode(r.token_ids), r.interventions, t.name, t.value"
        " FROM lm.run AS r JOIN lm.tag AS t USING (run_id) WHERE run_id = %s",
        (run_id,),
    ).fetchall()
    assert rows == [(prompt, prompt, set_name, "source", text)]
    found = connection.execute(
        "SELECT run_id FROM lm.find_runs(ARRAY[%s], NULL, '{attn_out}', %s)", (prompt, set_name)
    ).fetchall()
    assert found == [(run_id,)]
    selected = connection.execute(
        "SELECT run_id FROM lm.select_runs(%s)", (f"tag:source={text}",)
    ).fetchall()
    assert selected == [(run_id,)]
    assert psqlm("analyze", f"--runs=tag:source={text}").exit_code in (0, 1)  # a short text
    assert (
        psqlm("generate", "-n", "2", f"--interventions={set_name}", "--", "the cat").exit_code == 0
    )
    refused = psqlm("run", f"--interventions={text}.", "--", prompt)
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1
    connection.execute("SELECT lm.drop_runs(ARRAY[%s])", (run_id,))


# Tokens and files ---------------------------------------------------------------------------------


def test_a_tokens_text(connection: psycopg.Connection, folder: Path, tmp_path: Path) -> None:
    """The numbers that the vocabulary leaves free are given to them, some at a time."""
    copied = Path(shutil.copytree(folder, tmp_path / "tokens"))
    vocabulary = json.loads((copied / "vocab.json").read_text("utf-8"))
    free = sorted(set(range(300)) - set(vocabulary.values()))
    texts = [text for text in HOSTILE.values() if len(text) < 2000]
    for start in range(0, len(texts), len(free)):
        added = dict(zip(texts[start : start + len(free)], free, strict=False))
        (copied / "added_tokens.json").write_text(json.dumps(added))
        loader.load(connection, str(copied), name="tokens")
        try:
            for text, number in added.items():
                assert one(connection, "SELECT lm.encode(%s, 'tokens')", text) == [number]
                assert one(connection, "SELECT lm.token_id(%s, 'tokens')", text) == number
                decoded = one(connection, "SELECT lm.decode(ARRAY[%s::int], 'tokens')", number)
                assert decoded == text
        finally:
            loader.drop(connection, "tokens")


@hostile
def test_a_files_name(
    connection: psycopg.Connection,
    psqlm: Callable[..., Result],
    folder: Path,
    tmp_path: Path,
    text: str,
) -> None:
    """Of a folder, of a shard, of a prompt; on every disk a name is short and has no /."""
    name = text.replace("/", "|")[:60]
    copied = Path(shutil.copytree(folder, tmp_path / f"m{name}"))
    (copied / "model.safetensors").rename(copied / f"{name}.safetensors")
    (copied / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x": f"{name}.safetensors"}})
    )
    loaded = psqlm("load", str(copied), "--name", "of a file")
    assert loaded.exit_code == 0, loaded.output
    assert one(connection, "SELECT source FROM lm.model WHERE name = 'of a file'") == str(copied)
    assert psqlm("models").exit_code == 0
    assert psqlm("drop", "of a file").exit_code == 0
    (copied / "config.json").write_text("{")
    refused = psqlm("load", str(copied), "--name", "of a file")
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1


# A terminal ---------------------------------------------------------------------------------------


def test_generated_text_gives_no_orders_to_a_terminal(dsn: str) -> None:
    """The text itself goes to a file or a pipe as it is; on a terminal it is spelled out."""
    prompt = HOSTILE["a terminal"]
    command = [sys.executable, "-m", "psqlm", "generate", "-n", "1", prompt]
    environment = os.environ | {"PSQLM_DSN": dsn}
    piped = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert piped.stdout.decode().startswith(prompt)
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs) as process:
        process.wait(timeout=60)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert process.returncode == 0, shown
    assert not set(TERMINAL) & set(shown), ascii(shown)
    assert shown.startswith("\\x1b[2J\\x1b]0;owned\\x07")
