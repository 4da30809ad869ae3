-- The residual stream read as predictions, in several processes where that is quicker.

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

CREATE OR REPLACE FUNCTION lm_internal.unembed_parts(
    x vector[],
    model_id int,
    n_vocab int,
    n_parts int
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
SET min_parallel_table_scan_size = 0
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    SELECT
        (p.made).ordinal,
        lm_internal.joined((p.made).logits ORDER BY p.number)
    FROM (
        SELECT
            p.number,
            lm_internal.unembed_tokens(
                unembed_parts.x,
                unembed_parts.model_id,
                unembed_parts.n_vocab * (p.number - 1) / unembed_parts.n_parts,
                unembed_parts.n_vocab * p.number / unembed_parts.n_parts - 1
            ) AS made
        FROM lm_internal.process AS p
        WHERE p.number <= unembed_parts.n_parts
        OFFSET 0
    ) AS p
    GROUP BY (p.made).ordinal
    ORDER BY (p.made).ordinal;
END;

COMMENT ON FUNCTION lm_internal.unembed_parts IS
'lm_internal.unembed, n_parts of the vocabulary each in a process of its own where the server has one to spare.';

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
            CASE
                WHEN cardinality(unembed.x) * m.n_vocab::float8 * m.d_model
                    > CASE WHEN lm_internal.has_huge_pages() THEN 7e7 ELSE 8e8 END
                    THEN lm_internal.n_processes()
                ELSE 1
            END AS n_parts
        FROM lm.model AS m
        WHERE m.model_id = unembed.model_id
    )

    SELECT u.*
    FROM size
    CROSS JOIN LATERAL lm_internal.unembed_tokens(
        unembed.x, unembed.model_id, 0, size.n_vocab - 1
    ) AS u
    WHERE size.n_parts = 1

    UNION ALL

    SELECT u.*
    FROM size
    CROSS JOIN LATERAL lm_internal.unembed_parts(
        unembed.x, unembed.model_id, size.n_vocab, size.n_parts
    ) AS u
    WHERE size.n_parts > 1;
END;

COMMENT ON FUNCTION lm_internal.unembed IS
'Each row of x, [rows, d_model], read as a prediction by the unembedding: ordinal counts the rows from 1, logits are [n_vocab] from token 0 on. Apply the final norm before.';
