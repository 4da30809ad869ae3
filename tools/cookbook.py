"""Runs the SQL of README.md and docs/cookbook.md in psql and writes its answers below it.

Run it after a change of the SQL, of the demo model or of the texts: python tools/cookbook.py
It works in a database of its own, on the server in use, and drops it again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from psqlm import database, loader
from psqlm.bundled_files import BUNDLED
from psqlm.database.server import EmbeddedServer

ROOT = Path(__file__).resolve().parents[1]
TARGETS = [ROOT / "README.md", ROOT / "docs" / "cookbook.md"]
DATABASE = "psqlm_cookbook"

# a question in SQL, and the answer if there is one
BLOCK = re.compile(r"```sql\n(?P<sql>.*?)```\n(?:\n```text\n(?P<answer>.*?)```\n)?", re.DOTALL)

# the same in Python
PYTHON = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<answer>.*?)```\n)?", re.DOTALL)

# more digits than one would round to oneself: of 15 that psql shows, five are enough to read
LONG = re.compile(r"-?(?=[\d.]{8})\d*\.\d+(e[-+]\d+)?")


def questions(text: str) -> list[str]:
    """The SQL of the cookbook, block by block."""
    return [block["sql"] for block in BLOCK.finditer(text)]


def answers(text: str) -> list[str]:
    """What the cookbook says psql answers to each; empty where it says nothing."""
    return [block["answer"] or "" for block in BLOCK.finditer(text)]


def programs(text: str) -> list[str]:
    """The Python of the cookbook, block by block."""
    return [block["code"] for block in PYTHON.finditer(text)]


def printed(text: str) -> list[str]:
    """What the cookbook says each of them prints; empty where it says nothing."""
    return [block["answer"] or "" for block in PYTHON.finditer(text)]


def ask(dsn: str, blocks: list[str]) -> list[str]:
    """Run the blocks in one session of psql.

    Args:
        dsn: a database with psqlm's SQL and the bundled models; what the blocks write stays there.
        blocks: SQL as psql takes it.

    Returns:
        What psql prints for each, blanks at the ends of lines taken off.

    Raises:
        RuntimeError: psql met an error; the message is psql's.
    """
    end = "-- end of a block --"
    script = "".join(f"{block}\n\\echo {end}\n" for block in blocks)
    psql = subprocess.run(
        [
            str(EmbeddedServer().binaries / "psql"),
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--file=-",
            f"--dbname={dsn}",
        ],
        cwd=ROOT,  # there are the files that questions read
        input=script,
        capture_output=True,
        text=True,
    )
    if psql.returncode != 0:
        raise RuntimeError(psql.stderr)
    output = re.sub(r" +$", "", psql.stdout, flags=re.MULTILINE)
    return [part.strip("\n") for part in output.split(f"{end}\n")][:-1]


def run(dsn: str, blocks: list[str]) -> list[str]:
    """Run blocks of Python, each by itself, in a folder that goes with what they write.

    Args:
        dsn: the database that they find; they come after the questions in SQL.
        blocks: Python.

    Returns:
        What each prints, blanks at the ends of lines taken off.

    Raises:
        RuntimeError: one failed; the message is Python's.
    """
    replies = []
    for block in blocks:
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [sys.executable, "-c", block],
                cwd=folder,
                env=os.environ | {"PSQLM_DSN": dsn},
                capture_output=True,
                text=True,
            )
        if result.returncode != 0:
            raise RuntimeError(f"{block}\n{result.stderr}")
        replies.append(re.sub(r" +$", "", result.stdout, flags=re.MULTILINE).strip("\n"))
    return replies


def rounded(reply: str) -> str:
    """An answer whose columns of long numbers are cut to five digits."""
    lines = reply.split("\n")
    for rule, line in enumerate(lines):
        if not re.fullmatch(r"-[-+]*-", line):
            continue
        end = next((n for n in range(rule, len(lines)) if lines[n].startswith("(")), len(lines))
        stop = len(line)
        # from the right, so that the columns still to come stay where they are
        for width in map(len, reversed(line.split("+"))):
            column, stop = slice(stop - width, stop), stop - width - 1
            cells = [row[column].strip() for row in lines[rule + 1 : end]]
            shown = [_shortened(cell) for cell in cells]
            if shown != cells:
                side = "<" if "{" in "".join(cells) else ">"
                name = lines[rule - 1][column].strip()
                room = max(map(len, [name, *shown]))
                column_lines = [f" {name:^{room}} ", "-" * (room + 2)]
                column_lines += [f" {cell:{side}{room}} " for cell in shown]
                for number, text in enumerate(column_lines, rule - 1):
                    row = lines[number].ljust(column.stop)
                    lines[number] = (row[: column.start] + text + row[column.stop :]).rstrip()
    return "\n".join(lines)


def _shortened(cell: str) -> str:
    """A number, or an array of them, with five digits each."""
    if not re.fullmatch(r"[-+.,e\d{}]*", cell):
        return cell
    return LONG.sub(lambda number: f"{float(number[0]):.5g}", cell)


def load_models(connection: Connection[Any]) -> None:
    """Load the bundled models that are missing: the first is the one meant where none is named."""
    for name in BUNDLED:
        if not loader.is_loaded(connection, name):
            loader.load(connection, name)


def fill(text: str, replies: list[str]) -> str:
    """The cookbook with these answers below its questions."""
    remaining = iter(replies)

    def answered(block: re.Match[str]) -> str:
        reply = rounded(next(remaining))
        return f"```sql\n{block['sql']}```\n" + (f"\n```text\n{reply}\n```\n" if reply else "")

    return BLOCK.sub(answered, text)


def fill_printed(text: str, replies: list[str]) -> str:
    """The cookbook with what its programs print below them."""
    remaining = iter(replies)

    def answered(block: re.Match[str]) -> str:
        return f"```python\n{block['code']}```\n\n```text\n{next(remaining)}\n```\n"

    return PYTHON.sub(answered, text)


def main() -> None:
    """Ask everything again and rewrite the files."""
    server = database.resolve()
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        administrator.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            dsn = make_conninfo(server, dbname=DATABASE)
            with database.connect(dsn) as connection:
                load_models(connection)
            for target in TARGETS:
                text = target.read_text()
                text = fill(text, ask(dsn, questions(text)))
                target.write_text(fill_printed(text, run(dsn, programs(text))))
        finally:
            administrator.execute(f"DROP DATABASE {DATABASE}")


if __name__ == "__main__":
    main()
