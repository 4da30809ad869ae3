"""Other versions of psqlm's SQL, for the installer to find."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from psqlm.database import installation

_numbers = count()


@contextmanager
def changed_sql(folder: Path, extra: str = "", **edits: tuple[str, str]) -> Iterator[Path]:
    """Let the installer find the present SQL with something more, and something else.

    Args:
        folder: where to put it.
        extra: SQL behind the rest of the code, in a file extra.sql.
        edits: by the name of a file of sql/installation/, what to replace there, and by what.
    """
    copy = folder / f"sql-{next(_numbers)}"
    shutil.copytree(installation.SQL, copy)
    (copy / "extra.sql").write_text(extra)
    with (copy / "code.sql").open("a") as code:
        code.write("\\ir extra.sql\n")
    for name, (old, new) in edits.items():
        path = copy / "installation" / f"{name}.sql"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "SQL", copy)
        yield copy
