"""Models of true shapes: their sizes, and two of them whole with random weights."""

from __future__ import annotations

import math
from pathlib import Path

import psycopg
import pytest
from differences import SEEN

from psqlm import loader, synth
from psqlm.loader.config import architecture
from psqlm.loader.mapping import expected_shapes, unembedding_shapes
from psqlm.loader.tokenizer import read_tokenizer
from psqlm.verification import verify

pytest.importorskip("transformers")


# As the model cards, or transformers' num_parameters, have them.
WEIGHTS = {
    "distilgpt2": 81_912_576,
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "smollm2-135m": 134_515_008,
    "pythia-70m": 70_426_624,
    "qwen3-0.6b": 596_049_920,
    "llama-3.2-1b": 1_235_814_400,
}


@pytest.mark.parametrize("size", synth.SIZES)
def test_the_number_of_weights_is_the_published_one(size: str) -> None:
    sizes = architecture(synth.SIZES[size], Path("config.json"))
    shapes = expected_shapes(sizes) | ({} if sizes.tied else unembedding_shapes(sizes))
    assert sum(map(math.prod, shapes.values())) == WEIGHTS[size]


@pytest.mark.parametrize("n_vocab", [49152, 151936])
def test_a_vocabulary_of_any_size_is_made_up(tmp_path: Path, n_vocab: int) -> None:
    """More tokens than there are pairs of bytes: each is there, and merges make it."""
    synth._write_tokenizer(tmp_path, n_vocab)
    tokenizer = read_tokenizer(tmp_path, n_vocab)
    assert [token.token_id for token in tokenizer.tokens] == list(range(n_vocab))
    assert len(tokenizer.merges) == n_vocab - 257


@pytest.mark.large
@pytest.mark.parametrize("size", ["smollm2-135m", "pythia-70m"])
def test_the_whole_model(make_database, tmp_path: Path, size: str) -> None:
    synth.synth(size, tmp_path, seed=1)
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
