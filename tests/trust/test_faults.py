"""Faults strike commands at random moments: nothing is half done or lost, and work goes on.

Every pair of a command and a fault is struck at MOMENTS moments that the seed draws. The usual run
takes a few pairs, each fault and each command at least once; make test-trust takes all.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator

import pytest
from conftest import server_folder

from trust.faults import (
    FAULTS,
    Fault,
    Moment,
    Struck,
    Timing,
    drawn,
    empty_disk,
    strike,
    undisturbed,
    within_work,
)
from trust.invariants import orphans, remove_orphans, unfinished, violations
from trust.ledger import LEDGER, Entry
from trust.scenario import Scenario
from trust.scenarios import SCENARIOS
from trust.world import World

MOMENTS = 2
ATTEMPTS = 8
SMALL_DISK = "400m"

Pair = tuple[type[Scenario], Fault]
PAIRS: list[Pair] = [
    (scenario, fault)
    for scenario in SCENARIOS
    for fault in FAULTS
    if scenario.has_workers or not fault.needs_worker
]


def few(seed: str) -> set[Pair]:
    """As few pairs as have every fault and every command among them, drawn by the seed."""
    left = random.Random(seed).sample(PAIRS, len(PAIRS))
    chosen: set[Pair] = set()
    while left:
        # both are new; then one of them; then none
        pair = max(
            left,
            key=lambda p: (
                all(p[0] is not c[0] for c in chosen) + all(p[1] is not c[1] for c in chosen)
            ),
        )
        if {p for c in chosen for p in c} >= {*pair}:
            return chosen
        chosen.add(pair)
        left.remove(pair)
    return chosen


FEW = few(LEDGER.seed)


@pytest.fixture(scope="session")
def small_world() -> Iterator[World]:
    """A home on a small file system."""
    home = server_folder("psqlm-trust-")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=711", "tmpfs", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        home.rmdir()
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    world = World(home)
    try:
        yield world
    finally:
        empty_disk(world)
        world.server.stop()
        subprocess.run(["umount", str(home)], check=True)
        home.rmdir()


Learned = dict[tuple[type[Scenario], World], tuple[Scenario, Timing]]


@pytest.fixture(scope="session")
def learned() -> Learned:
    """Scenarios that have been seen undisturbed."""
    return {}


def learn(learned: Learned, kind: type[Scenario], world: World) -> tuple[Scenario, Timing]:
    """See a scenario undisturbed, once in each world."""
    if (kind, world) not in learned:
        scenario = kind()
        scenario.prepare(world)
        timing, ended = undisturbed(world, scenario.command, scenario.options)
        with world.connect() as session:
            scenario.undisturbed = scenario.result(session, ended)
            assert scenario.after(session, ended) == "done"
            assert violations(session) == []
        learned[kind, world] = scenario, timing
    return learned[kind, world]


def meet(world: World, scenario: Scenario, fault: Fault, timing: Timing, moment: Moment) -> Struck:
    """Let a fault strike a command, earlier if the command was faster than the fault."""
    for _ in range(ATTEMPTS):
        scenario.prepare(world)
        struck = strike(world, scenario.command, scenario.options, fault, moment, timing)
        if struck.in_time:
            return struck
        LEDGER.missed += 1
        moment = moment.earlier()
    raise AssertionError(f"{fault.name} came too late {ATTEMPTS} times")


def check_words(scenario: Scenario, struck: Struck, fault: Fault) -> None:
    """A command that a fault ends says so in one line; one that a signal ends is silent."""
    status, said = struck.ended.status, struck.ended.said
    assert status in (0, *fault.ends_with), struck
    assert "Traceback" not in said
    if status > 0 and scenario.command[0] != "sql":  # psql has its own words
        # the last, after what it has said of its work
        lines = said.splitlines()
        assert [line.startswith("psqlm: ") for line in lines].count(True) == 1, said
        assert lines[-1].startswith("psqlm: "), said


def coin(seed: str) -> bool:
    """True for every other seed."""
    return random.Random(seed).random() < 0.5


@pytest.mark.parametrize(
    ("kind", "fault", "number"),
    [
        pytest.param(
            kind,
            fault,
            number,
            id=f"{kind.name}-{fault.name}-{number}",
            marks=[] if (kind, fault) in FEW and number == 0 else pytest.mark.trust,
        )
        for kind, fault in PAIRS
        for number in range(MOMENTS)
    ],
)
def test_fault(
    kind: type[Scenario],
    fault: Fault,
    number: int,
    learned: Learned,
    request: pytest.FixtureRequest,
) -> None:
    world: World = request.getfixturevalue("small_world" if fault.needs_disk else "world")
    empty_disk(world)  # a test that failed may have left it full
    scenario, timing = learn(learned, kind, world)
    seed = f"{LEDGER.seed} {kind.name} {fault.name} {number}"
    moment = drawn(seed)
    struck = meet(
        world, scenario, fault, timing, within_work(moment) if fault.needs_backend else moment
    )
    check_words(scenario, struck, fault)
    if fault.needs_disk:
        # even now there is an answer, or one line
        full = world.command("models")
        assert full.status in (0, 1)
        assert full.said.count("\n") <= 1, full
        empty_disk(world)

    if scenario.is_healed and coin(f"{seed} look"):
        # now, for the next command will complete it
        with world.connect() as session:
            world.settle(session)
            scenario.after(session, struck.ended)
            scenario.nothing_lost(session)
            assert orphans(session) == {} or fault.is_crash

    # the next command works without help, be it the same one at once
    at_once = scenario.may_repeat and coin(f"{seed} again")
    next_one = world.command(*(scenario.command if at_once else ["models"]))
    assert at_once or next_one.status == 0, next_one
    with world.connect() as session:
        LEDGER.waits.append(world.settle(session))
        state = scenario.after(session, struck.ended)
        scenario.nothing_lost(session)
        assert violations(session) == []
        if fault.is_crash:
            LEDGER.orphans += remove_orphans(session)
        assert orphans(session) == {}
    assert unfinished(world) == []
    outcome = "went on" if struck.ended.status == 0 else "done by the next" if at_once else state
    LEDGER.entries.append(Entry(fault.name, kind.name, struck.phase, outcome))

    # the same command ends as if nothing had been
    again = next_one if at_once else world.command(*scenario.command)
    with world.connect() as session:
        scenario.as_undisturbed(session, again)
        assert state == "done" or not scenario.is_done(again)
        assert not scenario.may_repeat or scenario.after(session, again) == "done"
        scenario.nothing_lost(session)
        assert violations(session) == []
