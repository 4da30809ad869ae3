"""What is measured, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace

DEMO = "demo"
USUAL = "gpt2"


@dataclass(frozen=True)
class Plan:
    """What is measured, and how often.

    Attributes:
        dtypes: how the weights are stored. What is measured only once is measured with the first.
        repeats: samples of each row.
        loads: times the model is loaded.
        steps: tokens generated at every context, a sample each.
        forward: lengths of the prompts that are run, in tokens.
        decode: contexts at which another token is generated, in tokens.
        logits: whether predictions with all logits are timed too.
        profile: the forward pass and the context whose stages are timed, in tokens.
        watched: number of times their stages are timed.
        several: sequences run together, and the length of each in tokens.
        together: texts continued together, and their length in tokens before.
        corpus: texts of a corpus, none if 0.
        jobs: passes at a time over the corpus, each measured.
        memory: contexts at which the memory of a generation is watched, in tokens.
        article: whether the article's analysis is run from a shell.
    """

    dtypes: tuple[str, ...] = ("float32", "float16")
    repeats: int = 5
    loads: int = 5
    steps: int = 9
    forward: tuple[int, ...] = (8, 32, 95, 256, 512)
    decode: tuple[int, ...] = (16, 100, 500)
    logits: bool = True
    profile: tuple[int, int] = (95, 100)
    watched: int = 3
    several: tuple[int, int] | None = (8, 32)
    together: tuple[int, int] | None = (8, 100)
    corpus: int = 200
    jobs: tuple[int, ...] = (1, 2, 4)
    memory: tuple[int, ...] = (100, 500)
    article: bool = True


FULL = Plan()
SHAPE = Plan(
    loads=1,
    forward=(32, 95, 256),
    decode=(100,),
    logits=False,
    watched=1,
    several=None,
    together=None,
    corpus=0,
    memory=(),
    article=False,
)
"""Another shape than the two of which all is measured."""

QUICK = replace(SHAPE, repeats=3, steps=5, forward=(32, 95))


def plan_of(size: str, quick: bool) -> Plan:
    """What is measured of a model of this size."""
    if quick:
        return QUICK
    return FULL if size in (DEMO, USUAL) else SHAPE
