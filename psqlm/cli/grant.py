"""The command grant."""

from __future__ import annotations

from typing import Annotated

import typer

from psqlm.cli.options import Dsn
from psqlm.cli.shell import connect
from psqlm.database import rights


def grant(
    role: Annotated[str, typer.Argument(help="A role of the server.")],
    right: Annotated[
        rights.Right, typer.Argument(help="reader: query everything. runner: run models too.")
    ],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back.")] = False,
    dsn: Dsn = None,
) -> None:
    """Let a role use psqlm: query, or run models too. Its own runs it may remove, not others'.

    The same in SQL: **GRANT psqlm_runner TO alice**. Roles belong to the server, so what is given
    here counts in all of its databases that have psqlm.
    """
    with connect(dsn) as connection:
        (rights.revoke if revoke else rights.grant)(connection, role, right)
    typer.echo(f"{role} is {'no longer' if revoke else 'a'} psqlm_{right}", err=True)
