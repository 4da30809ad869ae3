"""Writing a model's rows, within a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection, sql

from psqlm.errors import PsqlmError

from .checkpoint import Checkpoint
from .config import Architecture
from .mapping import FINAL_NORM, LAYER_NORMS, LINEAR_MAPS, POSITION_EMBEDDING, TOKEN_EMBEDDING
from .source import Source
from .tables import Rows, copy_rows, integer, label, real, vector
from .tokenizer import Tokenizer

DTYPES = {"float32": np.float32, "float16": np.float16}
BATCH = 4 * 1024 * 1024  # bytes of weights sent at once
# Tables with a partition for each model, and the keys there.
PARTITIONED = {"token_embedding": ("token_id",), "linear": ("layer", "map", "block", "unit")}

Progress = Callable[[int, int], None]  # bytes done, bytes in all
Floats = npt.NDArray[np.floating[Any]]


def delete_model(connection: Connection[Any], name: str) -> int | None:
    """Delete a model's row, and what cascades from it; returns its key if there was one."""
    row = connection.execute(
        "DELETE FROM lm.model WHERE name = %s RETURNING model_id", (name,)
    ).fetchone()
    return row[0] if row else None


def drop_weights(connection: Connection[Any], model_id: int | None) -> None:
    """Drop the partitions of a deleted model; last in a transaction, for it locks readers out."""
    if model_id is not None:
        for table in PARTITIONED:
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}").format(_partition(table, model_id))
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
    ) -> None:
        """Write the row of lm.model, its hash still missing."""
        values = asdict(sizes) | {
            "name": name,
            "dtype": dtype,
            "source": source.origin,
            "revision": source.revision,
            "sha256": "",
        }
        del values["tied"]
        row = connection.execute(
            sql.SQL("INSERT INTO lm.model ({}) VALUES ({}) RETURNING model_id").format(
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(map(sql.Placeholder, values)),
            ),
            values,
        ).fetchone()
        assert row is not None  # noqa: S101 (RETURNING)
        self._model_id: int = row[0]
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
        read = _Reader(checkpoint, progress)
        half = self._dtype == "float16"
        self._fill(
            "token_embedding",
            ("token_id", "embedding_half" if half else "embedding"),
            self._embedding(self._rounded(read(TOKEN_EMBEDDING), TOKEN_EMBEDDING)),
        )
        self._fill(
            "linear",
            ("layer", "map", "block", "unit", "bias", "weight_half" if half else "weight"),
            self._linear_maps(read),
        )
        copy_rows(
            self._connection,
            sql.Identifier("lm", "position_embedding"),
            ("model_id", "position", "embedding"),
            self._embedding(read(POSITION_EMBEDDING)),
        )
        copy_rows(
            self._connection,
            sql.Identifier("lm", "layer_norm"),
            ("model_id", "layer", "site", "gain", "bias"),
            self._layer_norms(read),
        )

    def finish(self, sha256: str) -> None:
        """Write the hash, gather statistics, let the weights be seen, bring them to memory."""
        self._connection.execute(
            "UPDATE lm.model SET sha256 = %s WHERE model_id = %s", (sha256, self._model_id)
        )
        # a small sample will do, for all rows are alike
        self._connection.execute("SET LOCAL default_statistics_target = 10")
        for table in PARTITIONED:
            partition = _partition(table, self._model_id)
            self._connection.execute(sql.SQL("ANALYZE {}").format(partition))
            self._connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                    sql.Identifier("lm", table), partition, sql.Literal(self._model_id)
                )
            )
            self._prewarm(partition)

    def _prewarm(self, partition: sql.Identifier) -> None:
        """Read a partition into the server's memory, where the extension for that is there."""
        found = self._connection.execute(
            "SELECT n.nspname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
            " WHERE p.proname = 'pg_prewarm'"
        ).fetchone()
        if found is not None:
            prewarm = sql.Identifier(found[0], "pg_prewarm")
            name = sql.Literal(partition.as_string())
            self._connection.execute(sql.SQL("SELECT {}({}::regclass)").format(prewarm, name))

    def _copy(self, command: str, types: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """COPY small rows one by one, the model's key before each."""
        statement = f"{command} FROM STDIN WITH (FORMAT binary)".encode()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row((self._model_id, *row))

    def _fill(self, table: str, columns: tuple[str, ...], batches: Iterator[Rows]) -> None:
        """Make the model's partition of a table: rows first, then the key.

        Made in this transaction, with wal_level = minimal it never enters the write-ahead log.
        The CHECK spares a second look at all rows when it is attached.
        """
        partition = _partition(table, self._model_id)
        self._connection.execute(
            sql.SQL(
                "CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS INCLUDING DEFAULTS"
                " INCLUDING STORAGE, CHECK (model_id = {}))"
            ).format(partition, sql.Identifier("lm", table), sql.Literal(self._model_id))
        )
        copy_rows(self._connection, partition, ("model_id", *columns), batches, freeze=True)
        self._connection.execute(
            sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(
                partition, sql.SQL(", ").join(map(sql.Identifier, PARTITIONED[table]))
            )
        )

    def _embedding(self, tensor: Floats) -> Iterator[Rows]:
        """A row for each token or position."""
        for start, rows in _in_batches(tensor):
            yield Rows(integer(self._model_id), integer(start + np.arange(len(rows))), vector(rows))

    def _linear_maps(self, read: _Reader) -> Iterator[Rows]:
        """A row for each unit of each map, in the order of the table's key."""
        for layer in range(self._sizes.n_layer):
            for linear in LINEAR_MAPS:
                name = f"h.{layer}.{linear.tensor}"
                weight = self._rounded(read(f"{name}.weight"), f"{name}.weight")
                bias = read(f"{name}.bias")
                n_units = getattr(self._sizes, linear.outputs)
                for number, site in enumerate(linear.sites):
                    units = slice(number * n_units, (number + 1) * n_units)
                    yield from self._units(layer, site, weight[:, units], bias[units])

    def _units(self, layer: int, site: str, weight: Floats, bias: Floats) -> Iterator[Rows]:
        """Rows of a map from its weights, [inputs, units], cut in blocks of d_model inputs."""
        width = self._sizes.d_model
        for block, first in enumerate(range(0, len(weight), width)):
            for start, rows in _in_batches(weight[first : first + width].T):
                yield Rows(
                    integer(self._model_id),
                    integer(layer),
                    label(site),
                    integer(block),
                    integer(start + np.arange(len(rows))),
                    real(bias[start : start + len(rows)] if block == 0 else 0),
                    vector(rows),
                )

    def _layer_norms(self, read: _Reader) -> Iterator[Rows]:
        """A row for each layer norm."""
        places = [
            (layer, f"h.{layer}.{tensor}", site)
            for layer in range(self._sizes.n_layer)
            for tensor, site in LAYER_NORMS.items()
        ]
        for layer, tensor, site in [*places, (self._sizes.n_layer, *FINAL_NORM)]:
            yield Rows(
                integer(self._model_id),
                integer(layer),
                label(site),
                vector(read(f"{tensor}.weight")[np.newaxis]),
                vector(read(f"{tensor}.bias")[np.newaxis]),
            )

    def _rounded(self, tensor: Floats, name: str) -> Floats:
        """A tensor as the model's weights are stored."""
        with np.errstate(over="ignore"):
            rounded = tensor.astype(DTYPES[self._dtype], copy=False)
        if self._dtype == "float16" and not np.isfinite(rounded).all():
            raise PsqlmError(
                f"the tensor {name} reaches {np.abs(tensor).max():g}, beyond float16: "
                "load the model with --dtype float32"
            )
        return rounded


class _Reader:
    """Reads tensors and reports progress."""

    def __init__(self, checkpoint: Checkpoint, progress: Progress | None) -> None:
        self._checkpoint = checkpoint
        self._progress = progress
        self._done = 0
        self._report()

    def __call__(self, name: str) -> Floats:
        tensor = self._checkpoint[name]
        self._done += self._checkpoint.size_of(name)
        self._report()
        return tensor

    def _report(self) -> None:
        if self._progress:
            self._progress(self._done, self._checkpoint.size)


def _in_batches(rows: Floats) -> Iterator[tuple[int, Floats]]:
    """Slices of some megabytes, each with the number of its first row."""
    step = max(1, BATCH // (rows.shape[1] * rows.itemsize))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def _partition(table: str, model_id: int) -> sql.Identifier:
    return sql.Identifier("lm", f"{table}_{model_id}")
