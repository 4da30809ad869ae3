"""What has struck and what came of it, for the summary at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A fault that has struck."""

    fault: str
    scenario: str
    phase: str
    outcome: str


@dataclass
class Ledger:
    """All of them.

    Attributes:
        seed: of the moments.
        entries: the faults.
        missed: how many came after the end of what they should have struck.
        orphans: bytes of files that crashes have left.
        waits: seconds until the server was rid of a command's processes.
        told: other figures, by what they are.
    """

    seed: str = ""
    entries: list[Entry] = field(default_factory=list)
    missed: int = 0
    orphans: int = 0
    waits: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The summary."""
        if self.entries:
            yield f"seed {self.seed}: {len(self.entries)} faults"
            yield f"tried again, for the command was faster: {self.missed}"
            yield ""
            yield from self._table()
            yield ""
            yield from self._counts("while", [entry.phase for entry in self.entries])
            yield from self._counts("outcome", [entry.outcome for entry in self.entries])
            yield f"files that crashes left: {self.orphans / 1e6:.1f} MB"
            if self.waits:
                yield f"longest wait for a process of an ended command: {max(self.waits):.1f} s"
        yield from self.told

    def _table(self) -> Iterator[str]:
        """Faults by kind and by what they struck."""
        counts = Counter((entry.fault, entry.scenario) for entry in self.entries)
        scenarios = list(dict.fromkeys(entry.scenario for entry in self.entries))
        width = max(len(entry.fault) for entry in self.entries)
        yield " " * width + "".join(f"  {scenario}" for scenario in [*scenarios, "all"])
        for fault in [*dict.fromkeys(entry.fault for entry in self.entries), "all"]:
            row = [
                sum(
                    n
                    for (f, s), n in counts.items()
                    if fault in (f, "all") and scenario in (s, "all")
                )
                for scenario in [*scenarios, "all"]
            ]
            cells = (
                f"  {n or '·':>{len(name)}}"
                for n, name in zip(row, [*scenarios, "all"], strict=True)
            )
            yield f"{fault:<{width}}{''.join(cells)}"

    def _counts(self, what: str, values: list[str]) -> Iterator[str]:
        yield f"{what}: " + ", ".join(f"{name} {n}" for name, n in Counter(values).most_common())


LEDGER = Ledger()
