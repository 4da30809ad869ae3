-- One text, continued. STABLE so that the planner inlines it: see lm_internal.generated.
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
    SELECT
        g.step,
        g.token_id,
        (
            SELECT v.token
            FROM lm.vocabulary AS v
            WHERE v.model_id = m.model_id AND v.token_id = g.token_id
        ),
        g.logit,
        g.probability
    FROM lm.model_id(generate_tokens.model) AS m (model_id)
    CROSS JOIN LATERAL lm_internal.generated(
        ARRAY[generate_tokens.prompt],
        generate_tokens.n_tokens,
        generate_tokens.temperature,
        generate_tokens.top_k,
        generate_tokens.top_p,
        generate_tokens.seed,
        m.model_id,
        generate_tokens.interventions,
        generate_tokens.keep_cache,
        with_probability => true
    ) AS g;
END;

COMMENT ON FUNCTION lm.generate_tokens IS
'Continues a prompt: a row for each token as it comes, with its logit and the model''s own probability. temperature 0 is greedy. It ends after n_tokens, at the end-of-text token, or with a notice when the model has no more positions. The set of interventions is made at every step; keep_cache leaves lm.attention_cache filled. Errors: those of lm_internal.prompt_tokens and lm_internal.start_generation.';

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
    LEFT JOIN LATERAL lm_internal.generated(
        ARRAY[generate.prompt],
        generate.n_tokens,
        generate.temperature,
        generate.top_k,
        generate.top_p,
        generate.seed,
        m.model_id,
        generate.interventions
    ) AS g ON true
    WHERE m.model_id = lm.model_id(generate.model)
    GROUP BY m.name;
END;

COMMENT ON FUNCTION lm.generate IS
'The continuation of a prompt as text, without the end-of-text token. Arguments as for lm.generate_tokens.';
