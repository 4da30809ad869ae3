"""Folders, disks and prompts that are bad in a known way: a line says how, and nothing is written.

What a configuration or a vocabulary says wrongly is in test_loader_refusals, test_configurations
and test_tokenizer_kinds; a hub that lacks a repository or does not answer is in test_hub.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import family_models
import numpy as np
import psycopg
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner, Result

from psqlm import loader
from psqlm.cli import app
from psqlm.errors import PsqlmError
from trust.leftovers import left

Change = Callable[[Path], object]
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
WTE, BIAS = "transformer.wte.weight", "transformer.h.0.ln_1.bias"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "added_tokens.json", INDEX)
DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000


@pytest.fixture(scope="module")
def dsn(make_database: Callable[[str], str]) -> str:
    """A database without models."""
    return make_database("psqlm_bad_folders")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two layers, 24 wide, with vocab.json and merges.txt."""
    return family_models.save("gpt2", tmp_path_factory.mktemp("bad") / "good")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(original, tmp_path / "tiny"))


# Weights ------------------------------------------------------------------------------------------


def header(change: Callable[[dict[str, Any]], object]) -> Change:
    """The header of the weights says something else; what it describes stays."""

    def changed(folder: Path) -> None:
        contents = (folder / WEIGHTS).read_bytes()
        length = int.from_bytes(contents[:8], "little")
        entries = json.loads(contents[8 : 8 + length])
        change(entries)
        written = json.dumps(entries).encode()
        (folder / WEIGHTS).write_bytes(
            len(written).to_bytes(8, "little") + written + contents[8 + length :]
        )

    return changed


def tensors(change: Callable[[dict[str, Any]], object]) -> Change:
    """The weights are others, in a file that is sound."""

    def changed(folder: Path) -> None:
        arrays = load_file(folder / WEIGHTS)
        change(arrays)
        save_file(arrays, folder / WEIGHTS)

    return changed


def entry(name: str, **values: Any) -> Change:
    return header(lambda entries: entries[name].update(values))


def weights(contents: bytes) -> Change:
    return lambda folder: (folder / WEIGHTS).write_bytes(contents)


def cut_weights(length: int) -> Change:
    return lambda folder: os.truncate(folder / WEIGHTS, length)


def lengthened(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as file:
        file.write(bytes(4))


DAMAGED = r"model\.safetensors is damaged \(.*\): fetch the model again"
BAD_WEIGHTS: dict[str, tuple[Change, str]] = {
    "empty": (weights(b""), DAMAGED),
    "cut within the length": (cut_weights(5), DAMAGED),
    "cut within the header": (cut_weights(300), DAMAGED),
    "cut within the last tensor": (cut_weights(60_000), DAMAGED),
    "longer than told": (lengthened, DAMAGED),
    "header of 8 EB": (weights(b"\xff" * 7 + b"\x7f{}"), DAMAGED),
    "header no object": (weights((2).to_bytes(8, "little") + b"[]"), DAMAGED),
    "header nested": (
        weights((200_000).to_bytes(8, "little") + b"[" * 100_000 + b"]" * 100_000),
        DAMAGED,
    ),
    "offsets beyond the file": (entry(BIAS, data_offsets=[10**12, 10**12 + 96]), DAMAGED),
    "offsets that overlap": (entry(BIAS, data_offsets=[0, 96]), DAMAGED),
    "offsets backwards": (entry(BIAS, data_offsets=[96, 0]), DAMAGED),
    "negative offsets": (entry(BIAS, data_offsets=[-96, 0]), DAMAGED),
    "a shape larger than its bytes": (entry(BIAS, shape=[10**9]), DAMAGED),
    "a shape that overflows": (entry(BIAS, shape=[2**62, 2**62]), DAMAGED),
    "a type that is none": (entry(BIAS, dtype="F31"), DAMAGED),
    "another shape of as many": (entry(BIAS, shape=[4, 6]), r"bias has shape \[4, 6\]"),
    "an empty tensor": (
        tensors(lambda t: t.update({BIAS: np.zeros(0, np.float32)})),
        r"h\.0\.ln_1\.bias has shape \[0\], config\.json promises \[24\]",
    ),
    "a scalar": (
        tensors(lambda t: t.update({BIAS: np.zeros((), np.float32)})),
        r"h\.0\.ln_1\.bias has shape \[\], config\.json promises \[24\]",
    ),
    **{
        f"type {dtype}": (
            tensors(lambda t, dtype=dtype: t.update({WTE: t[WTE].astype(dtype)})),
            rf"wte\.weight is of type {kind}: psqlm reads F32, F16, BF16",
        )
        for dtype, kind in (("f8", "F64"), ("i1", "I8"), ("u1", "U8"), ("i8", "I64"), ("?", "BOOL"))
    },
    "none": (tensors(dict.clear), "promises 2 layers, and the weights are 0 tensors"),
    "missing": (tensors(lambda t: t.pop(BIAS)), r"the weights lack h\.0\.ln_1\.bias"),
    "unknown": (
        tensors(lambda t: t.update({"\x1b[2Jh": t[BIAS]})),
        r"the weights hold \\x1b\[2Jh, which a gpt2 model does not have",
    ),
    **{
        f"{value} in every tensor": (
            tensors(lambda t, value=value: [t[n].fill(float(value)) for n in t]),
            r"wte\.weight holds NaN or infinity",
        )
        for value in ("nan", "inf", "-inf")
    },
}

# Shards, links and other files --------------------------------------------------------------------


def shards(*names: str) -> Change:
    """An index names these instead of one file."""

    def changed(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "shard.safetensors")
        weight_map = {str(number): name for number, name in enumerate(names)}
        (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))

    return changed


