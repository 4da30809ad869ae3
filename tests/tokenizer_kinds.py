"""Tokenizers of every kind, trained with the tokenizers library, and texts with traps for them."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import GPT2Config, GPT2LMHeadModel

VOCABULARY = 3000

WORDS = (
    "the of and to a in that he was it his her with as had for she not but at on him is they said "
    "there which all from so were be this have one by you them when then who up out into little "
    "went could would old came if their king time day what man more good will before again down "
    "mother house himself away princess long very heard great nothing something I'm don't we've "
    "you'll it's they're he'd WE'RE 'tis rock'n'roll Straßenbahn naïve café Ålesund mañana façade "
    "日本語 これは テスト です 한국어 문장 Привет мир Γειά σου שלום مرحبا नमस्ते ไทย "
    "12 345 1960 3.14 x1 "
    "int return void self.x += ++i; {} () [] <div> -> ==> !!! ... ?! -- ' \" `` <s> \u2581 e\u0301"
).split()
SYLLABLES = [a + b + c for a in "bdfklmnprst" for b in "aeiou" for c in ("", "n", "r", "st")]

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def cut_at(number: str) -> pre_tokenizers.PreTokenizer:
    pattern = Regex(PATTERN.replace("NUMBER", number))
    return pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, "isolated"), BYTES])


@cache
def prose() -> list[str]:
    """What vocabularies are trained on: sentences of random words, some of them often."""
    source = random.Random(0)
    made = ["".join(source.choices(SYLLABLES, k=source.randint(1, 4))) for _ in range(3000)]
    words = [word for pair in zip(WORDS * 20, made, strict=False) for word in pair]
    weights = [1 / (number + 10) for number in range(len(words))]
    return [
        " ".join(source.choices(words, weights, k=12)) + source.choice([".", ",\n", "\n\n", "  "])
        for _ in range(2000)
    ]


def of_bytes(
    cut: pre_tokenizers.PreTokenizer,
    *,
    nfc: bool = False,
    ignore_merges: bool = False,
    added: list[AddedToken] | None = None,
    bos: str | None = None,
) -> Tokenizer:
    """A byte-level tokenizer."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(prose(), trainer)
    return finished(tokenizer, added or [], bos)


def of_characters(
    normalizer: list[normalizers.Normalizer],
    cut: pre_tokenizers.PreTokenizer | None,
    *,
    trained_with: pre_tokenizers.PreTokenizer | None = None,
    added: list[AddedToken] | None = None,
    bos: str | None = "<s>",
    strip: bool = True,
    scored: bool = False,
) -> Tokenizer:
    """A tokenizer of characters, the others spelled as bytes."""
    learner = Tokenizer(models.BPE())
    if normalizer:
        learner.normalizer = normalizers.Sequence(normalizer)
    if trained_with or cut:
        learner.pre_tokenizer = trained_with or cut
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, show_progress=False, limit_alphabet=90)
    learner.train_from_iterator(prose(), trainer)
    learned = json.loads(learner.to_str())["model"]
    tokens = dict.fromkeys(["<unk>", "<s>", "</s>", *BYTE_TOKENS, *learned["vocab"]])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [tuple(pair) for pair in learned["merges"]]
    if scored:
        # every way to make a token, ranked by the token, as a conversion from sentencepiece has it
        merges = [
            (token[:cut_], token[cut_:])
            for token in sorted(learned["vocab"], key=learned["vocab"].__getitem__)
            for cut_ in range(1, len(token))
            if token[:cut_] in vocabulary and token[cut_:] in vocabulary
        ]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if normalizer:
        tokenizer.normalizer = normalizers.Sequence(normalizer)
    if cut:
        tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            *([decoders.Strip(" ", 1, 0)] if strip else []),
        ]
    )
    special = [AddedToken(token, special=True) for token in ("<unk>", "<s>", "</s>")]
    return finished(tokenizer, [*special, *(added or [])], bos)


def finished(tokenizer: Tokenizer, added: list[AddedToken], bos: str | None) -> Tokenizer:
    """With added tokens, and one put in front."""
    for token in added:  # in this order
        if token.special:
            tokenizer.add_special_tokens([token])
        else:
            tokenizer.add_tokens([token])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


SPACES_TO_MARKS = normalizers.Replace(" ", "\u2581")
LLAMA2 = [normalizers.Prepend("\u2581"), SPACES_TO_MARKS]
END = AddedToken("<|end|>", special=True)
FLAGS = [
    AddedToken("<strip>", special=True, lstrip=True, rstrip=True),
    AddedToken("<left>", lstrip=True, normalized=False),
    AddedToken("<right>", rstrip=True, normalized=True),
    AddedToken("word", single_word=True, normalized=False),
    AddedToken("said", single_word=True, lstrip=True, normalized=True),
    AddedToken("  ", normalized=True),
    AddedToken("   ", normalized=False),
    AddedToken("cafe\u0301", normalized=True),
    AddedToken("<|end|>.*", special=True),
    END,
]
RUNS = [AddedToken(" " * n, normalized=True) for n in range(2, 12)]


