"""What psqlm.connect returns: the SQL functions as methods."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import psycopg

from psqlm import database
from psqlm.database.frames import read_frame, register_vectors
from psqlm.interface.run import Run, read_run

if TYPE_CHECKING:
    import pandas as pd

    from psqlm.interface.figures import Figures


class LanguageModel:
    """A database of language models, and the one that is meant where a call names none.

    Each call is a transaction of its own: what it wrote is committed when it returns, and undone
    if it raises. `with lm.connection.transaction():` makes one of several calls.

    Attributes:
        connection: psycopg's, for whatever else is to be done with it.
        model: the model's name; None: the database's default.
    """

    def __init__(self, connection: psycopg.Connection, model: str | None = None) -> None:
        self.connection = connection
        self.model = model
        register_vectors(connection)

    @property
    def figure(self) -> Figures:
        """Figures of Plotly: lm.figure.lens(run) and others."""
        from psqlm.interface.figures import Figures

        return Figures(self.connection)

    def __enter__(self) -> LanguageModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The embedded server goes on: `psqlm stop` stops it."""
        self.connection.close()

    def tokenize(self, prompt: str, *, model: str | None = None) -> pd.DataFrame:
        """What a text is to the model: lm.tokenize.

        Returns:
            position, token_id, token.
        """
        return self.query("SELECT * FROM lm.tokenize(%s, %s)", prompt, model or self.model)

    def next_token(
        self,
        prompt: str,
        k: int | None = 10,
        *,
        interventions: str | None = None,
        model: str | None = None,
    ) -> pd.DataFrame:
        """The k likeliest next tokens: lm.next_token.

        Args:
            prompt: the text before them.
            k: how many; None: the whole vocabulary.
            interventions: a set of lm.intervention to make on the way.
            model: another model than `lm.model`.

        Returns:
            rank, token_id, token, logit, probability.
        """
        return self.query(
            "SELECT * FROM lm.next_token(%s, %s, %s, %s)",
            *(prompt, k, model or self.model, interventions),
        )

    def generate(
        self,
        prompt: str,
        n_tokens: int = 20,
        *,
        temperature: float = 0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        interventions: str | None = None,
        model: str | None = None,
    ) -> str:
        """The continuation of a text: lm.generate.

        Args:
            prompt: the text to continue.
            n_tokens: how many tokens at most.
            temperature: 0 takes the likeliest token.
            top_k: draw among the k likeliest.
            top_p: draw among the likeliest that make up this probability.
            seed: the same seed draws the same text.
            interventions: a set of lm.intervention to make at every step.
            model: another model than `lm.model`.
        """
        answer = self.query(
            "SELECT lm.generate(%s, %s, %s, %s, %s, %s, %s, %s)",
            *(prompt, n_tokens, temperature, top_k, top_p, seed, model or self.model),
            interventions,
        )
        return str(answer.iat[0, 0])

    def load(
        self,
        source: str,
        name: str | None = None,
        *,
        revision: str | None = None,
        dtype: str | None = None,
        force: bool = False,
        if_missing: bool = False,
    ) -> str:
        """Load a model, all of it or nothing.

        Args:
            source: demo, demo-llama, a repository of Hugging Face or a folder.
            name: what to call it; by default as the source is called.
            revision: branch, tag or commit of the repository.
            dtype: how to store weights: float32 or float16.
            force: replace the model of that name; its runs are removed.
            if_missing: do nothing if a model of that name is loaded.

        Returns:
            Its name.

        Raises:
            PsqlmError: no such model, none of a family that is known, damaged files, or a model of
                that name is loaded.
        """
        from psqlm import loader

        name = name or loader.default_name(source)
        if if_missing and loader.is_loaded(self.connection, name):
            return name
        return loader.load(self.connection, source, name, revision, dtype, force)

    def models(self) -> pd.DataFrame:
        """The loaded models, the columns of lm.model."""
        return self.query("SELECT * FROM lm.model ORDER BY name")

    def forward(
        self,
        prompt: str | None = None,
        *,
        token_ids: Sequence[int] | None = None,
        capture: Sequence[str] = ("attn_out",),
        interventions: str | None = None,
        capture_layers: Sequence[int] | None = None,
        capture_positions: Sequence[int] | None = None,
        top_logits: int | None = 10,
        capture_dtype: str = "float32",
        model: str | None = None,
    ) -> Run:
        """Run a text and keep what happens inside it: lm.forward.

        Args:
            prompt: the text.
            token_ids: its tokens, in place of the text.
            capture: the sites to keep; "all" for every one that the model has.
            interventions: a set of lm.intervention to make.
            capture_layers: the layers to keep; None: all.
            capture_positions: the positions to keep, from either end; None: all.
            top_logits: of captured logits, how many of each position; None: all.
            capture_dtype: float16 rounds what is kept, but for logits, and takes half the space.
            model: another model than `lm.model`.

        Raises:
            PsqlmError: a text that is too long, a site, layer, position or set that is not there.
        """
        answer = self.query(
            """
            SELECT lm.forward(
                %(prompt)s, %(model)s, %(capture)s, %(token_ids)s::int[], %(interventions)s,
                %(layers)s::int[], %(positions)s::int[], %(top_logits)s, %(capture_dtype)s
            )
            """,
            prompt=prompt,
            model=model or self.model,
            capture=list(capture),
            token_ids=_list(token_ids),
            interventions=interventions,
            layers=_list(capture_layers),
            positions=_list(capture_positions),
            top_logits=top_logits,
            capture_dtype=capture_dtype,
        )
        return self.run(int(answer["forward"].iloc[0]))

    def run(self, run_id: int) -> Run:
        """A run that was made before, by its number.

        Raises:
            PsqlmError: there is no such run.
        """
        return read_run(self.connection, run_id)

    def query(self, sql: str, /, *values: object, **named: object) -> pd.DataFrame:
        """Run SQL of your own; what it writes is committed.

        Args:
            sql: a statement. `%s` stands for the values in turn, `%(name)s` for named ones, and
                `%%` is then a percent sign. Arrays of numpy are vectors.
            values: for the places `%s`.
            named: for the places `%(name)s`.

        Returns:
            The rows. Columns of vector and halfvec hold numpy arrays; a statement that answers
            nothing gives a frame without columns.

        Raises:
            PsqlmError: what the server said. Nothing of the statement stays.
        """
        return read_frame(self.connection, sql, values or named or None)


def open_language_model(dsn: str | None = None, model: str | None = None) -> LanguageModel:
    """What psqlm.connect does, without its wait for imports."""
    return LanguageModel(database.connect(dsn), model)


def _list(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else [int(number) for number in numbers]
