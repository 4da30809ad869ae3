"""What the shell is offered, and that asking for it starts nothing."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from psqlm.cli import app


def completed(line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    words = line.split(" ")
    environment = {
        "_PSQLM_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(app, [], prog_name="psqlm", env=environment)
    assert result.stderr == ""
    return result.stdout.split()


def test_names_that_the_database_knows(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(scratch_dsn) as connection:
        connection.execute(
            "SELECT lm.replace_interventions('quiet', lm.make_intervention('attn_out', 'zero'))"
        )
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    assert completed("psqlm run --model d") == ["demo"]
    assert completed("psqlm drop ") == ["demo"]
    assert completed("psqlm run --interventions ") == ["quiet"]
    assert completed("psqlm run --capture resid_p") == ["resid_pre", "resid_post"]
    assert completed("psqlm export --sites rot") == ["rot_q", "rot_k"]
    assert completed("psqlm exp") == ["export"]


def test_nothing_is_started_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PSQLM_DSN", raising=False)
    assert completed("psqlm run --model ") == []
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("PSQLM_DSN", "host=127.0.0.1 port=1")
    assert completed("psqlm run --model ") == []
