"""Writing a model's rows, within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import Connection, sql

from psqlm.database.progress import Task

from .architecture import Architecture
from .binary_copy import Rows, copy_rows
from .checkpoint import Checkpoint, Progress
from .partition import Partition
from .source import Source
from .tokenizer import Tokenizer
from .weight_rows import WeightRows, block_width

PATIENCE = 12
"""How often five seconds are waited for what runs a model that is to be replaced."""


def lock_name(connection: Connection[Any], name: str) -> None:
    """Let one transaction at a time load, replace or drop a model of this name."""
    connection.execute(
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0))",
        (f"lm.model {name}",),
    )


class ModelWriter:
    """Writes the rows of one model."""

    def __init__(
        self,
        connection: Connection[Any],
        name: str,
        source: Source,
        sizes: Architecture,
        dtype: str,
        task: Task,
        megabytes: int,
    ) -> None:
        """Write the row of lm.model, its hash still missing.

        Args:
            connection: in a transaction.
            name: the model's name.
            source: where its files are.
            sizes: its sizes.
            dtype: how its weights are stored.
            task: shows in lm.progress how far it is.
            megabytes: of weights as they are stored.
        """
        values = sizes.columns | {
            "name": name,
            "dtype": dtype,
            "d_block": block_width(sizes, dtype),
            "source": source.origin,
            "revision": source.revision,
            "sha256": "",
        }
        row = connection.execute(
            sql.SQL("INSERT INTO lm.model ({}) VALUES ({}) RETURNING model_id").format(
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(map(sql.Placeholder, values)),
            ),
            values,
        ).fetchone()
        assert row is not None  # noqa: S101 (RETURNING)
        self._model_id: int = row[0]
        self._d_block = block_width(sizes, dtype)
        self._partitions: list[Partition] = []
        self._task = task
        self._megabytes = megabytes
        self._read = 0.0  # share of the weights
        self._connection = connection
        self._sizes = sizes
        self._dtype = dtype

    def tokenizer(self, tokenizer: Tokenizer) -> None:
        """Write lm.tokenizer, lm.vocabulary, lm.added_token and lm.merge."""
        pipeline = tokenizer.pipeline
        self._connection.execute(
            """
            INSERT INTO lm.tokenizer (
                model_id, normalizer, space_before, cut, foreign_character, prepended, stripped,
                longest
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                self._model_id,
                pipeline.normalizer,
                pipeline.space_before,
                pipeline.cut,
                tokenizer.foreign_character,
                list(pipeline.prepended),
                pipeline.stripped,
                tokenizer.longest,
            ),
        )
        self._copy(
            "COPY lm.vocabulary (model_id, token_id, bytes, token, kind, special)",
            ["int4", "int4", "bytea", "text", "text", "bool"],
            ((t.token_id, t.bytes, t.text, t.kind, t.special) for t in tokenizer.tokens),
        )
        self._copy(
            "COPY lm.added_token"
            " (model_id, token_id, content, normalized, single_word, lstrip, rstrip)",
            ["int4", "int4", "text", "bool", "bool", "bool", "bool"],
            (
                (t.token_id, t.content, t.normalized, t.single_word, t.lstrip, t.rstrip)
                for t in tokenizer.added
            ),
        )
        self._copy(
            "COPY lm.merge (model_id, rank, left_bytes, right_bytes, token_id, next_rank)",
            ["int4", "int4", "bytea", "bytea", "int4", "int4"],
            tokenizer.merges,
        )

    def weights(self, checkpoint: Checkpoint, progress: Progress | None = None) -> None:
        """Write embeddings, linear maps and layer norms.

        Raises:
            PsqlmError: a tensor holds NaN or infinity, or numbers too large for float16.
        """

        def note(done: int, total: int) -> None:
            self._read = done / total
            if progress is not None:
                progress(done, total)

        rows = WeightRows(self._model_id, self._sizes, checkpoint, self._dtype, self._d_block, note)
        half = "_half" if self._dtype == "float16" else ""
        self._fill(
            "token_embedding", ("token_id", "block", f"embedding{half}"), rows.token_embedding()
        )
        if checkpoint.has_unembedding:
            self._fill(
                "unembedding", ("token_id", "block", "bias", f"weight{half}"), rows.unembedding()
            )
        self._fill(
            "linear",
            ("layer", "map", "block", "unit", "bias", f"weight{half}"),
            rows.linear_maps(),
        )
        copy_rows(
            self._connection,
            sql.Identifier("lm", "position_embedding"),
            ("model_id", "position", "embedding"),
            rows.position_embedding(),
        )
        copy_rows(
            self._connection,
            sql.Identifier("lm", "layer_norm"),
            ("model_id", "layer", "site", "gain", "bias"),
            rows.norms(),
        )

    def layers(self) -> None:
        """Write lm.rotary and lm.layer."""
        sizes = self._sizes
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO lm.rotary (model_id, rotary, frequencies, scaling)"
                " VALUES (%s, %s, %s::real[], %s)",
                [
                    (self._model_id, number, list(rotary.frequencies), rotary.scaling)
                    for number, rotary in enumerate(sizes.rotaries)
                ],
            )
            cursor.executemany(
                "INSERT INTO lm.layer (model_id, layer, sliding_window, rotary)"
                " VALUES (%s, %s, %s, %s)",
                [
                    (self._model_id, layer, window, rotary)
                    for layer, (window, rotary) in enumerate(
                        zip(sizes.window_of_layer, sizes.rotary_of_layer, strict=True)
                    )
                ],
            )

    def finish(self, sha256: str) -> None:
        """Write the hash, gather statistics, let the weights be seen, bring them to memory."""
        self._connection.execute(
            "UPDATE lm.model SET sha256 = %s WHERE model_id = %s", (sha256, self._model_id)
        )
        # a small sample will do, for all rows are alike
        self._connection.execute("SET LOCAL default_statistics_target = 10")
        # before these are known, a text is tokenized ten times as slowly
        self._connection.execute("ANALYZE lm.tokenizer, lm.vocabulary, lm.added_token, lm.merge")
        for partition in self._partitions:
            partition.attach()
        self._connection.execute("SELECT lm.drop_leftovers()")
        self._connection.execute("SELECT lm_internal.mark_default_model()")

    def take_place_of(self, name: str, keep_old: str | None = None) -> None:
        """Drop the model of that name, or call it keep_old, and bear its name instead.

        Last in a transaction, for it locks.

        Raises:
            psycopg.errors.LockNotAvailable: the model stays in use.
        """
        row = self._connection.execute(
            "SELECT is_default FROM lm.model WHERE name = %s", (name,)
        ).fetchone()
        for last in [False] * (PATIENCE - 1) + [True]:
            try:
                with self._connection.transaction():
                    if keep_old is None:
                        self._connection.execute("SELECT lm.drop_model(%s)", (name,))
                    else:
                        self._connection.execute("SELECT lm_internal.lock_model(%s)", (name,))
                        self._connection.execute(
                            "UPDATE lm.model SET name = %s, is_default = false WHERE name = %s",
                            (keep_old, name),
                        )
                break
            except psycopg.errors.LockNotAvailable:
                if last:
                    raise
        self._connection.execute(
            "UPDATE lm.model SET name = %s, is_default = %s WHERE model_id = %s",
            (name, bool(row and row[0]), self._model_id),
        )

    def _tell(self) -> None:
        """Show in lm.progress what is done; what a COPY is at, PostgreSQL shows."""
        self._task.tell(self._connection, int(self._read * self._megabytes), self._megabytes)

    def _copy(self, command: str, types: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """COPY small rows one by one, the model's key before each."""
        statement = f"{command} FROM STDIN WITH (FORMAT binary)".encode()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row((self._model_id, *row))

    def _fill(self, table: str, columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
        """Make the model's partition of a table, and fill it."""
        self._tell()
        partition = Partition(self._connection, table, self._model_id)
        self._partitions.append(partition)
        partition.copy(columns, batches)
        self._tell()
        partition.add_key()
