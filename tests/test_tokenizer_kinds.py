"""The kinds of tokenizers of other families than GPT-2, in SQL, against the tokenizers library."""

from __future__ import annotations

import json
import random
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tokenized import LOCALES, decode, encode
from tokenizer_kinds import BYTE_TOKENS, EVERY, KINDS, WORDS, random_texts
from tokenizers import Tokenizer, normalizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

from psqlm.errors import PsqlmError
from psqlm.loader.tokenizer import read_tokenizer

N_TEXTS = 1700  # in each locale, so more than 5,000 for each kind


def one(connection: psycopg.Connection, query: str, *values: Any) -> Any:
    """The only value of a query."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


# Text to tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locale", LOCALES)
def test_random_texts(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    locale: str,
    kind: str,
) -> None:
    if locale not in kind_databases:
        pytest.skip(f"this server has no databases of {locale}")
    texts = list(random_texts(f"{locale}, {kind}", N_TEXTS))
    tokenizer, _ = kinds[kind]
    theirs = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    ours = encode(kind_databases[locale], texts, kind)
    different = [
        (text, mine, reference)
        for text, mine, reference in zip(texts, ours, theirs, strict=True)
        if mine != reference
    ]
    assert not different, f"{len(different)} differ, the shortest is {min(different)!a}"


@pytest.mark.parametrize("kind", ["SmolLM2: digits apart", "Llama 3"])
def test_every_character_is_cut_as_the_reference_has_it(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
) -> None:
    """After a letter, a digit, an apostrophe and spaces, before letters."""
    text = "".join(f"a{c}1'{c}e {c}!  {c}w\n" for c in EVERY)
    cut = kinds[kind][0].pre_tokenizer
    assert cut is not None
    theirs = [text[start:end] for _, (start, end) in cut.pre_tokenize_str(text)]
    ours = one(
        kind_databases["C"],
        """
        SELECT array_agg(p.match[1] ORDER BY p.number)
        FROM lm_internal.tokenizer(%s) AS t
        CROSS JOIN LATERAL regexp_matches(%s COLLATE "C", lm_internal.piece_pattern(t.cut), 'g')
            WITH ORDINALITY AS p (match, number)
        """,
        kind,
        text,
    )
    different = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
    assert not different, ascii(different[0])
    assert len(ours) == len(theirs)


def test_every_character_is_normalized_as_the_reference_has_it(
    kind_databases: dict[str, psycopg.Connection],
) -> None:
    """Alone and among marks that are ordered by their class or compose."""
    forms = ("a{}\u0323", "a\u0301{}", "{}\u0301")
    texts = [form.format(c) for form in forms for c in EVERY]
    rows = kind_databases["C"].execute(
        """
        SELECT lm_internal.nfc(t.text)
        FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, number)
        ORDER BY t.number
        """,
        (texts,),
    )
    nfc = normalizers.NFC()
    for text, (ours,) in zip(texts, rows, strict=True):
        assert ours == nfc.normalize_str(text), ascii(text)


def test_single_words_end_where_the_reference_has_it(
    kind_databases: dict[str, psycopg.Connection], kinds: dict[str, tuple[Tokenizer, Path]]
) -> None:
    """A token for a single word, with every character of planes 0, 1 and 14 beside it."""
    tokenizer, _ = kinds["all flags, bytes"]
    number = tokenizer.token_to_id("word")
    theirs = [
        character
        for character, encoding in zip(
            EVERY, tokenizer.encode_batch([f"word{c}" for c in EVERY]), strict=True
        )
        if number not in encoding.ids
    ]
    ours = one(
        kind_databases["C"],
        """
        SELECT regexp_replace(
            %s COLLATE "C", replace(lm_internal.word_character(), '[', '[^') || '+', '', 'g'
        )
        """,
        EVERY,
    )
    assert list(ours) == theirs


def test_texts_that_are_not_cut_are_cut_where_no_merge_crosses(
    kinds: dict[str, tuple[Tokenizer, Path]],
) -> None:
    cuts = {
        "Llama 2": "spaces",
        "Llama 2, scripts apart": "words",
        "Metaspace": "space",
        "tokens across spaces": "whole",
    }
    for kind, cut in cuts.items():
        tokenizer, folder = kinds[kind]
        assert read_tokenizer(folder, tokenizer.get_vocab_size()).pipeline.cut == cut


# What is put in front, and back to text -----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_in_front_can_be_left_out(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
) -> None:
    tokenizer, _ = kinds[kind]
    text = "the king said <s> nothing"
    rows = kind_databases["C"].execute(
        'SELECT t."position", t.token_id FROM lm.tokenize(%s, %s) AS t', (text, kind)
    )
    assert rows.fetchall() == list(enumerate(tokenizer.encode(text).ids))
    without = tokenizer.encode(text, add_special_tokens=False).ids
    assert one(kind_databases["C"], "SELECT lm.encode(%s, %s, false)", text, kind) == without
    assert one(kind_databases["C"], "SELECT lm.encode('', %s)", kind) == tokenizer.encode("").ids


@pytest.mark.parametrize("kind", KINDS)
def test_decoding(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
) -> None:
    """Of texts, and of tokens in any order."""
    tokenizer, _ = kinds[kind]
    source = random.Random(kind)
    # byte 0 cannot be in a text; the reference reads an added token that is not all ASCII in
    # GPT-2's alphabet of bytes, which it is not spelled in; "said" is one that merges make too
    names = ("<0x00>", "\u0100", "cafe\u0301", "said")
    left_out = {tokenizer.token_to_id(token) for token in names}
    ids = [n for n in range(tokenizer.get_vocab_size()) if n not in left_out]
    texts = [text for text in random_texts(kind, 300) if "caf" not in text and "said" not in text]
    sequences = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    sequences += [source.choices(ids, k=source.randint(0, 30)) for _ in range(300)]
    theirs = [tokenizer.decode(sequence, skip_special_tokens=False) for sequence in sequences]
    assert decode(kind_databases["C"], sequences, kind) == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_is_found_by_its_text(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
) -> None:
    """Nothing put in front is in the way, be it BOS or a space."""
    tokenizer, _ = kinds[kind]
    spelled = "\u2581king" if tokenizer.token_to_id("\u2581king") else "\u0120king"
    number = one(kind_databases["C"], "SELECT lm.token_id(' king', %s)", kind)
    assert number == tokenizer.token_to_id(spelled)
    assert one(kind_databases["C"], "SELECT lm.decode_bytes(ARRAY[%s::int], %s)", number, kind) == (
        b" king"
    )


# How a word is merged -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_merge_steps(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
) -> None:
    """The last pieces are the reference's tokens of the word; each step makes one of the pair."""
    contents = json.loads(kinds[kind][1].joinpath("tokenizer.json").read_text(encoding="utf-8"))
    model = contents["model"]
    bare = {"version": "1.0", "added_tokens": [], "model": model | {"ignore_merges": False}}
    bpe = Tokenizer.from_str(json.dumps(bare)).model
    for word in (
        "unrecognizable",
        " king",
        "banana",
        "a" * 23,
        "日本é",
        "Straßenbahn",
        "x",
        "\n\n",
    ):
        if model["byte_fallback"]:
            spelled = word.replace(" ", "\u2581")
        else:
            spelled = "".join(bytes_to_unicode()[byte] for byte in word.encode())
        query = "SELECT step, pieces, merged, rank FROM lm.merge_steps(%s, %s)"
        steps = kind_databases["C"].execute(query, (word, kind)).fetchall()
        assert [step for step, *_ in steps] == list(range(len(steps)))
        assert steps[-1][1] == [shown(token.value, model) for token in bpe.tokenize(spelled)]
        for (_, before, *_), (_, after, merged, rank) in pairwise(steps):
            left, right = (shown(piece, model) for piece in model["merges"][rank])
            assert merged == shown("".join(model["merges"][rank]), model)
            assert (left, right) in pairwise(before)
            assert merged in after
            assert len(after) < len(before)


