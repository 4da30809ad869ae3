"""PostgreSQL 16 gives the answers that 18 gives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from conftest import server_folder

from psqlm import database, loader
from psqlm.database.server import EmbeddedServer

PROMPT = "Once upon a time there was a ñandú 🦩, and it's 3 o'clock"


@pytest.fixture(scope="module")
def sixteen() -> Iterator[psycopg.Connection]:
    folder = server_folder()
    server = EmbeddedServer(folder, version=16)
    try:
        with database.connect(server.start()) as connection:
            loader.load(connection, "demo")
            yield connection
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_it_is_postgresql_16(sixteen: psycopg.Connection) -> None:
    assert sixteen.info.server_version // 10000 == 16
    assert database.install(sixteen) is False


@pytest.mark.parametrize(
    "query",
    [
        "SELECT position, token_id, token FROM lm.tokenize(%(prompt)s)",
        "SELECT lm.decode(lm.encode(%(prompt)s))",
        "SELECT step, pieces, merged, rank FROM lm.merge_steps('wonderfully')",
        "SELECT rank, token_id, token FROM lm.next_token(%(prompt)s)",
        "SELECT lm.generate(%(prompt)s, 10)",
        "SELECT lm.generate(%(prompt)s, 10, temperature => 1, seed => 5)",
    ],
)
def test_same_rows(connection: psycopg.Connection, sixteen: psycopg.Connection, query: str) -> None:
    parameters = {"prompt": PROMPT}
    expected = connection.execute(query.encode(), parameters).fetchall()
    assert expected
    assert sixteen.execute(query.encode(), parameters).fetchall() == expected


def test_same_adjustments(connection: psycopg.Connection, sixteen: psycopg.Connection) -> None:
    both = []
    for server in (connection, sixteen):
        row = server.execute("SELECT lm.forward(%s)", (PROMPT,)).fetchone()
        assert row is not None
        rows = server.execute(
            "SELECT adjustment::real[] FROM lm.attention_adjustment "
            "WHERE run_id = %s ORDER BY layer, position",
            row,
        ).fetchall()
        both.append(np.array([adjustment for (adjustment,) in rows]))
    difference = np.abs(both[0] - both[1]).max() / np.abs(both[0]).max()
    print(f"largest relative difference of adjustments between 16 and 18: {difference:.1e}")
    assert both[0].shape == both[1].shape
    assert difference < 1e-5
