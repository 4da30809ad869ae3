"""The rows of a loaded model are the numbers of its checkpoint, whatever form that came in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import family_models
import numpy as np
import psycopg
import pytest
import torch
from psycopg.conninfo import make_conninfo
from safetensors.torch import load_file, save_file
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from psqlm import loader
from psqlm.errors import PsqlmError
from psqlm.loader import weight_rows

WIDTH, LAYERS, HEADS, MLP, CONTEXT, VOCABULARY = 24, 2, 3, 60, 16, 300
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def database(make_database: Callable[[str], str]) -> str:
    return make_database("psqlm_loader")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A connection to a database without models, as every test must leave it."""
    with psycopg.connect(database) as opened:
        yield opened
        opened.rollback()
        for (name,) in opened.execute("SELECT name FROM lm.model").fetchall():
            loader.drop(opened, name)
        opened.commit()
        assert _left(opened) == []


def _left(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
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


@pytest.fixture(scope="session")
def tokenizer() -> ByteLevelBPETokenizer:
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["the cat sat on the mat and the dog sat on the log", "¿Qué tal? ça va été là ñandú"] * 3,
        vocab_size=VOCABULARY - 4,  # a few numbers without a token, as padded vocabularies have
        min_frequency=1,
        special_tokens=["<|endoftext|>"],
    )
    return trained


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def saved(
    model: GPT2LMHeadModel,
    tokenizer: ByteLevelBPETokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The model as transformers saves it: names with a prefix, one file."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    model.save_pretrained(folder)
    tokenizer.save_model(str(folder))
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(saved, tmp_path / "tiny"))


# What is loaded -----------------------------------------------------------------------------------


def _bare(folder: Path, model: GPT2LMHeadModel) -> None:
    model.transformer.save_pretrained(folder)


def _sharded(folder: Path, model: GPT2LMHeadModel) -> None:
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1


def _half(folder: Path, model: GPT2LMHeadModel) -> None:
    _convert(folder, torch.float16)


def _bfloat(folder: Path, model: GPT2LMHeadModel) -> None:
    _convert(folder, torch.bfloat16)


def _convert(folder: Path, dtype: torch.dtype) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)


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
    model: GPT2LMHeadModel,
    folder: Path,
    form: Callable[[Path, GPT2LMHeadModel], None] | None,
    dtype: str,
    d_block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weight_rows, "PAGE", d_block * np.dtype(dtype).itemsize)
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


def test_the_model_row(connection: psycopg.Connection, saved: Path) -> None:
    assert loader.load(connection, str(saved)) == "tiny"
    weights = (saved / "model.safetensors").read_bytes()
    assert connection.execute(
        "SELECT name, n_layer, n_head, d_model, d_mlp, n_ctx, n_vocab, layer_norm_eps, dtype, "
        "end_of_text, source, revision, sha256 FROM lm.model"
    ).fetchall() == [
        (
            *("tiny", LAYERS, HEADS, WIDTH, MLP, CONTEXT, VOCABULARY, 3e-5, "float32", 0),
            *(str(saved), None, hashlib.sha256(weights).hexdigest()),
        )
    ]


def test_the_hash_of_shards_is_that_of_the_files_end_to_end(
    connection: psycopg.Connection, model: GPT2LMHeadModel, folder: Path
) -> None:
    _sharded(folder, model)
    loader.load(connection, str(folder))
    digest = hashlib.sha256()
    for shard in sorted(folder.glob("*.safetensors")):
        digest.update(shard.read_bytes())
    assert connection.execute("SELECT sha256 FROM lm.model").fetchone() == (digest.hexdigest(),)


@pytest.mark.parametrize("form", ["vocab.json and merges.txt", "tokenizer.json", "pairs as text"])
def test_tokens_and_merges(
    connection: psycopg.Connection, folder: Path, tokenizer: ByteLevelBPETokenizer, form: str
) -> None:
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


# What is refused ----------------------------------------------------------------------------------


