"""A task: some texts, and the Parquet files that come of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from psqlm.errors import PsqlmError
from psqlm.parquet.copied import Vectors
from psqlm.parquet.layout import schema
from psqlm.parquet.manifest import UNFINISHED, File
from psqlm.parquet.writer import Groups, open_groups, vector_columns
from psqlm.spark.folder import Folder, Hashed
from psqlm.spark.node import with_model
from psqlm.spark.plan import Job, Table
from psqlm.spark.rows import SiteRows, Tokens, forward_rows, passes, tokenize

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Text:
    """A text of a task.

    Attributes:
        text_id: its key.
        text: the text.
        source: the file it comes from.
        line: the line it begins on, from 1.
        left_out: why it cannot be run, if that is known before it is tried.
    """

    text_id: str
    text: str
    source: str | None
    line: int | None
    left_out: str | None


@dataclass
class Written:
    """What a task has written, which a commit makes part of the result.

    Attributes:
        files: those files, by the paths that they will have; with the paths that they have.
        n_texts: texts that were run.
        n_tokens: their tokens.
        left_out: texts that were not run, by the reason.
        error: why there is no result, which another attempt would not have either; None: there is.
    """

    files: dict[str, tuple[str, File]] = field(default_factory=dict)
    n_texts: int = 0
    n_tokens: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    error: str | None = None


def read_texts(batches: Iterable[pa.RecordBatch]) -> list[Text]:
    """The texts of a task, in the order of their keys."""
    names = ("text_id", "text", "source", "line", "left_out")
    texts = [
        Text(*row)
        for batch in batches
        for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    ]
    return sorted(texts, key=lambda text: text.text_id)


def write(job: Job, texts: Sequence[Text]) -> Written:
    """Run texts, and write what comes of them into files that are not part of the result yet.

    The same texts give the same bytes, whoever writes them and how often.
    """
    written = Written()
    if not texts:
        return written
    keys = "\n".join([job.plan.key(), *(text.text_id for text in texts)])
    part = f"part-{hashlib.sha256(keys.encode()).hexdigest()[:32]}.parquet"
    # one attempt knows nothing of another
    attempt = f"{UNFINISHED}/{job.name}/{uuid4().hex}"
    tokens = with_model(
        job.setup,
        lambda connection: tokenize(
            connection,
            [None if text.left_out else text.text for text in texts],
            job.plan.model.name,
        ),
    )
    tokens = [
        Tokens([], [], text.left_out) if text.left_out else found
        for text, found in zip(texts, tokens, strict=True)
    ]
    folder = Folder(job.out)
    with ExitStack() as stack:
        files = {}
        for number, table in enumerate(job.tables()):
            path = f"{attempt}/{number}.parquet"
            files[table] = (path, *stack.enter_context(_create(folder, path, table)))
        groups = {table.site or table.name: group for table, (_, _, group) in files.items()}
        groups["text"].add(_text_columns(texts, tokens))
        groups["token"].add(_token_columns(texts, tokens))
        for batch in passes(tokens):
            rows = with_model(
                job.setup,
                partial(
                    forward_rows,
                    texts=[texts[number].text for number in batch],
                    longest=max(len(tokens[number].token_ids) for number in batch),
                    capture=job.capture(),
                    with_vectors=True,
                ),
            )
            text_ids = [texts[number].text_id for number in batch]
            for table in files:
                if table.site is None:
                    continue
                try:
                    columns = _columns(job, table, text_ids, rows[table.site])
                except PsqlmError as error:
                    return Written(error=str(error))
                groups[table.site].add(columns)
    for table, (path, hashed, group) in files.items():
        file = File(group.n_rows, hashed.size, hashed.sha256())
        written.files[f"{table.folder}/{part}"] = (path, file)
    for found in tokens:
        if found.left_out is None:
            written.n_texts += 1
            written.n_tokens += len(found.token_ids)
        else:
            written.left_out[found.left_out] += 1
    return written


@contextmanager
def _create(folder: Folder, path: str, table: Table) -> Iterator[tuple[Hashed, Groups]]:
    with (
        folder.create(path) as hashed,
        open_groups(hashed.file, schema(table.name, table.width)) as groups,
    ):
        yield hashed, groups


def _columns(job: Job, table: Table, text_ids: Sequence[str], rows: SiteRows) -> list[Any]:
    """The columns of a site's rows."""
    import pyarrow as pa

    keys = rows.keys
    of_row = pa.array(text_ids).take(pa.array(keys["ordinal"]))
    if table.site == "logits":
        return [of_row, *(np.ascontiguousarray(keys[n]) for n in ("position", "token_id", "norm"))]
    return vector_columns(
        of_row, Vectors(keys, rows.elements), table.width, table.name, job.plan.dtype
    )


def _text_columns(texts: Sequence[Text], tokens: Sequence[Tokens]) -> list[Any]:
    left_out = [found.left_out for found in tokens]
    return [
        [text.text_id for text in texts],
        [text.text for text in texts],
        [text.source for text in texts],
        [text.line for text in texts],
        [None if found.left_out else len(found.token_ids) for found in tokens],
        left_out,
        # when it was run, and how long it took, would differ from one attempt to the next
        *([None] * len(texts) for _ in range(2)),
    ]


def _token_columns(texts: Sequence[Text], tokens: Sequence[Tokens]) -> list[Any]:
    rows = [
        (text.text_id, position, token_id, token)
        for text, found in zip(texts, tokens, strict=True)
        for position, (token_id, token) in enumerate(
            zip(found.token_ids, found.tokens, strict=True)
        )
    ]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
