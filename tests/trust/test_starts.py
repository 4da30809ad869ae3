"""Faults strike commands that start the server, one or several: the next one works without help."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from subprocess import Popen

import psutil
import pytest
from conftest import server_folder

from trust.invariants import unfinished, violations
from trust.ledger import LEDGER, Entry
from trust.world import Ended, World, end_of

START = "dsn"
"""A command that starts the server and installs psqlm's SQL."""


@pytest.fixture
def fresh() -> Iterator[World]:
    """A home without a server."""
    world = World(server_folder("psqlm-trust-"))
    try:
        yield world
    finally:
        world.server.stop()
        shutil.rmtree(world.home)


@pytest.fixture(scope="session")
def seconds() -> dict[str, float]:
    """How long undisturbed starts take."""
    world = World(server_folder("psqlm-trust-"))
    found = {}
    try:
        for kind in ("first start", "start"):
            began = time.monotonic()
            assert world.command(START).status == 0
            found[kind] = time.monotonic() - began
            assert world.server.stop()
        return found
    finally:
        world.server.stop()
        shutil.rmtree(world.home)


def kill_programs(world: World, commands: list[Popen[str]]) -> None:
    """Kill what PostgreSQL has in this home: initdb, pg_ctl, the server."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "postgres" in process.exe() and str(world.home) in " ".join(process.cmdline()):
                process.kill()


def send(number: signal.Signals) -> Callable[[World, list[Popen[str]]], None]:
    return lambda world, commands: commands[0].send_signal(number)


FAULTS = {
    "kill -9 client": send(signal.SIGKILL),
    "SIGINT client": send(signal.SIGINT),
    "SIGTERM client": send(signal.SIGTERM),
    "SIGHUP client": send(signal.SIGHUP),
    "kill -9 server": kill_programs,
}
CASES = [
    (kind, fault, together)
    for kind in ("first start", "start")
    for fault in FAULTS
    for together in (1, 3)
]
FEW = random.Random(LEDGER.seed).sample(CASES, 2)


def check(ended: Ended) -> None:
    assert "Traceback" not in ended.said
    assert ended.said.count("\n") <= 1, ended.said


@pytest.mark.parametrize(
    ("kind", "fault", "together"),
    [pytest.param(*case, marks=[] if case in FEW else pytest.mark.trust) for case in CASES],
)
def test_a_start_that_is_struck(
    fresh: World, seconds: dict[str, float], kind: str, fault: str, together: int
) -> None:
    """The first of the commands is struck; the others, and the next one, find or make a server."""
    if kind == "start":
        assert fresh.command(START).status == 0
        assert fresh.server.stop()
    share = random.Random(f"{LEDGER.seed} {kind} {fault} {together}").random()
    lock = fresh.home / "lock"
    lock.unlink(missing_ok=True)
    commands = [fresh.begin(START) for _ in range(together)]
    while not lock.exists():  # what comes before is Python's own start
        time.sleep(0.005)
    time.sleep(share * seconds[kind])
    FAULTS[fault](fresh, commands)
    ended = [end_of(command) for command in commands]
    for each in ended:
        check(each)
    if "client" in fault:
        assert [each.status for each in ended[1:]] == [0] * (together - 1)

    after = fresh.command(START)
    assert (after.status, after.said) == (0, ""), after
    assert unfinished(fresh) == []
    with fresh.connect() as session:
        fresh.settle(session)
        assert violations(session) == []
    status = ended[0].status
    LEDGER.entries.append(
        Entry(
            fault,
            kind if together == 1 else f"{kind} × {together}",
            "starting",
            "went on" if status == 0 else "undone",
        )
    )


def test_a_restart_between_commands_loses_nothing(fresh: World) -> None:
    assert fresh.command("load", "demo").status == 0
    printed = fresh.command("run", "The king had a cat").printed
    look = ("sql", "-At", "-c", "SELECT run_id, sum(norm) FROM lm.adjustment_norm GROUP BY run_id")
    before = fresh.command(*look)
    assert before.printed.startswith(f"{printed.strip()}|")
    assert fresh.command("stop").said == "stopped\n"
    assert fresh.command(*look) == before
    with fresh.connect() as session:
        assert violations(session) == []
