"""Bringing exported runs into a database that has their models: all of them or none."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from psqlm.errors import PsqlmError
from psqlm.parquet.inner import Import, Inner, Texts
from psqlm.parquet.layout import Interventions, Model, require_pyarrow
from psqlm.parquet.manifest import bad, check_hash, read_manifest
from psqlm.parquet.places import places_of
from psqlm.parquet.statements import ADD, CHECK_PLAN, CHECKS, FIND, MAKE, TABLES

Show = Callable[[int, int], None]


@dataclass
class Brought:
    """What came of it.

    Attributes:
        run_ids: the new runs.
        n_before: runs that had been made here, with the same text and plan.
        left_out: texts that had not been run, by the reason.
        notes: what else is to be said, in a line each.
    """

    run_ids: list[int] = field(default_factory=list)
    n_before: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def bring(
    connection: psycopg.Connection, folder: Path, show: Show = lambda done, total: None
) -> Brought:
    """Write the runs of a folder into a database, in one transaction.

    Args:
        connection: to the database, outside any transaction.
        folder: what psqlm export wrote.
        show: is told how many bytes are done, and of how many.

    Raises:
        PsqlmError: the folder is not whole, its models are not loaded here, or pyarrow is missing.
    """
    require_pyarrow()
    manifest = read_manifest(folder)
    total = 2 * sum(file.bytes for file in manifest.files.values())
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        show(done, total)

    for path, file in manifest.files.items():
        check_hash(folder, path, file)
        step(file.bytes)
    brought = Brought()
    try:
        with connection.transaction():
            # one at a time: two would both find that a run is not there yet
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('lm.import', 0))")
            connection.execute(TABLES)
            for plan in manifest.plans.values():
                _Bring(Import(connection, folder, manifest, plan, step), brought).run()
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise bad(folder, str(error.diag.message_primary or error)) from error
    brought.run_ids.sort()
    return brought


class _Bring:
    """Brings the runs of one plan."""

    def __init__(self, source: Import, brought: Brought) -> None:
        self._source = source
        self._brought = brought

    def run(self) -> None:
        model_id = _find_model(self._source.connection, self._source.plan.model)
        self._texts(model_id)
        texts = self._add(model_id)
        self._brought.n_before += int((texts.run_ids == 0).sum())
        self._brought.run_ids += texts.run_ids[texts.run_ids > 0].tolist()
        if not (texts.run_ids > 0).any():
            return
        inner = Inner(self._source, texts)
        connection, plan = self._source.connection, self._source.plan
        for site in plan.vector_sites():
            inner.vectors(site, places_of(connection, model_id, plan, site))
        if "logits" in plan.capture:
            inner.logits(places_of(connection, model_id, plan, "logits"))

    def _texts(self, model_id: int) -> None:
        """Texts, tokens and tags into temporary tables, and see that they belong together."""
        for table, columns in ADD.items():
            files = self._source.manifest.of_table(self._source.plan, table)
            if table != "tag" and not files:
                raise bad(self._source.folder, f"{self._source.plan.folder(table)} is missing")
            command = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(f"imported_{table}"),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
            )
            with self._source.connection.cursor() as cursor, cursor.copy(command) as copy:
                for batch in self._source.reader.rows(table, files):
                    for row in zip(*batch, strict=True):
                        copy.write_row(row if table != "text" else self._storable(row))
            self._source.step(sum(file.bytes for file in files.values()))
        given = {"key": self._source.plan.key(), "model_id": model_id}
        for reason, query in CHECKS.items():
            found = self._source.connection.execute(query, given).fetchone()
            if found is not None:
                raise bad(self._source.folder, f"text {found[0]} {reason}")

    def _storable(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row of the table text; without the text where it was left out, for its characters."""
        text_id, _, *others = row
        reason = others[3]
        if reason is None:
            return row
        self._brought.left_out[reason] += 1
        return (text_id, None, *others)

    def _add(self, model_id: int) -> Texts:
        """Make the runs that are not there."""
        import pyarrow as pa

        plan = self._source.plan
        name, digest = self._interventions(model_id, plan.interventions)
        given = {
            "model_id": model_id,
            "capture": list(plan.capture),
            "layers": None if plan.layers is None else list(plan.layers),
            "positions": None if plan.positions is None else list(plan.positions),
            "top_logits": plan.top_logits,
            "interventions": name,
            "digest": digest,
            "dtype": plan.dtype,
        }
        # the order of locks: the model, then its runs
        self._source.connection.execute("SELECT lm_internal.hold_model(%(model_id)s)", given)
        self._source.connection.execute(CHECK_PLAN, given)
        for query in FIND:
            self._source.connection.execute(query, given)
        for query in MAKE:
            self._source.connection.execute(query, given)
        rows = self._source.connection.execute(
            "SELECT text_id, CASE WHEN is_new THEN run_id ELSE 0 END, n_tokens FROM imported_text"
            " WHERE left_out IS NULL"
        ).fetchall()
        self._source.connection.execute("TRUNCATE imported_text, imported_token, imported_tag")
        texts, run_ids, n_tokens = zip(*rows, strict=True) if rows else ((), (), ())
        return Texts(
            pa.array(texts, pa.string()),
            np.array(run_ids, np.int64),
            np.array(n_tokens, np.int32),
        )

    def _interventions(
        self, model_id: int, done: Interventions | None
    ) -> tuple[str | None, str | None]:
        """The set that the runs name, made if it can be, and its digest."""
        if done is None:
            return None, None
        (here,) = self._source.connection.execute(
            "SELECT lm_internal.intervention_digest(%s, %s)", (done.name, model_id)
        ).fetchone() or (None,)
        if done.digest is not None and here == done.digest:
            return done.name, done.digest
        if done.changes is None:
            # which no set has: what it did cannot be known here, and it must not seem to be known
            said = hashlib.sha256(f"imported {self._source.plan.key()}".encode()).hexdigest()
            self._brought.notes.append(
                f'the interventions "{done.name}" cannot be made here, for they took vectors from '
                "runs, or were changed later; the runs that they changed are here"
            )
            return done.name, said
        if here is not None:
            self._brought.notes.append(
                f'the interventions "{done.name}" that are here are others, and stay as they are'
            )
            return done.name, done.digest
        self._source.connection.execute(
            """
            SELECT
                lm.replace_interventions(
                    %s,
                    VARIADIC ARRAY(
                        SELECT
                            lm.make_intervention(
                                i.site, i.kind, i.layer, i.head, i.position, i.key_position,
                                i.unit, i.factor, i.value
                            )
                        FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS c (said, number)
                        CROSS JOIN LATERAL
                            jsonb_populate_record(NULL::lm.intervention, c.said) AS i
                        ORDER BY c.number
                    )
                )
            """,
            (done.name, json.dumps(done.changes)),
        )
        made = self._source.connection.execute(
            "SELECT lm_internal.intervention_digest(%s, %s)", (done.name, model_id)
        ).fetchone()
        if made != (done.digest,):
            reason = f'the interventions "{done.name}" are not those that were made'
            raise bad(self._source.folder, reason)
        return done.name, done.digest


def _find_model(connection: psycopg.Connection, model: Model) -> int:
    """The model here that has the same weights, stored alike.

    Raises:
        PsqlmError: there is none.
    """
    row = connection.execute(
        "SELECT model_id FROM lm.model WHERE sha256 = %s AND dtype = %s"
        " ORDER BY name <> %s, model_id LIMIT 1",
        (model.sha256, model.dtype, model.name),
    ).fetchone()
    if row is not None:
        return int(row[0])
    taken = connection.execute("SELECT FROM lm.model WHERE name = %s", (model.name,)).fetchone()
    name = model.name if taken is None else f"{model.name}-imported"
    command = ["psqlm", "load", model.source, "--name", name]
    command += ["--revision", model.revision] if model.revision else []
    command += ["--dtype", model.dtype] if model.dtype != "float32" else []
    raise PsqlmError(
        f"the model {model.name} of these runs (weights {model.sha256[:12]}…, {model.dtype}) is "
        f"not loaded here: {shlex.join(command)}"
    )