def shown(token: str, model: dict[str, Any]) -> str:
    """A token of tokenizer.json as lm.merge_steps shows it."""
    if not model["byte_fallback"]:
        byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
        spelled = bytes(byte_of[character] for character in token)
    elif token in BYTE_TOKENS:
        spelled = bytes([BYTE_TOKENS.index(token)])
    else:
        return token.replace("\u2581", " ")
    try:
        return spelled.decode()
    except UnicodeDecodeError:
        return f"\\x{spelled.hex()}"


# Long texts ---------------------------------------------------------------------------------------

SOURCE = random.Random(0)
LONG = {
    "one letter": "x" * 50_000,
    "three letters": "abc" * 10_000,
    "seven letters": "abcdefg" * 3000,
    "letters": "".join(SOURCE.choices("abcdefghijklmnopqrstuvwxyz", k=10_000)),
    "Japanese": "".join(SOURCE.choices("".join(map(chr, range(0x3041, 0x5000))), k=4000)),
    "known and unknown": "".join(SOURCE.choices("aeiou日本é\u2581<0xÅ", k=6000)),
    "words": " ".join(SOURCE.choices(WORDS, k=5000)),
    "spaces": " " * 20_000 + "x",
}


@pytest.mark.parametrize(
    "kind", ["Qwen", "Llama 2", "Llama 2, scored", "Metaspace", "tokens across spaces"]
)
@pytest.mark.parametrize("text", LONG)
def test_long_pieces(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    kind: str,
    text: str,
) -> None:
    tokenizer, _ = kinds[kind]
    assert encode(kind_databases["C"], [LONG[text]], kind) == [tokenizer.encode(LONG[text]).ids]


