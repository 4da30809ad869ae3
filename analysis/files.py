"""Files of results. A reader sees the whole old file or the whole new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from psqlm.errors import PsqlmError


def write_files(out: Path, writers: Mapping[str, Callable[[Path], object]]) -> list[Path]:
    """Write files into a folder.

    Args:
        out: the folder, made if needed. Files with the same names are replaced.
        writers: for each file name, a function that writes the file to a given path.

    Raises:
        PsqlmError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [_replace(out / name, write) for name, write in writers.items()]
    except OSError as error:
        raise PsqlmError(
            f"cannot write to {out}: {error.strerror or error}; choose another folder with --out"
        ) from error


def _replace(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a new file beside the old one, then swap them."""
    draft = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
