"""What the table functions return, as tables of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import psycopg

from psqlm.parquet.writer import rounded
from psqlm.spark.node import with_model
from psqlm.spark.rows import Capture, SiteRows, Tokens, forward_rows, passes, tokenize
from psqlm.spark.setup import Setup

if TYPE_CHECKING:
    import pyarrow as pa

FORWARD = (
    "text string, site string, layer int, head int, position int, token_id int, token string, "
    "norm double, logit double, value array<float>, left_out string"
)
TOKENIZE = "text string, position int, token_id int, token string, left_out string"
SCORE = (
    "prompt string, continuation string, n_tokens int, log_probability double, "
    "mean_log_probability double, left_out string"
)
GENERATE = "text string, continuation string, left_out string"

Texts = Sequence[str | None]


def forward(setup: Setup, capture: Capture, vectors: str, texts: Texts) -> Iterator[pa.Table]:
    """Rows of lm.forward_rows, and one of each text that cannot be run, with the reason."""
    found = with_model(setup, partial(tokenize, texts=texts, model=setup.name))
    yield _refused(FORWARD, texts, found)
    for batch in passes(found):
        together = [cast("str", texts[number]) for number in batch]
        rows = with_model(
            setup,
            partial(
                forward_rows,
                texts=together,
                longest=max(len(found[number].token_ids) for number in batch),
                capture=capture,
                with_vectors=vectors != "none",
            ),
        )
        words = with_model(setup, partial(_vocabulary, model=setup.name))
        for site, of_site in rows.items():
            yield _table(FORWARD, _site_columns(site, of_site, together, words, vectors))


def tokens(setup: Setup, texts: Texts) -> Iterator[pa.Table]:
    """Rows of lm.tokenize."""
    found = with_model(setup, partial(tokenize, texts=texts, model=setup.name))
    yield _refused(TOKENIZE, texts, found)
    rows = [
        (text, position, token_id, token)
        for text, of_text in zip(texts, found, strict=True)
        for position, (token_id, token) in enumerate(
            zip(of_text.token_ids, of_text.tokens, strict=True)
        )
    ]
    names = ("text", "position", "token_id", "token")
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(names)
    yield _table(TOKENIZE, dict(zip(names, columns, strict=True)))


def score(setup: Setup, prompts: Texts, continuations: Texts) -> Iterator[pa.Table]:
    """Rows of lm.score, each continuation after its own prompt."""
    for prompt, continuation in zip(prompts, continuations, strict=True):
        yield _call(
            setup,
            SCORE,
            {"prompt": prompt, "continuation": continuation},
            "SELECT n_tokens, log_probability, mean_log_probability FROM lm.score("
            "ARRAY[%(prompt)s::text], ARRAY[%(continuation)s::text], %(model)s)",
            {},
        )


def generate(setup: Setup, options: dict[str, Any], texts: Texts) -> Iterator[pa.Table]:
    """What lm.generate continues each text with; its draws do not depend on the others."""
    named = "".join(f", {name} => %({name})s" for name in options)
    for text in texts:
        yield _call(
            setup,
            GENERATE,
            {"text": text},
            f"SELECT lm.generate(%(text)s::text, model => %(model)s{named}) AS continuation",
            options,
        )


def _call(
    setup: Setup, columns: str, row: dict[str, Any], query: str, options: dict[str, Any]
) -> pa.Table:
    """A row with what a call makes of it, or why it cannot be made."""

    def ask(connection: psycopg.Connection) -> dict[str, Any]:
        if any("\0" in (value or "") for value in row.values()):
            return {"left_out": "a NUL, which no text may hold"}
        given = {**row, **options, "model": setup.name}
        try:
            # generation writes, and what it writes is not kept
            with connection.transaction(force_rollback=True):
                cursor = connection.execute(cast("Any", query), given)
                names = [column.name for column in cursor.description or ()]
                return dict(zip(names, cursor.fetchone() or [None] * len(names), strict=True))
        except (psycopg.errors.DataError, psycopg.errors.ProgrammingError) as error:
            return {"left_out": error.diag.message_primary or str(error)}

    said = {**row, **with_model(setup, ask)}
    return _table(columns, {name: [value] for name, value in said.items()})


def _site_columns(
    site: str, rows: SiteRows, texts: Sequence[str], words: Texts, vectors: str
) -> dict[str, Any]:
    """The columns of a site's rows that are not NULL."""
    import pyarrow as pa

    keys = rows.keys
    columns: dict[str, Any] = {
        "text": pa.array(texts, pa.string()).take(pa.array(keys["ordinal"])),
        "site": [site] * len(keys),
        "token": pa.array(words, pa.string()).take(pa.array(keys["token_id"])),
        "logit" if site == "logits" else "norm": np.ascontiguousarray(keys["norm"]),
    }
    for name in ("layer", "head", "position", "token_id"):
        columns[name] = np.ascontiguousarray(keys[name])
    if site == "logits":
        columns["layer"] = None
    elif vectors != "none":
        elements = rounded(rows.elements) if vectors == "float16" else rows.elements
        ends = np.cumsum(keys["width"], dtype=np.int32)
        starts = pa.array(np.concatenate([np.zeros(1, np.int32), ends]))
        columns["value"] = pa.ListArray.from_arrays(starts, pa.array(elements))
    return columns


def _refused(columns: str, texts: Texts, found: Sequence[Tokens]) -> pa.Table:
    """A row for each text that cannot be run."""
    refused = [
        (text, of_text.left_out)
        for text, of_text in zip(texts, found, strict=True)
        if of_text.left_out is not None
    ]
    return _table(
        columns,
        {"text": [text for text, _ in refused], "left_out": [reason for _, reason in refused]},
    )


def _table(columns: str, given: dict[str, Any]) -> pa.Table:
    """A table of these columns; those that are not given are NULL."""
    import pyarrow as pa

    kinds: dict[str, Callable[[], pa.DataType]] = {
        "string": pa.string,
        "int": pa.int32,
        "double": pa.float64,
        "array<float>": lambda: pa.list_(pa.float32()),
    }
    n_rows = max(len(values) for values in given.values() if values is not None)
    named = {}
    for said in columns.split(", "):
        name, kind = said.split(" ")
        values = given.get(name)
        if values is None:
            values = pa.nulls(n_rows, kinds[kind]())
        named[name] = values if isinstance(values, pa.Array) else pa.array(values, kinds[kind]())
    return pa.table(named)


_words: dict[str, list[str | None]] = {}


def _vocabulary(connection: psycopg.Connection, model: str) -> list[str | None]:
    """The texts of a model's tokens, by their numbers."""
    if model not in _words:
        with connection.transaction():
            rows = connection.execute(
                "SELECT v.token_id, v.token FROM lm.vocabulary AS v"
                " INNER JOIN lm.model AS m ON m.model_id = v.model_id WHERE m.name = %s",
                (model,),
            ).fetchall()
        words: list[str | None] = [None] * (1 + max(token_id for token_id, _ in rows))
        for token_id, token in rows:
            words[token_id] = token
        _words[model] = words
    return _words[model]
