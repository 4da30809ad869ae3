"""Where the tests find files that are public but not part of the project."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

TOKENIZER_FILES = ("vocab.json", "merges.txt")
TOKENIZER_VARIABLE = "PSQLM_TEST_GPT2_TOKENIZER"
PARAGRAPH_VARIABLE = "PSQLM_TEST_PARAGRAPH"
SECONDS_FOR_THE_HUB = 5


def tokenizer_folder() -> Path:
    """A folder with GPT-2's vocab.json and merges.txt; the test is skipped where there is none."""
    if given := os.environ.get(TOKENIZER_VARIABLE):
        return Path(given)
    cached = [try_to_load_from_cache("gpt2", name) for name in TOKENIZER_FILES]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent
    if not _hub_answers():
        pytest.skip(
            f"needs GPT-2's tokenizer, and {constants.ENDPOINT} does not answer: where it does, "
            f"run `hf download gpt2 {' '.join(TOKENIZER_FILES)}`, or put the two files in a "
            f"folder and set {TOKENIZER_VARIABLE} to it"
        )
    files = [Path(hf_hub_download("gpt2", name)) for name in TOKENIZER_FILES]
    return files[0].parent


def paragraph() -> str:
    """The paragraph that the article analyzes; the test is skipped where it is not given."""
    given = os.environ.get(PARAGRAPH_VARIABLE)
    if not given:
        pytest.skip(
            "needs the paragraph of Wikipedia's “Rock music in Hungary” that the article analyzes: "
            f"put it in a file and set {PARAGRAPH_VARIABLE} to its path"
        )
    return Path(given).read_text(encoding="utf-8")


def _hub_answers() -> bool:
    """One quick question; the hub's own library asks six times before it gives up."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        with urllib.request.urlopen(constants.ENDPOINT, timeout=SECONDS_FOR_THE_HUB):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
