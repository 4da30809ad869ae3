"""What a folder holds, and what one server says of the same texts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.parquet as pq

Rows = list[tuple[object, ...]]


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def read(folder: Path, table: str) -> list[dict]:
    """The rows of a table, from the files that the manifest has."""
    return [
        row
        for path in sorted(manifest(folder)["files"])
        if path.startswith(f"{table}/")
        for row in pq.ParquetFile(folder / path).read().to_pylist()
    ]


def vectors(folder: Path, table: str = "activation") -> Rows:
    """The rows of vectors, sorted, with the text in place of its key."""
    texts = {row["text_id"]: row["text"] for row in read(folder, "text")}
    rows = []
    for path in sorted(manifest(folder)["files"]):
        if path.startswith(f"{table}/"):
            site = path.partition("site=")[2].partition("/")[0] or table
            for row in pq.ParquetFile(folder / path).read().to_pylist():
                rows.append(
                    (
                        texts[row["text_id"]],
                        site,
                        row["layer"],
                        row["head"],
                        row["position"],
                        row["token_id"],
                        bits(row["value"]),
                    )
                )
    return sorted(rows)


def everything(folder: Path) -> dict[str, list[str]]:
    """All rows of all tables and sites, sorted, to the last bit, by the folders they are in."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in manifest(folder)["files"]:
        # repr tells any two numbers apart, and 0 from -0
        rows = map(repr, pq.ParquetFile(folder / path).read().to_pylist())
        found[str(Path(path).parent)] += rows
    return {name: sorted(rows) for name, rows in found.items()}


def bits(value: Sequence[float]) -> str:
    """A vector, to the last bit."""
    return np.asarray(value, np.float32).tobytes().hex()


def tokens(folder: Path) -> Rows:
    texts = {row["text_id"]: row["text"] for row in read(folder, "text")}
    return sorted(
        (texts[row["text_id"]], row["position"], row["token_id"], row["token"])
        for row in read(folder, "token")
    )


def one_server(connection: psycopg.Connection, texts: Sequence[str], site: str) -> Rows:
    """What lm.forward_many keeps of texts in one database, one after another."""
    rows: Rows = []
    with connection.transaction(force_rollback=True):
        for start in range(0, len(texts), 200):
            part = list(texts[start : start + 200])
            runs = connection.execute(
                "SELECT ordinal, run_id FROM lm.forward_many(%s, capture => ARRAY[%s])",
                (part, site),
            ).fetchall()
            text_of = {run_id: part[ordinal - 1] for ordinal, run_id in runs}
            found = connection.execute(
                """
                SELECT c.run_id, c.layer, c.head, c.position, t.token_id, c.value::real[]
                FROM lm.captured AS c
                INNER JOIN lm.run_token AS t USING (run_id, position)
                WHERE run_id = ANY (%s) AND c.site = %s::lm.site
                """,
                (list(text_of), site),
            )
            rows += [(text_of[run_id], site, *keys, bits(value)) for run_id, *keys, value in found]
    return sorted(rows)
