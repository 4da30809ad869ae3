"""The reference implementation: GPT-2 of `transformers`, and what happens inside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import GPT2LMHeadModel

Array = npt.NDArray[np.floating]


@dataclass
class Pass:
    """A forward pass: logits [position, n_vocab], attn_out [layer, position, d_model]."""

    logits: Array
    attn_out: Array


@cache
def model(folder: Path) -> GPT2LMHeadModel:
    """The model of a folder, in float32 whatever it is stored in."""
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()


def forward(folder: Path, token_ids: list[int]) -> Pass:
    """Run a sequence, with hooks on each layer's attention."""
    reference = model(folder)
    attn_out: list[Array] = []
    hooks = [
        block.attn.register_forward_hook(
            lambda module, inputs, output: attn_out.append(output[0][0].numpy())
        )
        for block in reference.transformer.h
    ]
    try:
        with torch.no_grad():
            logits = reference(torch.tensor([token_ids])).logits[0].numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return Pass(logits, np.stack(attn_out))


def generate(folder: Path, token_ids: list[int], n_tokens: int) -> list[int]:
    """Greedy continuation."""
    output = model(folder).generate(
        torch.tensor([token_ids]), max_new_tokens=n_tokens, do_sample=False, pad_token_id=0
    )
    return output[0, len(token_ids) :].tolist()