# What is refused ----------------------------------------------------------------------------------

SPLIT = {
    "type": "Split",
    "pattern": {"Regex": r"\p{L}+|\p{N}{1,2}"},
    "behavior": "Isolated",
    "invert": False,
}
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
AFTER = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>"}}],
    "pair": [],
    "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a cut": (
        "Qwen",
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, LEVEL]}},
        r"psqlm does not know this pre_tokenizer: .*p\{N\}\{1,2\}",
    ),
    "a space in front of bytes": (
        "Pythia: NFC, runs of spaces",
        {"pre_tokenizer": LEVEL | {"add_prefix_space": True, "use_regex": True}},
        'psqlm does not know this pre_tokenizer: .*"add_prefix_space": true',
    ),
    "a normalizer": ("Qwen", {"normalizer": {"type": "NFKC"}}, 'this normalizer: {"type": "NFKC"}'),
    "marks": ("Llama 2", {"normalizer": {"type": "NFC"}}, 'this normalizer: {"type": "NFC"}'),
    "no marks": ("Llama 2", {"normalizer": None}, "this pre_tokenizer: null"),
    "a decoder": ("Llama 2", {"decoder": {"type": "WordPiece"}}, "this decoder: .*WordPiece"),
    "a token behind": ("Llama 2", {"post_processor": AFTER}, "this post_processor: .*</s>"),
}


@pytest.mark.parametrize(("kind", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_is_shown(
    kinds: dict[str, tuple[Tokenizer, Path]],
    tmp_path: Path,
    kind: str,
    change: dict[str, Any],
    message: str,
) -> None:
    tokenizer, folder = kinds[kind]
    contents = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer.json").write_text(json.dumps(contents | change), encoding="utf-8")
    with pytest.raises(PsqlmError, match=message):
        read_tokenizer(tmp_path, tokenizer.get_vocab_size())


@pytest.mark.parametrize(
    ("kind", "add_bos", "message"),
    [
        ("Qwen", True, "add_bos_token is true and tokenizer.json puts none in front"),
        ("Llama 2", False, "add_bos_token is false and tokenizer.json puts tokens in front"),
    ],
)
def test_files_that_disagree_on_what_is_in_front(
    kinds: dict[str, tuple[Tokenizer, Path]], tmp_path: Path, kind: str, add_bos: bool, message: str
) -> None:
    tokenizer, folder = kinds[kind]
    shutil.copy(folder / "tokenizer.json", tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"add_bos_token": not add_bos}))
    read_tokenizer(tmp_path, tokenizer.get_vocab_size())
    config.write_text(json.dumps({"add_bos_token": add_bos}))
    with pytest.raises(PsqlmError, match=message):
        read_tokenizer(tmp_path, tokenizer.get_vocab_size())


def test_bos_without_tokenizer_json(
    kinds: dict[str, tuple[Tokenizer, Path]], tmp_path: Path
) -> None:
    """OPT's form: vocab.json and merges.txt, and BOS in tokenizer_config.json."""
    tokenizer, _ = kinds["SmolLM2: digits apart"]
    tokenizer.model.save(str(tmp_path))
    read = read_tokenizer(tmp_path, tokenizer.get_vocab_size())
    assert (read.pipeline.cut, read.pipeline.prepended, read.added) == ("gpt2", (), [])
    bos = {"content": "\u0120the", "special": True}
    config = {"add_bos_token": True, "bos_token": bos}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    read = read_tokenizer(tmp_path, tokenizer.get_vocab_size())
    assert read.pipeline.prepended == (tokenizer.token_to_id("\u0120the"),)


@pytest.mark.parametrize("kind", ["Llama 2", "Qwen"])
def test_a_prompt_that_is_too_long_is_refused_at_once(
    kind_databases: dict[str, psycopg.Connection], kind: str
) -> None:
    started = time.perf_counter()
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="tokens or more and model"):
        kind_databases["C"].execute("SELECT lm.forward(repeat('日', 3000000), %s)", (kind,))
    kind_databases["C"].rollback()
    assert time.perf_counter() - started < 1


def test_add_special_must_be_said(kind_databases: dict[str, psycopg.Connection]) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="add_special is NULL"):
        kind_databases["C"].execute("SELECT lm.encode('x', 'Qwen', NULL)")
    kind_databases["C"].rollback()
