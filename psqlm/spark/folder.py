"""The folder of a result, wherever pyarrow can write: a disk, S3, Google's or Azure's, HDFS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psqlm.errors import PsqlmError


def for_spark(where: str) -> str:
    """A path or URI as Spark knows it, which has another name for S3."""
    return where.replace("s3://", "s3a://", 1) if where.startswith("s3://") else where


def for_pyarrow(where: str) -> str:
    """A URI as pyarrow knows it."""
    return where.replace("s3a://", "s3://", 1) if where.startswith("s3a://") else where


class Folder:
    """A folder by its path or URI; every path below it has / in it."""

    def __init__(self, where: str) -> None:
        """Nothing is made yet.

        Raises:
            PsqlmError: pyarrow knows no such place.
        """
        from pyarrow import fs

        self.where = where if "://" in where else str(Path(where).resolve())
        try:
            self._fs, self._root = fs.FileSystem.from_uri(
                for_pyarrow(where) if "://" in where else Path(self.where).as_uri()
            )
        except (OSError, ValueError) as error:
            raise PsqlmError(f"{where} is no folder that can be written to: {error}") from error

    def at(self, path: str) -> str:
        """A path below it, as Spark knows it."""
        return f"{for_spark(self.where).rstrip('/')}/{path}"

    def read(self, path: str) -> str | None:
        """The text of a file; None if there is none."""
        try:
            with self._fs.open_input_stream(self._path(path)) as file:
                return str(file.readall().decode())
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str) -> None:
        """Write a file, in place of another if there is one: all of it or nothing."""
        self._parent(path)
        with self._fs.open_output_stream(self._path(f"{path}.new")) as file:
            file.write(text.encode())
        self._fs.move(self._path(f"{path}.new"), self._path(path))

    def move(self, path: str, to: str) -> None:
        """Rename a file, in place of another if there is one."""
        self._parent(to)
        self._fs.move(self._path(path), self._path(to))

    def files(self) -> list[str]:
        """The files in it, at any depth."""
        from pyarrow import fs

        chosen = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        return [
            info.path[len(self._root.rstrip("/")) + 1 :]
            for info in self._fs.get_file_info(chosen)
            if info.is_file
        ]

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._fs.delete_file(self._path(path))

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        try:
            self._fs.delete_dir(self._path(path))
        except FileNotFoundError:
            return

    @contextmanager
    def create(self, path: str) -> Iterator[Hashed]:
        """A new file to write to."""
        import pyarrow as pa

        self._parent(path)
        with self._fs.open_output_stream(self._path(path)) as stream:
            hashed = Hashed(stream)
            hashed.file = pa.PythonFile(hashed, mode="w")
            yield hashed
            hashed.file.close()

    def _path(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    def _parent(self, path: str) -> None:
        self._fs.create_dir(self._path(path).rpartition("/")[0], recursive=True)


class Hashed:
    """A stream that is hashed and counted as it is written.

    Attributes:
        file: what pyarrow writes to.
        size: bytes that have been written.
    """

    closed = False

    def __init__(self, stream: Any) -> None:
        """Nothing is written yet."""
        self.file: Any = None
        self.size = 0
        self._stream = stream
        self._digest = hashlib.sha256()

    def write(self, part: bytes) -> int:
        """Write some bytes."""
        self._digest.update(part)
        self.size += len(part)
        self._stream.write(part)
        return len(part)

    def flush(self) -> None:
        """Whoever closes the stream does."""

    def close(self) -> None:
        """Whoever opened the stream does."""

    def sha256(self) -> str:
        """Hash of what was written, hexadecimal."""
        return self._digest.hexdigest()
