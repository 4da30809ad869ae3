"""The log of what was done: a line for each command, in psqlm.log under PSQLM_HOME.

What a prompt says is not in it, only how long it is.
"""

from __future__ import annotations

import io
import logging
import os
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import psycopg
import typer
from typer.core import TyperCommand

from psqlm.errors import InterruptionError, said_by_server

NAME = "psqlm.log"
LARGEST = 1_000_000
"""Bytes of a file; then a new one begins, and three old ones are kept."""
ONLY_LOOKS = frozenset({"models", "status", "sql", "dsn"})
"""Commands that do nothing to tell of."""
TEXTS = frozenset({"prompt"})
"""Arguments of which only the length is told."""
MOST = 300
"""Characters of an error, or of an argument, that are told."""

_facts: dict[str, object] = {}


def note(**facts: object) -> None:
    """Let the line of this command say what came of it: runs=12, tokens=480."""
    _facts.update(facts)


class Logged(TyperCommand):
    """A command that leaves a line in the log, however it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        _facts.clear()
        start = time.monotonic()
        status, error = 0, ""
        try:
            return super().invoke(ctx)
        except BaseException as ending:
            said = said_by_server(ending) if isinstance(ending, psycopg.Error) else ending
            status, error = _status(ending), " ".join(str(said).split())
            raise
        finally:
            if ctx.info_name not in ONLY_LOOKS:
                told = {"status": status, "seconds": f"{time.monotonic() - start:.2f}"}
                if status and error:
                    told["error"] = error
                _write({"command": ctx.info_name, **_arguments(ctx), **_facts, **told})


def _status(ending: BaseException) -> int:
    """The exit status that the command line gives, see shell.py."""
    if isinstance(ending, (typer.Exit, SystemExit)):
        code = getattr(ending, "exit_code", getattr(ending, "code", 0))
        return code if isinstance(code, int) else int(code is not None)
    if isinstance(ending, (KeyboardInterrupt, InterruptionError)):
        return 130
    return 2 if isinstance(ending, typer.BadParameter) else 1


def _arguments(ctx: Any) -> dict[str, object]:
    """What was given on the command line, but for a DSN, which may hold a password."""
    told: dict[str, object] = {}
    for name, value in ctx.params.items():
        source = ctx.get_parameter_source(name)
        if value is None or name == "dsn" or source is None or source.name != "COMMANDLINE":
            continue
        if name in TEXTS:
            told[f"{name}_length"] = len(value)
        else:
            told[name] = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    return told


def _write(facts: dict[str, object]) -> None:
    """Write a line, if there is a place for it: a log is not worth a failure."""
    from psqlm.database import system_user
    from psqlm.database.server import home

    try:
        system_user.make_folder(home())
        handler = _File(home() / NAME, maxBytes=LARGEST, backupCount=3, encoding="utf-8")
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    message = " ".join(f"{name}={_word(str(value))}" for name, value in facts.items())
    record = logging.LogRecord("psqlm", logging.INFO, "", 0, message, None, None)
    try:
        handler.handle(record)
    finally:
        handler.close()


def _word(value: str) -> str:
    """A value as one word; in quotation marks where it has spaces."""
    value = "".join(c if c.isprintable() else " " for c in value)[:MOST]
    return '"' + value.replace('"', "'") + '"' if " " in value or not value else value


class _File(RotatingFileHandler):
    """A file of the user's alone. A link in its place is not followed: root may write it."""

    def _open(self) -> io.TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(Path(self.baseFilename), flags, 0o600)
        return open(descriptor, "a", encoding=self.encoding)  # noqa: PTH123 (no path)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """A full disk is the command's to tell."""
