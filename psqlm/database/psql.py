"""Handing over to psql."""

from __future__ import annotations

import os
import shutil

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from psqlm.database.connection import connect, resolve
from psqlm.database.server import EmbeddedServer


def execute(arguments: list[str]) -> None:
    """Become psql on the database in use. Does not return.

    Args:
        arguments: those of psql, passed on unchanged.
    """
    dsn = resolve()
    connect(dsn).close()  # installs the schema lm if needed
    parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    environment = dict(os.environ)
    if shutil.which("less") and not (environment.get("PSQL_PAGER") or environment.get("PAGER")):
        environment["PAGER"] = "less -S"  # wide rows go on to the right, they are not wrapped
    if password := parameters.pop("password", None):
        environment["PGPASSWORD"] = password  # not on the command line, which others can see
    bundled = str(EmbeddedServer().binaries / "psql")
    psql = (shutil.which("psql") if os.environ.get("PSQLM_DSN") else None) or bundled
    # the connection first: psql takes words after options for a database and a user
    command = ["psql", f"--dbname={make_conninfo('', **parameters)}", *arguments]
    os.execve(psql, command, environment)  # noqa: S606 (no shell is meant)
