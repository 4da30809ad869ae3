"""A folder damaged at random is loaded, or refused in one line, and soon; nothing is left of it."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NoReturn

import family_models
import psycopg
import pytest
import tokenizer_kinds
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from psqlm import loader
from psqlm.errors import PsqlmError
from trust.leftovers import left
from trust.mutations import MUTATIONS, ODD, mutated

SECONDS = 10
"""What reading or loading a folder may take."""
MEMORY = 512 * 1024 * 1024
"""What it may take beside what the process had."""


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small folders of every form: one file or shards, each kind of vocabulary."""
    folder = tmp_path_factory.mktemp("originals")
    plain = family_models.save("gpt2", folder / "plain")
    sharded = family_models.save("llama", folder / "sharded")
    llama = family_models.reference(sharded)
    (sharded / "model.safetensors").unlink()
    llama.save_pretrained(sharded, max_shard_size="20KB")
    of_bytes, of_characters = folder / "bytes", folder / "characters"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_kinds, "VOCABULARY", 500)
        tokenizers = [tokenizer_kinds.KINDS[kind]() for kind in ("all flags, bytes", "Llama 2")]
    sizes = [
        {"vocab_size": t.get_vocab_size(), "bos_token_id": None, "eos_token_id": None}
        for t in tokenizers
    ]
    GPT2LMHeadModel(GPT2Config(n_embd=4, n_layer=1, n_head=2, **sizes[0])).save_pretrained(of_bytes)
    LlamaForCausalLM(
        LlamaConfig(
            hidden_size=8,
            intermediate_size=6,
            num_hidden_layers=1,
            num_attention_heads=2,
            **sizes[1],
        )
    ).save_pretrained(of_characters)
    for path, tokenizer in zip((of_bytes, of_characters), tokenizers, strict=True):
        tokenizer.save(str(path / "tokenizer.json"))
        (path / "tokenizer_config.json").write_text('{"add_prefix_space": false}')
    return [plain, sharded, of_bytes, of_characters]


class ReadWell(Exception):  # noqa: N818 (no error)
    """All files are read, and writing would begin."""


class Reader:
    """What stands for a connection where nothing is to be written."""

    def __init__(self) -> None:
        self._transactions = 0

    def transaction(self) -> AbstractContextManager[None]:
        """The first is for the right to load; the second begins when all files are read."""
        self._transactions += 1
        if self._transactions == 1:
            return nullcontext()
        raise ReadWell

    def execute(self, query: str) -> None:
        """It has the right."""
        assert "require_right" in query


@contextmanager
def bounds() -> Iterator[None]:
    """An error where something takes too long or too much memory."""

    def ring(number: int, frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read(folder: Path) -> str | None:
    """What is said against a folder by the half of the loader that reads."""
    with bounds():
        try:
            loader.load(Reader(), str(folder), name="x", force=True)  # type: ignore[arg-type]
        except PsqlmError as error:
            return str(error)
        except ReadWell:
            return None
    raise AssertionError("it was neither read nor refused")


def test_originals_load(originals: list[Path], connection: psycopg.Connection) -> None:
    for original in originals:
        assert read(original) is None
        loader.load(connection, str(original))
        loader.drop(connection, original.name)


@pytest.fixture(scope="module")
def connection(make_database: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    """A connection to a database without models."""
    with psycopg.connect(make_database("psqlm_damaged"), autocommit=True) as opened:
        opened.execute(f"SET statement_timeout = '{SECONDS}s'")
        yield opened


def check(said: str) -> None:
    """It is a line, and not a page of it."""
    assert 0 < len(said) < 1000, said[:2000]
    hidden = {"Cc", "Cs", "Zl", "Zp"}.intersection(map(unicodedata.category, said))
    assert not hidden, ascii(said)


@pytest.mark.parametrize(
    "count", [400, pytest.param(12_000, marks=pytest.mark.trust)], ids=["few", "many"]
)
def test_damaged_folders(
    originals: list[Path], connection: psycopg.Connection, tmp_path: Path, count: int
) -> None:
    """All are read; every eighth is loaded as a whole, by the same code as a user's."""
    refused, read_well, loaded = 0, 0, 0
    wrong = []
    kinds: Counter[str] = Counter()
    for number in range(count):
        source = random.Random(number)
        folder = tmp_path / "model"
        done = mutated(source.choice(originals), folder, source)
        kinds.update(done)
        try:
            said = read(folder)
            if said is None:
                read_well += 1
            else:
                refused += 1
                check(said)
            if number % 8 == 0:
                loaded += load(connection, folder, said)
        except Exception as error:
            wrong.append(f"folder {number}, {done}: {error!r}")
    print(
        f"{count:,} damaged folders: {refused:,} refused in one line, {read_well:,} read; of "
        f"{len(range(0, count, 8)):,} loaded as a whole {loaded:,} succeeded, and nothing was left "
        "of the others"
    )
    assert not wrong, "\n".join(wrong[:20])
    assert len(kinds) == len(set(MUTATIONS))
    assert refused > count / 3
    assert read_well > count / 20


@pytest.mark.parametrize(
    "share", [0.05, pytest.param(1, marks=pytest.mark.trust)], ids=["some", "all"]
)
def test_every_value_of_a_configuration(
    originals: list[Path], connection: psycopg.Connection, tmp_path: Path, share: float
) -> None:
    """Each in turn is each odd number, and the folder is loaded as a whole."""
    numbers = [odd for odd in ODD if isinstance(odd, (int, float)) and odd is not True]
    cases = [
        (original, {key: odd})
        for original in (originals[0], originals[3])
        for key in json.loads((original / "config.json").read_bytes())
        for odd in numbers
    ]
    chosen = random.Random(0).sample(cases, int(len(cases) * share))
    loaded, wrong = 0, []
    for original, value in chosen:
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(original, folder)
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | value))
        try:
            loaded += load(connection, folder, read(folder))
        except Exception as error:
            wrong.append(f"{original.name}, {ascii(value)[:80]}: {error!r}")
    print(f"{len(chosen):,} odd values in configurations: {loaded:,} loaded, the others refused")
    assert not wrong, "\n".join(wrong[:40])


def load(connection: psycopg.Connection, folder: Path, said: str | None) -> bool:
    """Load a folder, run it and remove it again; what the reader says against it is said again.

    Returns:
        Whether it was loaded.
    """
    try:
        with bounds():
            loader.load(connection, str(folder), name="x")
    except PsqlmError as error:
        check(str(error))
        assert said in (None, str(error))
        assert left(connection) == []
        return False
    assert said is None
    try:
        connection.execute("SELECT * FROM lm.next_token('the cat', 3, 'x')").fetchall()
    except psycopg.DataError as error:  # of numbers beyond float32, and of n_ctx 1
        assert error.sqlstate[:2] == "22", repr(error)
    loader.drop(connection, "x")
    assert left(connection) == []
    return True