def _config(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _tensors(change_tensors: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change_tensors(tensors)
        save_file(tensors, path)

    return change


def _set(name: str, value: float) -> Change:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name].view(-1)[-1] = value

    return _tensors(change)


def _write(name: str, contents: str) -> Change:
    return lambda folder: (folder / name).write_text(contents)


def _remove(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink() for name in names]


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _pipe(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def _cut_merges(folder: Path) -> None:
    path = folder / "merges.txt"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(lines[:-3]) + "\n", "utf-8")


def _only_index(weight_map: dict[str, str]) -> Change:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))

    return change


def _tokenizer_json(contents: dict[str, Any]) -> Change:
    def change(folder: Path) -> None:
        _remove("vocab.json", "merges.txt")(folder)
        _write("tokenizer.json", json.dumps(contents))(folder)

    return change


def _merges_of_lists(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    model = {"type": "BPE", "vocab": vocabulary, "merges": [[["a"], ["b"]]]}
    _tokenizer_json(BPE | {"model": model})(folder)


WTE, WPE, LN_F = "transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.bias"
C_FC = "transformer.h.1.mlp.c_fc.weight"
PRE_TOKENIZER = {"type": "ByteLevel", "add_prefix_space": False}
BPE = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": PRE_TOKENIZER}

BAD: dict[str, tuple[Change, str]] = {
    "no config": (_remove("config.json"), r"cannot read .*config\.json"),
    "no JSON": (_write("config.json", "{"), r"config\.json is not JSON"),
    "nested": (_write("config.json", "[" * 100_000 + "]" * 100_000), "nested too deeply"),
    "pipe": (_pipe("config.json"), r"config\.json is not a regular file"),
    "absurd value": (_config(n_layer=[[0] * 10_000]), "must be a positive number, not \\[…\\]"),
    "absurd number of layers": (
        _config(n_layer=1_000_000_000),
        "n_layer 1000000000 is more than any model has",
    ),
    "more layers than tensors": (
        _config(n_layer=1000),
        "promises 1000 layers, and the weights are 28 tensors",
    ),
    "absurd vocabulary size": (_config(vocab_size=10**9), r"wte\.weight has shape \[300, 24\]"),
    "absurd context": (_config(n_positions=10**9), r"wpe\.weight has shape \[16, 24\]"),
    "absurd width of MLPs": (_config(n_inner=10**9), r"c_fc\.weight has shape \[24, 60\]"),
    "no object": (_write("config.json", "[]"), "is not a model's configuration"),
    "other architecture": (_config(model_type="bert"), 'model_type "bert" is not supported'),
    "no architecture": (_config(model_type=None), "model_type null is not supported"),
    "other activation": (_config(activation_function="tanh"), 'activation_function "tanh"'),
    "other scaling": (
        _config(scale_attn_by_inverse_layer_idx=True),
        "scale_attn_by_inverse_layer_idx true is not supported",
    ),
    "unscaled": (_config(scale_attn_weights=False), "scale_attn_weights false"),
    "cross attention": (_config(add_cross_attention=True), "add_cross_attention true"),
    "quantized": (_config(quantization_config={"bits": 4}), "quantization_config"),
    "size missing": (_config(n_head=None), "n_head must be a positive number, not null"),
    "size not a number": (_config(n_layer="2"), 'n_layer must be a positive number, not "2"'),
    "heads do not divide": (_config(n_head=5), "n_embd 24 is not a multiple of n_head 5"),
    "other width": (_config(n_embd=3000), r"has shape \[300, 24\], config\.json promises .* 3000"),
    "epsilon": (_config(layer_norm_epsilon=0), "layer_norm_epsilon 0 is not"),
    "end of text": (_config(eos_token_id=VOCABULARY), "eos_token_id 300 is not a token"),
    "untied without head": (_config(tie_word_embeddings=False), "lm_head.weight is missing"),
    "untied": (
        _tensors(lambda t: t.update({"lm_head.weight": t[WTE] + 1})),
        r"lm_head\.weight differs from wte\.weight",
    ),
    "no weights": (_remove("model.safetensors"), "has neither model.safetensors nor"),
    "truncated": (_truncate, r"model\.safetensors is damaged"),
    "not safetensors": (_write("model.safetensors", "PK"), r"model\.safetensors is damaged"),
    "tensor missing": (_tensors(lambda t: t.pop(LN_F)), r"the weights lack ln_f\.bias"),
    "layers missing": (_config(n_layer=3), r"lack h\.2\.ln_1\.weight and 11 more tensors"),
    "tensor unknown": (
        _tensors(lambda t: t.update({"score.weight": torch.ones(2)})),
        r"the weights hold score\.weight, which a gpt2 model does not have",
    ),
    "other shape": (
        _tensors(lambda t: t.update({C_FC: t[C_FC].T.contiguous()})),
        r"h\.1\.mlp\.c_fc\.weight has shape \[60, 24\], config\.json promises \[24, 60\]",
    ),
    "other vocabulary size": (_config(vocab_size=301), r"wte\.weight has shape \[300, 24\]"),
    "whole numbers": (
        _tensors(lambda t: t.update({C_FC: t[C_FC].to(torch.int8)})),
        r"h\.1\.mlp\.c_fc\.weight is of type I8",
    ),
    "NaN": (_set(C_FC, float("nan")), r"h\.1\.mlp\.c_fc\.weight holds NaN or infinity"),
    "infinity": (_set(WTE, float("-inf")), r"wte\.weight holds NaN or infinity"),
    "NaN in the last tensor": (_set(LN_F, float("nan")), r"ln_f\.bias holds NaN or infinity"),
    "shard missing": (
        _only_index({"a": "model-00001-of-00002.safetensors"}),
        r"lacks model-00001-of-00002\.safetensors",
    ),
    "shard elsewhere": (_only_index({"a": "../x.safetensors"}), "a file outside its folder"),
    "index empty": (_only_index({}), "names no shards"),
    "no tokenizer": (_remove("merges.txt"), "neither vocab.json and merges.txt nor tokenizer.json"),
    "vocabulary damaged": (_write("vocab.json", '["a"]'), "the tokenizer in .* is damaged"),
    "vocabulary of another model": (
        lambda folder: _write(
            "vocab.json",
            json.dumps(json.loads((folder / "vocab.json").read_text()) | {"zzz": VOCABULARY}),
        )(folder),
        "has number 300, config.json says vocab_size 300",
    ),
    "two tokens of a number": (
        lambda folder: _write(
            "vocab.json", json.dumps(json.loads((folder / "vocab.json").read_text()) | {"zzz": 7})
        )(folder),
        "two tokens have the number 7",
    ),
    "not byte-level": (_write("vocab.json", '{"a": 0, "b": 1}'), "lacks 254 of the 256 bytes"),
    "not of the alphabet": (
        lambda folder: _write(
            "vocab.json",
            json.dumps(json.loads((folder / "vocab.json").read_text()) | {"a b": 299}),
        )(folder),
        "token 'a b' is not spelled in GPT-2's alphabet",
    ),
    "merges of another model": (
        _write("merges.txt", "#version: 0.2\nz q\n"),
        r"lacks 'zq', which merge 0 \(z q\) uses",
    ),
    "merge twice": (
        lambda folder: (folder / "merges.txt").write_text(
            "\n".join((folder / "merges.txt").read_text().splitlines()[1:2] * 2)
        ),
        "the merge . . is there twice",
    ),
    "merges cut short": (_cut_merges, "the merges are incomplete, fetch the model again"),
    "merges only a header": (
        _write("merges.txt", "#version: 0.2\n"),
        r"no merge in .* makes the token '.*' and \d+ more tokens: the merges are incomplete",
    ),
    "merges of lists": (_merges_of_lists, "the tokenizer in .* is damaged"),
    "infinite number of a token": (
        _write("vocab.json", '{"a": 1e999}'),
        "tokenizer in .* is damaged",
    ),
    "vocabulary nested": (
        _write("vocab.json", "[" * 100_000 + "]" * 100_000),
        r"vocab\.json is nested too deeply",
    ),
    "no merge": (_write("merges.txt", "#version: 0.2\nt h e\n"), "line 2: 't h e' is not a merge"),
    "other tokenizer": (
        _tokenizer_json({"model": {"type": "WordPiece"}}),
        "type of its model is 'WordPiece'; psqlm reads BPE",
    ),
    "other splitting": (
        _tokenizer_json(BPE | {"pre_tokenizer": {"type": "Whitespace"}}),
        r'psqlm does not know this pre_tokenizer: {"type": "Whitespace"}',
    ),
    "normalizer": (
        _tokenizer_json(BPE | {"normalizer": {"type": "NFKC"}}),
        r'psqlm does not know this normalizer: {"type": "NFKC"}',
    ),
    "prefix space": (
        _write("tokenizer_config.json", '{"add_prefix_space": true}'),
        "add_prefix_space is true",
    ),
    "token after a text": (
        _write("tokenizer_config.json", '{"add_eos_token": true}'),
        "add_eos_token is true: psqlm puts no token after a text",
    ),
    "no token in front": (
        _write("tokenizer_config.json", '{"add_bos_token": true, "bos_token": "<s>"}'),
        "add_bos_token is true and bos_token '<s>' is no token",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    connection: psycopg.Connection, folder: Path, change: Change, message: str
) -> None:
    change(folder)
    with pytest.raises(PsqlmError, match=message) as caught:
        loader.load(connection, str(folder))
    assert "\n" not in str(caught.value)
    assert _left(connection) == []


def test_numbers_beyond_float16_are_refused(connection: psycopg.Connection, folder: Path) -> None:
    _set(C_FC, 70000.0)(folder)
    with pytest.raises(PsqlmError, match=r"c_fc\.weight reaches 70000, beyond float16"):
        loader.load(connection, str(folder), dtype="float16")
    assert _left(connection) == []
    loader.load(connection, str(folder), dtype="float32")


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_neox"])
def test_bfloat16_beyond_float16_is_refused(
    connection: psycopg.Connection, tmp_path: Path, family: str
) -> None:
    """bfloat16 reaches as far as float32: published checkpoints hold such numbers."""
    folder = family_models.save(family, tmp_path / "wide")
    _convert(folder, torch.bfloat16)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if "down_proj" in name or "4h_to_h.weight" in name)
    tensors[name].view(-1)[5] = 2.0**17
    save_file(tensors, path)
    short = name.removeprefix("model.").removeprefix("gpt_neox.")
    with pytest.raises(PsqlmError) as caught:
        loader.load(connection, str(folder), dtype="float16")
    assert str(caught.value) == (
        f"the tensor {short} reaches 131072, beyond float16: load the model with --dtype float32"
    )
    assert _left(connection) == []
    loader.load(connection, str(folder), dtype="float32")
    assert connection.execute(
        "SELECT max(vector_norm(weight)) > 131071 FROM lm.linear"
    ).fetchone() == (True,)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("./nowhere", {}, "no folder ./nowhere"),
        ("a/b/c", {}, "no folder a/b/c"),
        ("demo", {"revision": "main"}, "demo has no revisions"),
        ("demo", {"dtype": "int8"}, "unknown dtype int8: float32 or float16"),
    ],
)
def test_wrong_arguments(
    connection: psycopg.Connection, source: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(PsqlmError, match=message):
        loader.load(connection, source, **options)  # type: ignore[arg-type]


# All or nothing -----------------------------------------------------------------------------------


def test_a_name_is_taken_once_and_force_replaces_it(
    connection: psycopg.Connection, saved: Path, folder: Path
) -> None:
    loader.load(connection, str(saved), name="mine")
    _set(C_FC, 123.0)(folder)
    with pytest.raises(PsqlmError, match='"mine" is loaded already: --force replaces it'):
        loader.load(connection, str(folder), name="mine")
    loader.load(connection, str(folder), name="mine", force=True)
    assert connection.execute(
        "SELECT count(*), max(vector_norm(weight)) > 100 FROM lm.linear"
    ).fetchall() == [(LAYERS * (4 * WIDTH + MLP + WIDTH), True)]
    partitions = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'lm.linear'::regclass"
    ).fetchone()
    assert partitions == (1,)


