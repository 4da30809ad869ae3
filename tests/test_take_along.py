"""docs/take-along.md: every command and every block of Python runs, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from psqlm.cli import app

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "take-along.md").read_text("utf-8")
BLOCK = re.compile(r"```(?P<kind>sh|python|text)\n(?P<body>.*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_the_page_is_true(
    scratch_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.chdir(tmp_path)
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute("DELETE FROM lm.run")
    blocks = [(block["kind"], block["body"]) for block in BLOCK.finditer(PAGE)]
    (tmp_path / "tales.txt").write_text(blocks.pop(0)[1], "utf-8")
    names: dict[str, object] = {}
    n_answers = 0
    for number, (kind, body) in enumerate(blocks):
        if kind == "sh":
            for line in body.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "psqlm"
                if arguments[0] == "sql":  # which becomes psql
                    with psycopg.connect(scratch_dsn) as connection:
                        assert connection.execute(arguments[-1].encode()).fetchall()
                    continue
                result = CliRunner().invoke(app, arguments, prog_name="psqlm")
                assert result.exit_code == 0, result.output
        elif kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(body, names)
            said = blocks[number + 1][1]
            assert blocks[number + 1][0] == "text"
            assert NUMBER.sub("", printed.getvalue()) == NUMBER.sub("", said), printed.getvalue()
            ours = [float(x) for x in NUMBER.findall(said)]
            theirs = [float(x) for x in NUMBER.findall(printed.getvalue())]
            # sums in another order differ in their last digits
            assert theirs == pytest.approx(ours, rel=1e-3), printed.getvalue()
            n_answers += 1
    assert n_answers == 3
