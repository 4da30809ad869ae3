"""Vectors and logits of exported runs into their tables, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from psqlm.loader.binary_copy import Rows, bigint, copy_rows, double, integer, label, vector
from psqlm.parquet.layout import ONE_PER_KEY, Plan, table_of
from psqlm.parquet.manifest import Manifest, bad
from psqlm.parquet.places import Places
from psqlm.parquet.reader import Reader

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Import:
    """The runs of one plan, on their way.

    Attributes:
        connection: to the database, in a transaction.
        folder: what psqlm export wrote.
        manifest: its manifest.
        plan: the plan.
        step: is told how many bytes are done.
        reader: of the files.
    """

    connection: psycopg.Connection
    folder: Path
    manifest: Manifest
    plan: Plan
    step: Callable[[int], None]
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is read yet."""
        object.__setattr__(self, "reader", Reader(self.folder))


@dataclass(frozen=True)
class Texts:
    """The texts of a plan.

    Attributes:
        keys: what they are known by.
        run_ids: the new run of each; 0 where there was one, whose rows are there.
        n_tokens: how many tokens they have.
    """

    keys: pa.Array
    run_ids: npt.NDArray[Any]
    n_tokens: npt.NDArray[Any]


class Inner:
    """Writes what the runs of a plan kept.

    Raises:
        PsqlmError: rows are missing, or there are some where the plan kept none.
    """

    def __init__(self, source: Import, texts: Texts) -> None:
        """Nothing is written yet."""
        self._source = source
        self._texts = texts

    def vectors(self, site: str, places: Places) -> None:
        """Rows of lm.stored_adjustment or lm.stored_activation."""
        table = table_of(site)
        plan = self._source.plan
        files = self._source.manifest.of_table(plan, table, None if site == "pattern" else site)
        texts = self._texts
        seen = np.zeros(len(texts.keys), np.int64)
        is_half = plan.dtype == "float16"

        def rows() -> Iterator[Rows]:
            width = None if site in ONE_PER_KEY else places.width
            for batch in self._source.reader.batches(table, files, width):
                of_text = self._indices(batch["text_id"])
                layer, head, position = batch["layer"], batch["head"], batch["position"]
                widths = np.diff(batch["starts"])
                if not (
                    places.has(layer, head, position, texts.n_tokens[of_text])
                    and (widths == (position + 1 if width is None else width)).all()
                ):
                    raise bad(self._source.folder, f"{site} has rows where the plan kept none")
                np.add.at(seen, of_text, 1)
                new = texts.run_ids[of_text] > 0
                for wide in np.unique(widths):
                    chosen = np.flatnonzero(new & (widths == wide))
                    if not len(chosen):
                        continue
                    elements = batch["elements"]
                    if len(chosen) < len(widths):
                        elements = elements[
                            batch["starts"][chosen][:, np.newaxis] + np.arange(wide)
                        ]
                    if is_half:
                        elements = self._halved(elements, site)
                    value = vector(elements.reshape(-1, wide))
                    fields = {
                        "run_id": bigint(texts.run_ids[of_text[chosen]]),
                        "site": label(site),
                        "layer": integer(layer[chosen]),
                        "head": integer(head[chosen]),
                        "position": integer(position[chosen]),
                    }
                    yield Rows(*(fields[name] for name in keys), value)

        into, column = "stored_activation", "value"
        keys = ["run_id", "site", "layer", "head", "position"]
        if site == "attn_out":
            into, column = "stored_adjustment", "adjustment"
            keys = ["run_id", "layer", "position"]
        self._copy(into, (*keys, f"{column}_half" if is_half else column), rows())
        self._require_whole(site, seen, places.count(texts.n_tokens))
        self._source.step(sum(file.bytes for file in files.values()))

    def logits(self, places: Places) -> None:
        """Rows of lm.logit."""
        files = self._source.manifest.of_table(self._source.plan, "logit")
        texts = self._texts
        seen = np.zeros(len(texts.keys), np.int64)

        def rows() -> Iterator[Rows]:
            for batch in self._source.reader.batches("logit", files, 4):
                of_text = self._indices(batch["text_id"])
                position, token_id, logit = batch["position"], batch["token_id"], batch["logit"]
                none = np.full(len(position), -1)
                if not (
                    places.has(none, none, position, texts.n_tokens[of_text])
                    and ((token_id >= 0) & (token_id < places.width)).all()
                    and np.isfinite(logit).all()
                ):
                    raise bad(self._source.folder, "logit has rows where the plan kept none")
                np.add.at(seen, of_text, 1)
                new = texts.run_ids[of_text] > 0
                yield Rows(
                    bigint(texts.run_ids[of_text[new]]),
                    integer(position[new]),
                    integer(token_id[new]),
                    double(logit[new]),
                )

        columns = ("run_id", "position", "token_id", "logit")
        self._copy("logit", columns, rows())
        expected = places.count(texts.n_tokens) * min(
            self._source.plan.top_logits or places.width, places.width
        )
        self._require_whole("logits", seen, expected)
        self._source.step(sum(file.bytes for file in files.values()))

    def _copy(self, table: str, columns: tuple[str, ...], rows: Iterator[Rows]) -> None:
        """COPY rows into a table of lm.

        Where policies say which rows a role may add, PostgreSQL refuses COPY, so that they take the
        way through a table of their own.
        """
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        target = sql.Identifier("lm", table)
        guarded = self._source.connection.execute(
            "SELECT row_security_active(%s::regclass)", (f"lm.{table}",)
        ).fetchone()
        if guarded == (False,):
            copy_rows(self._source.connection, target, columns, rows)
            return
        aside = sql.Identifier("imported_rows")
        self._source.connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                aside, names, target
            )
        )
        copy_rows(self._source.connection, aside, columns, rows)
        self._source.connection.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target, names, names, aside)
        )
        self._source.connection.execute(sql.SQL("DROP TABLE {}").format(aside))

    def _halved(self, elements: npt.NDArray[np.float32], site: str) -> npt.NDArray[np.float16]:
        """Elements that are float16 in all but their type, as it."""
        with np.errstate(over="ignore"):
            halves = elements.astype(np.float16)
        if not (halves == elements).all():
            raise bad(self._source.folder, f"{site} has values that are no float16")
        return halves

    def _indices(self, text_ids: pa.Array) -> npt.NDArray[Any]:
        """Where each text stands among all."""
        import pyarrow.compute as pc

        found = pc.index_in(text_ids, value_set=self._texts.keys)
        if found.null_count:
            raise bad(self._source.folder, "there are rows of texts that are not in the table text")
        indices: npt.NDArray[Any] = found.to_numpy(zero_copy_only=False)
        return indices

    def _require_whole(self, site: str, seen: npt.NDArray[Any], expected: npt.NDArray[Any]) -> None:
        for number in np.flatnonzero(seen != expected)[:1]:
            raise bad(
                self._source.folder,
                f"text {self._texts.keys[int(number)]} has {seen[number]:,} rows of {site} "
                f"instead of {expected[number]:,}",
            )
