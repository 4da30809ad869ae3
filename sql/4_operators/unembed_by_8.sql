-- Written by tools/wide_products.py; not to be edited.
-- lm_internal.unembed_tokens for few positions. enable_sort: the planner would sort whole rows of
-- weights rather than read them by their key.

CREATE OR REPLACE FUNCTION lm_internal.unembed_by_8(
    x vector[],
    model_id int,
    first_token int,
    last_token int
)
RETURNS TABLE (
    ordinal int,
    logits real[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 100
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET enable_sort = off
SET jit = off
BEGIN ATOMIC
    WITH
    -- eight rows of x side by side, so that a row of weights, once read, meets them all in one
    -- step of the executor; an array each, not a row each, and NULL beyond the last
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            unembed_by_8.x[start + 0] AS x0, unembed_by_8.x[start + 1] AS x1,
            unembed_by_8.x[start + 2] AS x2, unembed_by_8.x[start + 3] AS x3,
            unembed_by_8.x[start + 4] AS x4, unembed_by_8.x[start + 5] AS x5,
            unembed_by_8.x[start + 6] AS x6, unembed_by_8.x[start + 7] AS x7
        FROM generate_series(1, cardinality(unembed_by_8.x), 8) AS start
        OFFSET 0
    ),

    -- logits[row, token] = W_U[token] · x[row] + b_U[token]
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            y.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg((u.bias - (u.w <#> t.x0))::real) AS y0,
                array_agg((u.bias - (u.w <#> t.x1))::real) AS y1,
                array_agg((u.bias - (u.w <#> t.x2))::real) AS y2,
                array_agg((u.bias - (u.w <#> t.x3))::real) AS y3,
                array_agg((u.bias - (u.w <#> t.x4))::real) AS y4,
                array_agg((u.bias - (u.w <#> t.x5))::real) AS y5,
                array_agg((u.bias - (u.w <#> t.x6))::real) AS y6,
                array_agg((u.bias - (u.w <#> t.x7))::real) AS y7
            FROM (
                SELECT
                    r.bias,
                    r.weight AS w
                FROM lm_internal.unembedding_rows(unembed_by_8.model_id) AS r
                WHERE r.token_id BETWEEN unembed_by_8.first_token AND unembed_by_8.last_token
                ORDER BY r.token_id
                OFFSET 0
            ) AS u
        ) AS y
    )

    SELECT
        p.start + output.place,
        -- cap · tanh(logit / cap)
        CASE
            WHEN size.cap IS NULL THEN output.y
            ELSE ARRAY(SELECT size.cap * tanh(unnest(output.y) / size.cap))::real[]
        END
    FROM product AS p
    CROSS JOIN LATERAL (
        VALUES
        (0, p.y0), (1, p.y1), (2, p.y2), (3, p.y3), (4, p.y4), (5, p.y5), (6, p.y6), (7, p.y7)
    ) AS output (place, y)
    CROSS JOIN (
        SELECT m.final_logit_softcapping AS cap
        FROM lm.model AS m
        WHERE m.model_id = unembed_by_8.model_id
    ) AS size
    WHERE p.start + output.place <= cardinality(unembed_by_8.x)
    ORDER BY p.start, output.place;
END;

COMMENT ON FUNCTION lm_internal.unembed_by_8 IS
'lm_internal.unembed_tokens of few positions: a weight is read once for eight of them.';
