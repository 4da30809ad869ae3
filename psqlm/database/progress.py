"""What lm.progress shows of a command, and how one is ended from another session."""

from __future__ import annotations

import time
from typing import Any, Literal

import psycopg

from psqlm.errors import PsqlmError

PATIENCE = 30.0
"""Seconds that a command has to end."""


class Task:
    """A command that takes long, as its sessions tell of it in their application_name.

    Sessions of one task say which was the first, so that they are seen as one.
    """

    def __init__(self, what: Literal["load", "run", "generate"], model: str) -> None:
        """A task that begins now.

        Args:
            what: what is done.
            model: with which model.
        """
        self._what = what
        self._model = model
        self._since = int(time.time())
        self._first: int | None = None

    def tell(
        self,
        connection: psycopg.Connection[Any],
        done: int | None,
        total: int,
        *,
        lasts: bool = False,
    ) -> None:
        """Let others see how far it is; they do at once, before the transaction ends.

        Args:
            connection: one of its sessions, in a transaction.
            done: how much is done, where that is known.
            total: how much there is.
            lasts: whether the session does so beyond the transaction.
        """
        if self._first is None:
            self._first = connection.info.backend_pid
        told = "" if done is None else done
        connection.execute(
            "SELECT pg_catalog.set_config('application_name', %s, %s)",
            (
                f"psqlm {self._what} {told}/{total} {self._since} {self._first} {self._model}",
                not lasts,
            ),
        )


def cancel(connection: psycopg.Connection[Any], task: int | None = None) -> list[str]:
    """End what lm.progress shows, by cancelling its statements until it is gone.

    What has been committed stays.

    Args:
        connection: another session.
        task: which, by its id; None: all of them.

    Returns:
        What was ended, each as a few words.

    Raises:
        PsqlmError: there is no such task, it is another role's, or it goes on.
    """
    until = time.monotonic() + PATIENCE
    ended: dict[int, str] = {}
    while running := _running(connection, task):
        for number, pids, words in running:
            ended[number] = words
            for pid in pids:
                _cancel(connection, pid, words)
        if time.monotonic() > until:
            raise PsqlmError(
                f"{running[0][2]} goes on: SELECT pg_terminate_backend({running[0][1][0]}) ends it"
            )
        time.sleep(0.1)  # between two statements there is nothing to cancel
    if task is not None and not ended:
        raise PsqlmError(f"nothing runs by the id {task}: TABLE lm.progress lists what does")
    return list(ended.values())


def _running(
    connection: psycopg.Connection[Any], task: int | None
) -> list[tuple[int, list[int], str]]:
    with connection.transaction():
        return connection.execute(
            """
            SELECT p.id, p.pids, concat_ws(' ', p.what, p.model, 'of', p.role)
            FROM lm.progress AS p
            WHERE p.id = COALESCE(%s, p.id) AND pg_backend_pid() <> ALL (p.pids)
            """,
            (task,),
        ).fetchall()


def _cancel(connection: psycopg.Connection[Any], pid: int, words: str) -> None:
    try:
        with connection.transaction():
            # a process may be gone by now, and its number would be a warning
            connection.execute("SET LOCAL client_min_messages = error")
            connection.execute("SELECT pg_catalog.pg_cancel_backend(%s)", (pid,))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PsqlmError(
            f"{words} may be cancelled by that role or by a superuser "
            f"({error.diag.message_primary})"
        ) from error
