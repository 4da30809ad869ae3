"""The same work in transformers and PyTorch, as their user would write it."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from psqlm.loader.architecture import Architecture
from psqlm.loader.pipeline import Pipeline
from psqlm.loader.tokenizer import Tokenizer
from psqlm.verification.modules import attention_outputs
from psqlm.verification.reference import missing as missing

if TYPE_CHECKING:
    import tiktoken


def n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Theirs:
    """A model in transformers, on all cores."""

    def __init__(self, folder: Path, sizes: Architecture, dtype: str) -> None:
        """Load a model.

        Args:
            folder: config.json and model.safetensors.
            sizes: of the same model.
            dtype: float32, or float16 for the type that is fastest in PyTorch here.
        """
        import torch

        transformers: Any = import_module("transformers")  # its types are incomplete
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(n_cores())
        self.dtype = dtype if dtype == "float32" else fastest_half(sizes)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, self.dtype)
        )
        self._model = model.eval()
        self._watched = attention_outputs(sizes)
        self._torch = torch

    def forward(self, sequences: Sequence[Sequence[int]]) -> list[Any]:
        """Attention adjustments of sequences, padded to one length, by layer; no logits."""
        longest = max(map(len, sequences))
        tokens = self._torch.tensor([[*s, *[0] * (longest - len(s))] for s in sequences])
        mask = self._torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sequences])
        adjustments: list[Any] = []
        hooks = [
            self._model.get_submodule(name).register_forward_hook(
                lambda _m, _i, out: adjustments.append(out)
            )
            for name in self._watched
        ]
        try:
            with self._torch.inference_mode():
                self._model.base_model(tokens, attention_mask=mask, use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        return adjustments

    def logits(self, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """Logits of what follows the tokens, [vocabulary]; computed at every position."""
        with self._torch.inference_mode():
            answer = self._model(self._torch.tensor([tokens]), use_cache=False).logits[0, -1]
        return np.asarray(answer.double().numpy())

    def steps(self, sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Greedy tokens, one for each sequence of one length, from the cache of `generate`."""
        cache, fed = None, self._torch.tensor(sequences)
        while True:
            with self._torch.inference_mode():
                out = self._model(fed, past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache, fed = out.past_key_values, out.logits[:, -1:].argmax(-1)
            yield [int(token) for token in fed[:, 0]]

    def generate(self, tokens: Sequence[int], n_tokens: int) -> list[int]:
        """A greedy continuation by transformers' own `generate`."""
        given = self._torch.tensor([tokens])
        with self._torch.inference_mode():
            out = self._model.generate(
                given,
                attention_mask=self._torch.ones_like(given),
                max_new_tokens=n_tokens,
                do_sample=False,
                pad_token_id=self._model.config.eos_token_id,
            )
        return [int(token) for token in out[0, len(tokens) :]]


def fastest_half(sizes: Architecture) -> str:
    """float16, bfloat16 or float32: the type that this processor multiplies fastest.

    The matrix is as wide as the model's MLP. One position is what a new token costs, many are
    what a prompt costs. Some processors are fast at one of them and slow at the other.
    """
    import torch

    def seconds(dtype: str, n_positions: int) -> float:
        x = torch.randn(n_positions, sizes.d_model).to(getattr(torch, dtype))
        weight = torch.randn(sizes.d_mlp, sizes.d_model).to(getattr(torch, dtype))
        best = float("inf")
        for _ in range(10):
            start = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            best = min(best, time.perf_counter() - start)
        return best

    dtypes = ("float16", "bfloat16", "float32")
    return min(dtypes, key=lambda dtype: seconds(dtype, 1) * seconds(dtype, 64))


def tiktoken_encoding(tokenizer: Tokenizer) -> tiktoken.Encoding | None:
    """The same tokenizer in tiktoken. None if tiktoken is not installed or cannot express it."""
    if importlib.util.find_spec("tiktoken") is None or tokenizer.pipeline != Pipeline():
        return None  # other pieces than GPT-2's
    import tiktoken

    plain = {token.bytes: token.token_id for token in tokenizer.tokens if token.kind == "ordinary"}
    special = {token.text: token.token_id for token in tokenizer.tokens if token.special}
    made = [merge.token_id for merge in tokenizer.merges]
    if made != sorted(made):
        return None  # in tiktoken the number of a token is its rank
    pattern = import_module("tiktoken_ext.openai_public").r50k_pat_str  # GPT-2's, as they run it
    return tiktoken.Encoding(
        "psqlm-bench", pat_str=pattern, mergeable_ranks=plain, special_tokens=special
    )
