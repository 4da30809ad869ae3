"""Rows of a database into Parquet files, with as much memory as a group of rows takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psycopg

from psqlm.errors import PsqlmError
from psqlm.parquet.copied import Vectors, copy_logits, copy_vectors
from psqlm.parquet.layout import DType, Plan, schema
from psqlm.parquet.manifest import File, hash_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    from psqlm.parquet.export import Run

GROUP = 32 * 1024 * 1024
"""Bytes of a group of rows, about; a reader holds one or more of them."""


class Writer:
    """Writes the files of a folder.

    Attributes:
        files: those that are written, by their paths below the folder.
    """

    def __init__(self, folder: Path, dtype: DType) -> None:
        """Nothing is written yet."""
        self.files: dict[str, File] = {}
        self._folder = folder
        self._dtype = dtype

    def texts(
        self, connection: psycopg.Connection, plan: Plan, parts: Iterable[Sequence[Run]]
    ) -> None:
        """Write the tables text, token and tag."""
        names = ("text", "token", "tag")
        with (
            self._file(plan.folder("text"), schema("text")) as texts,
            self._file(plan.folder("token"), schema("token")) as tokens,
            self._file(plan.folder("tag"), schema("tag")) as tags,
        ):
            for part in parts:
                of_run = {run.run_id: run.text_id for run in part}
                for name, group in zip(names, (texts, tokens, tags), strict=True):
                    rows = connection.execute(QUERIES[name], (list(of_run),)).fetchall()
                    columns = [list(column) for column in zip(*rows, strict=True)]
                    if columns:
                        columns[0] = [of_run[run_id] for run_id in columns[0]]
                        group.add(columns)

    def vectors(
        self,
        connection: psycopg.Connection,
        path: str,
        site: str,
        width: int | None,
        parts: Iterable[Sequence[Run]],
    ) -> None:
        """Write what runs kept at a site."""
        table = path.split("/")[0]
        with self._file(path, schema(table, width)) as group:
            for part in parts:
                text_of = _TextOf(part)
                for rows in copy_vectors(connection, site, [run.run_id for run in part]):
                    texts = text_of(rows.keys["run_id"])
                    group.add(vector_columns(texts, rows, width, table, self._dtype))

    def logits(
        self, connection: psycopg.Connection, plan: Plan, parts: Iterable[Sequence[Run]]
    ) -> None:
        """Write what runs predicted."""
        with self._file(plan.folder("logit"), schema("logit")) as group:
            for part in parts:
                text_of = _TextOf(part)
                for rows in copy_logits(connection, [run.run_id for run in part]):
                    numbers = [rows[name].astype(np.int32) for name in ("position", "token_id")]
                    logits = rows["logit"].astype(np.float64)
                    group.add([text_of(rows["run_id"]), *numbers, logits])

    @contextmanager
    def _file(self, folder: str, columns: pa.Schema) -> Iterator[Groups]:
        """A file of a folder, which is made for it."""
        path = f"{folder}/part-00000.parquet"
        target = self._folder / path
        target.parent.mkdir(parents=True)
        with open_groups(target, columns) as groups:
            yield groups
        with target.open("rb") as written:
            os.fsync(written.fileno())
        self.files[path] = File(groups.n_rows, target.stat().st_size, hash_of(target))


@contextmanager
def open_groups(target: Any, columns: pa.Schema) -> Iterator[Groups]:
    """A Parquet file of these columns, to add rows to.

    Args:
        target: its path, or a file of pyarrow.
        columns: the columns of a table.
    """
    import pyarrow.parquet as pq

    floats = [name for name in ("norm", "logit") if name in columns.names]
    vectors = ["value.list.element"] if columns.field(-1).name == "value" else []
    words = [name for name in columns.names if name not in (*floats, "value")]
    with pq.ParquetWriter(
        target,
        columns,
        compression="zstd",
        use_dictionary=words,
        use_byte_stream_split=[] if "name" in columns.names else floats + vectors,
    ) as parquet:
        groups = Groups(parquet, columns)
        yield groups
        groups.flush()


def vector_columns(
    texts: pa.Array, rows: Vectors, width: int | None, table: str, dtype: DType
) -> list[Any]:
    """The columns of the table activation or pattern.

    Args:
        texts: the key of each row's text.
        rows: the rows.
        width: of their vectors; None where they have a number for each key.
        table: activation or pattern.
        dtype: float16 rounds the vectors to it.

    Raises:
        PsqlmError: a value is beyond float16.
    """
    import pyarrow as pa

    keys, elements = rows.keys, rows.elements
    if dtype == "float16":
        elements = rounded(elements)
    values = pa.array(elements)
    if width is None:
        ends = np.cumsum(keys["width"], dtype=np.int32)
        offsets = pa.array(np.concatenate([np.zeros(1, np.int32), ends]))
        value = pa.ListArray.from_arrays(offsets, values)
    else:
        value = pa.FixedSizeListArray.from_arrays(values, width)
    numbers = [keys[name].astype(np.int32) for name in ("layer", "head", "position", "token_id")]
    norm = [keys["norm"].astype(np.float64)] if table == "activation" else []
    return [texts, *numbers, *norm, value]


class Groups:
    """Gathers rows until they make a group."""

    def __init__(self, parquet: ParquetWriter, columns: pa.Schema) -> None:
        self.n_rows = 0
        self._parquet = parquet
        self._columns = columns
        self._waiting: list[pa.RecordBatch] = []

    def add(self, columns: list[Any]) -> None:
        """Add rows, a column each."""
        import pyarrow as pa

        arrays = [
            pa.array(column, field.type) if isinstance(column, (list, np.ndarray)) else column
            for column, field in zip(columns, self._columns, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._columns)
        if not batch.num_rows:  # a group has rows
            return
        self.n_rows += batch.num_rows
        self._waiting.append(batch)
        if sum(waiting.nbytes for waiting in self._waiting) >= GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
            self._parquet.write_table(table, row_group_size=table.num_rows)
            self._waiting = []


class _TextOf:
    """The keys of texts by the numbers of their runs."""

    def __init__(self, runs: Sequence[Run]) -> None:
        import pyarrow as pa

        self._run_ids = np.array([run.run_id for run in runs])  # sorted
        self._text_ids = pa.array([run.text_id for run in runs])

    def __call__(self, run_ids: Any) -> pa.Array:
        return self._text_ids.take(np.searchsorted(self._run_ids, run_ids))


def rounded(elements: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Elements rounded to float16.

    Raises:
        PsqlmError: it has no such numbers.
    """
    with np.errstate(over="ignore"):
        rounded = elements.astype(np.float16).astype(np.float32)
    if not np.isfinite(rounded).all():
        raise PsqlmError(
            f"a value is {np.abs(elements).max():g}, beyond float16: export with --dtype float32"
        )
    return rounded


