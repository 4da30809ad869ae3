"""The folder of a result: what is written there is there whole, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from psqlm.errors import PsqlmError
from psqlm.spark.folder import Folder, for_pyarrow, for_spark


def test_files_come_and_go(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "lake"))
    assert folder.files() == []
    assert folder.read("manifest.json") is None
    folder.write("manifest.json", "one")
    folder.write("manifest.json", "two")
    with folder.create("_temporary/a/0.parquet") as created:
        created.file.write(b"some ")
        created.file.write(b"bytes")
    assert (created.size, created.sha256()) == (10, hashlib.sha256(b"some bytes").hexdigest())
    assert sorted(folder.files()) == ["_temporary/a/0.parquet", "manifest.json"]
    folder.move("_temporary/a/0.parquet", "text/model=demo/part.parquet")
    folder.remove_folder("_temporary")
    folder.remove_folder("_temporary")
    assert sorted(folder.files()) == ["manifest.json", "text/model=demo/part.parquet"]
    assert folder.read("manifest.json") == "two"
    assert Path(folder.at("text/model=demo/part.parquet")).read_bytes() == b"some bytes"


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(str(tmp_path))
    folder.write("manifest.json", "one")
    with pytest.raises(UnicodeEncodeError):
        folder.write("manifest.json", "\ud800")
    assert folder.read("manifest.json") == "one"


def test_names_of_places() -> None:
    assert for_spark("s3://lake/a") == for_spark("s3a://lake/a") == "s3a://lake/a"
    assert for_pyarrow("s3a://lake/a") == "s3://lake/a"
    assert for_spark("/lake/s3://") == "/lake/s3://"
    with pytest.raises(PsqlmError, match="no folder that can be written to"):
        Folder("nonsense://lake")
