"""What cannot be loaded is said in one line, and leaves nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import family_models
import psycopg
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from tiny import C_FC, LN_F, VOCABULARY, WTE

from psqlm import loader
from psqlm.errors import PsqlmError


@pytest.fixture
def connection(loading_dsn: str) -> Iterator[psycopg.Connection]:
    yield from tiny.without_models(loading_dsn)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "tiny")


def _config(**changes: Any) -> tiny.Change:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _write(name: str, contents: str) -> tiny.Change:
    return lambda folder: (folder / name).write_text(contents)


def _remove(*names: str) -> tiny.Change:
    return lambda folder: [(folder / name).unlink() for name in names]


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _pipe(name: str) -> tiny.Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def _cut_merges(folder: Path) -> None:
    path = folder / "merges.txt"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(lines[:-3]) + "\n", "utf-8")


def _only_index(weight_map: dict[str, str]) -> tiny.Change:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))

    return change


def _tokenizer_json(contents: dict[str, Any]) -> tiny.Change:
    def change(folder: Path) -> None:
        _remove("vocab.json", "merges.txt")(folder)
        _write("tokenizer.json", json.dumps(contents))(folder)

    return change


def _merges_of_lists(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    model = {"type": "BPE", "vocab": vocabulary, "merges": [[["a"], ["b"]]]}
    _tokenizer_json(BPE | {"model": model})(folder)


PRE_TOKENIZER = {"type": "ByteLevel", "add_prefix_space": False}
BPE = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": PRE_TOKENIZER}

BAD: dict[str, tuple[tiny.Change, str]] = {
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
        tiny.tensors(lambda t: t.update({"lm_head.weight": t[WTE] + 1})),
        r"lm_head\.weight differs from wte\.weight",
    ),
    "no weights": (_remove("model.safetensors"), "has neither model.safetensors nor"),
    "truncated": (_truncate, r"model\.safetensors is damaged"),
    "not safetensors": (_write("model.safetensors", "PK"), r"model\.safetensors is damaged"),
    "tensor missing": (tiny.tensors(lambda t: t.pop(LN_F)), r"the weights lack ln_f\.bias"),
    "layers missing": (_config(n_layer=3), r"lack h\.2\.ln_1\.weight and 11 more tensors"),
    "tensor unknown": (
        tiny.tensors(lambda t: t.update({"score.weight": torch.ones(2)})),
        r"the weights hold score\.weight, which a gpt2 model does not have",
    ),
    "other shape": (
        tiny.tensors(lambda t: t.update({C_FC: t[C_FC].T.contiguous()})),
        r"h\.1\.mlp\.c_fc\.weight has shape \[60, 24\], config\.json promises \[24, 60\]",
    ),
    "other vocabulary size": (_config(vocab_size=301), r"wte\.weight has shape \[300, 24\]"),
    "whole numbers": (
        tiny.tensors(lambda t: t.update({C_FC: t[C_FC].to(torch.int8)})),
        r"h\.1\.mlp\.c_fc\.weight is of type I8",
    ),
    "NaN": (tiny.set_number(C_FC, float("nan")), r"h\.1\.mlp\.c_fc\.weight holds NaN or infinity"),
    "infinity": (tiny.set_number(WTE, float("-inf")), r"wte\.weight holds NaN or infinity"),
    "NaN in the last tensor": (
        tiny.set_number(LN_F, float("nan")),
        r"ln_f\.bias holds NaN or infinity",
    ),
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
    connection: psycopg.Connection, folder: Path, change: tiny.Change, message: str
) -> None:
    change(folder)
    with pytest.raises(PsqlmError, match=message) as caught:
        loader.load(connection, str(folder))
    assert "\n" not in str(caught.value)
    assert tiny.left(connection) == []


def test_numbers_beyond_float16_are_refused(connection: psycopg.Connection, folder: Path) -> None:
    tiny.set_number(C_FC, 70000.0)(folder)
    with pytest.raises(PsqlmError, match=r"c_fc\.weight reaches 70000, beyond float16"):
        loader.load(connection, str(folder), dtype="float16")
    assert tiny.left(connection) == []
    loader.load(connection, str(folder), dtype="float32")


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt_neox"])
def test_bfloat16_beyond_float16_is_refused(
    connection: psycopg.Connection, tmp_path: Path, family: str
) -> None:
    """bfloat16 reaches as far as float32: published checkpoints hold such numbers."""
    folder = family_models.save(family, tmp_path / "wide")
    tiny.convert(folder, torch.bfloat16)
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
    assert tiny.left(connection) == []
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
