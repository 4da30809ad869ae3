"""The tokens and the activations that are nearest to a vector."""

from __future__ import annotations

import lens
import psycopg
import pytest
import torch
from differences import assert_close
from psycopg.rows import scalar_row


def test_nearest_tokens(captured: tuple[psycopg.Connection, int]) -> None:
    embeddings = lens.model().W_E
    for x, expression in (
        (lens.cache()["hook_embed"][0, 4], "lm.vector_at(%(run)s, 'embed', 0, 4)"),
        (lens.cache()["resid_post", 3][0, -1], "lm.vector_at(%(run)s, 'resid_post', 3)"),
    ):
        rows = lens.rows(captured, f"nearest_tokens({expression}, 7)")
        theirs = torch.cosine_similarity(embeddings, x[None], dim=-1).topk(7)
        assert [row[0] for row in rows] == list(range(1, 8))
        assert [row[1] for row in rows] == theirs.indices.tolist()
        assert_close("nearest tokens", [row[3] for row in rows], theirs.values, absolute=1e-5)


CORPUS = [
    "There was once a poor man who had four sons.",
    "The old woman went into the forest to gather wood, and there she met a wolf.",
    "The king and the queen lived in a castle by the sea.",
]


@pytest.mark.parametrize(
    ("site", "layer", "head"), [("resid_post", 3, -1), ("attn_out", 2, -1), ("z", 1, 2)]
)
@pytest.mark.parametrize("index", [False, True])
def test_nearest_activations(
    connection: psycopg.Connection, site: str, layer: int, head: int, index: bool
) -> None:
    texts = [lens.PROMPT, *CORPUS]
    runs = [lens.run(connection, text, capture=[site, "mlp_post"]) for text in texts]
    place = {"site": site, "layer": layer, "head": head}
    arguments = "%(site)s::lm.site, %(layer)s, head => %(head)s"
    cursor = connection.cursor(row_factory=scalar_row)
    name = None
    if index:
        name = cursor.execute(f"SELECT lm.index_activations({arguments})", place).fetchone()
        # too few rows for the planner to prefer it
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        connection.execute("SET LOCAL enable_sort = off; SET LOCAL hnsw.ef_search = 200")
    rows = connection.execute(
        f"SELECT * FROM lm.nearest_activations(lm.vector_at(%(run)s, {arguments}), {arguments})",
        {"run": runs[0], **place},
    ).fetchall()
    if index:
        scans = cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"lm.{name}"])
        assert scans.fetchone() == 1

    hook = {"resid_post": "blocks.{}.hook_resid_post", "attn_out": "blocks.{}.hook_attn_out"}
    vectors = []
    for run_id, text in zip(runs, texts, strict=True):
        values = lens.reference(text).cache[hook.get(site, "blocks.{}.attn.hook_z").format(layer)]
        values = values[0] if head < 0 else values[0, :, head]
        vectors += [((run_id, position), x) for position, x in enumerate(values)]
    x = vectors[len(lens.reference(lens.PROMPT).token_ids) - 1][1]
    cosines = torch.cosine_similarity(torch.stack([v for _, v in vectors]), x[None], dim=-1)
    theirs = cosines.topk(10)
    assert [row[1:3] for row in rows] == [vectors[i][0] for i in theirs.indices.tolist()]
    assert_close(
        f"nearest {site}{' by index' if index else ''}",
        [row[5] for row in rows],
        theirs.values,
        absolute=1e-5,
    )
    # the place itself comes first, and its context ends the prompt
    assert rows[0][1:3] == (runs[0], len(lens.reference(lens.PROMPT).token_ids) - 1)
    assert lens.PROMPT.endswith(rows[0][4]) and rows[0][4].endswith(rows[0][3])
