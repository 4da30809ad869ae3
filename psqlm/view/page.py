"""One HTML page with all views of a run. It holds its data and Plotly, and needs no network."""

from __future__ import annotations

import base64
import gzip
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from psqlm.errors import PsqlmError
from psqlm.view.answer import Answer
from psqlm.view.complete import Say, complete_run
from psqlm.view.figures.attention import attention_figure, attention_matrix
from psqlm.view.picture import Picture
from psqlm.view.style import SEQUENTIAL, WARM
from psqlm.view.views import (
    Subject,
    View,
    alternatives,
    attribution_view,
    changes_view,
    lags_view,
    lens_view,
    measures,
    read_subject,
)

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("page.js", "figure.js", "text.js", "attention.js")
FULL = 65535
"""An attention of 1 as it is packed: two bytes for each."""


class Page:
    """The parts of a page: data, packed and named by number, and what refers to them."""

    def __init__(self) -> None:
        self._packed: list[str] = []
        self._tables: dict[int, tuple[object, int]] = {}

    def pack(self, data: bytes) -> int:
        """Put bytes on the page; their number."""
        self._packed.append(base64.b64encode(gzip.compress(data, 9, mtime=0)).decode())
        return len(self._packed) - 1

    def pack_json(self, value: Any) -> int:
        """Put what JSON can say on the page."""
        return self.pack(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())

    def table(self, rows: pd.DataFrame) -> int:
        """Put rows on the page, once."""
        if id(rows) not in self._tables:
            cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
            number = self.pack_json({"columns": list(rows.columns), "rows": cells})
            self._tables[id(rows)] = rows, number
        return self._tables[id(rows)][1]

    def scripts(self) -> str:
        """The data as elements that are no program."""
        return "\n".join(
            f'<script type="application/gzip" id="packed-{number}">{data}</script>'
            for number, data in enumerate(self._packed)
        )


def write_page(
    connection: psycopg.Connection,
    run_id: int,
    out: Path | None = None,
    versus: int | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Write the page of a run.

    Args:
        connection: to the database, pgvector's types registered.
        run_id: the run; it is run again if it did not keep all that is shown.
        out: the file; None: run-ID.html.
        versus: a run to compare it with; None: where the run has interventions, the same tokens
            without any.
        say: told what is going on.

    Raises:
        PsqlmError: there is no such run, or the file cannot be written.
    """
    out = out or Path(f"run-{run_id}.html")
    subject = read_subject(connection, complete_run(connection, run_id, say))
    other = None
    if versus is not None:
        other = read_subject(connection, complete_run(connection, versus, say))
    elif subject.interventions:
        plain = complete_run(connection, subject.run_id, say, plain=True)
        other = read_subject(connection, plain)
    text = render(subject, other, say)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PsqlmError(
            f"cannot write {out} ({error.strerror}): --out names another file"
        ) from error
    return out


def render(subject: Subject, other: Subject | None, say: Say = lambda line: None) -> str:
    """The page as text."""
    from plotly.offline import get_plotlyjs

    page = Page()
    predictions = subject.ask("predictions")
    views = [_text(page, subject, predictions), _attention(page, subject)]
    say("reading the stream after each layer through the logit lens, which takes the longest")
    for view in (
        lens_view(subject),
        attribution_view(subject, predictions),
        changes_view(subject, other),
        lags_view(subject, other),
    ):
        views.append(_view(page, view))
    title = f"run {subject.run_id}: {' '.join(subject.prompt.split())[:60]}"
    about = [
        subject.model,
        f"{subject.n_layer} layers × {subject.n_head} heads",
        f"{len(subject.tokens)} tokens",
        f"interventions: {subject.interventions}" if subject.interventions else "",
    ]
    filled = {
        "TITLE": html.escape(title),
        "STYLE": (PARTS / "page.css").read_text(encoding="utf-8"),
        "RUN": f"run {subject.run_id}",
        "ABOUT": html.escape(" · ".join(filter(None, about))),
        "PLOTLY": get_plotlyjs(),
        "DATA": page.scripts(),
        "VIEWS": _element_safe(json.dumps({"tokens": subject.tokens, "views": views})),
        "SCRIPT": "\n".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    text = ""
    rest = (PARTS / "page.html").read_text(encoding="utf-8")
    for name, value in filled.items():  # in the template's order; what is filled in is not read
        before, rest = rest.split(f"<!--{name}-->", 1)
        text += before + value
    return text + rest


def _text(page: Page, subject: Subject, predictions: Answer) -> dict[str, Any]:
    """The text, and the numbers that it may be coloured by."""
    pictures = [
        {
            "choice": measure.choice,
            "title": measure.title,
            "low": measure.low,
            "high": measure.high,
            "values": page.pack_json([_number(value) for value in measure.values]),
            "sql": measure.answer.sql,
            "table": page.table(measure.answer.rows),
        }
        for measure in measures(subject)
    ]
    return {
        "name": "text",
        "kind": "text",
        "title": "Which tokens stand out?",
        "lead": "Each token is coloured by a number. Point at one, or walk with the arrow keys, to "
        "see its numbers and what the model expected in its place.",
        "choosers": ["colour", "layer"],
        "pictures": pictures,
        "colours": SEQUENTIAL,
        "alternatives": page.pack_json(alternatives(predictions, len(subject.tokens))),
        "more_sql": predictions.sql,
    }


def _attention(page: Page, subject: Subject) -> dict[str, Any]:
    """Every layer's patterns, packed one by one, and one figure that shows any of them."""
    layers, figure = [], None
    for layer in range(subject.n_layer):
        answer = subject.ask("attention", binary=True, layer=layer)
        if figure is None:
            figure = attention_figure(attention_matrix(answer, 0), subject.tokens)
        rows = np.concatenate(answer.rows["value"].tolist())
        packed = np.rint(rows.clip(0, 1) * FULL).astype("<u2")
        layers.append({"sql": answer.sql, "weights": page.pack(packed.tobytes())})
    assert figure is not None  # noqa: S101 (a model has layers)
    return {
        "name": "attention",
        "kind": "attention",
        "title": "Who looks at whom?",
        "lead": "The heads of a layer: rows attend, columns are attended to. Choose a head to "
        "enlarge it; point at a token to see what it attends to (blue) and what attends to it "
        "(vermilion). A click holds it, another or Escape lets it go.",
        "n_head": subject.n_head,
        "layers": layers,
        "full": FULL,
        "figure": page.pack(figure.to_json().encode()),
        "colours": SEQUENTIAL,
        "warm": WARM,
    }


def _view(page: Page, view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "kind": "figures",
        "title": view.title,
        "lead": view.lead,
        "choosers": view.choosers,
        "pictures": [_picture(page, picture) for picture in view.pictures],
        "example": view.example,
    }


def _picture(page: Page, picture: Picture) -> dict[str, Any]:
    rows = picture.answer.rows if picture.table is None else picture.table
    return {
        "choice": picture.choice,
        "figure": page.pack(picture.figure.to_json().encode()),
        "width": picture.width,
        "sql": picture.answer.sql,
        "table": page.table(rows),
    }


def _cell(value: Any) -> Any:
    if value is pd.NA:
        return None
    if isinstance(value, float):
        return _number(value)
    return value.item() if isinstance(value, np.generic) else value


def _number(value: float) -> float | None:
    """Six digits, which are more than are read."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _element_safe(text: str) -> str:
    """JSON that no element ends in."""
    return text.replace("<", "\\u003c")