def test_a_replacement_that_fails_leaves_the_old_model(
    connection: psycopg.Connection, saved: Path, folder: Path
) -> None:
    loader.load(connection, str(saved))
    before = connection.execute("TABLE lm.model").fetchall()
    connection.commit()
    _set(LN_F, float("nan"))(folder)
    with pytest.raises(PsqlmError):
        loader.load(connection, str(folder), force=True)
    assert connection.execute("TABLE lm.model").fetchall() == before
    assert connection.execute("SELECT count(*) > 0 FROM lm.linear").fetchone() == (True,)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_an_interrupted_load_leaves_nothing(
    connection: psycopg.Connection, saved: Path, share: float
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= share * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loader.load(connection, str(saved), progress=interrupt)
    assert _left(connection) == []
    assert loader.load(connection, str(saved)) == "tiny"  # the connection still serves


def test_progress_reaches_the_end(connection: psycopg.Connection, saved: Path) -> None:
    seen: list[tuple[int, int]] = []
    loader.load(connection, str(saved), progress=lambda done, total: seen.append((done, total)))
    size = sum(tensor.nbytes for tensor in load_file(saved / "model.safetensors").values())
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, size), (size, size))


def test_two_sessions_load_one_name(
    database: str, connection: psycopg.Connection, saved: Path
) -> None:
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def attempt() -> None:
        with psycopg.connect(database) as own:
            barrier.wait()
            try:
                outcomes.append(loader.load(own, str(saved), name="contested"))
            except PsqlmError as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("loaded already" in outcome for outcome in outcomes) == [False, True]


