"""Models of true shapes, whole, with random weights: they need gigabytes and minutes."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from differences import SEEN

from psqlm import loader
from psqlm.synth import synth
from psqlm.verification import verify

pytest.importorskip("transformers")


@pytest.mark.large
@pytest.mark.parametrize("size", ["smollm2-135m", "pythia-70m"])
def test_the_whole_model(make_database, tmp_path: Path, size: str) -> None:
    synth(size, tmp_path, seed=1)
    with psycopg.connect(make_database("psqlm_true_shapes")) as connection:
        loader.load(connection, str(tmp_path), name=size)
        differences = verify(connection, size)
        for site, absolute, relative in (("logits", 1e-3, None), ("attn_out", None, 1e-4)):
            worst = max(
                (d for d in differences if d.site == site),
                key=lambda difference: difference.relative,
            )
            SEEN.append(f"{size}, {site}: {worst.largest:.1e}, relative {worst.relative:.1e}")
            assert absolute is None or worst.largest <= absolute
            assert relative is None or worst.relative <= relative
        loader.drop(connection, size)
