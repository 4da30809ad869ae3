"""Runs the SQL of README.md and docs/cookbook.md in psql and writes its answers below it.

Run it after a change of the SQL, of the demo model or of the texts: python tools/cookbook.py
It works in a database of its own, on the server in use, and drops it again.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from psqlm import database, loader
from psqlm.database.server import EmbeddedServer

ROOT = Path(__file__).resolve().parents[1]
TARGETS = [ROOT / "README.md", ROOT / "docs" / "cookbook.md"]
DATABASE = "psqlm_cookbook"

# a question in SQL, and the answer if there is one
BLOCK = re.compile(r"```sql\n(?P<sql>.*?)```\n(?:\n```text\n(?P<answer>.*?)```\n)?", re.DOTALL)


def questions(text: str) -> list[str]:
    """The SQL of the cookbook, block by block."""
    return [block["sql"] for block in BLOCK.finditer(text)]


def answers(text: str) -> list[str]:
    """What the cookbook says psql answers to each; empty where it says nothing."""
    return [block["answer"] or "" for block in BLOCK.finditer(text)]


def ask(dsn: str, blocks: list[str]) -> list[str]:
    """Run the blocks in one session of psql.

    Args:
        dsn: a database with psqlm's SQL and the demo model; what the blocks write stays there.
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
        input=script,
        capture_output=True,
        text=True,
    )
    if psql.returncode != 0:
        raise RuntimeError(psql.stderr)
    output = re.sub(r" +$", "", psql.stdout, flags=re.MULTILINE)
    return [part.strip("\n") for part in output.split(f"{end}\n")][:-1]


def fill(text: str, replies: list[str]) -> str:
    """The cookbook with these answers below its questions."""
    remaining = iter(replies)

    def answered(block: re.Match[str]) -> str:
        reply = next(remaining)
        return f"```sql\n{block['sql']}```\n" + (f"\n```text\n{reply}\n```\n" if reply else "")

    return BLOCK.sub(answered, text)


def main() -> None:
    """Ask everything again and rewrite the files."""
    server = database.resolve()
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        administrator.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            dsn = make_conninfo(server, dbname=DATABASE)
            with database.connect(dsn) as connection:
                loader.load(connection, "demo")
            for target in TARGETS:
                text = target.read_text()
                target.write_text(fill(text, ask(dsn, questions(text))))
        finally:
            administrator.execute(f"DROP DATABASE {DATABASE}")


if __name__ == "__main__":
    main()
