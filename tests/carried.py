"""Runs of every kind, and the folder of Parquet files that they were exported to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from psqlm.parquet.export import export

TALE = "Once upon a time there was a king who had three daughters."
TEXTS = [TALE, "The wolf came to the door.", "A tailor sat at his window.", " ", "„Müller“\n\t é"]


@dataclass
class Carried:
    """Runs of a database, and the folder they were exported to."""

    dsn: str
    folder: Path


def carry(dsn: str, folder: Path) -> Carried:
    """Make the runs in a database with the demo model, and export them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT lm.forward_many(%s, capture => '{all}')", (TEXTS,))
        connection.execute("SELECT lm.forward(token_ids => '{5,0,7}', capture => '{attn_out,z}')")
        connection.execute(
            "SELECT lm.forward(%s, capture => '{z,embed,logits,attn_out,ln_final,pattern}',"
            " capture_layers => '{2,0}', capture_positions => '{-1,0,3}', top_logits => 3)",
            (TALE,),
        )
        connection.execute(
            "SELECT lm.replace_interventions('louder', lm.make_intervention('attn_out', 'scale',"
            " layer => 1, factor => 1.1), lm.make_intervention('z', 'add', layer => 2, head => 1,"
            " unit => 3, value => '[0.1]'))"
        )
        connection.execute(
            "SELECT lm.replace_interventions('patched', lm.make_intervention('attn_out',"
            " 'replace', layer => 0, \"position\" => 0, from_run => 1))"
        )
        for name in ("louder", "patched"):
            connection.execute("SELECT lm.forward(%s, interventions => %s)", (TALE, name))
        connection.execute("SELECT lm.forward('kept nothing', capture => '{}')")
        connection.execute(
            "INSERT INTO lm.tag (run_id, position, name, value) VALUES"
            " (1, NULL, 'source', 'grimm'), (1, NULL, 'line', '7'), (1, 3, 'kind', 'a ''noun'''),"
            " (2, NULL, 'source', 'aesop')"
        )
    with psycopg.connect(dsn) as connection:
        exported = export(connection, "all", folder)
    assert (exported.n_runs, exported.n_older, exported.n_without) == (10, 0, 0)
    return Carried(dsn, folder)
