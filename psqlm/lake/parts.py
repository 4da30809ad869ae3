"""Which files a table consists of: those that the manifest lists, and no others.

The manifest is written last. Files that a job left behind when it was stopped, or is writing now,
are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import TABLES
from psqlm.parquet.manifest import NAME, Manifest


@dataclass(frozen=True)
class Part:
    """The files of a table that share a model, a capture and perhaps a site.

    Attributes:
        paths: below the folder of the manifest.
        constants: what all their rows have in common, by the columns it is.
    """

    paths: list[str]
    constants: dict[str, str]


def constant_columns(table: str) -> list[str]:
    """The columns of a table that are in the names of its folders, not in its files."""
    return ["model", "capture", *(["site"] if table == "activation" else [])]


def no_manifest(where: str) -> PsqlmError:
    """The error of a folder that is none of ours, or is not whole yet."""
    return PsqlmError(f"{where} has no {NAME}: name a folder that psqlm export wrote")


def parts(manifest: Manifest) -> Iterator[tuple[str, list[Part]]]:
    """Each table with its parts, of those that have rows.

    Nothing outside their folders is read, whatever the manifest says.
    """
    for table in TABLES:
        found = []
        for key, plan in manifest.plans.items():
            for site in plan.vector_sites() if table == "activation" else [None]:
                files = manifest.of_table(plan, table, site)
                within = f"{plan.folder(table, site)}/"
                paths = sorted(
                    path
                    for path, file in files.items()
                    if file.rows and "/" not in path.removeprefix(within)
                )
                if paths:
                    constants = {"model": plan.model.name, "capture": key}
                    found.append(Part(paths, constants | ({"site": site} if site else {})))
        yield table, found
