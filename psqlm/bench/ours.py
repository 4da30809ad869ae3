"""The work in the database, through one connection, as a client of psqlm does it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from psqlm import loader
from psqlm.bench.prose import prose
from psqlm.errors import PsqlmError

TEXT = prose(100_000)
LENGTHS = (24, 48, 96, 144)  # of a corpus's texts, in tokens


@dataclass(frozen=True)
class Prompt:
    """A text and its tokens."""

    text: str
    tokens: list[int]


class Ours:
    """A model in the database."""

    def __init__(self, connection: psycopg.Connection[Any], model: str) -> None:
        """Take the model of that name; `connection` commits after each statement."""
        self.connection = connection
        self.model = model
        self._prose: list[int] = []

    def load(self, folder: Path, dtype: str) -> None:
        """Load the model from its files."""
        loader.load(self.connection, str(folder), self.model, dtype=dtype)

    def drop(self) -> None:
        """Remove the model."""
        loader.drop(self.connection, self.model)

    def settle(self) -> None:
        """Do now what the server would otherwise do in the background while we measure."""
        self.connection.execute("VACUUM (ANALYZE)")
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            self.connection.execute("CHECKPOINT")

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(self._value("SELECT lm.encode(%s, %s)", text, self.model))

    def prompts(self, n_tokens: int, count: int = 1) -> list[Prompt]:
        """Different prompts with this many tokens, cut from prose.

        Raises:
            PsqlmError: the prose is too short.
        """
        self._prose = self._prose or self.encode(TEXT)
        found: list[Prompt] = []
        start = 0
        while len(found) < count:
            tokens = self._prose[start : start + n_tokens]
            if len(tokens) < n_tokens:
                raise PsqlmError(f"no {count} prompts of {n_tokens} tokens in the prose")
            text = str(self._value("SELECT lm.decode(%s::int[], %s)", tokens, self.model))
            # cut in the middle of a word, a text may well be tokenized otherwise
            fits = self.encode(text) == tokens
            if fits:
                found.append(Prompt(text, tokens))
            start += n_tokens if fits else 1
        return found

    def texts(self, count: int) -> list[Prompt]:
        """Paragraphs of prose, shorter and longer ones by turns.

        Raises:
            PsqlmError: the prose is too short.
        """
        each = -(-count // len(LENGTHS))
        by_length = [self.prompts(n_tokens, each) for n_tokens in LENGTHS]
        return [prompts[number] for number in range(each) for prompts in by_length][:count]

    def prompt(self, n_tokens: int) -> Prompt:
        """A prompt with this many tokens."""
        return self.prompts(n_tokens)[0]

    def forward(self, tokens: Sequence[int]) -> None:
        """A forward pass whose attention adjustments are kept."""
        self._value(
            "SELECT lm.forward(token_ids => %s::int[], model => %s)", list(tokens), self.model
        )

    def forward_many(self, texts: Sequence[str]) -> None:
        """Several texts in one pass, their attention adjustments kept."""
        self._value(
            "SELECT count(f.run_id) FROM lm.forward_many(%s::text[], %s) AS f",
            list(texts),
            self.model,
        )

    def forget_runs(self) -> None:
        """Delete the runs that were kept."""
        self.connection.execute("DELETE FROM lm.run")

    def logits(self, text: str) -> npt.NDArray[np.float64]:
        """Logits of what follows a text, [vocabulary]."""
        rows = self.connection.execute(
            "SELECT n.logit FROM lm.next_token(%s, NULL, %s) AS n ORDER BY n.token_id",
            (text, self.model),
        ).fetchall()
        return np.array(rows, dtype=np.float64)[:, 0]

    def generate(self, text: str, n_tokens: int) -> list[int]:
        """A greedy continuation."""
        rows = self.connection.execute(
            "SELECT g.token_id FROM lm.generate_tokens(%s, %s, model => %s) AS g ORDER BY g.step",
            (text, n_tokens, self.model),
        ).fetchall()
        return [token for (token,) in rows]

    def steps(self, text: str, n_tokens: int) -> Generator[int, None, None]:
        """Greedy tokens, each computed when it is asked for; the first after the whole text."""
        # a cursor on the server, so that each FETCH is a step of the recursion
        with self.connection.transaction(), self.connection.cursor(name="bench") as cursor:
            cursor.execute(
                "SELECT g.token_id FROM lm.generate_tokens(%s, %s, model => %s) AS g",
                (text, n_tokens, self.model),
            )
            while (row := cursor.fetchone()) is not None:
                yield row[0]

    def steps_together(
        self, texts: Sequence[str], n_tokens: int
    ) -> Generator[list[int], None, None]:
        """Greedy tokens, one for each text, computed when they are asked for."""
        with self.connection.transaction(), self.connection.cursor(name="bench") as cursor:
            cursor.execute(
                "SELECT g.token_id FROM lm_internal.generated(%s::text[], %s, 0, NULL, NULL, NULL,"
                " lm.model_id(%s), NULL, false) AS g",
                (list(texts), n_tokens, self.model),
            )
            while len(rows := cursor.fetchmany(len(texts))) == len(texts):
                yield [token for (token,) in rows]

    @property
    def model_id(self) -> int:
        """The model's key."""
        return int(self._value("SELECT lm.model_id(%s)", self.model))

    @contextlib.contextmanager
    def cached(self, text: str) -> Iterator[int]:
        """A generation that has read a text and keeps its cache until the end."""
        self.connection.execute(
            "SELECT FROM lm.generate_tokens(%s, 1, model => %s, keep_cache => true)",
            (text, self.model),
        )
        generation_id = int(self._value("SELECT max(g.generation_id) FROM lm.generation AS g"))
        yield generation_id
        self.connection.execute(
            "DELETE FROM lm.generation AS g WHERE g.generation_id = %s", (generation_id,)
        )

    def unembed(self) -> None:
        """Read one position of the residual stream as logits; which one costs the same."""
        self._value(
            """
            SELECT count(l)
            FROM lm.model AS m
            CROSS JOIN LATERAL lm_internal.embedding_of(m.model_id, 1) AS e
            CROSS JOIN LATERAL lm_internal.logits(e.weight, m.model_id) AS l
            WHERE m.model_id = lm.model_id(%s)
            """,
            self.model,
        )

    def memory_of_generation(self, dsn: str, text: str, n_tokens: int) -> float | None:
        """The most private memory that a backend takes to generate, in MB above that at its start.

        It uses a connection of its own. Memory that all backends share, such as pages of weights,
        does not count. None if the server is on another machine, or this is not Linux.
        """
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SELECT FROM lm.model")
            process = Path(f"/proc/{connection.info.backend_pid}")
            try:
                # in a container, or elsewhere, the number is another process's
                if connection.info.dbname.encode() not in (process / "cmdline").read_bytes():
                    return None
                before = highest = _anonymous_memory(process)
            except (OSError, ValueError):
                return None
            done = threading.Event()

            def watch() -> None:
                nonlocal highest
                while not done.wait(0.01):
                    highest = max(highest, _anonymous_memory(process))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                Ours(connection, self.model).generate(text, n_tokens)
            finally:
                done.set()
                watcher.join()
            return (highest - before) / 1e6

    def _value(self, query: str, *parameters: Any) -> Any:
        row = self.connection.execute(query.encode(), parameters).fetchone()
        assert row is not None  # noqa: S101 (a function's value)
        return row[0]


def _anonymous_memory(process: Path) -> int:
    """Bytes of memory that belong to a process alone."""
    status = (process / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024
