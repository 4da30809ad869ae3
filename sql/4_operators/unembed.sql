-- The residual stream read as predictions, in two processes where that is quicker.

-- A call: the planner gives a function to a worker, but not the scans that it would inline.
CREATE OR REPLACE FUNCTION lm_internal.unembed_tokens(
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
COST 1000000
ROWS 100
SET jit = off
BEGIN ATOMIC
    SELECT u.*
    FROM lm_internal.unembed_by_8(
        unembed_tokens.x, unembed_tokens.model_id,
        unembed_tokens.first_token, unembed_tokens.last_token
    ) AS u
    WHERE cardinality(unembed_tokens.x) <= 8

    UNION ALL

    SELECT u.*
    FROM lm_internal.unembed_by_16(
        unembed_tokens.x, unembed_tokens.model_id,
        unembed_tokens.first_token, unembed_tokens.last_token
    ) AS u
    WHERE cardinality(unembed_tokens.x) > 8;
END;

COMMENT ON FUNCTION lm_internal.unembed_tokens IS
'lm_internal.unembed with the logits from first_token to last_token only.';

-- The planner gives the branches of a UNION ALL to parallel workers only where it thinks them
-- costly and a worker cheap: hence the costs. Where no worker is free, one process does both.
CREATE OR REPLACE FUNCTION lm_internal.unembed_halves(
    x vector[],
    model_id int,
    n_vocab int
)
RETURNS TABLE (
    ordinal int,
    logits real[]
)
LANGUAGE sql
STABLE
ROWS 100
SET plan_cache_mode = force_generic_plan
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    SELECT
        u.ordinal,
        any_value(u.logits) FILTER (WHERE u.half = 1)
        || any_value(u.logits) FILTER (WHERE u.half = 2)
    FROM (
        SELECT
            1 AS half,
            t.*
        FROM lm_internal.unembed_tokens(
            unembed_halves.x, unembed_halves.model_id, 0, unembed_halves.n_vocab / 2 - 1
        ) AS t

        UNION ALL

        SELECT
            2,
            t.*
        FROM lm_internal.unembed_tokens(
            unembed_halves.x, unembed_halves.model_id,
            unembed_halves.n_vocab / 2, unembed_halves.n_vocab - 1
        ) AS t
    ) AS u
    GROUP BY u.ordinal
    ORDER BY u.ordinal;
END;

COMMENT ON FUNCTION lm_internal.unembed_halves IS
'lm_internal.unembed, half of the vocabulary in another process where the server has one to spare.';

-- Without SET, so that it is inlined.
CREATE OR REPLACE FUNCTION lm_internal.unembed(
    x vector[],
    model_id int
)
RETURNS TABLE (
    ordinal int,
    logits real[]
)
LANGUAGE sql
STABLE
ROWS 100
BEGIN ATOMIC
    WITH
    size AS MATERIALIZED (
        SELECT
            m.n_vocab,
            -- a worker's start has to be got back
            lm_internal.has_second_process()
            AND cardinality(unembed.x) * m.n_vocab::float8 * m.d_model
            > CASE WHEN lm_internal.has_huge_pages() THEN 7e7 ELSE 8e8 END AS has_halves
        FROM lm.model AS m
        WHERE m.model_id = unembed.model_id
    )

    SELECT u.*
    FROM size
    CROSS JOIN LATERAL lm_internal.unembed_tokens(
        unembed.x, unembed.model_id, 0, size.n_vocab - 1
    ) AS u
    WHERE NOT size.has_halves

    UNION ALL

    SELECT u.*
    FROM size
    CROSS JOIN LATERAL lm_internal.unembed_halves(
        unembed.x, unembed.model_id, size.n_vocab
    ) AS u
    WHERE size.has_halves;
END;

COMMENT ON FUNCTION lm_internal.unembed IS
'Each row of x, [rows, d_model], read as a prediction by the unembedding: ordinal counts the rows from 1, logits are [n_vocab] from token 0 on. Apply the final norm before.';
