"""The tokenizer in SQL against tiktoken (GPT-2's vocabulary) and tokenizers (the demo model)."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tiktoken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tiktoken_ext.openai_public import r50k_pat_str
from tokenized import LOCALES, decode, encode
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from transformers import GPT2Config, GPT2LMHeadModel

from psqlm import loader
from psqlm.bundled_files import DEMO_MODEL

END_OF_TEXT = "<|endoftext|>"
MODELS = ("gpt2", "demo")

NASTY = [
    "",
    " ",
    "  ",
    "\n",
    "\r\n",
    " \r\n\r\n  x",
    "a  b   c    d ",
    "\t\ttabs\tand spaces \t mixed\t ",
    "It's I'm you're we've he'll she'd IT'S ''s 'sa ' s 's't'll'x ’s",
    "x'S y'LL don't! 'tis rock'n'roll",
    "3.14159 1,000,000 0x7f ٣٤٥ ४५६ ²³¹ Ⅷ ½ ๑๒๓ 𝟘𝟙 一二三",
    "naïve nai\u0308ve e\u0301 Ålesund İstanbul ıI ß ﬁ ŉ Ǆ",
    "The quick brown 狐 jumps over 犬。 これは日本語です。 한국어 문장 ไทยไม่มีช่องว่าง",
    "Привет, мир! Γειά σου Κόσμε שלום עולם مرحبا بالعالم नमस्ते दुनिया",
    "👍🏽 👨‍👩‍👧‍👦 🇭🇺 ❤️ ✈︎ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u0085 \u00a0x\u00a0\u00a0y \u1680 \u180ez \u2000\u200a \u200b \u2028\u2029 \u205f\u3000",
    "\u0001\u0002\u0007\b\u000b\f\u001b\u001c\u001d\u001e\u001f\u007f\u0080\u009f",
    "\u0378 \u0558 \u088f \uffff \ufdd0 \U0010ffff \U0002ffff unassigned",
    "\ue000\uf8ff \U000f0000\U0010fffd private",
    "𐍈𐌰 𝔘𝔫𝔦 𒀀 𠜎 𮯰 \U0001fbf0",
    END_OF_TEXT,
    f"before {END_OF_TEXT} after{END_OF_TEXT}{END_OF_TEXT}\n\n{END_OF_TEXT} ",
    "<|endoftext| > <|ENDOFTEXT|> <|endoftext |> <<|endoftext|>> |endoftext|",
    "for (int i=0; i<n; ++i) { a[i] += \"\\t\" + '\\''; } // -->\n    return;\n",
    "https://example.org/?q=a%20b&x=[1]#$^*+.|(){}\\",
    "<61><62>><<6> '' \"\" $1 \\1 \\x61 $$ -- /* */ %s %% NULL",
    "-" * 300 + "=" * 65 + " " * 130 + "\n" * 40,
]

# What is long must not take long: words of thousands of letters, text without a space.
RANDOM = random.Random(0)
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BASE64 = f"{ALPHABET}{ALPHABET.upper()}0123456789+/"
CHINESE = "".join(map(chr, range(0x4E00, 0x9FFF)))
EMOJI = "".join(map(chr, range(0x1F300, 0x1F650)))
LONG = {
    "one letter": "a" * 5000,
    "two letters": "ab" * 2500,
    "letters": "".join(RANDOM.choices(ALPHABET, k=5000)),
    "Chinese": "".join(RANDOM.choices(CHINESE, k=2000)),
    "emoji": "".join(RANDOM.choices(EMOJI, k=2000)),
    "base64": "".join(RANDOM.choices(BASE64, k=10_000)),
    "spaces": " " * 5000 + "x",
}

# Every character that a text can hold, in order.
EVERY = "".join(chr(c) for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000)

# Random text: any character, and more often what the pattern tells apart.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
SPACES = st.text(st.sampled_from(" \n\t\r\v\f\x85\xa0\u1680\u180e\u2003\u2028\u3000"), max_size=4)
COMMON = ["the", " rock", "Hungarian", "unrecognizable", "'s", "'ll", "'RE", "1960", "...", "é"]
RARE = ["e\u0301", "日本", "\u0663", "ſ", "\u212a", "👨\u200d👩", "  ", "\r\n", "<|", END_OF_TEXT]
WORDS = st.sampled_from([*COMMON, *RARE])
TEXTS = st.lists(
    st.one_of(WORDS, SPACES, CHARACTERS, st.text(CHARACTERS, max_size=6)), max_size=10
).map("".join)
BATCHES = st.lists(TEXTS, min_size=40, max_size=40)

# The same examples in each run; many texts in one query, so that few examples are many texts.
repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=list(HealthCheck),
)


# References and databases -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def gpt2(gpt2_tokenizer: Path) -> tiktoken.Encoding:
    """tiktoken's gpt2, from the files OpenAI published."""
    return tiktoken.Encoding(
        "gpt2",
        pat_str=r50k_pat_str,
        mergeable_ranks=data_gym_to_mergeable_bpe_ranks(
            str(gpt2_tokenizer / "merges.txt"), str(gpt2_tokenizer / "vocab.json")
        ),
        special_tokens={END_OF_TEXT: 50256},
    )