def metaspace(scheme: str, *, split: bool) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Metaspace("\u2581", prepend_scheme=scheme, split=split)


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "Pythia: NFC, runs of spaces": lambda: of_bytes(GPT2, nfc=True, added=[*RUNS, END]),
    "SmolLM2: digits apart": lambda: of_bytes(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), GPT2]), added=[END]
    ),
    "Llama 3": lambda: of_bytes(
        cut_at(r"\p{N}{1,3}"), ignore_merges=True, added=[END, *FLAGS[:1]], bos="<|end|>"
    ),
    "Qwen": lambda: of_bytes(cut_at(r"\p{N}"), nfc=True, added=[END]),
    "all flags, bytes": lambda: of_bytes(cut_at(r"\p{N}"), nfc=True, added=FLAGS),
    "Llama 2": lambda: of_characters(LLAMA2, None, trained_with=metaspace("always", split=True)),
    "Llama 2, scored": lambda: of_characters(
        LLAMA2, None, trained_with=metaspace("always", split=True), scored=True
    ),
    "Llama 2, scripts apart": lambda: of_characters(
        LLAMA2,
        None,
        trained_with=pre_tokenizers.Sequence(
            [
                metaspace("always", split=True),
                pre_tokenizers.Punctuation(),
                pre_tokenizers.Digits(),
                pre_tokenizers.Split(Regex(r"[^A-Za-z\u2581]+"), "isolated"),
            ]
        ),
        scored=True,
    ),
    "Mistral: first": lambda: of_characters(
        [], metaspace("first", split=False), trained_with=metaspace("always", split=True)
    ),
    "Metaspace": lambda: of_characters([], metaspace("always", split=True), added=FLAGS),
    "Gemma": lambda: of_characters(
        [SPACES_TO_MARKS],
        pre_tokenizers.Split(" ", "merged_with_previous"),
        trained_with=pre_tokenizers.Metaspace("\u2581", prepend_scheme="never"),
        added=[AddedToken("\u2581\u2581", normalized=False), AddedToken("\n\n", normalized=False)],
        bos="</s>",
        strip=False,
    ),
    "all flags, characters": lambda: of_characters(LLAMA2, None, added=FLAGS),
    "tokens across spaces": lambda: of_characters(LLAMA2, None),
}

# Every character of planes 0, 1 and 14 that is assigned, and others.
EVERY = "".join(map(chr, (*range(1, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200))))

PIECES = [
    *WORDS,
    *" \n\t\r\v\u00a0\u3000",
    *("  ", "   ", " \n", "\n  ", "\r\n", "\n\n\n", "\t\t", " \u2581", "\u2581\u2581"),
    *("'s", "'S", "'sit", "'\u017f", "'RE", "'Ve", "'lL", "'d", "''s", "'", "'t", " 's", "'ll'd"),
    *(
        "0",
        "12",
        "123",
        "1234",
        "56789",
        "\u0663\u0664",
        "\u00b2",
        "\u216b",
        "\u2f00",
        "\U00011de1",
    ),
    *(
        "e\u0301",
        "a\u0323\u0302",
        "\u0301",
        "\u1100\u1161\u11a8",
        "\u212b",
        "\u0344",
        "\uac00\u11a8",
    ),
    *("\U00011935\U00011930", "a\u0897\u0323", "\U000105d2\u0307", "\u0958", "q\u0307\u0323"),
    *(
        "👍🏽",
        "👨\u200d👩\u200d👧",
        "🇭🇺",
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "狐",
        "𠜎",
        "\u200b",
        "\ufeff",
    ),
    *("<s>", "</s>", "<unk>", "<|end|>", "<|end|>.*", "<|end", "<strip>", "<left>", "<right>"),
    *("word", "words", "said", "  ", "<0x0A>", "<0x", "\x01", "\x7f", "\ufffd", "\U0010ffff"),
    *("word word", "unsaid", "said said", " said", "cafe\u0301"),
    *("a" * 40, "-" * 70, "=" * 17, " " * 33, "ab" * 30, "日本" * 40, "é" * 200, "xyz " * 100),
    *("...", " ...", "...12", "....", "aaa", "111", "---", "!!!", "ananas", "\t\t\t"),
]


def random_texts(seed: str, count: int) -> Iterator[str]:
    """Texts with traps among them."""
    source = random.Random(seed)
    for _ in range(count):
        pieces = []
        for _ in range(source.randint(1, 12)):
            match source.random():
                case chance if chance < 0.85:
                    pieces.append(source.choice(PIECES))
                case chance if chance < 0.95:
                    pieces.append(chr(source.choice((source.randint(1, 0x3000), 0xFB00))))
                case _:
                    code_point = source.randint(1, sys.maxunicode)
                    pieces.append(chr(code_point) if not 0xD800 <= code_point < 0xE000 else "x")
        yield source.choice(("", " ")).join(pieces)


def save(kind: str, folder: Path) -> tuple[Tokenizer, Path]:
    """Make a tokenizer and a model of next to no weights that has it, and save them.

    Returns:
        The tokenizer as it is read back, and the folder.
    """
    made = KINDS[kind]()
    config = GPT2Config(
        vocab_size=made.get_vocab_size(),
        bos_token_id=None,
        eos_token_id=None,
        n_embd=2,
        n_layer=1,
        n_head=1,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    path = folder / "tokenizer.json"
    made.save(str(path))
    return Tokenizer.from_file(str(path)), folder
