"""Files of results: a reader sees the old one or the new one, whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from psqlm.errors import PsqlmError


def write_files(out: Path, writers: Mapping[str, Callable[[Path], object]]) -> list[Path]:
    """Write files into a folder.

    Args:
        out: the folder, made if need be; files of the same names are replaced.
        writers: by a file's name, what writes it to the path that it is called with.

    Raises:
        PsqlmError: a folder that cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [_replace(out / name, write) for name, write in writers.items()]
    except OSError as error:
        raise PsqlmError(
            f"cannot write to {out}: {error.strerror or error}; choose another folder with --out"
        ) from error


def _replace(path: Path, write: Callable[[Path], object]) -> Path:
    """Write beside the file and swap."""
    draft = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
