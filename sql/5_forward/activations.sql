-- A pass as it is stored.

CREATE OR REPLACE FUNCTION lm_internal.transformer_many(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    sequence int,
    "position" int,
    site lm.site,
    head int,
    value vector
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        t.layer,
        transformer_many.sequence[t.n_before + v.row],
        transformer_many.position[t.n_before + v.row],
        t.site,
        v.head,
        v.value
    FROM lm_internal.transformer_parts(
        transformer_many.model_id,
        transformer_many.sequence,
        transformer_many.position,
        transformer_many.token_id,
        transformer_many.keep,
        changes => transformer_many.changes,
        first_layer => transformer_many.first_layer,
        resid => transformer_many.resid,
        context_run => transformer_many.context_run,
        parent => transformer_many.parent
    ) AS t
    INNER JOIN lm.model_site AS s ON s.model_id = transformer_many.model_id AND s.site = t.site
    CROSS JOIN LATERAL (
        -- one vector a position
        SELECT
            x.number AS row,
            -1 AS head,
            x.value
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        WHERE s.n_head IS NULL

        UNION ALL

        -- one for all heads, end to end
        SELECT
            x.number,
            h.head,
            subvector(x.value, h.head * s.width + 1, s.width)
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        CROSS JOIN generate_series(0, s.n_head - 1) AS h (head)
        WHERE s.width > 0 AND s.n_head > 0

        UNION ALL

        -- one for each head
        SELECT
            (x.number - 1) / s.n_head + 1,
            ((x.number - 1) % s.n_head)::int,
            x.value
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        WHERE s.width IS NULL
    ) AS v;
END;

COMMENT ON FUNCTION lm_internal.transformer_many IS
'lm_internal.transformer_parts in the shape in which activations are stored: a row for each layer, position, site and head (−1 where the site has none); the embeddings are in layer first_layer − 1.';
