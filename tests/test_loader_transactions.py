"""A model is loaded, replaced and dropped as a whole, beside other sessions, in bounded memory."""

from __future__ import annotations

import shutil
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest
import tiny
from psycopg.conninfo import make_conninfo
from safetensors.torch import load_file
from tiny import C_FC, LAYERS, LN_F, MLP, VOCABULARY, WIDTH
from transformers import GPT2Config, GPT2LMHeadModel

from psqlm import loader
from psqlm.errors import PsqlmError


@pytest.fixture
def connection(loading_dsn: str) -> Iterator[psycopg.Connection]:
    yield from tiny.without_models(loading_dsn)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "tiny")


def test_a_name_is_taken_once_and_force_replaces_it(
    connection: psycopg.Connection, folder: Path
) -> None:
    loader.load(connection, str(folder), name="mine")
    tiny.set_number(C_FC, 123.0)(folder)
    with pytest.raises(PsqlmError, match='"mine" is loaded already: --force replaces it'):
        loader.load(connection, str(folder), name="mine")
    loader.load(connection, str(folder), name="mine", force=True)
    assert connection.execute(
        "SELECT count(*), max(vector_norm(weight)) > 100 FROM lm.linear"
    ).fetchall() == [(LAYERS * (4 * WIDTH + MLP + WIDTH), True)]
    partitions = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'lm.linear'::regclass"
    ).fetchone()
    assert partitions == (1,)


def test_a_replacement_that_fails_leaves_the_old_model(
    connection: psycopg.Connection, folder: Path
) -> None:
    loader.load(connection, str(folder))
    before = connection.execute("TABLE lm.model").fetchall()
    connection.commit()
    tiny.set_number(LN_F, float("nan"))(folder)
    with pytest.raises(PsqlmError):
        loader.load(connection, str(folder), force=True)
    assert connection.execute("TABLE lm.model").fetchall() == before
    assert connection.execute("SELECT count(*) > 0 FROM lm.linear").fetchone() == (True,)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_an_interrupted_load_leaves_nothing(
    connection: psycopg.Connection, folder: Path, share: float
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= share * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loader.load(connection, str(folder), progress=interrupt)
    assert tiny.left(connection) == []
    assert loader.load(connection, str(folder)) == "tiny"  # the connection still serves


def test_progress_reaches_the_end(connection: psycopg.Connection, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    loader.load(connection, str(folder), progress=lambda done, total: seen.append((done, total)))
    size = sum(tensor.nbytes for tensor in load_file(folder / "model.safetensors").values())
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, size), (size, size))


def test_two_sessions_load_one_name(
    loading_dsn: str, connection: psycopg.Connection, folder: Path
) -> None:
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def attempt() -> None:
        with psycopg.connect(loading_dsn) as own:
            barrier.wait()
            try:
                outcomes.append(loader.load(own, str(folder), name="contested"))
            except PsqlmError as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("loaded already" in outcome for outcome in outcomes) == [False, True]


def test_sessions_that_replace_one_name_take_turns(
    loading_dsn: str, connection: psycopg.Connection, folder: Path
) -> None:
    loader.load(connection, str(folder), name="contested")
    connection.commit()
    barrier = threading.Barrier(6)

    def replace(_: int) -> str:
        with psycopg.connect(loading_dsn) as own:
            barrier.wait()
            return loader.load(own, str(folder), name="contested", force=True)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(replace, range(6))) == ["contested"] * 6
    assert connection.execute(
        "SELECT count(*), (SELECT count(DISTINCT model_id) FROM lm.linear) FROM lm.model"
    ).fetchall() == [(1, 1)]


def test_drop_removes_all_that_belongs_to_a_model(
    connection: psycopg.Connection, folder: Path
) -> None:
    loader.load(connection, str(folder), name="one")
    loader.load(connection, str(folder), name="two")
    connection.execute(
        "INSERT INTO lm.run (model_id, prompt, token_ids, capture) "
        "SELECT model_id, name, '{1}', '{}' FROM lm.model"
    )
    connection.commit()
    loader.drop(connection, "one")
    assert connection.execute("SELECT prompt FROM lm.run").fetchall() == [("two",)]
    assert connection.execute("SELECT count(DISTINCT model_id) FROM lm.linear").fetchone() == (1,)
    connection.commit()
    loader.drop(connection, "two")
    assert tiny.left(connection) == []
    with pytest.raises(PsqlmError, match='no model named "two" is loaded'):
        loader.drop(connection, "two")


