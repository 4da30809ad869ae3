"""A command that faults strike, the state it begins in, and what must hold after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import psycopg

from psqlm import database, loader
from trust.invariants import contents
from trust.world import Ended, World

OPENING = "Once upon a time there was a king who had a daughter"
TEXTS = [
    f"On the {n}th day the king went into the wood with {n % 7} dogs, and there he met "
    + ("a wolf. " * (n % 5) or "nobody at all.")
    for n in range(1, 25)
]
ANSWER = "SELECT array_agg(n.token_id ORDER BY n.rank), array_agg(n.logit ORDER BY n.rank)"

# What every scenario begins with, and no fault may change.
KEPT = """
    SELECT lm.forward('The king had a cat', capture => '{all}');
    SELECT lm.forward('The wolf had a cat', capture => '{attn_out,pattern,logits}');
    SELECT lm.replace_interventions('kept', lm.make_intervention('attn_out', 'zero', layer => 2));
    SELECT lm.forward('A tailor sat', interventions => 'kept');
    INSERT INTO lm.tag SELECT r.run_id, NULL, 'kept', r.prompt FROM lm.run AS r;
    SELECT lm.patching_sweep('The king had a cat', 'The wolf had a cat', 'z', ' and', ' who');
    SELECT count(*) FROM lm.generate_tokens('The end', 3, keep_cache => true);
"""
KEPT_ROWS = (
    "(SELECT name, sha256 FROM lm.model WHERE name = 'demo')",
    "(SELECT * FROM lm.run WHERE run_id <= 5)",
    "(SELECT * FROM lm.run_token WHERE run_id <= 5)",
    "(SELECT * FROM lm.attention_adjustment WHERE run_id <= 5)",
    "(SELECT * FROM lm.activation WHERE run_id <= 5)",
    "(SELECT * FROM lm.logit WHERE run_id <= 5)",
    "(SELECT * FROM lm.tag WHERE run_id <= 5)",
    "(SELECT * FROM lm.intervention)",
    "(SELECT * FROM lm.patching_sweep WHERE sweep_id = 1)",
    "(SELECT * FROM lm.patching_effect WHERE sweep_id = 1)",
)


class Scenario(ABC):
    """A command that a fault strikes.

    Attributes:
        name: what it is called in the summary.
        command: the arguments of psqlm.
        options: settings of the server's, for its sessions.
        has_workers: whether it starts parallel workers.
        may_repeat: whether twice leaves what once does.
        is_healed: whether any other command does what this one has not done.
    """

    name: str
    command: tuple[str, ...]
    options = ""
    has_workers = False
    may_repeat = False
    is_healed = False

    def __init__(self) -> None:
        self.undisturbed: Any = None
        """What the command leaves where nothing strikes."""
        self._kept: dict[str, str] = {}

    def prepare(self, world: World) -> None:
        """Bring the database to the state that the command begins in."""
        with world.connect() as session:
            if world.holds != "kept":
                session.execute("DROP SCHEMA IF EXISTS lm, lm_internal CASCADE")
                session.execute("DROP EXTENSION IF EXISTS vector")
                with database.connect(world.server.dsn) as own:
                    loader.load(own, "demo")
                session.execute(KEPT.encode())
                world.holds = "kept"
            session.execute(
                "SELECT lm.drop_runs(ARRAY(SELECT r.run_id FROM lm.run AS r WHERE r.run_id > 5))"
            )
            session.execute("SELECT lm.drop_model(name) FROM lm.model WHERE name <> 'demo'")
            self._kept = contents(session, KEPT_ROWS)

    def nothing_lost(self, session: psycopg.Connection) -> None:
        """What was there before the command is there."""
        now = contents(session, KEPT_ROWS)
        assert now == self._kept

    @abstractmethod
    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """Check what the command has left, however it ended; returns 'done' or 'undone'."""

    @abstractmethod
    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        """What the command leaves when it has ended well."""

    def is_done(self, ended: Ended) -> bool:
        """Whether a command was refused because it had been done."""
        return False

    def as_undisturbed(self, session: psycopg.Connection, ended: Ended) -> None:
        """The command, given again, has done what it does undisturbed, or says that it was done."""
        if not self.is_done(ended):
            assert ended.status == 0, ended
            assert self.result(session, ended) == self.undisturbed


def is_there(session: psycopg.Connection, name: str) -> bool:
    """Whether a model is loaded; if so it answers as the one whose files it has."""
    if not loader.is_loaded(session, name):
        return False
    answers = [
        session.execute(f"{ANSWER} FROM lm.next_token(%s, 5, %s) AS n", (OPENING, model)).fetchone()
        for model in ("demo", name)
    ]
    assert answers[0] == answers[1]
    return True