def test_sessions_that_replace_one_name_take_turns(
    database: str, connection: psycopg.Connection, saved: Path
) -> None:
    loader.load(connection, str(saved), name="contested")
    connection.commit()
    barrier = threading.Barrier(6)

    def replace(_: int) -> str:
        with psycopg.connect(database) as own:
            barrier.wait()
            return loader.load(own, str(saved), name="contested", force=True)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(replace, range(6))) == ["contested"] * 6
    assert connection.execute(
        "SELECT count(*), (SELECT count(DISTINCT model_id) FROM lm.linear) FROM lm.model"
    ).fetchall() == [(1, 1)]


def test_drop_removes_all_that_belongs_to_a_model(
    connection: psycopg.Connection, saved: Path
) -> None:
    loader.load(connection, str(saved), name="one")
    loader.load(connection, str(saved), name="two")
    connection.execute(
        "INSERT INTO lm.run (model_id, prompt, token_ids, capture) "
        "SELECT model_id, name, '{1}', '{}' FROM lm.model"
    )
    connection.commit()
    loader.drop(connection, "one")
    assert connection.execute("SELECT prompt FROM lm.run").fetchall() == [("two",)]
    assert connection.execute("SELECT count(DISTINCT model_id) FROM lm.linear").fetchone() == (1,)
    connection.commit()
    loader.drop(connection, "two")
    assert _left(connection) == []
    with pytest.raises(PsqlmError, match='no model named "two" is loaded'):
        loader.drop(connection, "two")


