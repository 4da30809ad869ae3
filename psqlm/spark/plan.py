"""What a job does, as its driver tells its tasks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from psqlm.parquet.layout import ONE_PER_KEY, Model, Plan, table_of
from psqlm.parquet.manifest import Manifest, parse_manifest
from psqlm.spark.rows import Capture
from psqlm.spark.setup import Setup


@dataclass(frozen=True)
class Table:
    """Files of a job that have the same columns.

    Attributes:
        name: of the table.
        folder: where they lie, below the result's.
        site: what they hold; None: text or token.
        width: of their vectors; None where they have a number for each key, or none.
    """

    name: str
    folder: str
    site: str | None = None
    width: int | None = None


@dataclass(frozen=True)
class Job:
    """What a task needs to know.

    Attributes:
        out: the folder of the result.
        name: of the job; a wave of it writes below _temporary/name.
        wave: which one, from 0.
        setup: the model and its server.
        plan: what is kept.
        widths: of the vectors of each site; None where they have a number for each key.
        versions: of what wrote it, for the manifest.
    """

    out: str
    name: str
    wave: int
    setup: Setup
    plan: Plan
    widths: dict[str, int | None]
    versions: dict[str, str]

    def to_json(self) -> str:
        """As text, which from_json reads."""
        return json.dumps(
            {
                "out": self.out,
                "name": self.name,
                "wave": self.wave,
                "setup": asdict(self.setup),
                "manifest": Manifest(self.versions, {self.plan.key(): self.plan}, {}).to_json(),
                "widths": self.widths,
            }
        )

    @staticmethod
    def from_json(text: str) -> Job:
        """What to_json wrote."""
        said = json.loads(text)
        manifest = parse_manifest("a job", said["manifest"])
        (plan,) = manifest.plans.values()
        return Job(
            out=said["out"],
            name=said["name"],
            wave=said["wave"],
            setup=Setup(**said["setup"]),
            plan=plan,
            widths=said["widths"],
            versions=manifest.versions,
        )

    def capture(self) -> Capture:
        """What is asked of a pass."""
        plan = self.plan
        return Capture(plan.model.name, plan.capture, plan.layers, plan.positions, plan.top_logits)

    def tables(self) -> list[Table]:
        """The files that a task writes, a table or a site each."""
        plan = self.plan
        tables = [Table("text", plan.folder("text")), Table("token", plan.folder("token"))]
        for site in plan.vector_sites():
            name = table_of(site)
            folder = plan.folder(name, None if site == "pattern" else site)
            width = None if site in ONE_PER_KEY else self.widths[site]
            tables.append(Table(name, folder, site, width))
        if "logits" in plan.capture:
            tables.append(Table("logit", plan.folder("logit"), "logits"))
        return tables


def make_plan(
    setup: Setup, sha256: str, sites: tuple[str, ...], capture: Capture, dtype: str
) -> Plan:
    """The plan whose key names texts and folders."""
    return Plan(
        model=Model(setup.name, setup.source, setup.revision, sha256, setup.dtype),
        capture=tuple(sorted(set(sites))),
        layers=_sorted(capture.layers),
        positions=_sorted(capture.positions),
        top_logits=capture.top_logits,
        interventions=None,
        dtype="float16" if dtype == "float16" else "float32",
    )


def _sorted(numbers: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(sorted(set(numbers)))
