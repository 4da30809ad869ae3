"""Getting a model's files, reading them, filling the tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
from psycopg import Connection

from psqlm.database.progress import Task
from psqlm.errors import PsqlmError, said_by_server

from .checkpoint import Checkpoint, Progress, weight_files
from .config import read_config
from .source import default_name, find
from .tokenizer import read_tokenizer
from .weight_rows import DTYPES
from .writer import ModelWriter, lock_name

__all__ = ["default_name", "drop", "is_loaded", "load"]

REFUSALS = (psycopg.errors.InvalidParameterValue, psycopg.errors.LockNotAvailable)
"""What lm.drop_model raises."""


def load(
    connection: Connection[Any],
    source: str,
    name: str | None = None,
    revision: str | None = None,
    dtype: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    keep_old: str | None = None,
) -> str:
    """Load a model, in one transaction: all of it or nothing.

    Args:
        connection: to a database with psqlm's SQL; committed unless a transaction is open.
        source: "demo", a folder, or the id of a Hugging Face repository.
        name: what to call the model; by default as the folder or repository is called.
        revision: a branch, tag or commit of the repository.
        dtype: how to store weights, float32 (the default) or float16.
        force: replace the model of that name, its runs too; until the new one is there, the old
            one serves. Several that do so at a time take turns.
        progress: called with the bytes of weights written so far and in all.
        keep_old: with force, the name that the model of before has from then on, instead of being
            removed. Its runs stay with it.

    Returns:
        The model's name.

    Raises:
        PsqlmError: no such model, none of a family that the SQL computes, damaged files, or a model
            of that name is loaded already, or one of the name that the old one is to have; it is in
            use, or interventions need its runs.
    """
    dtype = dtype or "float32"
    if dtype not in DTYPES:
        raise PsqlmError(f"unknown dtype {dtype}: {' or '.join(DTYPES)}")
    name = name or default_name(source)
    with connection.transaction():
        connection.execute("SELECT lm_internal.require_right('owner', 'load models')")
    if not force and is_loaded(connection, name):  # before anything is fetched
        raise _already_loaded(name)
    if keep_old is not None and is_loaded(connection, keep_old):
        raise PsqlmError(f'a model named "{keep_old}" is loaded: keep the old one by another name')
    found = find(source, revision)
    sizes = read_config(found.folder / "config.json")
    checkpoint = Checkpoint(weight_files(found.folder), sizes)
    tokenizer = read_tokenizer(found.folder, sizes.n_vocab)
    checkpoint.check_tied()
    task = Task("load", name)
    megabytes = ceil(checkpoint.n_numbers * np.dtype(DTYPES[dtype]).itemsize / 1e6)
    try:
        with connection.transaction(), ThreadPoolExecutor(1) as pool:
            sha256 = pool.submit(checkpoint.sha256)
            task.tell(connection, 0, megabytes)
            lock_name(connection, name)
            replaces = force and is_loaded(connection, name)
            if replaces and keep_old is None:
                _require_unused(connection, name)
            own_name = f"{name} {uuid4().hex}" if replaces else name
            writer = ModelWriter(connection, own_name, found, sizes, dtype, task, megabytes)
            writer.tokenizer(tokenizer)
            writer.layers()
            writer.weights(checkpoint, progress)
            writer.finish(sha256.result())
            if replaces:
                writer.take_place_of(name, keep_old)
    except psycopg.errors.UniqueViolation as error:
        raise _already_loaded(name) from error  # by another session, meanwhile
    except REFUSALS as error:
        raise said_by_server(error) from error
    return name


def is_loaded(connection: Connection[Any], name: str) -> bool:
    """Whether a model of that name is loaded."""
    with connection.transaction():
        found = connection.execute("SELECT FROM lm.model WHERE name = %s", (name,))
        return found.rowcount > 0


def drop(connection: Connection[Any], name: str) -> None:
    """Remove a model and all that belongs to it, its runs too, in one transaction.

    Raises:
        PsqlmError: no model of that name is loaded; it is in use, or interventions need its runs.
    """
    try:
        with connection.transaction():
            connection.execute("SELECT lm.drop_model(%s)", (name,))
    except REFUSALS as error:
        raise said_by_server(error) from error


def _require_unused(connection: Connection[Any], name: str) -> None:
    """Refuse before anything is written what lm.drop_model would refuse after it."""
    connection.execute(
        "SELECT lm_internal.require_unused(ARRAY(SELECT r.run_id FROM lm.run AS r"
        " INNER JOIN lm.model AS m USING (model_id) WHERE m.name = %s))",
        (name,),
    )


def _already_loaded(name: str) -> PsqlmError:
    return PsqlmError(
        f'a model named "{name}" is loaded already: --force replaces it, --name gives another name'
    )
