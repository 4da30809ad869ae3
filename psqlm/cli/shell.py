"""What the commands have in common: the connection, the prompt, and how users see what fails."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import typer
from typer.core import TyperGroup

from psqlm.errors import InterruptionError, PsqlmError, said_by_server
from psqlm.printable import printable

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
        except psycopg.errors.QueryCanceled as error:
            _fail(f"{error.diag.message_primary}: nothing of it is kept")
        except psycopg.Error as error:
            _fail(str(said_by_server(error)))
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except UnicodeEncodeError as error:  # an argument's bytes, which Python keeps as halves
            _fail(str(PsqlmError(f"{error.object} is not UTF-8: give texts and names in UTF-8")))
        except BrokenPipeError:  # a reader such as head has seen enough
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}")


def connect(dsn: str | None) -> psycopg.Connection:
    """Connect; what the server has to say goes to standard error."""
    from psqlm import database

    return database.connect(dsn, lambda said: typer.echo(f"psqlm: {printable(said)}", err=True))


def command_name() -> str:
    """What to type for psqlm: its name, or its path where the shell would not find it by name."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("psqlm")
    if called.name != "psqlm" or not called.exists():  # python -m psqlm, or from within Python
        beside = Path(sys.executable).with_name("psqlm")
        called = beside if beside.exists() else called
    if called.name != "psqlm" or (found and Path(found).absolute() == called):
        return "psqlm"
    relative = os.path.relpath(called)
    return str(called) if relative.startswith("..") else relative


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


def agreed(question: str) -> bool:
    """Ask on standard error; no is the answer to Return, and where nobody can be asked.

    Raises:
        KeyboardInterrupt: Ctrl-C was the answer.
    """
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as abort:  # the end of input, or Ctrl-C
        typer.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from abort
        return False


def _fail(message: str, status: int = 1) -> NoReturn:
    typer.echo(f"psqlm: {printable(' '.join(message.split()))}", err=True)
    raise typer.Exit(status)
