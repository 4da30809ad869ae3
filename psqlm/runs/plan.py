"""What is asked of a corpus, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What is run and how.

    Attributes:
        model: its name; None for the default model.
        capture: the sites to keep.
        interventions: the set to make; None for none.
        capture_layers: the layers to keep; None for all.
        capture_positions: the positions to keep, −1 the last; None for all.
        tags: names and values to put on every run.
        capture_dtype: how vectors are stored, float32 or float16.
    """

    model: str | None = None
    capture: Sequence[str] = ("attn_out",)
    interventions: str | None = None
    capture_layers: Sequence[int] | None = None
    capture_positions: Sequence[int] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    capture_dtype: str = "float32"

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What lm.find_runs and lm.forward_once take after the texts."""
        return (
            self.model,
            list(self.capture),
            self.interventions,
            self.capture_layers,
            self.capture_positions,
            self.capture_dtype,
        )


@dataclass
class Outcome:
    """What became of a corpus.

    Attributes:
        run_ids: the run of every text, be it of now or of before.
        n_made: texts run now.
        n_before: texts that had been run, or stand in the corpus more than once.
        n_tokens: tokens of the runs made now.
        seconds: how long those took.
        left_out: lines on which texts begin that cannot be run, by the reason.
        n_tagged_otherwise: runs of before that had one of the tags with another value, and keep it.
    """

    run_ids: list[int] = field(default_factory=list)
    n_made: int = 0
    n_before: int = 0
    n_tokens: int = 0
    seconds: float = 0
    left_out: dict[str, list[int]] = field(default_factory=dict)
    n_tagged_otherwise: int = 0
