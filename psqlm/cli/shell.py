"""What the commands have in common: the connection, the prompt, and how users see what fails."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import typer
from typer.core import TyperGroup

from psqlm.errors import InterruptionError, PsqlmError, said_by_server

# It warns of what else fails on a connection that is lost; that one is lost is said once.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class Commands(TyperGroup):
    """The commands; whatever fails in one of them is one line on standard error and status 1.

    After Ctrl-C the status is 130, as that of a program that the signal ended.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except InterruptionError as error:
            _fail(str(error), INTERRUPTED)
        except PsqlmError as error:
            _fail(str(error))
        except psycopg.Error as error:
            _fail(str(said_by_server(error)))
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # a reader such as head has seen enough
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}")


def connect(dsn: str | None) -> psycopg.Connection:
    """Connect; what the server has to say goes to standard error."""
    from psqlm import database

    connection = database.connect(dsn)
    connection.add_notice_handler(_tell)
    return connection


def _tell(notice: psycopg.errors.Diagnostic) -> None:
    """Pass on what the server says; not that it ends the connection, for that is an error too."""
    if not (notice.sqlstate or "").startswith("57P"):  # shut down, or crashed
        typer.echo(f"psqlm: {notice.message_primary}", err=True)


def read_prompt(prompt: str | None, file: Path | None) -> str:
    """The prompt, from the argument or the file."""
    if (prompt is None) == (file is None):
        raise typer.BadParameter("give a prompt or --file, one of them")
    if prompt is not None:
        return prompt
    try:
        text = sys.stdin.read() if str(file) == "-" else Path(str(file)).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise PsqlmError(f"{file} is not UTF-8 ({error.reason}): convert it with iconv") from error
    return text.removesuffix("\n").removesuffix("\r")


def _fail(message: str, status: int = 1) -> NoReturn:
    typer.echo(f"psqlm: {' '.join(message.split())}", err=True)
    raise typer.Exit(status)
