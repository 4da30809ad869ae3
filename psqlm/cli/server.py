"""The commands start and dsn: the embedded server, and how tools connect to it."""

from __future__ import annotations

from typing import Annotated

import typer

from psqlm.cli.shell import connect
from psqlm.errors import PsqlmError


def start(
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="N", help="Listen on 127.0.0.1:N too, with a password."
        ),
    ] = None,
) -> None:
    """Start the embedded server; the other commands do that by themselves.

    With --port it listens on 127.0.0.1, for tools that speak TCP only: **psqlm dsn --tcp** prints
    what to give them. They may read everything in the schema lm and change nothing. It lasts until
    **psqlm stop**, or **psqlm start** without --port.
    """
    from psqlm.database import tcp
    from psqlm.database.server import EmbeddedServer

    server = EmbeddedServer()
    server.listen(port)
    with connect(server.dsn) as connection:
        if port is None:
            typer.echo("started; next: psqlm sql", err=True)
            return
        tcp.make_role(connection, tcp.password(server.home))
    typer.echo(f"listening on {tcp.ADDRESS}:{port}; next: psqlm dsn --tcp", err=True)


def print_dsn(
    over_tcp: Annotated[
        bool, typer.Option("--tcp", help="That of psqlm start --port, password and all.")
    ] = False,
) -> None:
    """Print the connection string, starting the embedded server if that is what is in use."""
    from psqlm.database import resolve, tcp
    from psqlm.database.server import EmbeddedServer

    if over_tcp:
        server = EmbeddedServer()
        port = tcp.port_of(server.data)
        if port is None:
            raise PsqlmError("the embedded server has no port: psqlm start --port 5433")
        typer.echo(tcp.dsn(server.home, port))
        return
    dsn = resolve()
    connect(dsn).close()
    typer.echo(dsn)