def link(name: str, target: str) -> Change:
    def changed(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return changed


def pipe(name: str) -> Change:
    def changed(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return changed


def unix_socket(folder: Path) -> None:
    (folder / "config.json").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        # the path of a socket is short
        before = Path.cwd()
        os.chdir(folder)
        try:
            server.bind("config.json")
        finally:
            os.chdir(before)


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def deep(name: str) -> Change:
    def changed(folder: Path) -> None:
        if name == INDEX:
            (folder / WEIGHTS).unlink()
        (folder / name).write_text(DEEP)

    return changed


def huge_vocabulary(folder: Path) -> None:
    path = folder / "vocab.json"
    more = {f"{'z' * (n % 7)}{n}": n for n in range(1000, 100_000)}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | more))


def huge_token(folder: Path) -> None:
    """A megabyte that merges go through."""
    path = folder / "vocab.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"the" * 350_000: 299}))


def huge_merges(folder: Path) -> None:
    with (folder / "merges.txt").open("a") as file:
        file.writelines(f"a{n} b{n}\n" for n in range(100_000))


OUTSIDE = "names a file outside its folder"
BAD_FILES: dict[str, tuple[Change, str]] = {
    "an empty folder": (emptied, r"cannot read .*config\.json: No such file"),
    **{
        f"a shard {name[:20]!r}": (shards("shard.safetensors", name), said)
        for name, said in (
            ("../other/model.safetensors", OUTSIDE),
            ("/etc/passwd", OUTSIDE),
            ("a/../shard.safetensors", OUTSIDE),
            ("..", OUTSIDE),
            (".", OUTSIDE),
            ("", OUTSIDE),
            ("x" * 5000, r"lacks x+ … x*, which|lacks x+"),
            ("\x1b[31mred", r"lacks \\x1b\[31mred, which"),
            ("no\nline", r"lacks no\\nline, which"),
            ("nul\0", r"lacks nul\\x00, which"),
        )
    },
    "a link to itself": (link("config.json", "config.json"), "config.json"),
    "a link to nothing": (link("merges.txt", "nowhere"), "neither vocab.json and merges.txt"),
    "an endless device": (link("config.json", "/dev/zero"), "is not a regular file"),
    "endless weights": (link(WEIGHTS, "/dev/zero"), "has neither model.safetensors nor"),
    "an endless vocabulary": (link("vocab.json", "/dev/zero"), "neither vocab.json and merges.txt"),
    "weights that wait": (pipe(WEIGHTS), "has neither model.safetensors nor"),
    "a configuration that waits": (pipe("config.json"), "is not a regular file"),
    "merges that wait": (pipe("merges.txt"), "neither vocab.json and merges.txt"),
    "a socket": (unix_socket, "is not a regular file"),
    **{f"{name} nested": (deep(name), rf"{name} is nested too deeply") for name in FILES},
    "100,000 tokens too many": (huge_vocabulary, "config.json says vocab_size 300"),
    "a token of a megabyte": (huge_token, "token 299 has 1050000 characters, not 1 to 2000"),
    "100,000 merges too many": (huge_merges, "lacks 'a0', which merge"),
}


