-- A step of a generation: it runs one position, and reads the keys and values of earlier ones from
-- lm.attention_cache.

CREATE OR REPLACE FUNCTION lm.next_step(
    generation_id bigint,
    model_id int,
    token_ids int[],
    first_position int,
    draws boolean,
    step int,
    temperature float8,
    top_k int,
    top_p float8,
    seed bigint,
    changes lm.change[] DEFAULT NULL
)
RETURNS TABLE (
    token_id int,
    logit float8,
    probability float8
)
LANGUAGE sql
VOLATILE
ROWS 1
BEGIN ATOMIC
    WITH
    pass AS MATERIALIZED (
        SELECT t.*
        FROM lm.transformer(
            next_step.model_id,
            array_fill(0, ARRAY[cardinality(next_step.token_ids)]),
            ARRAY(
                SELECT next_step.first_position + i
                FROM generate_series(0, cardinality(next_step.token_ids) - 1) AS i
            ),
            next_step.token_ids,
            '{rot_k,v}',
            next_step.generation_id,
            next_step.changes
        ) AS t
    ),

    new_cache AS (
        INSERT INTO lm.attention_cache (generation_id, layer, sequence, position, key, value)
        SELECT
            next_step.generation_id,
            k.layer,
            0 AS sequence,
            next_step.first_position + b.row - 1,
            b.key,
            b.value
        FROM pass AS k
        INNER JOIN pass AS v ON v.layer = k.layer AND v.site = 'v'
        CROSS JOIN unnest(k.x, v.x) WITH ORDINALITY AS b (key, value, row)
        WHERE k.site = 'rot_k'
    )

    SELECT
        d.token_id,
        d.logit,
        d.probability
    FROM lm.model AS m
    INNER JOIN pass AS p ON p.site = 'resid_post'
    LEFT JOIN LATERAL lm.next_draw(
        p.x[cardinality(p.x)],
        m.model_id,
        next_step.step,
        next_step.temperature,
        next_step.top_k,
        next_step.top_p,
        next_step.seed
    ) AS d ON next_step.draws
    WHERE m.model_id = next_step.model_id;
END;

COMMENT ON FUNCTION lm.next_step IS
'Runs tokens after what a generation has cached, and caches them too. Draws the token that follows if draws is true.';

CREATE OR REPLACE FUNCTION lm.start_generation(
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
    SELECT lm.require_right('runner', 'generate, for a generation stores what it has computed');

    INSERT INTO lm.generation (model_id, keep)
    SELECT
        start_generation.model_id,
        COALESCE(start_generation.keep_cache, false)
    WHERE
        CASE
            WHEN start_generation.n_tokens >= 0 THEN true
            ELSE lm.fail(true, 'n_tokens must be 0 or more')
        END
        AND CASE
            -- a logit divided by it stays within float8
            WHEN start_generation.temperature = 0
                OR start_generation.temperature BETWEEN 1e-100 AND 1e100 THEN true
            ELSE lm.fail(true, 'temperature must be 0 (greedy), or from 1e-100 to 1e100')
        END
        AND CASE
            WHEN start_generation.top_k >= 1 OR start_generation.top_k IS NULL THEN true
            ELSE lm.fail(true, 'top_k must be 1 or more, or NULL for no limit')
        END
        AND CASE
            WHEN start_generation.top_p > 0 AND start_generation.top_p <= 1 THEN true
            WHEN start_generation.top_p IS NULL THEN true
            ELSE lm.fail(true, 'top_p must be above 0 and at most 1, or NULL for no limit')
        END
    RETURNING generation_id;
END;

COMMENT ON FUNCTION lm.start_generation IS
'Opens a generation and returns its key. Errors: n_tokens, temperature, top_k or top_p is out of range.';

CREATE OR REPLACE FUNCTION lm.end_generation(
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

COMMENT ON FUNCTION lm.end_generation IS
'Deletes a finished generation and its cache, unless they are to be kept; true.';

CREATE OR REPLACE FUNCTION lm.context_is_full(
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

COMMENT ON FUNCTION lm.context_is_full IS 'Says why a generation ends before n_tokens. Always true.';
