"""manifest.json: what a folder of exported runs holds, and whether it still does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import LAYOUT, Interventions, Model, Plan

NAME = "manifest.json"
UNFINISHED = "_temporary"
"""The folder of what a Spark job has written and not committed."""
PART = 1024 * 1024


@dataclass(frozen=True)
class File:
    """A file of a table.

    Attributes:
        rows: how many it has.
        bytes: its length.
        sha256: hash of its bytes; None where it was not taken.
    """

    rows: int
    bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Manifest:
    """What a folder holds.

    Attributes:
        versions: of psqlm, PostgreSQL, pgvector and pyarrow, of those that wrote it.
        plans: what was run and kept, by Plan.key().
        files: by their paths below the folder, with / in them.
    """

    versions: dict[str, str]
    plans: dict[str, Plan]
    files: dict[str, File]

    def to_json(self) -> str:
        """What is written."""
        said = {
            "layout": LAYOUT,
            "versions": self.versions,
            "plans": {key: asdict(plan) for key, plan in self.plans.items()},
            "files": {path: asdict(file) for path, file in sorted(self.files.items())},
        }
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write it into a folder."""
        (folder / NAME).write_text(self.to_json(), "utf-8")

    def of_table(self, plan: Plan, table: str, site: str | None = None) -> dict[str, File]:
        """The files of a table, of a site where it has a folder for each."""
        start = plan.folder(table, site) + "/"
        return {path: file for path, file in self.files.items() if path.startswith(start)}


def read_manifest(folder: Path) -> Manifest:
    """Read it, and see that the files are there and as long as it says.

    Raises:
        PsqlmError: there is none, it is not one, or files are missing, cut or not in it.
    """
    try:
        text = (folder / NAME).read_text("utf-8")
    except FileNotFoundError as error:
        raise PsqlmError(
            f"{folder} has no {NAME}: name a folder that psqlm export wrote"
        ) from error
    except ValueError as error:
        raise bad(folder, f"{NAME} is not one of psqlm's") from error
    manifest = parse_manifest(folder, text)
    _check_files(folder, manifest.plans, manifest.files)
    return manifest


def parse_manifest(folder: Path | str, text: str) -> Manifest:
    """Read what a manifest says; its files are not looked at.

    Raises:
        PsqlmError: it is none, or of another layout.
    """
    try:
        said = json.loads(text)
        found = said["layout"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise bad(folder, f"{NAME} is not one of psqlm's") from error
    if found != LAYOUT:
        raise PsqlmError(
            f"{folder} has layout {found!r} and this psqlm reads {LAYOUT}: "
            "import it with the psqlm that wrote it"
        )
    try:
        plans = {key: _plan(plan) for key, plan in said["plans"].items()}
        files = {path: _file(file) for path, file in said["files"].items()}
        versions = {str(name): str(version) for name, version in said["versions"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad(folder, f"{NAME} lacks something, or has it wrong ({error!r})") from error
    for key, plan in plans.items():
        if plan.key() != key:
            raise bad(folder, f"the plan {key} is not what its key says")
    return Manifest(versions, plans, files)


def bad(folder: Path | str, reason: str) -> PsqlmError:
    """The error of a folder that is not as it was written."""
    return PsqlmError(f"{folder} is damaged: {reason}; nothing was imported, export it again")


def check_hash(folder: Path, path: str, file: File) -> None:
    """See that a file's bytes are those that were written.

    Raises:
        PsqlmError: they are others.
    """
    if file.sha256 is not None and hash_of(folder / path) != file.sha256:
        raise bad(folder, f"{path} has changed since it was written")


def hash_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART):
            digest.update(part)
    return digest.hexdigest()


def _check_files(folder: Path, plans: dict[str, Plan], files: dict[str, File]) -> None:
    expected = {
        plan.folder(table, site)
        for plan in plans.values()
        for table, site in (
            *((table, None) for table in ("text", "token", "tag", "pattern", "logit")),
            *(("activation", site) for site in plan.vector_sites()),
        )
    }
    for path, file in files.items():
        # nothing outside the folder is read, whatever the manifest says
        if PurePosixPath(path).parent.as_posix() not in expected or ".." in path.split("/"):
            raise bad(folder, f"{NAME} names {path}, which is no part of the layout")
        there = folder / path
        if not there.is_file():
            raise bad(folder, f"{path} is missing")
        if (length := there.stat().st_size) != file.bytes:
            raise bad(folder, f"{path} has {length:,} bytes instead of {file.bytes:,}")
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.parquet")
        if not path.is_relative_to(folder / UNFINISHED)
    }
    if strange := sorted(found - set(files)):
        raise bad(folder, f"{NAME} does not know {strange[0]}")


def _plan(said: dict[str, Any]) -> Plan:
    done = said["interventions"]
    return Plan(
        model=_model(said["model"]),
        capture=tuple(map(_text, said["capture"])),
        layers=_numbers(said["layers"]),
        positions=_numbers(said["positions"]),
        top_logits=None if said["top_logits"] is None else _number(said["top_logits"]),
        interventions=None
        if done is None
        else Interventions(
            _text(done["name"]), _text_or_none(done["digest"]), _changes(done["changes"])
        ),
        dtype="float16" if said["dtype"] == "float16" else "float32",
    )


def _model(said: dict[str, Any]) -> Model:
    return Model(
        _text(said["name"]),
        _text(said["source"]),
        _text_or_none(said["revision"]),
        _text(said["sha256"]),
        _text(said["dtype"]),
    )


def _file(said: dict[str, Any]) -> File:
    return File(_number(said["rows"]), _number(said["bytes"]), _text_or_none(said["sha256"]))


def _changes(said: Any) -> list[dict[str, Any]] | None:
    if said is not None and not (
        isinstance(said, list) and all(isinstance(change, dict) for change in said)
    ):
        raise TypeError("changes")
    return said


def _numbers(said: Any) -> tuple[int, ...] | None:
    return None if said is None else tuple(map(_number, said))


def _number(said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool):
        raise TypeError(said)
    return said


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(said)
    return said


def _text_or_none(said: Any) -> str | None:
    return None if said is None else _text(said)
