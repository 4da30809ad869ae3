"""The six views of a run: what is asked, what is drawn, and what the reader chooses from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg

from psqlm.database.frames import records
from psqlm.errors import PsqlmError
from psqlm.view.answer import Answer, ask
from psqlm.view.figures.attribution import attribution_pictures
from psqlm.view.figures.changes import (
    norm_difference_figure,
    surprise_difference_figure,
    sweep_figure,
)
from psqlm.view.figures.lags import log_norms_figure, slopes_figure
from psqlm.view.figures.lens import lens_pictures
from psqlm.view.picture import Picture
from psqlm.view.style import escaped

TOKENS_TO_PICK = 5
"""How many of the likeliest tokens have an attribution."""

MOST_LOGITS = 100_000_000
"""How many logits the lens may read: about a minute. Of a long text these are the last ones."""


@dataclass(frozen=True)
class Subject:
    """The run that a page shows.

    Attributes:
        connection: to its database.
        run_id: its key.
        model: the model that ran.
        n_layer: its layers.
        n_head: its heads.
        n_vocab: its tokens.
        prompt: the text.
        tokens: its tokens.
        interventions: the set that was made; None: none.
    """

    connection: psycopg.Connection
    run_id: int
    model: str
    n_layer: int
    n_head: int
    n_vocab: int
    prompt: str
    tokens: list[str]
    interventions: str | None

    def ask(self, name: str, *, binary: bool = False, **values: object) -> Answer:
        """Ask a statement about this run."""
        return ask(self.connection, name, binary=binary, run_id=self.run_id, **values)


@dataclass(frozen=True)
class Measure:
    """A number for each token, by which a text is coloured.

    Attributes:
        choice: by what it is chosen.
        answer: the statement that gave it.
        values: the numbers; NaN where there is none.
        title: what they are.
        low: the lightest colour.
        high: the darkest.
    """

    choice: tuple[str, ...]
    answer: Answer
    values: list[float]
    title: str
    low: float
    high: float


@dataclass(frozen=True)
class View:
    """A part of the page with pictures to choose from.

    Attributes:
        name: its anchor.
        title: above it.
        lead: what is seen, a sentence or two.
        choosers: what is chosen, in this order.
        pictures: what is shown; none: the lead says why.
        example: a statement for a reader who has nothing to see here yet.
    """

    name: str
    title: str
    lead: str
    choosers: tuple[str, ...] = ()
    pictures: list[Picture] = field(default_factory=list)
    example: str = ""


def read_subject(connection: psycopg.Connection, run_id: int) -> Subject:
    """Read which model ran what."""
    row = ask(connection, "subject", run_id=run_id).rows.iloc[0]
    return Subject(
        connection,
        run_id,
        str(row["model"]),
        int(row["n_layer"]),
        int(row["n_head"]),
        int(row["n_vocab"]),
        str(row["prompt"]),
        list(row["tokens"]),
        row["interventions"],
    )


def measures(subject: Subject) -> Iterator[Measure]:
    """The numbers that a text may be coloured by."""
    surprise = subject.ask("surprise")
    yield _measure(("surprise",), surprise, "surprise", "surprise, nats", 0.0)
    yield _measure(("probability",), surprise, "probability", "probability", 0.0, 1.0)
    for name, statement in (
        ("attention adjustment", "adjustment_norm"),
        ("residual stream", "residual_norm"),
    ):
        for layer in range(subject.n_layer):
            answer = subject.ask(statement, layer=layer)
            yield _measure((name, f"{layer}"), answer, "norm", f"norm of the {name}, layer {layer}")


def _measure(
    choice: tuple[str, ...],
    answer: Answer,
    column: str,
    title: str,
    low: float | None = None,
    high: float | None = None,
) -> Measure:
    values = answer.rows[column].to_numpy(float)
    # the first token's vectors are unlike all others: it would take the whole scale
    others = values[1:] if len(values) > 1 else values
    known = others[np.isfinite(others)]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return Measure(
        choice,
        answer,
        values.tolist(),
        title,
        least if low is None else low,
        most if high is None else high,
    )


def lens_view(subject: Subject) -> View:
    """What the model would say after each layer."""
    n_token = len(subject.tokens)
    first = max(0, n_token - max(MOST_LOGITS // (subject.n_layer * subject.n_vocab), 1))
    rest = f" These are the last {n_token - first} of {n_token} positions." if first else ""
    return View(
        "lens",
        "What would it say after each layer?",
        "The logit lens: the stream after a layer, read as if the model ended there. Below are "
        "the tokens; above each, layer by layer, is the likeliest to follow it. The top row is "
        f"what the model says.{rest}",
        ("colour", "positions"),
        list(lens_pictures(subject.ask("lens", first=first, last=n_token - 1), subject.tokens)),
    )


def attribution_view(subject: Subject, predictions: Answer, position: int = -1) -> View:
    """What speaks for the likeliest next tokens."""
    at = position % len(subject.tokens)
    likeliest = predictions.rows[predictions.rows["position"] == at].head(TOKENS_TO_PICK)
    pictures = [
        picture
        for row in records(likeliest)
        for picture in attribution_pictures(
            subject.ask("attribution", token_id=row["token_id"], position=at), row["token"]
        )
    ]
    return View(
        "attribution",
        "Which parts speak for it?",
        "Direct logit attribution: what each part of the model adds to the logit of one of the "
        "likeliest next tokens, with the scale of the final norm held fixed. The bars begin where "
        "the one before ends, and end at the logit.",
        ("token", "by"),
        pictures,
    )


def changes_view(subject: Subject, other: Subject | None) -> View:
    """What patches and interventions do."""
    pictures = list(_sweeps(subject))
    lead = (
        "Vermilion is more, blue is less, white is no change. A sweep puts what the clean prompt "
        "has at one place into the corrupt one, and asks how much of the answer comes back."
    )
    if other is not None:
        pictures += _beside(subject, other)
        lead += f" Run {subject.run_id} is compared with run {other.run_id} ({_what(other)})."
    if pictures:
        return View("changes", "What if something were changed?", lead, ("picture",), pictures)
    return View(
        "changes",
        "What if something were changed?",
        "No patching sweep begins or ends at this text, and no other run is named (--versus RUN). "
        "A sweep is one statement, for two prompts of equally many tokens:",
        example="SELECT *\nFROM lm.patching_sweep(\n    'The princess wept bitterly, for',\n"
        "    'The prince wept bitterly, for',\n    'resid_pre', ' she', ' he'\n);",
    )


def _sweeps(subject: Subject) -> Iterator[Picture]:
    for row in records(subject.ask("sweeps").rows):
        answer = subject.ask("sweep", sweep_id=row["sweep_id"])
        title = escaped(
            "“{clean}” into “{corrupt}”: “{answer}” rather than “{wrong}”".format_map(row)
        )
        choice = "sweep {sweep_id}, {site}".format_map(row)
        yield Picture((choice,), sweep_figure(answer.rows, title), answer)


def _beside(subject: Subject, other: Subject) -> Iterator[Picture]:
    surprise = subject.ask("surprise_difference", other_run=other.run_id)
    yield Picture(("surprise",), surprise_difference_figure(surprise.rows), surprise)
    norms = subject.ask("norm_difference", other_run=other.run_id)
    yield Picture(("attention adjustments",), norm_difference_figure(norms.rows), norms)


def _what(other: Subject) -> str:
    if other.interventions:
        return f"{other.model}, interventions {other.interventions}"
    return f"{other.model}, no interventions"


def lags_view(subject: Subject, other: Subject | None) -> View:
    """The regression on the two tokens before."""
    title = "Does one token’s attention follow from the last two?"
    runs = [subject.run_id, *([other.run_id] if other else [])]
    try:
        slopes = subject.ask("lag_ols", run_ids=runs)
    except PsqlmError as reason:
        return View("lags", title, f"This text cannot be regressed: {reason}.")
    if slopes.rows["beta_lag1"].isna().all():
        return View("lags", title, "This text cannot be regressed: it has too few tokens.")
    norms = subject.ask("log_norms")
    return View(
        "lags",
        title,
        "The log norm of each attention adjustment, regressed on those of the two tokens before, "
        "layer by layer. Signs are filled where p < .05; bars are two standard errors.",
        ("picture",),
        [
            Picture(("slopes",), slopes_figure(slopes.rows), slopes),
            Picture(("log norms",), log_norms_figure(norms.rows), norms),
        ],
    )


def alternatives(predictions: Answer, n_tokens: int) -> list[list[list[Any]]]:
    """For each token what the model expected in its place, likeliest first: token, probability."""
    expected: list[list[list[Any]]] = [[] for _ in range(n_tokens)]
    for row in records(predictions.rows):
        if row["position"] + 1 < n_tokens:
            expected[row["position"] + 1].append([row["token"], row["probability"]])
    return expected
