"""The commands that faults strike, and what each has left when it is done, or not done."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from psqlm import database, loader
from trust.invariants import contents
from trust.scenario import OPENING, TEXTS, Scenario, is_there
from trust.world import Ended, World

EARLIEST = Path(__file__).parents[1] / "schema_0.sql"


class Load(Scenario):
    name = "load"
    command = ("load", "demo", "--name", "other")
    may_repeat = True

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        there = is_there(session, "other")
        assert there or "loaded other" not in ended.said
        return "done" if there else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        return is_there(session, "other")

    def is_done(self, ended: Ended) -> bool:
        return ended.said.startswith('psqlm: a model named "other" is loaded already')


class Replace(Scenario):
    name = "load --force"
    may_repeat = True
    command = ("load", "demo", "--name", "other", "--force", "--yes")

    def prepare(self, world: World) -> None:
        super().prepare(world)
        with world.connect() as session:
            loader.load(session, "demo", name="other")
            session.execute("SELECT lm.forward('The fox', 'other')")
            self._before = self._model(session)

    def _model(self, session: psycopg.Connection) -> Any:
        return session.execute(
            "SELECT model_id, (SELECT count(*) FROM lm.run WHERE run_id > 5)"
            " FROM lm.model WHERE name = 'other'"
        ).fetchone()

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """One of that name is there all the time: the old one with its run, or the new one."""
        assert is_there(session, "other")
        model_id, n_runs = self._model(session)
        is_new = model_id != self._before[0]
        assert n_runs == (0 if is_new else 1)
        assert is_new or "loaded other" not in ended.said
        return "done" if is_new else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        return is_there(session, "other"), self._model(session)[1]


class Drop(Replace):
    name = "drop"
    command = ("drop", "other")

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        there = is_there(session, "other")
        if there:
            assert self._model(session) == self._before
        else:
            assert session.execute("SELECT max(run_id) FROM lm.run").fetchone() == (5,)
        assert not (there and "dropped other" in ended.said)
        return "undone" if there else "done"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        return is_there(session, "other")

    def is_done(self, ended: Ended) -> bool:
        return ended.said.startswith('psqlm: no model named "other" is loaded')


RUNS = """
    SELECT r.prompt, r.capture, r.interventions, t.name, t.value
    FROM lm.run AS r
    LEFT JOIN lm.tag AS t USING (run_id)
    WHERE r.run_id > 5
    ORDER BY r.prompt, t.name
"""


class Forward(Scenario):
    name = "run"
    command = ("run", " ".join(TEXTS[:2]), "--capture", "all", "--tag", "source=own")

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """A run has its tag, and what was printed is there."""
        runs = session.execute(RUNS.encode()).fetchall()
        assert [row[3:] for row in runs] in ([], [("source", "own")])
        if ended.printed:
            assert session.execute(
                "SELECT count(*) FROM lm.run WHERE run_id = %s", (ended.printed,)
            ).fetchone() == (1,)
        return "done" if runs else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        """The newest run's rows."""
        rows = session.execute(
            """
            SELECT c.site::text, c.layer, c.head, c.position, c.value::text
            FROM lm.captured AS c
            WHERE c.run_id = %s
            ORDER BY 1, 2, 3, 4
            """,
            (ended.printed,),
        ).fetchall()
        assert len(rows) > 1000
        return rows


class Generate(Scenario):
    name = "generate"
    command = ("generate", OPENING, "-n", "16", "--temperature", "0.8", "--seed", "7")

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """What was printed is the beginning of what is printed undisturbed, and ends its line."""
        assert self.undisturbed.startswith(ended.printed.removesuffix("\n"))
        return "done" if ended.printed == self.undisturbed else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        return ended.printed


class Many(Scenario):
    """Several texts by one statement, which a parallel worker shares."""

    name = "forward_many"
    has_workers = True

    def __init__(self) -> None:
        super().__init__()
        texts = ", ".join(f"'{text}'" for text in TEXTS[:12])
        self.command = ("sql", "-At", "-c", f"SELECT * FROM lm.forward_many(ARRAY[{texts}])")

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        runs = session.execute("SELECT run_id FROM lm.run WHERE run_id > 5").fetchall()
        assert len(runs) in (0, 12)
        printed = {int(line.split("|")[1]) for line in ended.printed.splitlines()}
        assert printed <= {run_id for (run_id,) in runs}
        return "done" if runs else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        printed = [int(line.split("|")[1]) for line in ended.printed.splitlines()]
        return norms(session, printed)


def norms(session: psycopg.Connection, run_ids: list[int]) -> list[tuple[Any, ...]]:
    """The rows of runs, by text."""
    return session.execute(
        """
        SELECT r.prompt, a.layer, a.position, a.norm, a.adjustment::text
        FROM lm.run AS r
        INNER JOIN lm.attention_adjustment AS a USING (run_id)
        WHERE r.run_id = ANY (%s)
        ORDER BY r.prompt, r.run_id, a.layer, a.position
        """,
        (run_ids,),
    ).fetchall()


