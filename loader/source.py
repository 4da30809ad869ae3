"""Getting a model's files: a bundled model, a folder, or a Hugging Face repository."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from psqlm.bundled_files import BUNDLED
from psqlm.errors import PsqlmError

from .checkpoint import INDEX, shard_names

REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
TOKENIZER_FILES = ("vocab.json", "merges.txt")
# Which tokens are special; most repositories lack some of these.
OPTIONAL_FILES = ("tokenizer.json", "tokenizer_config.json", "added_tokens.json")


@dataclass(frozen=True)
class Source:
    """A model's files, on this machine."""

    folder: Path
    origin: str
    revision: str | None = None


def default_name(source: str) -> str:
    """What a model is called unless the user says otherwise: the last part of where it is."""
    return Path(source).expanduser().resolve().name


def find(source: str, revision: str | None = None) -> Source:
    """Find a model's files, fetching them if they are in a repository.

    Args:
        source: a bundled model ("demo"), a folder, or the id of a Hugging Face repository.
        revision: a branch, tag or commit of the repository.

    Raises:
        PsqlmError: there is no such model, or it cannot be fetched.
    """
    folder = Path(source).expanduser()
    if source in BUNDLED or folder.is_dir():
        if revision is not None:
            raise PsqlmError(f"{source} has no revisions: leave out --revision")
        if source in BUNDLED:
            return Source(BUNDLED[source], source)
        return Source(folder.resolve(), str(folder.resolve()))
    if not REPOSITORY.fullmatch(source) or source.startswith("."):
        raise PsqlmError(
            f"no folder {source}: give a folder with config.json, a repository such as gpt2, "
            f"or {' or '.join(BUNDLED)}"
        )
    return _fetch(source, revision)


def _fetch(repository: str, revision: str | None) -> Source:
    """Fetch what a model needs from a repository, or find it in the cache."""
    config = _download(repository, "config.json", revision)
    # the rest from the same commit, even if the branch moves on meanwhile
    commit = config.parent.name
    if _optional(repository, "model.safetensors", commit) is None:
        index = _optional(repository, INDEX, commit)
        if index is None:
            raise PsqlmError(f"{repository} has no safetensors weights: choose another revision")
        for shard in shard_names(index):
            _download(repository, shard, commit)
    for name in (*TOKENIZER_FILES, *OPTIONAL_FILES):
        _optional(repository, name, commit)
    return Source(config.parent, repository, commit)


def _optional(repository: str, name: str, commit: str) -> Path | None:
    """Fetch a file that a repository may lack."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    # a commit does not change: what the cache knows of it, absence included, need not be asked
    cached = try_to_load_from_cache(repository, name, revision=commit)
    if cached is not None:
        return Path(cached) if isinstance(cached, str) else None
    try:
        return _download(repository, name, commit)
    except PsqlmError as error:
        if isinstance(error.__cause__, EntryNotFoundError) and (
            not isinstance(error.__cause__, LocalEntryNotFoundError) or _offline()
        ):
            return None
        raise


def _download(repository: str, name: str, revision: str | None) -> Path:
    """Fetch a file of a repository into the cache of Hugging Face's library.

    Raises:
        PsqlmError: it is not there, or cannot be reached.
    """
    from huggingface_hub import constants, errors, hf_hub_download
    from huggingface_hub.utils.logging import set_verbosity

    if "HF_HUB_VERBOSITY" not in os.environ:
        set_verbosity(logging.ERROR)  # what fails is said below, in one line
    where = repository if revision is None else f"{repository} at {revision}"
    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except errors.GatedRepoError as error:
        message = f"{repository} is only for those its owners admit: log in with hf auth login"
        raise PsqlmError(message) from error
    except errors.RepositoryNotFoundError as error:
        raise PsqlmError(f"no folder and no repository {repository}: check its name") from error
    except errors.RevisionNotFoundError as error:
        raise PsqlmError(f"{repository} has no revision {revision}: check --revision") from error
    except errors.LocalEntryNotFoundError as error:
        reason = (
            "HF_HUB_OFFLINE is set" if _offline() else f"no hub answers at {constants.ENDPOINT}"
        )
        raise PsqlmError(
            f"{name} of {where} is not in the cache, and {reason}: "
            "give a folder, or load a bundled model (psqlm load demo)"
        ) from error
    except errors.EntryNotFoundError as error:
        raise PsqlmError(f"{where} has no {name}: it is no model that psqlm reads") from error
    except Exception as error:  # of whichever HTTP library the hub's client uses
        reason = " ".join(str(error).split())
        raise PsqlmError(f"cannot fetch {name} of {where}: {reason}") from error


def _offline() -> bool:
    """Whether the user told Hugging Face's library to use its cache alone."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)
