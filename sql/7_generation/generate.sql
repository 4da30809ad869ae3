-- Generation: a recursive query over tokens. Each step runs one position and reads the keys and
-- values of earlier positions from lm.attention_cache.

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

-- Declared STABLE, which it is not, and without SET, so that the planner inlines it. Rows then
-- arrive as they are made (a cursor, psql's FETCH_COUNT) and not all at the end.
CREATE OR REPLACE FUNCTION lm.generate_tokens(
    prompt text,
    n_tokens int DEFAULT 20,
    temperature float8 DEFAULT 0,
    top_k int DEFAULT NULL,
    top_p float8 DEFAULT NULL,
    seed bigint DEFAULT NULL,
    model text DEFAULT NULL,
    interventions text DEFAULT NULL,
    keep_cache boolean DEFAULT false
)
RETURNS TABLE (
    step int,
    token_id int,
    token text,
    logit float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH RECURSIVE
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.n_ctx,
            m.end_of_text,
            p.tokens,
            lm.changes(
                generate_tokens.interventions,
                m.model_id,
                array_fill(0, ARRAY[cardinality(p.tokens)]),
                m.n_ctx - 1
            ) AS changes,
            COALESCE(generate_tokens.seed, (random() * (1::bigint << 53))::bigint) AS seed,
            lm.start_generation(
                m.model_id,
                generate_tokens.n_tokens,
                generate_tokens.temperature,
                generate_tokens.top_k,
                generate_tokens.top_p,
                generate_tokens.keep_cache
            ) AS generation_id
        FROM lm.model AS m
        CROSS JOIN LATERAL (
            SELECT lm.prompt_tokens(generate_tokens.prompt, NULL, m.model_id) AS tokens OFFSET 0
        ) AS p
        WHERE m.model_id = lm.model_id(generate_tokens.model)
    ),

    -- The prompt is read sixty-four tokens at a time, to bound memory, and step is −1 meanwhile.
    -- Then each token that was drawn is read.
    generated AS (
        SELECT
            -1 AS step,
            0 AS n_read,
            NULL::int AS token_id,
            NULL::float8 AS logit,
            NULL::float8 AS probability
        FROM input
        WHERE generate_tokens.n_tokens > 0

        UNION ALL

        SELECT
            CASE WHEN f.is_last THEN g.step + 1 ELSE -1 END,
            g.n_read + cardinality(f.tokens),
            d.token_id,
            d.logit,
            d.probability
        FROM generated AS g
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN g.step < 0 THEN i.tokens[g.n_read + 1:g.n_read + lm.positions_at_once()]
                    ELSE ARRAY[g.token_id]
                END AS tokens,
                g.n_read + lm.positions_at_once() >= cardinality(i.tokens) AS is_last
        ) AS f
        CROSS JOIN LATERAL lm.next_step(
            i.generation_id, i.model_id, f.tokens, g.n_read, f.is_last, g.step + 1,
            generate_tokens.temperature, generate_tokens.top_k, generate_tokens.top_p,
            i.seed, i.changes
        ) AS d
        WHERE
            CASE
                WHEN g.step < 0 THEN true
                WHEN g.step + 1 >= generate_tokens.n_tokens OR g.token_id = i.end_of_text THEN false
                WHEN g.n_read >= i.n_ctx THEN NOT lm.context_is_full(i.n_ctx)
                ELSE true
            END
    )

    SELECT
        g.step,
        g.token_id,
        (
            SELECT v.token
            FROM lm.vocabulary AS v
            WHERE v.model_id = i.model_id AND v.token_id = g.token_id
        ),
        g.logit,
        g.probability
    FROM generated AS g
    CROSS JOIN input AS i
    WHERE g.step >= 0

    UNION ALL

    -- no row, but the end of the cache once the last token has been taken
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM input AS i
    WHERE NOT lm.end_generation(i.generation_id);
END;

COMMENT ON FUNCTION lm.generate_tokens IS
'Continues a prompt: a row for each token as it comes, with its logit and the model''s own probability. temperature 0 is greedy. It ends after n_tokens, at the end-of-text token, or with a notice when the model has no more positions. The set of interventions is made at every step; keep_cache leaves lm.attention_cache filled. Errors: those of lm.prompt_tokens and lm.start_generation.';

CREATE OR REPLACE FUNCTION lm.generate(
    prompt text,
    n_tokens int DEFAULT 20,
    temperature float8 DEFAULT 0,
    top_k int DEFAULT NULL,
    top_p float8 DEFAULT NULL,
    seed bigint DEFAULT NULL,
    model text DEFAULT NULL,
    interventions text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT
        lm.decode(
            COALESCE(
                array_agg(g.token_id ORDER BY g.step)
                    FILTER (WHERE g.step >= 0 AND g.token_id IS DISTINCT FROM m.end_of_text),
                '{}'
            ),
            m.name
        )
    FROM lm.model AS m
    LEFT JOIN LATERAL lm.generate_tokens(
        generate.prompt,
        generate.n_tokens,
        generate.temperature,
        generate.top_k,
        generate.top_p,
        generate.seed,
        m.name,
        generate.interventions
    ) AS g ON true
    WHERE m.model_id = lm.model_id(generate.model)
    GROUP BY m.name;
END;

COMMENT ON FUNCTION lm.generate IS
'The continuation of a prompt as text, without the end-of-text token. Arguments as for lm.generate_tokens.';
