-- Generation: a recursive query over tokens.

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
            lm_internal.changes(
                generate_tokens.interventions,
                m.model_id,
                array_fill(0, ARRAY[cardinality(p.tokens)]),
                m.n_ctx - 1
            ) AS changes,
            COALESCE(generate_tokens.seed, (random() * (1::bigint << 53))::bigint) AS seed,
            lm_internal.start_generation(
                m.model_id,
                generate_tokens.n_tokens,
                generate_tokens.temperature,
                generate_tokens.top_k,
                generate_tokens.top_p,
                generate_tokens.keep_cache
            ) AS generation_id
        FROM lm.model AS m
        CROSS JOIN LATERAL (
            SELECT lm_internal.prompt_tokens(
                generate_tokens.prompt, NULL, m.model_id
            ) AS tokens OFFSET 0
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
                    WHEN g.step < 0
                        THEN i.tokens[g.n_read + 1:g.n_read + lm_internal.positions_at_once()]
                    ELSE ARRAY[g.token_id]
                END AS tokens,
                g.n_read + lm_internal.positions_at_once() >= cardinality(i.tokens) AS is_last
        ) AS f
        CROSS JOIN LATERAL lm_internal.next_step(
            i.generation_id, i.model_id, f.tokens, g.n_read, f.is_last, g.step + 1,
            generate_tokens.temperature, generate_tokens.top_k, generate_tokens.top_p,
            i.seed, i.changes
        ) AS d
        WHERE
            CASE
                WHEN g.step < 0 THEN true
                WHEN g.step + 1 >= generate_tokens.n_tokens OR g.token_id = i.end_of_text THEN false
                WHEN g.n_read >= i.n_ctx THEN NOT lm_internal.context_is_full(i.n_ctx)
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
    WHERE NOT lm_internal.end_generation(i.generation_id);
END;

COMMENT ON FUNCTION lm.generate_tokens IS
'Continues a prompt: a row for each token as it comes, with its logit and the model''s own probability. temperature 0 is greedy. It ends after n_tokens, at the end-of-text token, or with a notice when the model has no more positions. The set of interventions is made at every step; keep_cache leaves lm.attention_cache filled. Errors: those of lm_internal.prompt_tokens and lm.start_generation.';

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
