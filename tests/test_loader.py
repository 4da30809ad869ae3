"""The rows of a loaded model are the numbers of its checkpoint, whatever form that came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from tiny import CONTEXT, HEADS, LAYERS, MLP, VOCABULARY, WIDTH
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from psqlm import loader
from psqlm.loader import weight_rows


@pytest.fixture
def connection(loading_dsn: str) -> Iterator[psycopg.Connection]:
    yield from tiny.without_models(loading_dsn)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "tiny")


def _bare(folder: Path, model: GPT2LMHeadModel) -> None:
    model.transformer.save_pretrained(folder)


def _sharded(folder: Path, model: GPT2LMHeadModel) -> None:
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1


def _half(folder: Path, model: GPT2LMHeadModel) -> None:
    tiny.convert(folder, torch.float16)


def _bfloat(folder: Path, model: GPT2LMHeadModel) -> None:
    tiny.convert(folder, torch.bfloat16)


def _old(folder: Path, model: GPT2LMHeadModel) -> None:
    """As older versions of transformers saved it: with causal masks and the unembedding."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for layer in range(LAYERS):
        mask = torch.ones(CONTEXT, CONTEXT, dtype=torch.uint8).tril()
        tensors[f"transformer.h.{layer}.attn.bias"] = mask
        tensors[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
    save_file(tensors, path)


@pytest.mark.parametrize("form", [None, _bare, _sharded, _half, _bfloat, _old])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("d_block", [MLP, MLP // 2])  # what a page holds: an MLP's row, or half
def test_rows_are_the_numbers_of_the_checkpoint(
    connection: psycopg.Connection,
    folder: Path,
    form: Callable[[Path, GPT2LMHeadModel], None] | None,
    dtype: str,
    d_block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weight_rows, "PAGE", d_block * np.dtype(dtype).itemsize)
    model = tiny.model()
    expected = {name: tensor.clone() for name, tensor in model.transformer.state_dict().items()}
    if form is not None:
        form(folder, model)
        rounded = {_half: torch.float16, _bfloat: torch.bfloat16}.get(form, torch.float32)
        expected = {name: tensor.to(rounded).float() for name, tensor in expected.items()}
    loader.load(connection, str(folder), dtype=dtype)

    half = "" if dtype == "float32" else "_half"
    stored = torch.float32 if dtype == "float32" else torch.float16

    def check(query: str, tensor: torch.Tensor, *parameters: object) -> None:
        """Compare the rows of a query, bit for bit."""
        rows = connection.execute(query.encode(), parameters).fetchall()
        found = np.array([row[0] for row in rows], np.float32)
        np.testing.assert_array_equal(found, tensor.float().numpy())

    check(
        f"SELECT embedding{half}::real[] FROM lm.token_embedding ORDER BY token_id",
        expected["wte.weight"].to(stored),
    )
    check(
        "SELECT embedding::real[] FROM lm.position_embedding ORDER BY position",
        expected["wpe.weight"],
    )
    of_norm = "FROM lm.layer_norm WHERE layer = %s AND site = %s"
    of_map = "FROM lm.linear WHERE layer = %s AND map = %s AND block = %s ORDER BY unit"
    norms = [
        (layer, site, f"h.{layer}.{name}")
        for layer in range(LAYERS)
        for name, site in (("ln_1", "ln1"), ("ln_2", "ln2"))
    ]
    for layer, site, name in [*norms, (LAYERS, "ln_final", "ln_f")]:
        check(f"SELECT gain::real[] {of_norm}", expected[f"{name}.weight"][None], layer, site)
        check(f"SELECT bias::real[] {of_norm}", expected[f"{name}.bias"][None], layer, site)
    for layer in range(LAYERS):
        # Conv1D keeps [inputs, outputs]; a row of ours is an output
        attention = f"h.{layer}.attn.c_attn"
        qkv = expected[f"{attention}.weight"].T.split(WIDTH)
        qkv_bias = expected[f"{attention}.bias"].split(WIDTH)
        maps = {site: (qkv[i], qkv_bias[i]) for i, site in enumerate(("q", "k", "v"))}
        for site, name in (
            ("attn_out", "attn.c_proj"),
            ("mlp_pre", "mlp.c_fc"),
            ("mlp_out", "mlp.c_proj"),
        ):
            weight, bias = (expected[f"h.{layer}.{name}.{part}"] for part in ("weight", "bias"))
            maps[site] = (weight.T, bias)
        for site, (weight, bias) in maps.items():
            for block, columns in enumerate(weight.split(d_block, dim=1)):
                place = (layer, site, block)
                check(f"SELECT weight{half}::real[] {of_map}", columns.to(stored), *place)
                check(f"SELECT bias {of_map}", bias if block == 0 else bias * 0, *place)
    assert connection.execute(
        "SELECT count(*), (SELECT count(*) FROM lm.layer_norm) FROM lm.linear"
    ).fetchall() == [
        (LAYERS * (4 * WIDTH + MLP + WIDTH * (MLP // d_block)), 2 * LAYERS + 1),
    ]


def test_the_model_row(connection: psycopg.Connection, folder: Path) -> None:
    assert loader.load(connection, str(folder)) == "tiny"
    weights = (folder / "model.safetensors").read_bytes()
    assert connection.execute(
        "SELECT name, n_layer, n_head, d_model, d_mlp, n_ctx, n_vocab, layer_norm_eps, dtype, "
        "end_of_text, source, revision, sha256 FROM lm.model"
    ).fetchall() == [
        (
            *("tiny", LAYERS, HEADS, WIDTH, MLP, CONTEXT, VOCABULARY, 3e-5, "float32", 0),
            *(str(folder), None, hashlib.sha256(weights).hexdigest()),
        )
    ]


def test_the_hash_of_shards_is_that_of_the_files_end_to_end(
    connection: psycopg.Connection, folder: Path
) -> None:
    _sharded(folder, tiny.model())
    loader.load(connection, str(folder))
    digest = hashlib.sha256()
    for shard in sorted(folder.glob("*.safetensors")):
        digest.update(shard.read_bytes())
    assert connection.execute("SELECT sha256 FROM lm.model").fetchone() == (digest.hexdigest(),)


@pytest.mark.parametrize("form", ["vocab.json and merges.txt", "tokenizer.json", "pairs as text"])
def test_tokens_and_merges(connection: psycopg.Connection, folder: Path, form: str) -> None:
    tokenizer = tiny.tokenizer()
    if form != "vocab.json and merges.txt":
        (folder / "vocab.json").unlink()
        (folder / "merges.txt").unlink()
        tokenizer.save(str(folder / "tokenizer.json"))
    if form == "pairs as text":  # as tokenizers wrote it before 0.20
        contents = json.loads((folder / "tokenizer.json").read_text())
        contents["model"]["merges"] = [" ".join(pair) for pair in contents["model"]["merges"]]
        (folder / "tokenizer.json").write_text(json.dumps(contents))
    loader.load(connection, str(folder))

    reference = Tokenizer.from_str(tokenizer.to_str())
    tokens = connection.execute(
        "SELECT token_id, bytes, token, special FROM lm.vocabulary ORDER BY token_id"
    ).fetchall()
    assert len(tokens) == reference.get_vocab_size() < VOCABULARY
    for token_id, spelled, text, special in tokens:
        decoded = reference.decode([token_id], skip_special_tokens=False)
        assert text == decoded.replace("\0", "\ufffd")
        assert spelled.decode("utf-8", "replace") == decoded
        assert special == (decoded == "<|endoftext|>")

    # a merge's rank is where the reference would place it: its pieces, and the token they make
    by_id = {token_id: spelled for token_id, spelled, _, _ in tokens}
    merges = connection.execute(
        "SELECT rank, left_bytes, right_bytes, token_id, next_rank FROM lm.merge ORDER BY rank"
    ).fetchall()
    rank_of = {(left, right): rank for rank, left, right, *_ in merges}
    spelled_pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    assert len(merges) == len(spelled_pairs)
    for (rank, left, right, token_id, next_rank), pair in zip(merges, spelled_pairs, strict=True):
        assert by_id[token_id] == left + right
        assert [left, right] == [by_id[reference.token_to_id(piece)] for piece in pair]
        # no merge of the token ranks lower that a neighbour of its pieces would not make before
        for later, before, after in (later[:3] for later in merges if left + right in later[1:3]):
            if next_rank is None or later < next_rank:
                assert (
                    before == left + right and rank_of.get((right, after), len(merges)) < rank
                ) or (after == left + right and rank_of.get((before, left), len(merges)) < rank)
        assert rank == spelled_pairs.index(pair)


def test_added_tokens_beside_end_of_text(connection: psycopg.Connection, folder: Path) -> None:
    (folder / "added_tokens.json").write_text(json.dumps({"<|user|>": VOCABULARY - 2}))
    entry = {"content": "<|note|>", "rstrip": True, "special": True}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"added_tokens_decoder": {str(VOCABULARY - 1): entry}})
    )
    loader.load(connection, str(folder))
    assert connection.execute(
        """
        SELECT a.token_id, a.content, v.special, a.rstrip
        FROM lm.added_token AS a
        JOIN lm.vocabulary AS v USING (model_id, token_id)
        ORDER BY a.token_id
        """
    ).fetchall() == [
        (0, "<|endoftext|>", True, False),
        (VOCABULARY - 2, "<|user|>", False, False),
        (VOCABULARY - 1, "<|note|>", True, True),
    ]