def test_rows_are_found_by_key_and_kept_in_line(
    connection: psycopg.Connection, saved: Path
) -> None:
    loader.load(connection, str(saved))
    connection.execute("SET LOCAL enable_seqscan = off")
    plan = connection.execute(
        "EXPLAIN (FORMAT TEXT) SELECT weight FROM lm.linear WHERE model_id = "
        "(SELECT model_id FROM lm.model) AND layer = 1 AND map = 'q' AND block = 0 AND unit = 3"
    ).fetchall()
    assert any("Index Scan using linear_" in line for (line,) in plan), plan
    storage = connection.execute(
        "SELECT DISTINCT a.attstorage FROM pg_attribute AS a "
        "JOIN pg_inherits AS i ON i.inhrelid = a.attrelid "
        "WHERE a.attname IN ('weight', 'weight_half', 'embedding', 'embedding_half')"
    ).fetchall()
    assert storage == [("p",)]


PREWARM = "relation regclass, mode text, fork text, first bigint, last bigint"


def test_weights_are_prewarmed_where_that_can_be_done(
    connection: psycopg.Connection, saved: Path
) -> None:
    """The extension is played by a row of pg_extension, for not every server has its files.

    Its function writes down what it was called with. One of the same name beside it, which a call
    with fewer arguments would rather mean, does not belong to the extension.
    """
    connection.execute(
        f"""
        CREATE TABLE warmed (relation regclass, mode text);
        CREATE FUNCTION pg_prewarm({PREWARM}) RETURNS void LANGUAGE sql
        BEGIN ATOMIC INSERT INTO warmed VALUES (relation, mode); END;
        CREATE FUNCTION pg_prewarm(relation regclass) RETURNS void LANGUAGE sql
        BEGIN ATOMIC INSERT INTO warmed VALUES (relation, 'not of the extension'); END;
        INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES (1000000, 'pg_prewarm', current_user::regrole, 'public'::regnamespace, true, '1.2');
        ALTER EXTENSION pg_prewarm
        ADD FUNCTION pg_prewarm(regclass, text, text, bigint, bigint);
        """
    )
    loader.load(connection, str(saved))
    assert connection.execute("SELECT relation::text, mode FROM warmed").fetchall() == (
        connection.execute(
            "SELECT inhrelid::regclass::text, 'buffer' FROM pg_inherits ORDER BY inhparent"
        ).fetchall()
    )
    connection.rollback()


