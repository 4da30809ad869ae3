"""README.md and docs/cookbook.md: every block of SQL runs, and psql answers what they say."""

from __future__ import annotations

import sys
import warnings
from contextlib import closing
from itertools import chain
from pathlib import Path

import pandas as pd
import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import cookbook  # noqa: E402

TEXTS = {target.name: target.read_text() for target in cookbook.TARGETS}
PROGRAMS = [(name, i) for name, text in TEXTS.items() for i in range(len(cookbook.programs(text)))]
BLOCKS = [(name, i) for name, text in TEXTS.items() for i in range(len(cookbook.questions(text)))]


@pytest.fixture(scope="module")
def replies(scratch_dsn: str) -> dict[str, list[str]]:
    """What psql answers to each block, with both bundled models loaded."""
    with psycopg.connect(scratch_dsn) as connection:
        cookbook.load_models(connection)
    return {
        name: cookbook.ask(scratch_dsn, cookbook.questions(text)) for name, text in TEXTS.items()
    }


@pytest.fixture(scope="module")
def output(scratch_dsn: str, replies: dict[str, list[str]]) -> dict[str, list[str]]:
    """What the programs print, after the questions in SQL."""
    return {
        name: cookbook.run(scratch_dsn, cookbook.programs(text)) for name, text in TEXTS.items()
    }


def _cells(answer: str) -> list[list[str]]:
    """The rows of psql's tables, but for the rules, whose length goes with the numbers."""
    return [
        [cell.strip() for cell in line.split("|")]
        for line in answer.splitlines()
        if line.strip("-+")
    ]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


@pytest.mark.parametrize(("name", "index"), BLOCKS)
def test_the_answer_is_what_the_text_says(
    replies: dict[str, list[str]], name: str, index: int
) -> None:
    # the texts round long numbers
    text, reply = TEXTS[name], cookbook.rounded(replies[name][index])
    ours, theirs = _cells(cookbook.answers(text)[index]), _cells(reply)
    question = cookbook.questions(text)[index]
    changed = f"{question}answers\n{reply}\n\nnow; python tools/cookbook.py writes it down"
    assert [len(row) for row in ours] == [len(row) for row in theirs], changed
    for said, answered in zip(chain(*ours), chain(*theirs), strict=True):
        number = _number(said)
        if number is None:
            assert answered == said, changed
        else:
            assert _number(answered) == pytest.approx(number, rel=1e-3, abs=1e-4), changed


@pytest.mark.parametrize(("name", "index"), PROGRAMS)
def test_the_program_prints_what_the_text_says(
    output: dict[str, list[str]], name: str, index: int
) -> None:
    said, printed = (
        text.split() for text in (cookbook.printed(TEXTS[name])[index], output[name][index])
    )
    for ours, theirs in zip(said, printed, strict=True):
        number = _number(ours)
        if number is None:
            assert theirs == ours
        else:
            assert float(theirs) == pytest.approx(number, rel=1e-3, abs=0.02)


def test_pandas_does_not_commit(scratch_dsn: str) -> None:
    """As the text says: a run made by a query of pandas goes with the connection."""
    with closing(psycopg.connect(scratch_dsn)) as connection:
        warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy")
        frame = pd.read_sql("SELECT lm.forward('A run of pandas') AS run_id", connection)
    found = "SELECT run_id FROM lm.run WHERE prompt = 'A run of pandas'"
    with psycopg.connect(scratch_dsn) as connection:
        assert len(frame) == 1
        assert connection.execute(found).fetchall() == []


def test_every_question_in_words_is_asked_in_sql() -> None:
    """A paragraph that opens with a bold question is followed by SQL before the next."""
    for part in TEXTS["cookbook.md"].split("\n**")[1:]:
        assert "```sql" in part or "```python" in part, part


def test_answers_go_below_their_questions() -> None:
    text = "One.\n\n```sql\nSELECT 1;\n```\n\nTwo.\n\n```sql\nSELECT 2;\n```\n\n```text\nold\n```\n"
    filled = cookbook.fill(text, ["1", ""])
    assert (
        filled
        == "One.\n\n```sql\nSELECT 1;\n```\n\n```text\n1\n```\n\nTwo.\n\n```sql\nSELECT 2;\n```\n"
    )
    assert cookbook.fill(filled, ["1", ""]) == filled


def test_an_error_is_psqls(scratch_dsn: str) -> None:
    with pytest.raises(RuntimeError, match="there is no run 0"):
        cookbook.ask(scratch_dsn, ["SELECT 1;", "SELECT lm.perplexity(0);"])
