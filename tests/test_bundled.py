"""The models that come along: small, alike in tokenizer and size, and what `transformers` reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from psqlm import database, loader
from psqlm.bundled_files import BUNDLED, DEMO_MODEL
from psqlm.errors import PsqlmError
from psqlm.loader import source

BOTH = pytest.mark.parametrize("folder", BUNDLED.values(), ids=BUNDLED)
TALE = (
    "Once upon a time there was a king who had three sons. The eldest said to his father, "
    '"Give me a horse and I will go out into the world to seek my fortune."'
)


def test_together_they_stay_under_ten_megabytes() -> None:
    sizes = {name: sum(f.stat().st_size for f in path.iterdir()) for name, path in BUNDLED.items()}
    assert sum(sizes.values()) < 10e6, sizes


def test_they_have_one_tokenizer() -> None:
    for name in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"):
        texts = {(folder / name).read_text(encoding="utf-8") for folder in BUNDLED.values()}
        assert len(texts) == 1, name


@BOTH
def test_transformers_reads_them_whole(folder: Path) -> None:
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not any(loading.values()), loading
    assert model.config.tie_word_embeddings
    assert model.num_parameters() == pytest.approx(2.1e6, rel=0.05)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(TALE).input_ids
    assert ids == Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json")).encode(TALE).ids
    with torch.inference_mode():
        loss = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss.item()
    # knows tales: of 4,096 tokens it is between a dozen or so, not between all of them
    assert loss < math.log(16)


@pytest.mark.parametrize("name", BUNDLED)
def test_they_are_found_by_name(name: str) -> None:
    assert source.find(name) == source.Source(BUNDLED[name], name)
    with pytest.raises(PsqlmError, match=f"{name} has no revisions"):
        source.find(name, "main")


def test_they_load_over_a_connection_of_psqlm(make_database: Callable[[str], str]) -> None:
    """Whose search path names no schema of pgvector's or of psqlm's."""
    with database.connect(make_database("psqlm_bundled")) as connection:
        for name, folder in BUNDLED.items():
            loader.load(connection, name)
            ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TALE).ids
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            with torch.inference_mode():
                theirs = model(torch.tensor([ids])).logits[0, -1]
            row = connection.execute(
                "SELECT token_id, logit FROM lm.next_token(%s, 1, %s)", (TALE, name)
            ).fetchone()
            assert row is not None
            assert row[0] == int(theirs.argmax())
            assert row[1] == pytest.approx(float(theirs.max()), abs=1e-4)
