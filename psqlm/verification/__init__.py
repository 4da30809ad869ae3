"""Whether a loaded model is the model of its files: the same text here and in transformers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

from psqlm import __version__
from psqlm.errors import PsqlmError
from psqlm.loader.architecture import Architecture
from psqlm.loader.checkpoint import Checkpoint, weight_files
from psqlm.loader.config import read_config
from psqlm.loader.source import find
from psqlm.verification.differences import Difference, compare
from psqlm.verification.reference import Reference, missing

__all__ = ["PROMPT", "Difference", "verify"]

PROMPT = "Once upon a time there was a king who had three daughters."


def verify(
    connection: psycopg.Connection[Any], model: str | None = None, prompt: str = PROMPT
) -> list[Difference]:
    """Run a text in the database and in transformers, and keep the largest differences.

    Args:
        connection: to a database with psqlm's SQL; committed.
        model: the model's name; None: the default.
        prompt: the text.

    Returns:
        The rows that are now in lm.verification, in the order of computation.

    Raises:
        PsqlmError: no transformers here, or the model's files are not there or have changed.
    """
    if (absent := missing()) is not None:
        raise PsqlmError(f"psqlm verify compares with transformers: pip install {absent}")
    with connection.transaction():
        connection.execute("SELECT lm_internal.require_right('owner', 'verify models')")
        row = connection.execute(
            """
            SELECT m.model_id, m.name, m.source, m.revision, m.sha256, lm.encode(%s, m.name)
            FROM lm.model AS m
            WHERE m.model_id = lm.model_id(%s)
            """,
            (prompt, model),
        ).fetchone()
    assert row is not None  # noqa: S101 (lm.model_id refuses what is not there)
    model_id, name, source, revision, sha256, token_ids = row
    folder, sizes = _files(name, source, revision, sha256)
    theirs = Reference(folder, sizes).run(token_ids)
    with connection.transaction():
        differences = compare(connection, name, token_ids, theirs)
        _keep(connection, model_id, prompt, differences)
    return differences


def _files(name: str, source: str, revision: str | None, sha256: str) -> tuple[Path, Architecture]:
    """The folder that a model was loaded from, and its sizes.

    Raises:
        PsqlmError: it is not there, or its weights are others now.
    """
    folder = find(source, revision).folder
    sizes = read_config(folder / "config.json")
    if Checkpoint(weight_files(folder), sizes).sha256() != sha256:
        raise PsqlmError(
            f'the weights in {folder} are not those that "{name}" was loaded from: '
            f"psqlm load {source} --name {name} --force loads them anew"
        )
    return folder, sizes


def _keep(
    connection: psycopg.Connection[Any], model_id: int, prompt: str, differences: list[Difference]
) -> None:
    """Write the rows of lm.verification."""
    versions = [str(import_module(library).__version__) for library in ("transformers", "torch")]
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO lm.verification (
                model_id, site, layer, largest_difference, relative_difference,
                prompt, psqlm, transformers, torch
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (model_id, d.site, d.layer, d.largest, d.relative, prompt, __version__, *versions)
                for d in differences
            ],
        )
