"""The commands status and vacuum."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from psqlm.cli.options import Dsn

Json = Annotated[bool, typer.Option("--json", help="Print it for a program to read.")]


def status(as_json: Json = False, dsn: Dsn = None) -> None:
    """Say how things are: server, disk, models, runs, what runs now, what crashes left behind.

    A server that is not running stays so.
    """
    from psqlm.database.status import status as find_out

    facts = find_out(dsn)
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for heading, line in _lines(facts):
        typer.echo(f"{heading:10}{line}")


def vacuum(dsn: Dsn = None) -> None:
    """Give back the space of dropped models and runs, and remove what crashes left behind.

    Tables that others use are left as they are, and so are files while others are connected.
    """
    from psqlm.database.vacuum import vacuum as tidy

    tidied = tidy(dsn)
    told = [f"{_size(max(tidied.given_back, 0))} given back"]
    for count, what in (
        (tidied.tables, "table of weights dropped"),
        (tidied.files, "file of crashed loads removed"),
        (tidied.folders, "folder of killed starts removed"),
    ):
        if count:
            told.append(f"{count} {what}")
    if tidied.in_use:
        told.append(f"in use, and so left as they are: {', '.join(tidied.in_use)}")
    typer.echo(", ".join(told), err=True)


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "server", _server(facts["server"])
    if facts.get("installed", "yes") != "yes":
        yield "psqlm", f"{facts['installed']}: any other command installs this one"
    for number, model in enumerate(facts.get("models", [])):
        default = ", the default" if model["is_default"] else ""
        yield (
            "" if number else "models",
            f"{model['name']}: {model['dtype']}, {_size(model['bytes'])}{default}",
        )
    if runs := facts.get("runs"):
        seen = ", each role's its own" if runs["private"] else ""
        yield "runs", f"{runs['runs']:,} of {runs['tokens']:,} tokens{seen}"
        for site in runs["sites"]:
            dtype = "" if site["capture_dtype"] == "float32" else f" ({site['capture_dtype']})"
            yield (
                "",
                f"{site['site']}{dtype}: {_size(site['bytes'])}, "
                f"{_size(site['bytes_per_token'] or 0)} a token, "
                f"in {site['n_run']:,} run{'s' * (site['n_run'] != 1)}",
            )
    for number, task in enumerate(facts.get("running", [])):
        yield "" if number else "running", _task(task)
    if "leftovers" in facts:
        yield "leftovers", _leftovers(facts["leftovers"])


def _server(server: dict[str, Any]) -> str:
    if server["kind"] == "named":
        return (
            f"PostgreSQL {server['version']} at {server['host']}:{server['port']}, database "
            f"{server['database']} as {server['role']}, {_size(server['data_bytes'])}"
        )
    if server["version"] is None:
        return f"embedded, not made yet: {server['folder']}"
    state = f"running as process {server['pid']}" if server["running"] else "not running"
    return (
        f"embedded PostgreSQL {server['version']}, {state}, in {server['folder']}: "
        f"{_size(server['data_bytes'])}, of it {_size(server['log_bytes'])} write-ahead log"
    )


def _task(task: dict[str, Any]) -> str:
    told = [f"{task['id']} {task['what']}", task["model"] or "", f"of {task['role']}"]
    if task["total"] is not None:
        done = "" if task["done"] is None else f"{task['done']:,.0f} of "
        told.append(f"{done}{task['total']:,.0f} {task['unit']}")
    if task["rate"]:
        told.append(f"{task['rate']:,.0f}/s")
    if task["since"]:
        told.append(f"since {task['since'][:19]}")
    return f"{' '.join(filter(None, told))}; psqlm cancel {task['id']} ends it"


def _leftovers(left: dict[str, Any]) -> str:
    told = [
        f"{count} {what}"
        for count, what in (
            (left.get("files"), "files of crashed loads"),
            (left.get("folders"), "folders of killed starts"),
            (left.get("tables"), "tables of dropped models"),
            (left.get("generations"), "generations that ended"),
        )
        if count
    ]
    if told and left.get("bytes"):
        told[-1] += f" ({_size(left['bytes'])})"
    if (left.get("unused_bytes") or 0) > 1e6:
        told.append(f"{_size(left['unused_bytes'])} without rows")
    return f"{', '.join(told)}; psqlm vacuum removes them" if told else "none"


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
