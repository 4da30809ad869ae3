"""Model folders that are damaged in one way or in several, at random."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutation = Callable[[Path, random.Random], object]

ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 7, 0.5, -0.0, 1e308, 10**18, -(10**30), 2**31, 2**63),
    *(
        float("nan"),
        float("inf"),
        "",
        " ",
        "x",
        "0",
        "\0",
        "\ud800",
        "\u2581",
        "../x",
        "/etc/passwd",
    ),
    *("a" * 100_000, [], {}, [[]], [None], {"": None}, [0] * 1000, {"a": {"b": {"c": []}}}),
    *(
        "gpt2",
        "llama",
        "F64",
        "I8",
        "BOOL",
        "F32",
        "BPE",
        "<|endoftext|>",
        "'; DROP TABLE lm.run; --",
    ),
]
"""What may stand where something else is expected."""


def files(folder: Path) -> list[Path]:
    """The files of a folder, in order."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def a_file(folder: Path, source: random.Random, pattern: str = "*") -> Path:
    """Any file of a folder whose name fits; FileNotFoundError where there is none."""
    found = [path for path in files(folder) if path.match(pattern)]
    if not found:
        raise FileNotFoundError
    return source.choice(found)


# Of any file --------------------------------------------------------------------------------------


def flip_bytes(folder: Path, source: random.Random) -> None:
    path = a_file(folder, source)
    contents = bytearray(path.read_bytes())
    # the beginning of a file says more than the rest of it
    end = len(contents) if source.random() < 0.5 else min(len(contents), 4000)
    for _ in range(source.choice((1, 1, 2, 8)) if end else 0):
        contents[source.randrange(end)] = source.randrange(256)
    path.write_bytes(contents)


def cut(folder: Path, source: random.Random) -> None:
    path = a_file(folder, source)
    contents = path.read_bytes()
    path.write_bytes(contents[: source.choice((0, 1, 8, source.randint(0, len(contents))))])


def lengthen(folder: Path, source: random.Random) -> None:
    path = a_file(folder, source)
    more = source.choice((b"\0", b"}", b" ", b"\xff" * 9, bytes(10_000)))
    path.write_bytes(source.choice((path.read_bytes() + more, more + path.read_bytes())))


def exchange(folder: Path, source: random.Random) -> None:
    """Two files have each other's contents."""
    one, other = a_file(folder, source), a_file(folder, source)
    contents = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(contents)


def remove(folder: Path, source: random.Random) -> None:
    a_file(folder, source).unlink()


def replace(folder: Path, source: random.Random) -> None:
    """By a link, a folder or a pipe."""
    path = a_file(folder, source)
    path.unlink()
    match source.randrange(7):
        case 0:
            path.symlink_to(path.name)  # to itself
        case 1:
            path.symlink_to("nowhere")
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            path.symlink_to("/dev/null")
        case 4:
            path.symlink_to(folder)
        case 5:
            path.mkdir()
        case _:
            os.mkfifo(path)