@pytest.fixture(scope="session")
def demo() -> Tokenizer:
    """tokenizers' reading of the demo model."""
    return Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json"))


@pytest.fixture(scope="session")
def encoders(gpt2: tiktoken.Encoding, demo: Tokenizer) -> dict[str, Callable[[str], list[int]]]:
    """Text to token ids, by model."""
    return {
        "gpt2": lambda text: gpt2.encode(text, allowed_special="all"),
        "demo": lambda text: demo.encode(text).ids,
    }


@pytest.fixture(scope="session")
def gpt2_folder(gpt2_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with GPT-2's tokenizer and next to no weights."""
    folder = tmp_path_factory.mktemp("tokenizer") / "gpt2"
    GPT2LMHeadModel(GPT2Config(n_embd=2, n_layer=1, n_head=1)).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(gpt2_tokenizer / file, folder)
    return folder


@pytest.fixture(scope="session")
def connect(
    make_database: Callable[..., str], gpt2_folder: Path
) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Connects to a database of a locale that holds both models, gpt2 the default."""
    connections: dict[str, psycopg.Connection] = {}

    def opened(locale: str) -> psycopg.Connection:
        if locale not in connections:
            name = f"psqlm_tokenizer_{list(LOCALES).index(locale)}"
            connection = psycopg.connect(make_database(name, **LOCALES[locale]))
            connections[locale] = connection
            loader.load(connection, str(gpt2_folder), "gpt2")
            loader.load(connection, "demo")
            connection.execute("SELECT lm.set_default_model('gpt2')")
            connection.commit()
        return connections[locale]

    yield opened
    for connection in connections.values():
        connection.close()


@pytest.fixture(params=LOCALES)
def any_locale(
    request: pytest.FixtureRequest, connect: Callable[[str], psycopg.Connection]
) -> Iterator[psycopg.Connection]:
    """A connection to a database of each locale, rolled back at the end."""
    try:
        connection = connect(request.param)
    except psycopg.Error as error:
        pytest.skip(f"this server has no databases of {request.param}: {error}")
    yield connection
    connection.rollback()


@pytest.fixture
def one_locale(
    connect: Callable[[str], psycopg.Connection],
) -> Iterator[psycopg.Connection]:
    """A connection to a database of one locale, rolled back at the end."""
    connection = connect("C")
    yield connection
    connection.rollback()


# Text to tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_nasty_texts(any_locale: psycopg.Connection, encoders: Any, model: str) -> None:
    for text, ids in zip(NASTY, encode(any_locale, NASTY, model), strict=True):
        assert ids == encoders[model](text), ascii(text)


@pytest.mark.parametrize("model", MODELS)
def test_random_unicode(any_locale: psycopg.Connection, encoders: Any, model: str) -> None:
    @repeatable
    @given(BATCHES)
    def check(texts: list[str]) -> None:
        for text, ids in zip(texts, encode(any_locale, texts, model), strict=True):
            assert ids == encoders[model](text), ascii(text)

    check()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", LONG)
def test_long_pieces(one_locale: psycopg.Connection, encoders: Any, model: str, kind: str) -> None:
    assert encode(one_locale, [LONG[kind]], model) == [encoders[model](LONG[kind])]


def test_one_merge_a_step_gives_the_same(one_locale: psycopg.Connection, encoders: Any) -> None:
    """Several merges are made at once where they cannot meet; without that, the same tokens."""
    texts = [*NASTY, LONG["letters"][:200], LONG["Chinese"][:60]]
    one_locale.execute("UPDATE lm.merge SET next_rank = 0")
    assert encode(one_locale, texts, "gpt2") == [encoders["gpt2"](text) for text in texts]


def test_the_paragraph(
    one_locale: psycopg.Connection, paragraph: str, gpt2: tiktoken.Encoding
) -> None:
    rows = one_locale.execute("SELECT * FROM lm.tokenize(%s)", (paragraph,)).fetchall()
    assert len(rows) == 95
    assert [token_id for _, token_id, _ in rows] == gpt2.encode(paragraph)
    assert [position for position, _, _ in rows] == list(range(95))
    assert "".join(token for _, _, token in rows) == paragraph
    assert {token_id for _, token_id, text in rows if text == " rock"} == {3881}


@pytest.mark.parametrize(
    ("name", "pattern"), [("letters", r"\p{L}"), ("numbers", r"\p{N}"), ("spaces", r"\s")]
)
def test_classes_are_those_of_tiktoken(
    one_locale: psycopg.Connection, name: str, pattern: str
) -> None:
    """Every code point. If this fails tiktoken has moved to another version of Unicode.

    Then sql/3_tokenizer/unicode.sql is to be written again, by tools/unicode_classes.py.
    """
    single_bytes = {bytes([byte]): byte for byte in range(256)}
    reference = tiktoken.Encoding(
        name, pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={}
    )
    theirs = {character for character in EVERY if reference.encode_ordinary(character)}
    row = one_locale.execute(
        f"SELECT regexp_replace("
        f"%s COLLATE \"C\", '[^' || lm_internal.unicode_{name}() || ']+', '', 'g')",
        (EVERY,),
    ).fetchone()
    assert row is not None
    different = sorted(theirs.symmetric_difference(row[0]))
    assert not different, f"{len(different)} differ, U+{ord(different[0]):04X} is the first"


def test_pieces_are_those_of_tokenizers(any_locale: psycopg.Connection, demo: Tokenizer) -> None:
    """Every code point of planes 0, 1 and 14, after a letter, a digit and a space.

    So tiktoken and tokenizers agree on Unicode too: one set of classes serves both.
    """
    for block in (EVERY[:0xF000], EVERY[0xF000:0x1F000], EVERY[0xDF7FF:0xE07FF]):
        text = "".join(f"a{c}0{c} {c}" for c in block)
        theirs = [text[start:end] for _, (start, end) in demo.pre_tokenizer.pre_tokenize_str(text)]
        row = any_locale.execute(
            """
            SELECT array_agg(p.match[1] ORDER BY p.number)
            FROM regexp_matches(%s COLLATE "C", lm_internal.piece_pattern('gpt2'), 'g')
                WITH ORDINALITY AS p (match, number)
            """,
            (text,),
        ).fetchone()
        assert row is not None
        different = [pair for pair in zip(row[0], theirs, strict=False) if pair[0] != pair[1]]
        assert not different, ascii(different[0])
        assert len(row[0]) == len(theirs)


def test_special_tokens_are_read_whole(connection: psycopg.Connection) -> None:
    """Several, one within another, with characters that mean something in a pattern."""
    reference = Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json"))
    special = ["<|a|>", "<|a|>.*", "[b]", "c\\d", "é+", " e "]
    reference.add_special_tokens([AddedToken(token, special=True) for token in special])
    for token in special:
        connection.execute(
            """
            WITH added AS (
                INSERT INTO lm.vocabulary (model_id, token_id, bytes, token, kind, special)
                VALUES (lm.model_id('demo'), %s, %s, %s, 'unmerged', true)
                RETURNING model_id, token_id, token
            )
            INSERT INTO lm.added_token (model_id, token_id, content)
            SELECT model_id, token_id, token FROM added
            """,
            (reference.token_to_id(token), token.encode(), token),
        )
    texts = [
        "x <|a|> y<|a|>.*<|a|>.<|a|>*",
        f"[b][b] b [b{END_OF_TEXT}] c\\d cd c\\\\d",
        "é+é ée+ e\u0301+ an e in e e  e ",
        "".join(special) + " ".join(special),
    ]
    assert encode(connection, texts, "demo") == [reference.encode(text).ids for text in texts]


@pytest.mark.parametrize("model", MODELS)
def test_a_token_is_what_its_bytes_merge_into(request: pytest.FixtureRequest, model: str) -> None:
    """That is why a piece that is a token need not be merged; special tokens are no pieces."""
    folder = request.getfixturevalue("gpt2_tokenizer") if model == "gpt2" else DEMO_MODEL
    bpe = BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokens = Tokenizer(bpe).get_vocab(with_added_tokens=False)
    others = [token for token in tokens if [part.value for part in bpe.tokenize(token)] != [token]]
    assert others == [END_OF_TEXT]


def test_the_path_and_the_default_model_do_not_matter(
    one_locale: psycopg.Connection, gpt2: tiktoken.Encoding
) -> None:
    one_locale.execute("SET LOCAL search_path = ''")
    row = one_locale.execute(
        "SELECT lm.encode(' Hungarian rock'), lm.decode(lm.encode(' Hungarian rock'))"
    ).fetchone()
    assert row == (gpt2.encode(" Hungarian rock"), " Hungarian rock")


# Tokens to text -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_decoding_restores_the_text(any_locale: psycopg.Connection, model: str) -> None:
    assert decode(any_locale, encode(any_locale, NASTY, model), model) == NASTY


def test_decoding_what_is_not_utf8(
    one_locale: psycopg.Connection, gpt2: tiktoken.Encoding, demo: Tokenizer
) -> None:
    """Any tokens, and bytes at the edges of what UTF-8 allows. Byte 0 cannot be in a text."""
    edges = st.sampled_from(bytes.fromhex("00417f8085909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5f8feff"))
    single = [gpt2.encode_single_token(bytes([byte])) for byte in range(256)]
    tokens = st.one_of(edges.map(single.__getitem__), st.integers(0, gpt2.max_token_value))

    @repeatable
    @given(st.lists(st.lists(tokens, max_size=30), min_size=40, max_size=40))
    def check(sequences: list[list[int]]) -> None:
        ours = decode(one_locale, sequences, "gpt2")
        assert ours == [gpt2.decode(ids).replace("\0", "\ufffd") for ids in sequences]
        folded = [[token_id % demo.get_vocab_size() for token_id in ids] for ids in sequences]
        assert decode(one_locale, folded, "demo") == [
            demo.decode(ids, skip_special_tokens=False).replace("\0", "\ufffd") for ids in folded
        ]

    check()


def test_bytes_are_exact(one_locale: psycopg.Connection, gpt2: tiktoken.Encoding) -> None:
    ids = RANDOM.choices(range(gpt2.n_vocab), k=2000)
    row = one_locale.execute("SELECT lm.decode_bytes(%s)", (ids,)).fetchone()
    assert row == (gpt2.decode_bytes(ids),)


# How a word is merged -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ranks(gpt2_tokenizer: Path, gpt2: tiktoken.Encoding) -> dict[tuple[bytes, bytes], int]:
    """GPT-2's merges and their ranks, from the file."""
    vocabulary = json.loads((gpt2_tokenizer / "vocab.json").read_text(encoding="utf-8"))
    lines = (gpt2_tokenizer / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    pairs = [line.split(" ") for line in lines]
    return {
        (
            gpt2.decode_single_token_bytes(vocabulary[left]),
            gpt2.decode_single_token_bytes(vocabulary[right]),
        ): rank
        for rank, (left, right) in enumerate(pairs)
    }


def merge_by_the_book(
    word: str, ranks: dict[tuple[bytes, bytes], int]
) -> Iterator[tuple[list[bytes], bytes | None, int | None]]:
    """Byte-pair encoding read literally: pieces, what was merged, its rank; step by step."""
    pieces = [bytes([byte]) for byte in word.encode()]
    yield pieces, None, None
    while known := [pair for pair in pairwise(pieces) if pair in ranks]:
        left, right = min(known, key=ranks.__getitem__)
        merged: list[bytes] = []
        for piece in pieces:
            if merged and (merged[-1], piece) == (left, right):
                merged[-1] += piece
            else:
                merged.append(piece)
        pieces = merged
        yield pieces, left + right, ranks[left, right]


def readable(piece: bytes) -> str:
    """As lm.merge_steps shows pieces."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return f"\\x{piece.hex()}"


@pytest.mark.parametrize(
    "word",
    [" unrecognizable", " rock", "banana", "a" * 23, "日本é", " Straßenbahnschaffner", "x", ""],
)
def test_merge_steps(
    one_locale: psycopg.Connection,
    gpt2: tiktoken.Encoding,
    ranks: dict[tuple[bytes, bytes], int],
    word: str,
) -> None:
    rows = one_locale.execute("SELECT * FROM lm.merge_steps(%s)", (word,)).fetchall()
    by_the_book = list(merge_by_the_book(word, ranks))
    assert [step for step, *_ in rows] == list(range(len(by_the_book)))
    assert [row[1:] for row in rows] == [
        ([readable(piece) for piece in pieces], merged and readable(merged), rank)
        for pieces, merged, rank in by_the_book
    ]
    # the literal reading is BPE: it comes to the same tokens as the reference
    assert [gpt2.encode_single_token(piece) for piece in by_the_book[-1][0]] == gpt2.encode(word)


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("SELECT * FROM lm.tokenize(NULL)", "no prompt: it is NULL", "give a text"),
        ("SELECT lm.encode(NULL)", "no prompt: it is NULL", "give a text"),
        ("SELECT * FROM lm.merge_steps(NULL)", "no word: it is NULL", "give a text"),
        ("SELECT lm.decode(NULL)", "no token ids: they are NULL", "give an int[]"),
        ("SELECT lm.decode_bytes(NULL)", "no token ids: they are NULL", "give an int[]"),
        (
            "SELECT lm.decode('{1,NULL}')",
            'token id NULL is not in the vocabulary of model "demo"',
            "lm.vocabulary",
        ),
        (
            "SELECT lm.decode('{1,-1}')",
            'token id -1 is not in the vocabulary of model "demo"',
            "lm.vocabulary",
        ),
        (
            "SELECT lm.decode_bytes('{1,50257}')",
            'token id 50257 is not in the vocabulary of model "demo"',
            "lm.vocabulary",
        ),
        ("SELECT lm.encode('x', 'none')", 'no model named "none" is loaded', "lm.model"),
        ("SELECT * FROM lm.tokenize('', 'none')", 'no model named "none" is loaded', "lm.model"),
        ("SELECT lm.decode('{}', 'none')", 'no model named "none" is loaded', "lm.model"),
        ("SELECT * FROM lm.merge_steps('x', 'none')", 'no model named "none"', "lm.model"),
    ],
)
def test_errors(connection: psycopg.Connection, query: str, message: str, hint: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        connection.execute(query)
    assert (error.value.diag.message_primary or "").startswith(message)
    assert hint in (error.value.diag.message_hint or "")


def test_nothing_is_nothing(connection: psycopg.Connection) -> None:
    row = connection.execute(
        """
        SELECT count(*), lm.encode(''), lm.decode('{}'), lm.decode_bytes('{}')
        FROM lm.tokenize('')
        """
    ).fetchone()
    assert row == (0, [], "", b"")
