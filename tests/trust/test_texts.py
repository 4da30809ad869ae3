"""Texts that make trouble become the tokens of the reference, by the hundred thousand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tiktoken_ext.openai_public import r50k_pat_str
from tokenized import LOCALES, encode
from tokenizers import Tokenizer

from psqlm import loader
from psqlm.bundled_files import DEMO_MODEL
from trust.texts import troublesome

AT_ONCE = 500
"""Texts in a query."""

Reference = Callable[[list[str]], list[list[int]]]

# a selection in one locale, and all
IN_LOCALES = [
    pytest.param("C", 80, id="few"),
    *(pytest.param(locale, 2_500, marks=pytest.mark.trust, id=locale) for locale in LOCALES),
]


def compare(
    connection: psycopg.Connection, model: str, texts: list[str], reference: Reference
) -> int:
    """Compare the tokens of texts with the reference's; says how many characters they had."""
    for start in range(0, len(texts), AT_ONCE):
        batch = texts[start : start + AT_ONCE]
        ours, theirs = encode(connection, batch, model), reference(batch)
        different = [row for row in zip(batch, ours, theirs, strict=True) if row[1] != row[2]]
        assert not different, f"{model}: {len(different)} differ, such as {min(different)!a}"
    return sum(map(len, texts))


def by_tokenizers(tokenizer: Tokenizer) -> Reference:
    return lambda batch: [encoding.ids for encoding in tokenizer.encode_batch(batch)]


def tokens_of(tokenizer: Tokenizer) -> list[str]:
    """The texts of a vocabulary."""
    numbers = [[number] for number in range(tokenizer.get_vocab_size())]
    return tokenizer.decode_batch(numbers, skip_special_tokens=False)


@pytest.mark.parametrize(("locale", "count"), IN_LOCALES)
def test_every_kind_of_tokenizer(
    kind_databases: dict[str, psycopg.Connection],
    kinds: dict[str, tuple[Tokenizer, Path]],
    locale: str,
    count: int,
) -> None:
    if locale not in kind_databases:
        pytest.skip(f"this server has no databases of {locale}")
    n_characters = 0
    for kind, (tokenizer, _) in kinds.items():
        texts = list(troublesome(f"{locale}, {kind}", count, tokens_of(tokenizer)))
        n_characters += compare(kind_databases[locale], kind, texts, by_tokenizers(tokenizer))
    print(
        f"{locale}: {count * len(kinds):,} texts of {n_characters:,} characters, by "
        f"{len(kinds)} kinds of tokenizers: no difference"
    )


@pytest.mark.parametrize(
    "count", [200, pytest.param(10_000, marks=pytest.mark.trust)], ids=["few", "many"]
)
def test_the_bundled_model(connection: psycopg.Connection, count: int) -> None:
    tokenizer = Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json"))
    texts = list(troublesome("demo", count, tokens_of(tokenizer)))
    n_characters = compare(connection, "demo", texts, by_tokenizers(tokenizer))
    print(f"demo: {count:,} texts of {n_characters:,} characters: no difference")


@pytest.mark.trust
def test_gpt2_as_tiktoken_has_it(
    make_database: Callable[[str], str], gpt2_tokenizer: Path, tmp_path: Path
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(n_embd=2, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).symlink_to(gpt2_tokenizer / name)
    gpt2 = tiktoken.Encoding(
        "gpt2",
        pat_str=r50k_pat_str,
        mergeable_ranks=data_gym_to_mergeable_bpe_ranks(
            str(gpt2_tokenizer / "merges.txt"), str(gpt2_tokenizer / "vocab.json")
        ),
        special_tokens={"<|endoftext|>": 50256},
    )
    tokens = [gpt2.decode([number]) for number in range(gpt2.n_vocab)]
    texts = list(troublesome("gpt2", 10_000, tokens))
    with psycopg.connect(make_database("psqlm_gpt2_texts")) as connection:
        loader.load(connection, str(tmp_path), name="gpt2")
        n_characters = compare(
            connection,
            "gpt2",
            texts,
            lambda batch: [gpt2.encode(text, allowed_special="all") for text in batch],
        )
    print(f"gpt2: {len(texts):,} texts of {n_characters:,} characters: no difference")
