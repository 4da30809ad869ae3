"""What was measured: the table on screen, every sample in a file."""

from __future__ import annotations

import datetime
import json
import platform
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from rich import box
from rich.console import Console
from rich.table import Table

from psqlm import __version__
from psqlm.bench import theirs
from psqlm.bench.stages import Profile

SMALL = 0.01  # stages with a smaller share of a pass are not named in the table


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        key: its name for programs.
        dtype: how the weights were stored.
        name: its name for people.
        unit: s, MB or ×.
        ours: samples, none if it could not be measured.
        theirs: samples, none if there is nothing to compare with.
        note: what a reader should know.
    """

    key: str
    dtype: str
    name: str
    unit: str
    ours: list[float]
    theirs: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def medians(self) -> tuple[float | None, float | None]:
        """Ours, theirs."""
        ours = statistics.median(self.ours) if self.ours else None
        return ours, statistics.median(self.theirs) if self.theirs else None

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        ours, theirs = self.medians
        return ours / theirs if ours is not None and theirs else None

    def over(self, other: Row, name: str) -> Row:
        """A row with the ratio of this row to another."""
        pairs = zip(self.medians, other.medians, strict=True)
        ours, theirs = ([a / b] if a is not None and b else [] for a, b in pairs)
        return Row(f"{self.key}-over-{other.key}", self.dtype, name, "×", ours, theirs)


@dataclass(frozen=True)
class Difference:
    """How much two vectors of logits differ.

    Attributes:
        name: which ones.
        largest: the largest difference of two logits.
        deviation: the standard deviation of the logits, to compare it with.
        same_choice: whether the likeliest token is the same.
    """

    name: str
    largest: float
    deviation: float
    same_choice: bool


class Report:
    """Everything that was measured."""

    def __init__(self, size: str, quick: bool, json_path: Path | None) -> None:
        """Begin a report. `finish` prints and writes what was added."""
        self.size = size
        self.quick = quick
        self.machine: dict[str, Any] = {}
        self.model: dict[str, Any] = {}
        self.rows: list[Row] = []
        self.differences: list[Difference] = []
        self.profiles: list[Profile] = []
        self.plans: dict[str, str] = {}
        self.notes: list[str] = []
        self.complete = False
        self._json_path = json_path
        self._started = datetime.datetime.now(datetime.timezone.utc)

    def row(self, key: str, dtype: str) -> Row | None:
        """The row of that key, if it was measured."""
        rows = (row for row in self.rows if (row.key, row.dtype) == (key, dtype))
        return next(rows, None)

    def finish(self) -> None:
        """Print the tables and write the files, with all that was measured."""
        if not self.rows:
            return
        console = Console()
        if not console.is_terminal:
            console = Console(width=120)  # a pipe has no width to fit
        self._print(console)
        self._write(console)

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        return {
            "psqlm": __version__,
            "started": self._started.isoformat(timespec="seconds"),
            "complete": self.complete,
            "quick": self.quick,
            "machine": self.machine,
            "model": {"size": self.size, **self.model},
            "rows": [
                {
                    **asdict(row),
                    "ours_median": row.medians[0],
                    "theirs_median": row.medians[1],
                    "ratio": row.ratio,
                }
                for row in self.rows
            ],
            "differences": [asdict(difference) for difference in self.differences],
            "stages": [asdict(profile) for profile in self.profiles],
            "notes": self.notes,
        }

    def _print(self, console: Console) -> None:
        for facts in (self.machine, {"model": self.size, **self.model}):
            console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
        console.print(_table(self.rows))
        for difference in self.differences:
            console.print(
                f"Logits, {difference.name}: largest difference {difference.largest:.2g}, "
                f"{difference.largest / difference.deviation:.2g} of their standard deviation; "
                f"the likeliest token is {'the same' if difference.same_choice else 'another'}.",
                highlight=False,
            )
        if self.profiles:
            console.print(_stage_table(self.profiles))
        for note in self.notes:
            console.print(note, highlight=False, markup=False)
        if not self.complete:
            console.print("[bold]This is not all: the benchmark was cut short.[/]")

    def _write(self, console: Console) -> None:
        written = []
        if self._json_path is not None:
            text = json.dumps(self.as_json(), indent=1, ensure_ascii=False)
            self._json_path.write_text(text + "\n", "utf-8")
            written.append(self._json_path)
        if self.plans:
            folder = Path("bench-explain")
            if self._json_path is not None:
                folder = self._json_path.with_name(f"{self._json_path.stem}-explain")
            folder.mkdir(exist_ok=True)
            for name, plan in self.plans.items():
                (folder / f"{name}.txt").write_text(plan, "utf-8")
            written.append(folder)
        if written:
            console.print(
                "Written: " + ", ".join(map(str, written)), highlight=False, soft_wrap=True
            )


def amount(value: float | None, unit: str) -> str:
    """A number with three digits and its unit."""
    if value is None:
        return ""
    if unit == "s" and value < 1:
        value, unit = value * 1000, "ms"
    digits = max(0, 2 - len(str(int(abs(value)))) + 1)
    return f"{value:,.{digits}f} {unit}"


def describe_machine(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """The machine and the versions that the numbers depend on."""
    row = connection.execute(
        """
        SELECT
            current_setting('server_version'), e.extversion, current_setting('shared_buffers'),
            current_setting('huge_pages_status', true)
        FROM pg_extension AS e
        WHERE e.extname = 'vector'
        """
    ).fetchone()
    assert row is not None  # noqa: S101 (psqlm needs it)
    names = ("PostgreSQL", "pgvector", "shared_buffers", "huge pages")
    known = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    machine = {
        "processor": _processor(),
        "cores": theirs.n_cores(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        **known,
    }
    if theirs.missing() is None:
        import torch
        import transformers

        machine |= {
            "PyTorch": torch.__version__,
            "threads": theirs.n_cores(),
            "transformers": transformers.__version__,
        }
    return machine


def _processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _table(rows: list[Row]) -> Table:
    """The table, a section for each way of storing the weights."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("psqlm", "theirs", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for dtype in dict.fromkeys(row.dtype for row in rows):
        table.add_row(f"[bold]{dtype}[/]")
        for row in (row for row in rows if row.dtype == dtype):
            numbers = [amount(median, row.unit) for median in row.medians]
            ratio = "" if row.ratio is None or row.unit == "×" else f"{row.ratio:.2f} ×"
            table.add_row(row.name, *numbers, ratio, row.note)
        table.add_section()
    return table


def _stage_table(profiles: list[Profile]) -> Table:
    """Where the time goes: a line per step, a column per pass."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Where the time goes")
    table.add_column("step of lm_internal.transformer", no_wrap=True)
    for profile in profiles:
        table.add_column(f"{profile.name}\n{profile.dtype}", justify="right", no_wrap=True)
    small: list[str] = []
    for stage in dict.fromkeys(stage for profile in profiles for stage in profile.stages):
        if all(profile.stages.get(stage, 0) < SMALL * profile.total for profile in profiles):
            small.append(stage)
        else:
            times = [profile.stages.get(stage) for profile in profiles]
            table.add_row(stage, *map(_share, profiles, times))
    rest = [sum(profile.stages.get(stage, 0) for stage in small) for profile in profiles]
    table.add_row(f"{len(small)} others", *map(_share, profiles, rest))
    table.add_section()
    for name in dict.fromkeys(name for profile in profiles for name in profile.totals):
        table.add_row(name, *(amount(profile.totals.get(name), "s") for profile in profiles))
    return table


def _share(profile: Profile, seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{amount(seconds, 's')} {seconds / profile.total:4.0%}"
