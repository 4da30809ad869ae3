"""A GPT-2 with next to no weights, and what may be changed in its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import torch
from safetensors.torch import load_file, save_file
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from psqlm import loader

WIDTH, LAYERS, HEADS, MLP, CONTEXT, VOCABULARY = 24, 2, 3, 60, 16, 300
Change = Callable[[Path], object]
WTE, WPE, LN_F = "transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.bias"
C_FC = "transformer.h.1.mlp.c_fc.weight"


@lru_cache
def tokenizer() -> ByteLevelBPETokenizer:
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["the cat sat on the mat and the dog sat on the log", "¿Qué tal? ça va été là ñandú"] * 3,
        vocab_size=VOCABULARY - 4,  # a few numbers without a token, as padded vocabularies have
        min_frequency=1,
        special_tokens=["<|endoftext|>"],
    )
    return trained


@lru_cache
def model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        n_inner=MLP,
        layer_norm_epsilon=3e-5,
        bos_token_id=0,
        eos_token_id=0,
    )
    made = GPT2LMHeadModel(config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return made


@lru_cache
def _saved() -> dict[str, bytes]:
    with TemporaryDirectory() as temporary:
        model().save_pretrained(temporary)
        tokenizer().save_model(temporary)
        return {path.name: path.read_bytes() for path in Path(temporary).iterdir()}


def save(folder: Path) -> Path:
    """Write it as transformers saves it: names with a prefix, one file."""
    folder.mkdir()
    for name, contents in _saved().items():
        (folder / name).write_bytes(contents)
    return folder


def without_models(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to a database without models, as every test must leave it."""
    with psycopg.connect(dsn) as opened:
        yield opened
        opened.rollback()
        for (name,) in opened.execute("SELECT name FROM lm.model").fetchall():
            loader.drop(opened, name)
        opened.commit()
        assert left(opened) == []


def left(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Tables that hold anything of a model, and partitions."""
    found = connection.execute(
        """
        SELECT 'model' FROM lm.model
        UNION ALL SELECT 'vocabulary' FROM lm.vocabulary
        UNION ALL SELECT 'merge' FROM lm.merge
        UNION ALL SELECT 'token_embedding' FROM lm.token_embedding
        UNION ALL SELECT 'linear' FROM lm.linear
        UNION ALL SELECT 'position_embedding' FROM lm.position_embedding
        UNION ALL SELECT 'layer_norm' FROM lm.layer_norm
        UNION ALL SELECT c.relname
        FROM pg_class AS c
        WHERE c.relnamespace = 'lm'::regnamespace AND c.relname ~ '_[0-9]+$'
        """
    ).fetchall()
    connection.rollback()
    return found


def convert(folder: Path, dtype: torch.dtype) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)


def tensors(change_tensors: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change_tensors(tensors)
        save_file(tensors, path)

    return change


def set_number(name: str, value: float) -> Change:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name].view(-1)[-1] = value

    return tensors(change)
