"""Handing over to psql."""

from __future__ import annotations

import os
import shutil

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from psqlm.database.connection import connect, resolve
from psqlm.database.server import EmbeddedServer


def execute(arguments: list[str]) -> None:
    """Become psql on the database in use; does not return.

    Args:
        arguments: psql's own, passed on untouched.
    """
    dsn = resolve()
    connect(dsn).close()  # so that schema lm is there
    parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    environment = dict(os.environ)
    if password := parameters.pop("password", None):
        environment["PGPASSWORD"] = password  # not on a command line that others can list
    bundled = str(EmbeddedServer().binaries / "psql")
    psql = (shutil.which("psql") if os.environ.get("PSQLM_DSN") else None) or bundled
    # the connection first: psql takes what follows options for a database and a user
    command = ["psql", f"--dbname={make_conninfo('', **parameters)}", *arguments]
    os.execve(psql, command, environment)  # noqa: S606 (no shell is meant)