class Corpus(Scenario):
    name = "run --each"
    may_repeat = True

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name, "corpus.txt")
        file.write_text("\n".join(TEXTS), "utf-8")
        self.command = (
            *("run", "--file", str(file)),
            *("--each", "line", "--jobs", "2", "--tag", "source=tales"),
        )

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """No text twice, each with its tag."""
        runs = session.execute(RUNS.encode()).fetchall()
        assert len({row[0] for row in runs}) == len(runs) <= len(TEXTS)
        assert {row[3:] for row in runs} <= {("source", "tales")}
        if kept := re.search(r"(\d+) of \d+ texts are run and kept", ended.said):
            assert int(kept[1]) <= len(runs)
        return "done" if len(runs) == len(TEXTS) else f"{'some' if runs else 'undone'}"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        """The rows of all runs that there are, not only of those that were printed."""
        runs = session.execute("SELECT run_id FROM lm.run WHERE run_id > 5").fetchall()
        assert ended.printed
        return norms(session, [run_id for (run_id,) in runs])


class Sweep(Scenario):
    name = "sweep"
    command = (
        *("sql", "-At", "-c"),
        f"""
        SELECT s.layer, s.position, s.logit_difference
        FROM lm.patching_sweep(
            '{OPENING}', '{OPENING.replace("king", "wolf")}', 'resid_pre', ' who', ' and'
        ) AS s
        """,
    )

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        sweeps = session.execute("SELECT count(*) FROM lm.patching_sweep").fetchone()
        runs = session.execute("SELECT count(*) FROM lm.run WHERE run_id > 5").fetchone()
        assert (sweeps, runs) in (((1,), (0,)), ((2,), (2,)))
        assert not (ended.printed and sweeps == (1,))
        return "done" if sweeps == (2,) else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        assert ended.printed.count("\n") > 50
        return ended.printed


class Reinstall(Scenario):
    """The code is made anew, beside models and runs."""

    name = "reinstall"
    may_repeat = True
    is_healed = True
    command = ("models",)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        with world.connect() as session:
            session.execute("UPDATE lm.installation SET digest = 'another'")

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        done = session.execute("SELECT digest <> 'another' FROM lm.installation").fetchone()
        assert is_there(session, "demo")
        return "done" if done == (True,) else "undone"

    def result(self, session: psycopg.Connection, ended: Ended) -> Any:
        assert session.execute("SELECT digest FROM lm.installation").fetchone() == (
            database.digest(),
        )
        # when it was loaded is no part of what must be equal
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", ended.printed)


class Install(Reinstall):
    """The first connection to an empty database."""

    name = "install"

    def prepare(self, world: World) -> None:
        world.holds = ""
        with world.connect() as session:
            session.execute("DROP SCHEMA IF EXISTS lm, lm_internal CASCADE")
            session.execute("DROP EXTENSION IF EXISTS vector")

    def nothing_lost(self, session: psycopg.Connection) -> None:
        """There was nothing."""

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        there = session.execute(
            "SELECT to_regnamespace('lm') IS NULL, to_regclass('lm.adjustment_norm') IS NULL"
        ).fetchone()
        assert there in ((True, True), (False, False))
        return "undone" if there == (True, True) else "done"


class Migrate(Install):
    """The first connection to a database of the earliest version."""

    name = "migrate"

    QUERIES = (
        "(SELECT run_id, prompt, token_ids, capture::text FROM lm.run)",
        "(SELECT * FROM lm.attention_adjustment)",
        "(SELECT run_id, site::text, layer, head, position, value FROM lm.activation)",
        "(SELECT run_id, position, name, value FROM lm.tag)",
        "(SELECT token_id, bytes, token FROM lm.vocabulary)",
        "(SELECT layer, map::text, block, unit, bias, weight::text FROM lm.linear)",
        "(SELECT token_id, embedding::text FROM lm.token_embedding)",
    )

    def prepare(self, world: World) -> None:
        super().prepare(world)
        with world.connect() as session:
            session.execute(EARLIEST.read_bytes())
        with world.connect() as session:
            self._kept = contents(session, self.QUERIES)

    def nothing_lost(self, session: psycopg.Connection) -> None:
        assert contents(session, self.QUERIES) == self._kept

    def after(self, session: psycopg.Connection, ended: Ended) -> str:
        """The old version answers, or the new one does."""
        answer = session.execute("SELECT count(*) FROM lm.next_token('the cat', 5)").fetchone()
        assert answer == (5,)
        row = session.execute(
            "SELECT to_jsonb(i) ->> 'digest' FROM lm.installation AS i"
        ).fetchone()
        return "done" if row == (database.digest(),) else "undone"


SCENARIOS: tuple[type[Scenario], ...] = (
    Load, Replace, Drop, Forward, Many, Generate, Corpus, Sweep, Reinstall, Install, Migrate
)  # fmt: skip