def test_rows_are_found_by_key_and_kept_in_line(
    connection: psycopg.Connection, folder: Path
) -> None:
    loader.load(connection, str(folder))
    connection.execute("SET LOCAL enable_seqscan = off")
    plan = connection.execute(
        "EXPLAIN (FORMAT TEXT) SELECT weight FROM lm.linear WHERE model_id = "
        "(SELECT model_id FROM lm.model) AND layer = 1 AND map = 'q' AND block = 0 AND unit = 3"
    ).fetchall()
    assert any("Index Scan using linear_" in line for (line,) in plan), plan
    storage = connection.execute(
        "SELECT DISTINCT a.attstorage FROM pg_attribute AS a "
        "JOIN pg_inherits AS i ON i.inhrelid = a.attrelid "
        "WHERE a.attname IN ('weight', 'weight_half', 'embedding', 'embedding_half')"
    ).fetchall()
    assert storage == [("p",)]


PREWARM = "relation regclass, mode text, fork text, first bigint, last bigint"


def test_weights_are_prewarmed_where_that_can_be_done(
    connection: psycopg.Connection, folder: Path
) -> None:
    """The extension is played by a row of pg_extension, for not every server has its files.

    Its function writes down what it was called with. One of the same name beside it, which a call
    with fewer arguments would rather mean, does not belong to the extension.
    """
    connection.execute(
        f"""
        CREATE TABLE warmed (relation regclass, mode text);
        CREATE FUNCTION pg_prewarm({PREWARM}) RETURNS void LANGUAGE sql
        BEGIN ATOMIC INSERT INTO warmed VALUES (relation, mode); END;
        CREATE FUNCTION pg_prewarm(relation regclass) RETURNS void LANGUAGE sql
        BEGIN ATOMIC INSERT INTO warmed VALUES (relation, 'not of the extension'); END;
        INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES (1000000, 'pg_prewarm', current_user::regrole, 'public'::regnamespace, true, '1.2');
        ALTER EXTENSION pg_prewarm
        ADD FUNCTION pg_prewarm(regclass, text, text, bigint, bigint);
        """
    )
    loader.load(connection, str(folder))
    assert connection.execute("SELECT relation::text, mode FROM warmed").fetchall() == (
        connection.execute(
            "SELECT inhrelid::regclass::text, 'buffer' FROM pg_inherits ORDER BY inhparent"
        ).fetchall()
    )
    connection.rollback()


@pytest.fixture
def stranger(loading_dsn: str, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session of a role that can connect and nothing more."""
    connection.execute("CREATE ROLE psqlm_stranger LOGIN PASSWORD 'stranger'")
    connection.commit()
    as_stranger = make_conninfo(loading_dsn, user="psqlm_stranger", password="stranger")
    try:
        with psycopg.connect(as_stranger, autocommit=True) as opened:
            yield opened
    finally:
        connection.rollback()
        connection.execute("DROP OWNED BY psqlm_stranger; DROP ROLE psqlm_stranger")
        connection.commit()


def test_no_function_of_a_strangers_is_called(
    connection: psycopg.Connection, stranger: psycopg.Connection, folder: Path
) -> None:
    """Whoever can connect can make a pg_prewarm in a temporary schema; a superuser loads."""
    for arguments in ("regclass", PREWARM):
        stranger.execute(
            f"CREATE FUNCTION pg_temp.pg_prewarm({arguments}) RETURNS void LANGUAGE sql "
            "AS 'ALTER ROLE psqlm_stranger SUPERUSER'"
        )
    loader.load(connection, str(folder))
    connection.commit()
    assert connection.execute(
        "SELECT current_setting('is_superuser'), rolsuper FROM pg_roles "
        "WHERE rolname = 'psqlm_stranger'"
    ).fetchall() == [("on", False)]


def test_memory_is_bounded_by_a_tensor(
    connection: psycopg.Connection, tmp_path: Path, folder: Path
) -> None:
    width, layers = 256, 12
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=width, n_layer=layers, n_head=4)
    )
    model.config.eos_token_id = 0
    model.save_pretrained(tmp_path)
    del model
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(folder / name, tmp_path / name)
    size = (tmp_path / "model.safetensors").stat().st_size
    largest = 4 * width * width * np.dtype(np.float32).itemsize
    tracemalloc.start()
    loader.load(connection, str(tmp_path), name="large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"file {size / 1e6:.1f} MB, largest tensor {largest / 1e6:.1f} MB, peak {peak / 1e6:.1f} MB"
    )
    assert peak < 6 * largest < size / 4
