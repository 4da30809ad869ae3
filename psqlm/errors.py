"""The exceptions of psqlm."""

from __future__ import annotations

import psycopg


class PsqlmError(Exception):
    """Work that failed for a reason the user can act on.

    Its text is one clear line that says what to do next; the command line prints it and exits 1.
    """


class InterruptionError(PsqlmError):
    """Work that the user stopped; the command line exits 130, as a shell does after Ctrl-C."""


def said_by_server(error: psycopg.Error) -> PsqlmError:
    """What the server refused, and its hint what to do next, as one line."""
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return PsqlmError(
            "the server closed the connection, what was not finished is undone: try again"
        )
    said = [error.diag.message_primary or str(error), error.diag.message_hint]
    return PsqlmError(": ".join(part for part in said if part))
