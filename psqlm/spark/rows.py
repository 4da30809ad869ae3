"""Texts to rows, in a database that has the model: what of them can be run, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from psqlm.loader.binary_copy import HEADER, TRAILER
from psqlm.parquet.copied import layout
from psqlm.runs.passes import BATCH_TOKENS

KEYS = np.dtype(
    [
        *layout(
            *(
                (name, ">i4")
                for name in ("ordinal", "site", "layer", "head", "position", "token_id")
            ),
            ("number", ">f8"),
        ).descr,
        ("length", ">i4"),
    ]
)
"""A row before its vector: site is its place in the capture, number the norm or the logit."""

OVERHEAD = 4
"""Bytes of a vector before its elements."""


@dataclass(frozen=True)
class Capture:
    """What is wanted of a pass: the arguments of lm.forward_rows.

    Attributes:
        model: the model's name.
        sites: the sites, sorted.
        layers: the layers; None: all.
        positions: the positions, −1 the last; None: all.
        top_logits: how many of a position's highest logits; None: all.
    """

    model: str
    sites: tuple[str, ...]
    layers: tuple[int, ...] | None = None
    positions: tuple[int, ...] | None = None
    top_logits: int | None = 10


@dataclass(frozen=True)
class Tokens:
    """What a text is to the model.

    Attributes:
        token_ids: its tokens; none where it cannot be run.
        tokens: their texts.
        left_out: why it cannot be run; None: it can.
    """

    token_ids: list[int]
    tokens: list[str]
    left_out: str | None = None


@dataclass(frozen=True)
class SiteRows:
    """Rows of a site, in the order of text, layer, head and position.

    Attributes:
        keys: ordinal of the text from 0, layer, head, position, token_id, norm and width; of logits
            the norm is the logit, the highest of a position comes first.
        elements: the elements of all vectors, end to end; none where none were asked for.
    """

    keys: npt.NDArray[Any]
    elements: npt.NDArray[np.float32]


def tokenize(
    connection: psycopg.Connection, texts: Sequence[str | None], model: str
) -> list[Tokens]:
    """The tokens of texts, or why one cannot be run."""
    (n_ctx, longest) = connection.execute(
        "SELECT m.n_ctx, t.longest FROM lm.model AS m"
        " LEFT JOIN lm.tokenizer AS t ON t.model_id = m.model_id WHERE m.name = %s",
        (model,),
    ).fetchone() or (0, None)
    found: list[Tokens | None] = [_refused(text, n_ctx, longest) for text in texts]
    asked = [number for number, tokens in enumerate(found) if tokens is None]
    for number, tokens in zip(
        asked, _ask(connection, [texts[n] or "" for n in asked], model), strict=True
    ):
        n_tokens = len(tokens.token_ids)
        if n_tokens > n_ctx:
            reason = f"{n_tokens} tokens, the model has positions for {n_ctx}"
            tokens = Tokens([], [], reason)
        elif n_tokens == 0 and tokens.left_out is None:
            tokens = Tokens([], [], "empty")
        found[number] = tokens
    connection.commit()
    return [tokens for tokens in found if tokens is not None]


def _refused(text: str | None, n_ctx: int, longest: int | None) -> Tokens | None:
    """What is said of a text that the tokenizer is not asked about."""
    reason = None
    if text is None or not text.strip():
        reason = "empty"
    elif "\0" in text:
        reason = "a NUL, which no text may hold"
    elif longest and (n_least := len(text.encode()) // longest) > n_ctx:
        reason = f"{n_least} tokens or more, the model has positions for {n_ctx}"
    return None if reason is None else Tokens([], [], reason)


def _ask(connection: psycopg.Connection, texts: Sequence[str], model: str) -> list[Tokens]:
    """The tokenizer's answer, to all together, or to each where one of them is refused."""
    if not texts:
        return []
    try:
        with connection.transaction():
            rows = connection.execute(
                """
                SELECT
                    array_agg(k.token_id ORDER BY k.position),
                    array_agg(k.token ORDER BY k.position)
                FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, ordinal)
                LEFT JOIN LATERAL lm.tokenize(t.text, %s) AS k ON true
                GROUP BY t.ordinal
                ORDER BY t.ordinal
                """,
                (list(texts), model),
            ).fetchall()
        return [
            Tokens([], []) if token_ids == [None] else Tokens(token_ids, tokens)
            for token_ids, tokens in rows
        ]
    except (psycopg.errors.DataError, psycopg.errors.ProgrammingError) as error:
        if len(texts) > 1:
            return [tokens for text in texts for tokens in _ask(connection, [text], model)]
        return [Tokens([], [], error.diag.message_primary or str(error))]


