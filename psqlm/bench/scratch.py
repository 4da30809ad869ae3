"""What a benchmark needs for a while: a database, and a folder with a model."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from psqlm.bench.plan import DEMO
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError
from psqlm.synth import TOKENIZER_FILES, synth

DATABASE = "psqlm_bench_scratch"


@contextlib.contextmanager
def scratch_database(dsn: str) -> Iterator[str]:
    """The DSN of a new database, dropped at the end.

    Args:
        dsn: a server. The database that it names is not touched.

    Raises:
        PsqlmError: the role may not make databases, or another benchmark is running.
    """
    name = sql.Identifier(DATABASE)
    with psycopg.connect(dsn, autocommit=True) as administrator:
        try:
            # a benchmark that was killed may have left its database
            administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
            administrator.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name)
            )
        except psycopg.errors.ObjectInUse as error:
            raise PsqlmError(
                f"a benchmark is at work on this server, in the database {DATABASE}: "
                "wait until it is done"
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise PsqlmError(
                f"the role {administrator.info.user} may not make a database for the benchmark: "
                "ALTER ROLE … CREATEDB, or leave out the DSN for the embedded server"
            ) from error
    try:
        yield make_conninfo(dsn, dbname=DATABASE)
    finally:
        with psycopg.connect(dsn, autocommit=True) as administrator:
            administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextlib.contextmanager
def model_folder(size: str, tokenizer: Path | None = None) -> Iterator[Path]:
    """A folder with a model; random weights are written once and kept for the next time.

    Args:
        size: one of `psqlm.synth.SIZES`, or "demo" for the bundled model.
        tokenizer: a folder with vocab.json and merges.txt for the random weights.

    Raises:
        PsqlmError: the tokenizer's files are not there.
    """
    if size == DEMO:
        if tokenizer is not None:
            raise PsqlmError("the bundled model has a tokenizer: leave out --tokenizer")
        yield DEMO_MODEL
        return
    weights = _cache() / size
    if not (weights / "config.json").exists():
        Console(stderr=True).print(
            f"writing random weights of {size}'s shape to {weights}, kept for the next time",
            soft_wrap=True,
        )
        synth(size, weights)
    if tokenizer is None:
        yield weights
        return
    if missing := [name for name in TOKENIZER_FILES if not (tokenizer / name).is_file()]:
        raise PsqlmError(f"{tokenizer} has no {missing[0]}: --tokenizer takes a folder with both")
    with tempfile.TemporaryDirectory(prefix="psqlm-bench-") as temporary:
        folder = Path(temporary)
        for name in TOKENIZER_FILES:
            shutil.copyfile(tokenizer / name, folder / name)
        for name in ("config.json", "model.safetensors"):
            (folder / name).symlink_to(weights / name)
        yield folder


def _cache() -> Path:
    """Where random weights are kept: under PSQLM_HOME, or in the platform's cache."""
    chosen = os.environ.get("PSQLM_HOME")
    home = Path(chosen).expanduser().resolve() / "cache" if chosen else None
    return (home or platformdirs.user_cache_path("psqlm")) / "synth"
