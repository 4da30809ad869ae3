"""The notebook of examples/ runs without a browser, by itself and as a script."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import lens
import numpy as np
import plotly.graph_objects as go
import pytest
from differences import assert_close

NOTEBOOK = Path(__file__).parents[1] / "examples" / "inside_a_model.py"
TEXT = "The princess wept bitterly, for"


def test_the_notebook_says_what_the_model_says(
    scratch_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    spec = importlib.util.spec_from_file_location("inside_a_model", NOTEBOOK)
    assert spec is not None and spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, made = notebook.app.run()

    reference = lens.reference(TEXT)
    last = reference.logits[-1].softmax(-1).topk(5)
    tokens = lens.model().tokenizer.batch_decode(last.indices[:, None])
    assert list(made["likeliest"]["token"]) == tokens
    assert_close("notebook", list(made["likeliest"]["probability"]), last.values, absolute=1e-5)
    figures = ["lens", "pattern", "bars", "difference"]
    assert all(isinstance(made[name], go.Figure) for name in figures)
    layer, head = made["layer"].value, made["head"].value
    pattern = np.array(made["pattern"].data[0].z, dtype=float)
    theirs = reference.cache["pattern", layer][0, head].numpy()
    seen = np.tril(np.ones_like(theirs, dtype=bool))
    assert_close("notebook: pattern", pattern[seen], theirs[seen], absolute=1e-5)
    assert made["without"].activation("z", layer)[:, head].any() == np.False_
    made["lm"].close()


def test_the_notebook_is_a_script(scratch_dsn: str) -> None:
    result = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        env=os.environ | {"PSQLM_DSN": scratch_dsn},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Error" not in result.stderr
