-- The norms of a layer. One without a row in lm.layer_norm changes nothing.

CREATE OR REPLACE FUNCTION lm_internal.norm(
    site lm.site,
    x vector[],
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT hooked
    FROM (
        SELECT
            COALESCE(
                (
                    SELECT normed.x
                    FROM lm.layer_norm AS n
                    CROSS JOIN LATERAL lm_internal.normalize(
                        norm.x, n.gain, n.bias,
                        (norm.here).layer_norm_eps, (norm.here).norm_is_centred
                    ) AS normed (x)
                    WHERE n.model_id = (norm.here).model_id
                        AND n.layer = (norm.here).layer
                        AND n.site = norm.site::text
                ),
                norm.x
            ) AS x
        OFFSET 0
    ) AS y
    CROSS JOIN LATERAL lm_internal.hook(norm.site, y.x, norm.here) AS hooked;
END;

COMMENT ON FUNCTION lm_internal.norm IS
'The norm that a layer has at ln1, ln1_post, ln2 or ln2_post, of each row of x; x itself where it has none. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.norm_heads(
    norm text,
    x vector[],
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        COALESCE(
            (
                SELECT
                    ARRAY(
                        SELECT lm.concat(part.x ORDER BY part.number)
                        FROM unnest(normed.x) WITH ORDINALITY AS part (x, number)
                        GROUP BY (part.number - 1) / width.n_part
                        ORDER BY (part.number - 1) / width.n_part
                    )
                FROM lm.layer_norm AS n
                CROSS JOIN LATERAL (
                    SELECT
                        vector_dims(n.gain) AS d_part,
                        vector_dims(norm_heads.x[1]) / vector_dims(n.gain) AS n_part
                ) AS width
                -- every head a row of its own
                CROSS JOIN LATERAL lm_internal.normalize(
                    ARRAY(
                        SELECT subvector(r.x, part * width.d_part + 1, width.d_part)
                        FROM unnest(norm_heads.x) WITH ORDINALITY AS r (x, row)
                        CROSS JOIN generate_series(0, width.n_part - 1) AS part
                        ORDER BY r.row, part
                    ),
                    n.gain, n.bias,
                    (norm_heads.here).layer_norm_eps, (norm_heads.here).norm_is_centred
                ) AS normed (x)
                WHERE n.model_id = (norm_heads.here).model_id
                    AND n.layer = (norm_heads.here).layer
                    AND n.site = norm_heads.norm
            ),
            norm_heads.x
        )
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.norm_heads IS
'The norm that a layer has for its queries (q_norm) or keys (k_norm): of each head, or of all together, as wide as the gain is; x itself where it has none. Returns one row.';
