"""What an executor needs to know to have a database with a model."""

from __future__ import annotations

import atexit
import json
import math
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from psqlm.bundled_files import BUNDLED
from psqlm.errors import PsqlmError
from psqlm.loader.source import default_name, find

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY = 1024
"""Megabytes of a database whose model takes next to none, and what all have besides their model."""


@dataclass(frozen=True)
class Setup:
    """A model, and the server that it is loaded into.

    Attributes:
        source: a model that comes along, a folder, or a repository of Hugging Face.
        name: what it is called.
        dtype: how its weights are stored.
        memory: megabytes that the server may take.
        revision: commit of the repository.
        archive: the file of the job that has the folder; None: source is found on each machine.
        sha256: hash of its weight files; None: not known yet.
    """

    source: str
    name: str
    dtype: str
    memory: int
    revision: str | None = None
    archive: str | None = None
    sha256: str | None = None

    def to_json(self) -> str:
        """As text, which from_json reads."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Setup:
        """What to_json wrote."""
        return Setup(**json.loads(text))

    def settings(self) -> Mapping[str, str]:
        """Settings of the server, which has a share of a machine and nothing worth keeping."""
        return {
            "shared_buffers": f"{max(128, self.memory * 5 // 8)}MB",
            "effective_cache_size": f"{self.memory}MB",
            "maintenance_work_mem": "64MB",
            # executors have a task for each core: there is none to spare for a second process
            "max_parallel_workers_per_gather": "0",
            # what is in it can be had again from the model's files
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            # new statistics may change plans, and with them the order in which numbers are added
            "autovacuum": "off",
        }


def make_setup(
    source: str,
    name: str | None = None,
    revision: str | None = None,
    dtype: str | None = None,
    memory: int | None = None,
) -> Setup:
    """Describe a model.

    Args:
        source: as for psqlm load.
        name: what to call it; by default as psqlm load does.
        revision: a branch, tag or commit of the repository.
        dtype: float32 (the default) or float16.
        memory: megabytes for the server; by default by the size of the model.

    Raises:
        PsqlmError: there is no such model.
    """
    found = find(source, revision)
    weights = sum(path.stat().st_size for path in found.folder.glob("*.safetensors"))
    return Setup(
        source=found.origin,
        name=name or default_name(source),
        dtype=dtype or "float32",
        memory=memory or MEMORY + math.ceil(weights * 1.25 / 2**20 / 64) * 64,
        revision=found.revision,
    )


def ship(setup: Setup, spark: SparkSession) -> Setup:
    """Send the folder of a model along with the job, where executors may run on other machines."""
    folder = Path(setup.source)
    if setup.source in BUNDLED or not folder.is_dir():
        return setup
    context = spark.sparkContext
    master = context.master or ""
    if master.startswith("local") and not master.startswith("local-cluster"):
        return setup
    # another name each time: a folder may change while a session lasts
    name = f"psqlm-model-{folder.name}-{uuid4().hex[:8]}"
    packed = Path(tempfile.mkdtemp(prefix="psqlm-spark-model-")) / f"{name}.tar"
    # executors fetch it from there as long as the session lasts
    atexit.register(shutil.rmtree, packed.parent, ignore_errors=True)
    try:
        with tarfile.open(packed, "w") as archive:
            for path in sorted(folder.iterdir()):
                if path.is_file():
                    archive.add(path.resolve(), path.name)
        context.addArchive(f"{packed.as_uri()}#{name}")
    except OSError as error:
        raise PsqlmError(f"{folder} cannot be sent along: {error}") from error
    return replace(setup, archive=name)
