"""docs/scale.md: its commands and Python run and print what it says; its tables are simulated."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from psqlm import lake
from psqlm.cli import app

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import scale  # noqa: E402
import simulation  # noqa: E402

PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")
BLOCK = re.compile(r"```(?P<kind>sh|python|text)\n(?P<body>.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def same(ours: str, theirs: str) -> None:
    """The same words, and numbers that are the same but for their last digits."""
    lines = [[line.rstrip() for line in said.strip("\n").splitlines()] for said in (ours, theirs)]
    words = [[re.sub(r"\s+", " ", NUMBER.sub("", line)) for line in said] for said in lines]
    assert words[0] == words[1]
    numbers = [[float(x) for line in said for x in NUMBER.findall(line)] for said in lines]
    # p-values are printed with a digit, other numbers with three decimals
    assert numbers[0] == pytest.approx(numbers[1], rel=2e-3, abs=1.1e-3)


def test_the_first_part_is_true(
    scratch_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.chdir(tmp_path)
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("DELETE FROM lm.run")
    shutil.copy(ROOT / "docs" / "tales.txt", tmp_path)
    commands, table, python, answer = ((b["kind"], b["body"]) for b in BLOCK.finditer(PAGE))
    assert [commands[0], table[0], python[0], answer[0]] == ["sh", "text", "python", "text"]
    printed = ""
    for line in commands[1].splitlines():
        command, *arguments = shlex.split(line)
        assert command == "psqlm"
        result = CliRunner().invoke(app, arguments, prog_name="psqlm")
        assert result.exit_code == 0, result.output
        printed = result.stdout
    assert (tmp_path / "lake-figures" / "slopes.png").is_file()
    head = printed.split("\n\nThe same with position")[0]
    # rich fills lines of a table with blanks
    same(table[1], "\n".join(line.rstrip() for line in head.splitlines()))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(python[1], {})
    same(answer[1], output.getvalue())


def test_every_statement_is_on_the_page() -> None:
    part = PAGE.split("### The statements")[1].split("###")[0]
    assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(lake.statements())


def test_the_tables_are_those_of_the_parameters() -> None:
    """The rows of the smallest corpus; the others take minutes."""
    for model, values in simulation.read().items():
        said = PAGE.split(f"| {model}: tokens |")[1].split("\n\n")[0].splitlines()[2:]
        rows = [line for line in said if line.startswith("| 1 M |")]
        assert rows == list(scale.rows(values, 1e6))