def bad(cases: dict[str, tuple[Change, str]]) -> Any:
    return pytest.mark.parametrize(("change", "message"), cases.values(), ids=cases)


@bad(BAD_WEIGHTS | BAD_FILES)
def test_one_line_says_what_is_wrong(dsn: str, folder: Path, change: Change, message: str) -> None:
    change(folder)
    with psycopg.connect(dsn, autocommit=True) as connection:
        with pytest.raises(PsqlmError, match=message) as caught:
            loader.load(connection, str(folder))
        assert "\n" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 1000
        assert left(connection) == []


def test_links_within_reach_are_followed(dsn: str, original: Path, tmp_path: Path) -> None:
    """The cache of Hugging Face's library is a folder of links to files elsewhere."""
    folder = tmp_path / "links"
    folder.mkdir()
    for path in original.iterdir():
        (folder / path.name).symlink_to(path)
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, str(folder), name="links")
        loader.drop(connection, "links")
        assert left(connection) == []


# Commands -----------------------------------------------------------------------------------------


@pytest.fixture
def command(dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Runs a command, which must fail in one line, and returns the line."""
    monkeypatch.setenv("PSQLM_DSN", dsn)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result: Result = CliRunner().invoke(app, arguments, prog_name="psqlm")
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith("psqlm: ")
        return line

    yield run
    with psycopg.connect(dsn, autocommit=True) as connection:
        for (name,) in connection.execute("SELECT name FROM lm.model").fetchall():
            loader.drop(connection, name)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A disk that nothing can be written to."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a read-only disk is mounted by root alone, and not in every container")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_read_only(
    command: Any, read_only: Path, original: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    assert "Read-only file system" in command("synth", "distilgpt2", str(read_only / "synth"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, str(original), name="good")
        connection.execute("SELECT lm.forward('the cat sat on the mat and the dog on the log')")
    assert "Read-only file system" in command("analyze", "--out", str(read_only / "report"))
    monkeypatch.delenv("PSQLM_DSN")
    monkeypatch.setenv("PSQLM_HOME", str(read_only / "home"))
    assert "Read-only file system" in command("models")


TEN_MB = "the cat sat on the mat and the dog sat on the log\n" * 200_000


def test_a_prompt_of_10_mb_is_refused_at_once(
    command: Any, original: Path, dsn: str, tmp_path: Path
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, str(original), name="good")
    text = tmp_path / "prompt.txt"
    text.write_text(TEN_MB)
    started = time.perf_counter()
    line = command("run", "--file", str(text))
    assert time.perf_counter() - started < 5
    assert re.search(r"the prompt has [\d,]+ tokens or more and model \"good\" .* 64", line), line
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT FROM lm.run").rowcount == 0


@pytest.mark.trust
def test_a_text_of_10_mb_becomes_tokens(original: Path, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, str(original), name="good")
        started = time.perf_counter()
        row = connection.execute("SELECT lm.decode(lm.encode(%s)) = %s", (TEN_MB, TEN_MB))
        assert row.fetchone() == (True,)
        print(f"10 MB to tokens and back in {time.perf_counter() - started:.1f} s")
        loader.drop(connection, "good")


def test_prompts_that_hold_no_text(command: Any, original: Path, dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, str(original), name="good")
    text = tmp_path / "prompt.txt"
    for contents, message in (
        (b"", "the prompt is empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"a\0b", "NUL"),
    ):
        text.write_bytes(contents)
        assert message in command("run", "--file", str(text))
