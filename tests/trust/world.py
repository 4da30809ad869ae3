"""A home as a user of psqlm has it: an embedded server, and commands that find it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from conftest import server_folder

from psqlm.database.server import EmbeddedServer

PATIENCE = 60
"""Seconds after which a command hangs."""

COMMANDS = "(a.application_name = 'psql' OR a.application_name LIKE 'psqlm%')"
"""A command that takes long says behind its name how far it is."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status; of one that a signal ended, the signal's number, negative.
        printed: its standard output.
        said: its standard error.
    """

    status: int
    printed: str
    said: str


@dataclass(frozen=True)
class Process:
    """A process of the server's that works for a command."""

    pid: int
    is_worker: bool
    state: str | None
    query: str


class World:
    """A home, its server, and the commands that are given to it."""

    def __init__(self, home: Path) -> None:
        """Describe it; nothing is started."""
        self.home = home
        self.server = EmbeddedServer(home)
        self.holds = ""
        """What a scenario has put into the database."""

    def begin(self, *arguments: str, options: str = "") -> subprocess.Popen[str]:
        """Start a command, with settings of the server's for its sessions (PGOPTIONS)."""
        environment = {name: value for name, value in os.environ.items() if name != "PSQLM_DSN"}
        return subprocess.Popen(
            [sys.executable, "-m", "psqlm", *arguments],
            env=environment
            | {"PSQLM_HOME": str(self.home), "PGOPTIONS": options, "PYTHONFAULTHANDLER": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a shell's background jobs ignore it, and so would theirs
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def command(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        return end_of(self.begin(*arguments))

    def connect(self) -> psycopg.Connection:
        """A session of the harness's own, each statement a transaction."""
        return psycopg.connect(self.server.start(), autocommit=True, application_name="harness")

    def working(self, session: psycopg.Connection) -> list[Process]:
        """The server's processes that work for commands."""
        rows = session.execute(
            f"""
            SELECT
                a.pid,
                a.leader_pid IS NOT NULL,
                a.state,
                regexp_replace(a.query, '\\s+', ' ', 'g')
            FROM pg_stat_activity AS a
            LEFT JOIN pg_stat_activity AS l ON l.pid = a.leader_pid
            WHERE {COMMANDS} OR {COMMANDS.replace("a.", "l.")}
            ORDER BY a.pid
            """.encode()
        )
        return [Process(*row) for row in rows]

    def settle(self, session: psycopg.Connection) -> float:
        """Wait for the processes of commands that have ended; returns the seconds."""
        began = time.monotonic()
        while left := self.working(session):
            assert time.monotonic() - began < 5, f"nobody waits for {left}"
            time.sleep(0.05)
        return time.monotonic() - began


def end_of(process: subprocess.Popen[str]) -> Ended:
    """Wait for a command to end."""
    try:
        printed, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        where = process.communicate()[1]
        raise AssertionError(f"it hangs: psqlm {' '.join(process.args[3:])}\n{where}") from None
    return Ended(process.returncode, printed, said)


@contextmanager
def a_world() -> Iterator[World]:
    """A world in a folder of its own, gone at the end."""
    home = server_folder("psqlm-trust-")
    world = World(home)
    try:
        yield world
    finally:
        world.server.stop()
        shutil.rmtree(home)
