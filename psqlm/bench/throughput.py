"""Many texts: several that are continued together, and a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from psqlm import database
from psqlm.bench.ours import Ours, Prompt
from psqlm.bench.report import Row
from psqlm.bench.theirs import Theirs
from psqlm.bench.timing import Samples, in_turn
from psqlm.errors import PsqlmError
from psqlm.runs import corpus
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text

THEIR_BATCH = 8  # texts in a batch of theirs


def together(
    ours: Ours, theirs: Theirs | None, dtype: str, prompts: Sequence[Prompt], n_samples: int
) -> Iterator[Row]:
    """One more token of each of several texts, beside one more token of the first alone.

    Args:
        ours: the model in the database.
        theirs: the model in transformers, if it is there.
        dtype: how our weights are stored.
        prompts: of equally many tokens.
        n_samples: tokens of each that are timed.

    Raises:
        PsqlmError: a text ends before.
    """
    rows = []
    for chosen in (prompts[:1], prompts):
        steps = ours.steps_together([prompt.text for prompt in chosen], n_samples + 2)
        other = theirs.steps([prompt.tokens for prompt in chosen]) if theirs else None
        try:
            # a warm-up: the prompts with the token after each, and one more token
            samples = in_turn(
                partial(next, steps), partial(next, other) if other else None, n_samples, warm_up=2
            )
        except StopIteration as error:
            raise PsqlmError("the model ends a text too soon") from error
        finally:
            steps.close()
        count, context = len(chosen), len(chosen[0].tokens)
        words = f"{count} sequence{'s' * (count > 1)} at context {context}, one more token each"
        rows.append(Row(f"together-{count}", dtype, words, "s", *samples))
    yield from rows
    yield rows[1].over(rows[0], f"  … {len(prompts)} over 1")


def run_corpus(
    ours: Ours,
    theirs: Theirs | None,
    dtype: str,
    dsn: str,
    texts: Sequence[Prompt],
    jobs: Sequence[int],
) -> Iterator[Row]:
    """The texts of a corpus run and kept, once for each number of jobs.

    Theirs goes through them eight at a time, in order, as its user would write it; what it computes
    is not kept.
    """
    n_tokens = sum(len(text.tokens) for text in texts)
    lines = [Text(number, text.text) for number, text in enumerate(texts, 1)]
    plan = Plan(model=ours.model)

    def work(n_jobs: int) -> None:
        corpus.run_corpus(lambda: database.connect(dsn), lines, plan, n_jobs)

    def their_work(other: Theirs) -> None:
        for start in range(0, len(texts), THEIR_BATCH):
            other.forward([text.tokens for text in texts[start : start + THEIR_BATCH]])

    for number, n_jobs in enumerate(jobs):
        compare = partial(their_work, theirs) if theirs and number == 0 else None
        samples: Samples = in_turn(
            partial(work, n_jobs), compare, 1, after=ours.forget_runs, warm_up=0
        )
        rates = [f"{n_tokens / min(taken):,.0f} tokens/s" for taken in samples if taken]
        words = f"corpus of {len(texts)} texts, {n_tokens:,} tokens, {n_jobs} at a time"
        note = rates[0] if len(rates) == 1 else f"{rates[0]}; theirs {rates[1]}"
        yield Row(f"corpus-{n_jobs}", dtype, words, "s", *samples, note)
