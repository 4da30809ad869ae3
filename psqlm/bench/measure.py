"""The rows of the table, for one way of storing the weights; ours and theirs in turn."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from psqlm.bench import theirs, throughput
from psqlm.bench.ours import TEXT, Ours
from psqlm.bench.plan import DEMO, Plan
from psqlm.bench.report import Row
from psqlm.bench.theirs import Theirs
from psqlm.bench.timing import Samples, in_turn, seconds, shell
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError
from psqlm.loader.config import read_config
from psqlm.loader.tokenizer import read_tokenizer

PROSE_SIZE = 10_000  # bytes
EXAMPLE = (7, 10)  # tokens of the prompt, tokens to generate
GENERATED = 20  # tokens, when memory is watched

Step = tuple[str, Callable[[], Iterator[Row]]]


class Measurements:
    """What is measured of a model stored in one way."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        dsn: str,
        folder: Path,
        size: str,
        dtype: str,
        plan: Plan,
        real_tokens: bool,
    ) -> None:
        """Prepare.

        Args:
            connection: with autocommit, to a database that may be filled.
            dsn: of that database.
            folder: the model's files.
            size: what the model is called.
            dtype: float32 or float16.
            plan: what to measure.
            real_tokens: whether the vocabulary was learnt from text, not made up.
        """
        self.ours = Ours(connection, f"bench-{size}-{dtype}")
        self.theirs: Theirs | None = None
        self.dtype = dtype
        self._connection = connection
        self._dsn = dsn
        self._folder = folder
        self._plan = plan
        self._real_tokens = real_tokens
        self._sizes = read_config(folder / "config.json")
        self._first_decode: Row | None = None

    def steps(self) -> Iterator[Step]:
        """What to measure, in order, with words for it."""
        plan = self._plan
        first = self.dtype == plan.dtypes[0]
        yield "loading", self._load
        if first:
            yield "tokenizer", self._tokenizer
        for n_tokens in plan.forward:
            words = f"forward pass of {n_tokens} tokens"
            yield words, partial(self._forward, words, n_tokens)
        if plan.logits:
            words = f"all logits after {plan.profile[0]} tokens"
            yield words, partial(self._logits, words, plan.profile[0])
        for context in plan.decode:
            words = f"one more token at context {context}"
            yield words, partial(self._decode, words, context)
        words = f"{EXAMPLE[0]}-token prompt, {EXAMPLE[1]} new tokens"
        yield words, partial(self._example, words)
        if first and plan.several:
            count, n_tokens = plan.several
            yield f"{count} sequences at once", partial(self._several, count, n_tokens)
        if first and plan.together:
            count, context = plan.together
            yield f"{count} sequences continued together", partial(self._together, count, context)
        if first and plan.corpus:
            yield f"corpus of {plan.corpus} texts", self._corpus
        if first:
            for context in plan.memory:
                words = f"memory of a generation at context {context}"
                yield words, partial(self._memory, words, context)
        if first and plan.article:
            words = f"article's analysis, {plan.profile[0]} tokens, from a shell"
            yield words, partial(self._article, words, plan.profile[0])

    def release(self) -> None:
        """Free the memory of their model."""
        self.theirs = None

    def _row(self, key: str, name: str, samples: Samples, unit: str = "s", note: str = "") -> Row:
        return Row(key, self.dtype, name, unit, *samples, note)

    def _load(self) -> Iterator[Row]:
        for file in self._folder.glob("*.safetensors"):
            _read_through(file)
        if compare := theirs.missing() is None:
            self._load_theirs()  # imports its libraries

        def load() -> None:
            self.ours.load(self._folder, self.dtype)

        samples: Samples = ([], [])
        for number in range(self._plan.loads):
            if number > 0:
                self.ours.drop()
            samples[0].append(seconds(load))
            if compare:
                self.release()
                samples[1].append(seconds(self._load_theirs))
        self.ours.settle()
        note = "theirs: from_pretrained, which maps the file" if compare else ""
        if self.theirs and self.theirs.dtype != self.dtype:
            note = f"theirs: {self.theirs.dtype} throughout, its fastest here"
        yield self._row("load", "load from safetensors", samples, note=note)

    def _load_theirs(self) -> None:
        self.theirs = Theirs(self._folder, self._sizes, self.dtype)

    def _tokenizer(self) -> Iterator[Row]:
        ours, folder, whose = self.ours, self._folder, "the model's vocabulary"
        if not self._real_tokens:
            # in a made-up vocabulary hardly a word is a token, so all time goes into merges
            ours, folder, whose = Ours(self._connection, DEMO), DEMO_MODEL, "demo's vocabulary"
            ours.load(folder, "float32")
        text = TEXT.encode()[:PROSE_SIZE].decode(errors="ignore")
        tokenizer = read_tokenizer(folder, read_config(folder / "config.json").n_vocab)
        encoding = theirs.tiktoken_encoding(tokenizer)
        if encoding and encoding.encode(text, disallowed_special=()) != ours.encode(text):
            raise PsqlmError("lm.encode and tiktoken differ: see tests/test_tokenizer.py")
        samples = in_turn(
            lambda: ours.encode(text),
            (lambda: encoding.encode(text, disallowed_special=())) if encoding else None,
            self._plan.repeats,
        )
        if not self._real_tokens:
            ours.drop()
        note = f"theirs: tiktoken; {whose}" if encoding else whose
        yield self._row(
            "tokenizer", f"tokenize {PROSE_SIZE // 1000} kB of prose", samples, note=note
        )

    def _forward(self, words: str, n_tokens: int) -> Iterator[Row]:
        tokens, other = self.ours.prompt(n_tokens).tokens, self.theirs
        samples = in_turn(
            lambda: self.ours.forward(tokens),
            (lambda: other.forward([tokens])) if other else None,
            self._plan.repeats,
            after=self.ours.forget_runs,
        )
        yield self._row(f"forward-{n_tokens}", words, samples, note="adjustments kept, no logits")

    def _logits(self, words: str, n_tokens: int) -> Iterator[Row]:
        prompt, other = self.ours.prompt(n_tokens), self.theirs
        samples = in_turn(
            lambda: self.ours.logits(prompt.text),
            (lambda: other.logits(prompt.tokens)) if other else None,
            self._plan.repeats,
        )
        note = "theirs: of each position, as it does unasked" if other else ""
        yield self._row(f"logits-{n_tokens}", words, samples, note=note)

    def _decode(self, words: str, context: int) -> Iterator[Row]:
        prompt, n_samples = self.ours.prompt(context), self._plan.steps
        ours = self.ours.steps(prompt.text, n_samples + 2)
        other = self.theirs.steps([prompt.tokens]) if self.theirs else None
        chosen: tuple[list[int], list[int]] = ([], [])
        try:
            # a warm-up: the prompt with the token after it, and one more token
            samples = in_turn(
                lambda: chosen[0].append(next(ours)),
                (lambda: chosen[1].extend(next(other))) if other else None,
                n_samples,
                warm_up=2,
            )
        except StopIteration as error:
            raise PsqlmError(f"the model ends its text soon after {context} tokens") from error
        finally:
            ours.close()
        row = self._row(f"decode-{context}", words, samples, note=_agreement(*chosen))
        yield row
        if self._first_decode is None:
            self._first_decode = row
        elif context == self._plan.decode[-1]:
            yield row.over(self._first_decode, f"  … {context} over {self._plan.decode[0]}")

    def _example(self, words: str) -> Iterator[Row]:
        prompt, other = self.ours.prompt(EXAMPLE[0]), self.theirs
        chosen: tuple[list[int], list[int]] = ([], [])

        def generate() -> None:
            chosen[0][:] = self.ours.generate(prompt.text, EXAMPLE[1])

        def generate_theirs(other: Theirs) -> None:
            chosen[1][:] = other.generate(prompt.tokens, EXAMPLE[1])

        samples = in_turn(
            generate, partial(generate_theirs, other) if other else None, self._plan.repeats
        )
        yield self._row("example", words, samples, note=_agreement(*chosen))

    def _several(self, count: int, n_tokens: int) -> Iterator[Row]:
        prompts, other = self.ours.prompts(n_tokens, count), self.theirs
        rows = []
        for number in (1, count):
            texts = [prompt.text for prompt in prompts[:number]]
            tokens = [prompt.tokens for prompt in prompts[:number]]
            samples = in_turn(
                partial(self.ours.forward_many, texts),
                partial(other.forward, tokens) if other else None,
                self._plan.repeats,
                after=self.ours.forget_runs,
            )
            name = f"{number} sequence{'s' * (number > 1)} of {n_tokens} tokens at once"
            rows.append(self._row(f"sequences-{number}", name, samples, note="lm.forward_many"))
        yield from rows
        yield rows[1].over(rows[0], f"  … {count} over 1")

    def _together(self, count: int, context: int) -> Iterator[Row]:
        prompts = self.ours.prompts(context, count)
        return throughput.together(self.ours, self.theirs, self.dtype, prompts, self._plan.steps)

    def _corpus(self) -> Iterator[Row]:
        texts = self.ours.texts(self._plan.corpus)
        return throughput.run_corpus(
            self.ours, self.theirs, self.dtype, self._dsn, texts, self._plan.jobs
        )

    def _memory(self, words: str, context: int) -> Iterator[Row]:
        prompt = self.ours.prompt(context)
        used = self.ours.memory_of_generation(self._dsn, prompt.text, GENERATED)
        size = (context + GENERATED) * self._sizes.n_layer * 2 * self._sizes.d_kv * 4 / 1e6
        note = f"of the backend alone; its cache is {size:.1f} MB"
        if used is None:
            note = "not measured: the server's processes are not seen from here"
        samples: Samples = ([] if used is None else [used], [])
        yield self._row(f"memory-{context}", words, samples, unit="MB", note=note)

    def _article(self, words: str, n_tokens: int) -> Iterator[Row]:
        with tempfile.TemporaryDirectory(prefix="psqlm-bench-") as temporary:
            text = Path(temporary) / "prompt.txt"
            text.write_text(self.ours.prompt(n_tokens).text, "utf-8")
            psqlm = [sys.executable, "-c", "from psqlm.cli import main; main()"]
            analyze = ["analyze", "--file", str(text), "--model", self.ours.model]
            article = [sys.executable, "-m", "psqlm.bench.article", str(self._folder.resolve())]
            hooks = [*article, str(text), f"{temporary}/theirs"]
            samples = in_turn(
                partial(shell, [*psqlm, *analyze, "--out", f"{temporary}/ours"], self._dsn),
                partial(shell, hooks, self._dsn) if self.theirs else None,
                self._plan.repeats,
                after=self.ours.forget_runs,
            )
        yield self._row("article", words, samples, note="theirs: hooks, then the same regression")


def _agreement(ours: list[int], theirs: list[int]) -> str:
    """How far two greedy continuations agree; empty if there is only one."""
    if not theirs:
        return ""
    pairs = list(zip(ours, theirs, strict=True))
    same = next((number for number, (a, b) in enumerate(pairs) if a != b), len(pairs))
    return "the same tokens" if same == len(pairs) else f"the same tokens up to the {same}th"


def _read_through(file: Path) -> None:
    """Read a file, so that the system has it in memory."""
    with file.open("rb") as opened:
        while opened.read(1 << 24):
            pass
