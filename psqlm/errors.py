"""The exceptions of psqlm."""

from __future__ import annotations

import psycopg

from psqlm.printable import printable

LONGEST = 900
"""Characters of an error; what it quotes may be of any size."""


class PsqlmError(Exception):
    """Work that failed for a reason the user can act on.

    Its text is one clear line that says what to do next; the command line prints it and exits 1.
    """

    def __init__(self, message: str) -> None:
        """The message may quote what files hold: whatever that is, it stays one short line."""
        message = printable(message)
        if len(message) > LONGEST:  # what is wrong stands before, what to do behind
            message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
        super().__init__(message)


class InterruptionError(PsqlmError):
    """Work that the user stopped; the command line exits 130, as a shell does after Ctrl-C."""


def said_by_server(error: psycopg.Error) -> PsqlmError:
    """What the server refused, and its hint what to do next, as one line."""
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return PsqlmError(
            "the server closed the connection, what was not finished is undone: try again"
        )
    hint = error.diag.message_hint
    if hint is None and isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = "psqlm grant ROLE reader, or runner, is how the owner gives rights"
    said = [error.diag.message_primary or str(error), hint]
    return PsqlmError(": ".join(part for part in said if part))