# Of JSON ------------------------------------------------------------------------------------------


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container within a value with each of its keys or numbers."""
    found: list[tuple[Any, Any]] = []
    inner: list[Any] = [value]
    while inner:
        container = inner.pop()
        if isinstance(container, (dict, list)):
            keys = list(container) if isinstance(container, dict) else range(len(container))
            found += [(container, key) for key in keys]
            inner += [container[key] for key in keys]
    return found


def a_place(value: Any, source: random.Random) -> tuple[Any, Any] | None:
    """One of them; those near the top as often as the many of a vocabulary."""
    found = places(value)
    shallow = [(container, key) for container, key in found if container is value]
    return source.choice(source.choice((shallow, found))) if found else None


def change_json(folder: Path, source: random.Random) -> None:
    """A value is replaced, removed, or put at another place."""
    path = a_file(folder, source, "*.json")
    contents = json.loads(path.read_bytes())
    for _ in range(source.choice((1, 1, 1, 3))):
        change_value(contents, source)
    path.write_text(json.dumps(contents), encoding="utf-8")


def change_value(contents: Any, source: random.Random) -> None:
    """Somewhere within a value another one stands, or none."""
    place = a_place(contents, source)
    if place is None:
        return
    container, key = place
    match source.randrange(5):
        case 0:
            del container[key]
        case 1:
            other, its_key = a_place(contents, source) or place
            if key in container if isinstance(container, dict) else key < len(container):
                value = container[key]
                # no value within itself: that could not be written
                container[key] = json.loads(json.dumps(other[its_key]))
                other[its_key] = json.loads(json.dumps(value))
        case 2 if isinstance(container[key], (int, float)):
            container[key] = container[key] * source.choice((-1, 2, 0.5, 1000)) + 1
        case _:
            container[key] = source.choice(ODD)


def nest(folder: Path, source: random.Random) -> None:
    """Nested more deeply than a reader goes, or just about."""
    depth = source.choice((100, 990, 1000, 3000, 100_000))
    path = a_file(folder, source, "*.json")
    inner = source.choice((b"", path.read_bytes()))
    path.write_bytes(b'{"a":' * depth + (inner or b"1") + b"}" * depth)


def strange_text(folder: Path, source: random.Random) -> None:
    """A mark of order before it, another encoding, or bytes that are none."""
    path = a_file(folder, source, "*.[jt][sx][ot]*")
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    match source.randrange(3):
        case 0:
            path.write_text("\ufeff" + text, encoding="utf-8", errors="surrogateescape")
        case 1:
            path.write_bytes(text.encode("utf-16", "replace"))
        case _:
            at = source.randint(0, len(text))
            path.write_bytes((text[:at] + "\udcff" + text[at:]).encode(errors="surrogateescape"))


# Of weights ---------------------------------------------------------------------------------------


def change_header(folder: Path, source: random.Random) -> None:
    """A safetensors header says something else of its tensors."""
    path = a_file(folder, source, "*.safetensors")
    contents = path.read_bytes()
    length = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + length])
    name = source.choice(list(header))
    entry = header[name]
    match source.randrange(9):
        case 0:
            del header[name]
        case 1:
            header[source.choice((name + "x", "", "x." + name, "h.9.ln_1.weight"))] = header.pop(
                name
            )
        case 2 if "shape" in entry:
            source.shuffle(entry["shape"])
        case 3 if "shape" in entry:
            entry["shape"] = source.choice(([], [0], [-1, 3], [2**62, 4], [1] * 40, [7, 7]))
        case 4 if "dtype" in entry:
            entry["dtype"] = source.choice(("F64", "I8", "F16", "BF16", "BOOL", "F8_E4M3", "X", 3))
        case 5 if "data_offsets" in entry:
            start, end = entry["data_offsets"]
            entry["data_offsets"] = source.choice(
                (
                    [end, start],
                    [start + 4, end],
                    [start, end + 4],
                    [start, 2**63],
                    [-4, end],
                    [0],
                    [],
                )
            )
        case 6:
            other = source.choice(list(header))
            header[name], header[other] = header[other], header[name]
        case _:
            change_value(header, source)
    written = json.dumps(header).encode()
    told = source.choice((len(written),) * 8 + (0, 2**63, len(written) - 1, 100_000_001))
    path.write_bytes(told.to_bytes(8, "little") + written + contents[8 + length :])


def change_numbers(folder: Path, source: random.Random) -> None:
    """NaN, infinities and huge numbers among the weights."""
    path = a_file(folder, source, "*.safetensors")
    contents = bytearray(path.read_bytes())
    first = 8 + int.from_bytes(contents[:8], "little")
    n_numbers = (len(contents) - first) // 4
    for _ in range(source.choice((1, 5)) if n_numbers > 0 else 0):
        at = first + 4 * source.randrange(n_numbers)
        odd = ("0000c07f", "0000807f", "000080ff", "ffff7f7f", "01000000", "ffffffff")
        contents[at : at + 4] = bytes.fromhex(source.choice(odd))
    path.write_bytes(contents)


# Of merges ----------------------------------------------------------------------------------------


def change_merges(folder: Path, source: random.Random) -> None:
    """A line is missing, there twice, at another place, or something else."""
    path = a_file(folder, source, "merges.txt")
    lines = path.read_text(encoding="utf-8").split("\n")
    at = source.randrange(len(lines))
    match source.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(source.randrange(len(lines)), lines[at])
        case 2:
            lines[at] = source.choice(("", "a", "a b c", " a", "a ", "\0 \0", "a\tb", "\u2028 a"))
        case 3:
            source.shuffle(lines)
        case _:
            lines[at] = lines[at][::-1]
    path.write_text("\n".join(lines), encoding="utf-8")


MUTATIONS: list[Mutation] = [
    *(flip_bytes, flip_bytes, cut, lengthen, exchange, remove, replace),
    *(change_json, change_json, change_json, change_json, nest, strange_text),
    *(change_header, change_header, change_header, change_numbers, change_merges),
]


DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def mutated(original: Path, folder: Path, source: random.Random) -> list[str]:
    """Copy a model's folder and damage the copy.

    Returns:
        What was done to it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    done = []
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        mutation = source.choice(MUTATIONS)
        try:
            mutation(folder, source)
            done.append(mutation.__name__)
        except DAMAGED:
            pass  # what is damaged already cannot be taken apart again
    return done
