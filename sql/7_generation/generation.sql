-- How a generation begins and ends.

CREATE OR REPLACE FUNCTION lm_internal.start_generation(
    model_id int,
    n_tokens int,
    temperature float8,
    top_k int,
    top_p float8,
    keep_cache boolean
)
RETURNS bigint
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT lm_internal.require_right(
        'runner', 'generate, for a generation stores what it has computed'
    );

    INSERT INTO lm.generation (model_id, keep)
    SELECT
        start_generation.model_id,
        COALESCE(start_generation.keep_cache, false)
    WHERE
        CASE
            WHEN start_generation.n_tokens >= 0 THEN true
            ELSE lm_internal.fail(true, 'n_tokens must be 0 or more')
        END
        AND CASE
            -- a logit divided by it stays within float8
            WHEN start_generation.temperature = 0
                OR start_generation.temperature BETWEEN 1e-100 AND 1e100 THEN true
            ELSE lm_internal.fail(true, 'temperature must be 0 (greedy), or from 1e-100 to 1e100')
        END
        AND CASE
            WHEN start_generation.top_k >= 1 OR start_generation.top_k IS NULL THEN true
            ELSE lm_internal.fail(true, 'top_k must be 1 or more, or NULL for no limit')
        END
        AND CASE
            WHEN start_generation.top_p > 0 AND start_generation.top_p <= 1 THEN true
            WHEN start_generation.top_p IS NULL THEN true
            ELSE lm_internal.fail(true, 'top_p must be above 0 and at most 1, or NULL for no limit')
        END
    RETURNING generation_id;
END;

COMMENT ON FUNCTION lm_internal.start_generation IS
'Opens a generation and returns its key. Errors: n_tokens, temperature, top_k or top_p is out of range.';

CREATE OR REPLACE FUNCTION lm_internal.end_generation(
    generation_id bigint
)
RETURNS boolean
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    DELETE FROM lm.generation AS g
    WHERE g.generation_id = end_generation.generation_id AND NOT g.keep;
    SELECT true;
END;

COMMENT ON FUNCTION lm_internal.end_generation IS
'Deletes a finished generation and its cache, unless they are to be kept; true.';

CREATE OR REPLACE FUNCTION lm_internal.context_is_full(
    n_ctx int
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE NOTICE 'generation stops: the model has positions for % tokens and they are used up', n_ctx;
    RETURN true;
END
$$;

COMMENT ON FUNCTION lm_internal.context_is_full IS 'Says why a generation ends before n_tokens. Always true.';
