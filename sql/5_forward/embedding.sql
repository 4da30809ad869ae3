-- What enters the first layer: the embeddings of tokens and positions.

CREATE OR REPLACE FUNCTION lm_internal.embed_tokens(
    token_ids int[],
    here lm_internal.here
)
RETURNS TABLE (
    resid vector[],
    kept lm_internal.matrix[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        sum.resid,
        ARRAY(
            SELECT (s.site, s.x)::lm_internal.matrix
            FROM (VALUES ('embed'::lm.site, embed), ('pos_embed', pos_embed)) AS s (site, x)
            WHERE s.site = ANY ((embed_tokens.here).keep) AND s.x IS NOT NULL
        )
    FROM (
        SELECT
            array_agg(
                CASE
                    WHEN m.embed_scale = 1 THEN t.weight
                    ELSE t.weight * lm.fill(m.embed_scale, m.d_model)
                END
                ORDER BY b.row
            ) AS tokens,
            array_agg(p.embedding ORDER BY b.row) FILTER (WHERE p.embedding IS NOT NULL)
                AS positions
        FROM lm.model AS m
        CROSS JOIN unnest(embed_tokens.token_ids, (embed_tokens.here).positions)
            WITH ORDINALITY AS b (token_id, position, row)
        CROSS JOIN LATERAL lm_internal.embedding_of(m.model_id, b.token_id) AS t
        -- fenced: else the planner reads the embedding of every position
        LEFT JOIN LATERAL (
            SELECT p.embedding
            FROM lm.position_embedding AS p
            WHERE p.model_id = m.model_id AND p.position = b.position
            OFFSET 0
        ) AS p ON true
        WHERE m.model_id = (embed_tokens.here).model_id
        OFFSET 0
    ) AS x
    -- embed = W_E[token] · scale                                               [row, d_model]
    CROSS JOIN LATERAL lm_internal.hook('embed', x.tokens, embed_tokens.here) AS embed
    -- pos_embed = W_pos[position], in a family that has it                     [row, d_model]
    CROSS JOIN LATERAL lm_internal.hook('pos_embed', x.positions, embed_tokens.here) AS pos_embed
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN pos_embed IS NULL THEN embed
                ELSE ARRAY(SELECT r.x + r.y FROM unnest(embed, pos_embed) AS r (x, y))
            END AS resid
        OFFSET 0
    ) AS sum
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.embed_tokens IS
'The sum of token and position embeddings of a batch, the first resid_pre, and which of the two are kept; a family may have no pos_embed. Returns one row.';