@pytest.fixture
def stranger(database: str, connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session of a role that can connect and nothing more."""
    connection.execute("CREATE ROLE psqlm_stranger LOGIN PASSWORD 'stranger'")
    connection.commit()
    as_stranger = make_conninfo(database, user="psqlm_stranger", password="stranger")
    try:
        with psycopg.connect(as_stranger, autocommit=True) as opened:
            yield opened
    finally:
        connection.rollback()
        connection.execute("DROP OWNED BY psqlm_stranger; DROP ROLE psqlm_stranger")
        connection.commit()


def test_no_function_of_a_strangers_is_called(
    connection: psycopg.Connection, stranger: psycopg.Connection, saved: Path
) -> None:
    """Whoever can connect can make a pg_prewarm in a temporary schema; a superuser loads."""
    for arguments in ("regclass", PREWARM):
        stranger.execute(
            f"CREATE FUNCTION pg_temp.pg_prewarm({arguments}) RETURNS void LANGUAGE sql "
            "AS 'ALTER ROLE psqlm_stranger SUPERUSER'"
        )
    loader.load(connection, str(saved))
    connection.commit()
    assert connection.execute(
        "SELECT current_setting('is_superuser'), rolsuper FROM pg_roles "
        "WHERE rolname = 'psqlm_stranger'"
    ).fetchall() == [("on", False)]


def test_memory_is_bounded_by_a_tensor(
    connection: psycopg.Connection, tmp_path: Path, saved: Path
) -> None:
    width, layers = 256, 12
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=width, n_layer=layers, n_head=4)
    )
    model.config.eos_token_id = 0
    model.save_pretrained(tmp_path)
    del model
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(saved / name, tmp_path / name)
    size = (tmp_path / "model.safetensors").stat().st_size
    largest = 4 * width * width * np.dtype(np.float32).itemsize
    tracemalloc.start()
    loader.load(connection, str(tmp_path), name="large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"file {size / 1e6:.1f} MB, largest tensor {largest / 1e6:.1f} MB, peak {peak / 1e6:.1f} MB"
    )
    assert peak < 6 * largest < size / 4
