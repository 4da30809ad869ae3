"""Faults, and how one is made to strike a command at a moment that a seed has drawn."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from psqlm.database import processes
from trust.world import Ended, Process, World, end_of

STARTING = 0.1
"""The share of moments that come before the command has connected."""


@dataclass(frozen=True)
class Timing:
    """Seconds of an undisturbed command: until it has connected, and from then on."""

    start: float
    work: float


@dataclass(frozen=True)
class Moment:
    """When a fault strikes, as a share of a command's time."""

    share: float

    def wait(self, timing: Timing, began: float, connected: float | None) -> float:
        """Seconds until then; those until it connects are not waited for here."""
        if self.share < STARTING:
            return began + timing.start * self.share / STARTING - time.monotonic()
        share = (self.share - STARTING) / (1 - STARTING)
        return (connected or began) + timing.work * share - time.monotonic()

    def earlier(self) -> Moment:
        """A moment for another attempt, where the command was faster."""
        return Moment(STARTING + (self.share - STARTING) / 2)


@dataclass(frozen=True)
class Struck:
    """What came of a fault.

    Attributes:
        phase: what the command was doing.
        ended: how it ended.
        in_time: whether the fault came before its end.
    """

    phase: str
    ended: Ended
    in_time: bool


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what it is called in the summary.
        act: strikes; False where there is nothing to strike yet.
        ends_with: the exit statuses of a command that it ends.
        is_crash: whether PostgreSQL recovers from its log afterwards.
        needs_backend: whether it strikes a process of the server's.
        needs_worker: whether that is a parallel worker.
        needs_disk: whether it takes a file system of its own.
    """

    name: str
    act: Callable[[World, subprocess.Popen[str], list[Process]], bool]
    ends_with: tuple[int, ...] = (1,)
    is_crash: bool = False
    needs_backend: bool = False
    needs_worker: bool = False
    needs_disk: bool = False


def _signal(
    number: signal.Signals,
) -> Callable[[World, subprocess.Popen[str], list[Process]], bool]:
    def act(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
        command.send_signal(number)
        return True

    return act


def _kill(worker: bool) -> Callable[[World, subprocess.Popen[str], list[Process]], bool]:
    def act(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
        for process in found:
            if process.is_worker == worker:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
                    return True
        return False

    return act


def _ask(function: str) -> Callable[[World, subprocess.Popen[str], list[Process]], bool]:
    def act(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
        with world.connect() as session:
            asked = [
                session.execute(f"SELECT {function}(%s)".encode(), (process.pid,))
                for process in found
                if not process.is_worker
            ]
        return bool(asked)

    return act


def _kill_server(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
    server = processes.server_of(world.server.data)
    if server is None:
        return False
    server.kill()
    return True


def _stop_server(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
    ended = world.command("stop")
    assert (ended.status, ended.said) == (0, "stopped\n")
    return True


def _limit(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
    return True  # it was given to the command's sessions when it began


def _fill_disk(world: World, command: subprocess.Popen[str], found: list[Process]) -> bool:
    with Path(world.home / "filler").open("wb") as file:
        part = 1 << 26
        while part >= 1 << 16:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), part)
            except OSError:
                part //= 2
    return True


def empty_disk(world: World) -> None:
    """Make room again."""
    Path(world.home / "filler").unlink(missing_ok=True)


LIMIT = Fault("statement_timeout", _limit, needs_backend=True)

FAULTS = (
    Fault("kill -9 client", _signal(signal.SIGKILL), (-signal.SIGKILL,)),
    # Python has a traceback of its own before it comes to psqlm, so not at the very beginning; psql
    # undoes its statement, and ends as after an error
    # −2: the work was done, and Python was about to end
    Fault("SIGINT client", _signal(signal.SIGINT), (130, 1, -2), needs_backend=True),
    Fault("SIGTERM client", _signal(signal.SIGTERM), (-signal.SIGTERM,)),
    Fault("SIGHUP client", _signal(signal.SIGHUP), (-signal.SIGHUP,)),
    Fault("kill -9 backend", _kill(worker=False), (1, 2, 3), is_crash=True, needs_backend=True),
    Fault(
        "kill -9 worker", _kill(worker=True), (1, 2, 3), is_crash=True, needs_backend=True,
        needs_worker=True,
    ),
    Fault("kill -9 server", _kill_server, (1, 2, 3), is_crash=True),
    Fault("stop server", _stop_server, (1, 2, 3), needs_backend=True),
    Fault("pg_cancel_backend", _ask("pg_cancel_backend"), (1,), needs_backend=True),
    Fault("pg_terminate_backend", _ask("pg_terminate_backend"), (1, 2, 3), needs_backend=True),
    LIMIT,
    Fault("disk full", _fill_disk, (1, 2, 3), is_crash=True, needs_disk=True),
)  # fmt: skip


def undisturbed(world: World, command: Sequence[str], options: str) -> tuple[Timing, Ended]:
    """Run a command and measure it."""
    with world.connect() as session:
        began = time.monotonic()
        process = world.begin(*command, options=options)
        connected = None
        while process.poll() is None:
            if connected is None and world.working(session):
                connected = time.monotonic()
            time.sleep(0.005)
        ended = end_of(process)
    assert ended.status == 0, ended
    connected = connected or began
    return Timing(connected - began, time.monotonic() - connected), ended


def strike(
    world: World, command: Sequence[str], options: str, fault: Fault, moment: Moment, timing: Timing
) -> Struck:
    """Start a command and let a fault strike it at a moment; then wait for its end."""
    if fault is LIMIT:
        # most statements are short
        options += f" -c statement_timeout={max(int(1000 * timing.work * moment.share**3), 1)}"
    with world.connect() as session:
        began = time.monotonic()
        process = world.begin(*command, options=options)
        connected = None
        found: list[Process] = []
        phase = "it had ended"
        in_time = False
        while process.poll() is None:
            found = world.working(session)
            if connected is None and found:
                connected = time.monotonic()
            is_early = moment.share < STARTING
            if (connected or is_early) and moment.wait(timing, began, connected) <= 0:
                phase = phase_of(found)
                if fault.act(world, process, found):
                    in_time = True
                    break
            time.sleep(0.002)
    ended = end_of(process)
    if fault is LIMIT:
        in_time = ended.status != 0
    return Struck(phase, ended, in_time)


PHASES = (
    ("^$", "starting"),
    ("SAVEPOINT", "between statements"),
    ("COMMIT", "committing"),
    (r"^COPY .*(linear|embedding)", "writing weights"),
    (r"^(COPY|INSERT INTO lm\.(model|tokenizer|layer|rotary))", "writing the tokenizer"),
    (r"ADD PRIMARY KEY|ATTACH|^ANALYZE", "making keys"),
    (r"drop_(model|leftovers)|require_unused", "dropping"),
    (r"forward_(once|many)|lm\.forward", "in a pass"),
    (r"find_runs|lm\.encode", "counting tokens"),
    (r"lm\.tag", "tagging"),
    (r"patching_sweep", "patching"),
    (r"generate|FETCH|CLOSE", "generating"),
    (r"lm\.installation|pg_catalog|search_path|trust|to_regclass|^BEGIN", "connecting"),
    (r"CREATE|ALTER|COMMENT|psqlm|DO \$", "installing"),
)


def phase_of(found: list[Process]) -> str:
    """What a command is doing, by its latest query."""
    query = max((process.query for process in found), key=len, default="")
    return next((name for pattern, name in PHASES if re.search(pattern, query)), query[:30])


def drawn(seed: str) -> Moment:
    """A moment by the seed."""
    return Moment(random.Random(seed).random())


def within_work(moment: Moment) -> Moment:
    """The same, but after the command has connected."""
    return replace(moment, share=STARTING + (1 - STARTING) * moment.share)