QUERIES = {
    "text": """
        SELECT
            r.run_id,
            r.prompt,
            (
                SELECT t.value FROM lm.tag AS t
                WHERE t.run_id = r.run_id AND t.position IS NULL AND t.name = 'source'
            ),
            (
                SELECT t.value::int FROM lm.tag AS t
                WHERE t.run_id = r.run_id AND t.position IS NULL AND t.name = 'line'
                    AND t.value ~ '^\\d{1,9}$'
            ),
            cardinality(r.token_ids),
            NULL::text AS left_out,
            r.started_at,
            extract(epoch FROM r.duration)::float8
        FROM lm.run AS r
        WHERE r.run_id = ANY (%s::bigint[])
        ORDER BY r.run_id
    """,
    "token": """
        SELECT k.run_id, k.position, k.token_id, v.token
        FROM lm.run_token AS k
        INNER JOIN lm.run AS r ON r.run_id = k.run_id
        INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = k.token_id
        WHERE k.run_id = ANY (%s::bigint[])
        ORDER BY k.run_id, k.position
    """,
    "tag": """
        SELECT t.run_id, t.position, t.name, t.value
        FROM lm.tag AS t
        WHERE t.run_id = ANY (%s::bigint[])
        ORDER BY t.run_id, t.position NULLS FIRST, t.name
    """,
}