def passes(tokens: Sequence[Tokens]) -> Iterator[list[int]]:
    """The places of texts that can be run, in their order, as many together as a pass takes."""
    batch: list[int] = []
    size = 0
    for number, text in enumerate(tokens):
        if text.left_out is not None:
            continue
        if batch and size + len(text.token_ids) > BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += len(text.token_ids)
    if batch:
        yield batch


def forward_rows(
    connection: psycopg.Connection,
    texts: Sequence[str],
    longest: int,
    capture: Capture,
    *,
    with_vectors: bool,
) -> dict[str, SiteRows]:
    """What a pass over texts has at each site, all of it or nothing.

    Args:
        connection: to the database.
        texts: the texts, which can be run.
        longest: how many tokens the longest of them has.
        capture: what is wanted.
        with_vectors: False leaves the vectors in the database.
    """
    # a position that none of these texts has is one that some other text may have
    positions = capture.positions
    if positions is not None:
        positions = tuple(p for p in positions if -longest <= p < longest)
    (vectors,) = connection.execute("SELECT lm_internal.vector_schema()::text").fetchone() or ("",)
    query = sql.SQL(
        """
        COPY (
            SELECT
                r.ordinal - 1,
                array_position({sites}::lm.site[], r.site) - 1,
                COALESCE(r.layer, -1),
                r.head,
                r.position,
                r.token_id,
                COALESCE(r.logit, {norm}(r.value)),
                {value}
            FROM lm.forward_rows(
                {texts}::text[],
                {model},
                {sites}::text[],
                capture_layers => {layers}::int[],
                capture_positions => {positions}::int[],
                top_logits => {top_logits}::int
            ) AS r
        ) TO STDOUT (FORMAT binary)
        """
    ).format(
        norm=sql.Identifier(vectors, "vector_norm"),
        value=sql.SQL("r.value" if with_vectors else "NULL::text"),
        sites=sql.Literal(list(capture.sites)),
        texts=sql.Literal(list(texts)),
        model=sql.Literal(capture.model),
        layers=sql.Literal(None if capture.layers is None else list(capture.layers)),
        positions=sql.Literal(None if positions is None else list(positions)),
        top_logits=sql.Literal(capture.top_logits),
    )
    rows: list[bytes] = []
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copy:
        for message in copy:
            row = bytes(message).removeprefix(HEADER)  # which comes with the first row
            if row and row != TRAILER:
                rows.append(row)
    keys = np.frombuffer(b"".join([row[: KEYS.itemsize] for row in rows]), KEYS)
    found = {}
    for number, site in enumerate(capture.sites):
        places = np.flatnonzero(keys["site"] == number)
        of_site = keys[places]
        order = (
            (of_site["token_id"], -of_site["number"], of_site["position"], of_site["ordinal"])
            if site == "logits"
            else tuple(of_site[name] for name in ("position", "head", "layer", "ordinal"))
        )
        places = places[np.lexsort(order)]
        elements = b"".join([rows[place][KEYS.itemsize + OVERHEAD :] for place in places])
        found[site] = SiteRows(
            _keys(keys[places]), np.frombuffer(elements, ">f4").astype(np.float32)
        )
    return found


def _keys(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Keys by the names that psqlm.parquet.writer knows."""
    numbers = ("ordinal", "layer", "head", "position", "token_id")
    keys = np.empty(
        len(rows), [*((name, np.int32) for name in numbers), ("norm", float), ("width", np.int32)]
    )
    for name in numbers:
        keys[name] = rows[name]
    keys["norm"] = rows["number"]
    keys["width"] = (rows["length"] - OVERHEAD) // 4
    return keys
