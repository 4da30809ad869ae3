"""The layout of exported runs: which tables there are, where their files lie, how texts are known.

    manifest.json
    text/model=M/capture=C/*.parquet
    token/model=M/capture=C/*.parquet
    tag/model=M/capture=C/*.parquet
    activation/model=M/capture=C/site=S/*.parquet
    pattern/model=M/capture=C/*.parquet
    logit/model=M/capture=C/*.parquet

M is the model's name, C says what was kept of a pass and what was done to it: a hash of a plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from psqlm.errors import PsqlmError

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = 1
"""Version of the layout; another one is not read."""

DType = Literal["float32", "float16"]

TABLES = ("text", "token", "tag", "activation", "pattern", "logit")

ONE_PER_KEY = ("attn_scores", "pattern")
"""Sites whose vectors have a number for each position up to their own."""


def require_pyarrow() -> None:
    """Refuse to go on where pyarrow is missing.

    Raises:
        PsqlmError: it is.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise PsqlmError(
            f"Parquet needs pyarrow ({error}): pip install 'psqlm[parquet]'"
        ) from error


@dataclass(frozen=True)
class Model:
    """A model, as far as it decides what a pass gives.

    Attributes:
        name: what it is called in the database.
        source: a repository of Hugging Face, a folder, or a model that comes along.
        revision: commit of the repository; None for a folder.
        sha256: hash of the weight files.
        dtype: how weights are stored.
    """

    name: str
    source: str
    revision: str | None
    sha256: str
    dtype: str


@dataclass(frozen=True)
class Interventions:
    """What was done to a pass.

    Attributes:
        name: of the set.
        digest: lm.run.intervention_digest; None: not known.
        changes: the rows of the set, if they mean the same in another database.
    """

    name: str
    digest: str | None
    changes: list[dict[str, Any]] | None


@dataclass(frozen=True)
class Plan:
    """What was run, and what was kept of it.

    Attributes:
        model: the model.
        capture: the sites, sorted.
        layers: the layers whose sites were kept, sorted; None: all.
        positions: the positions that were kept, sorted, −1 the last; None: all.
        top_logits: how many of a position's highest logits were kept; None: all.
        interventions: what was done to the pass; None: nothing.
        dtype: float32, or float16 where values are rounded to it.
    """

    model: Model
    capture: tuple[str, ...]
    layers: tuple[int, ...] | None
    positions: tuple[int, ...] | None
    top_logits: int | None
    interventions: Interventions | None
    dtype: DType

    def key(self) -> str:
        """The hash that stands for the plan in the names of folders and in those of texts.

        Of what decides which numbers come out, as JSON with sorted keys and without blanks.
        """
        done = self.interventions
        said = {
            "sha256": self.model.sha256,
            "revision": self.model.revision,
            "weights": self.model.dtype,
            "capture": list(self.capture),
            "layers": None if self.layers is None else list(self.layers),
            "positions": None if self.positions is None else list(self.positions),
            "top_logits": self.top_logits if "logits" in self.capture else None,
            "interventions": None if done is None else [done.name, done.digest],
            "dtype": self.dtype,
        }
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def text_id(self, text: str | None, token_ids: Sequence[int]) -> str:
        """The key of a text that is run by this plan, the same wherever it is computed.

        In SQL of other engines: left(sha256(capture || chr(10) || text), 32). A run that was given
        tokens has no text: left(sha256(capture || chr(9) || '1,2,3'), 32).
        """
        said = "\t" + ",".join(map(str, token_ids)) if text is None else "\n" + text
        return hashlib.sha256((self.key() + said).encode()).hexdigest()[:32]

    def folder(self, table: str, site: str | None = None) -> str:
        """Where the files of a table lie, below the folder of the manifest."""
        parts = [table, f"model={quote(self.model.name, safe='')}", f"capture={self.key()}"]
        return "/".join([*parts, f"site={site}"] if site else parts)

    def vector_sites(self) -> list[str]:
        """The sites that are kept as vectors."""
        return [site for site in self.capture if site != "logits"]

    def only(self, sites: Sequence[str] | None) -> Plan:
        """The plan that keeps no more than these sites."""
        if sites is None:
            return self
        return replace(self, capture=tuple(site for site in self.capture if site in sites))


def table_of(site: str) -> str:
    """The table that a site's vectors are in."""
    return "pattern" if site == "pattern" else "activation"


def schema(table: str, width: int | None = None) -> pa.Schema:
    """The columns of a table.

    Args:
        table: its name.
        width: of its vectors; None where they have a number for each key.
    """
    import pyarrow as pa

    text, whole, small = pa.string(), pa.int32(), pa.float32()
    value = pa.list_(small) if width is None else pa.list_(small, width)
    vectors = {
        "text_id": text,
        "layer": whole,
        "head": whole,
        "position": whole,
        "token_id": whole,
        "norm": pa.float64(),
        "value": value,
    }
    columns: dict[str, dict[str, pa.DataType]] = {
        "text": {
            "text_id": text,
            "text": text,
            "source": text,
            "line": whole,
            "n_tokens": whole,
            "left_out": text,
            "started_at": pa.timestamp("us", "UTC"),
            "seconds": pa.float64(),
        },
        "token": {"text_id": text, "position": whole, "token_id": whole, "token": text},
        "tag": {"text_id": text, "position": whole, "name": text, "value": text},
        "activation": vectors,
        "pattern": {name: kind for name, kind in vectors.items() if name != "norm"},
        "logit": {
            "text_id": text,
            "position": whole,
            "token_id": whole,
            "logit": pa.float64(),
        },
    }
    return pa.schema(list(columns[table].items()))
