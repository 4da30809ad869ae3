-- Prediction out: the residual stream read as what comes next.

CREATE OR REPLACE FUNCTION lm_internal.log_sum_exp(
    x float8[]
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- unnest in the select list streams; in FROM it would be written down first
    highest AS MATERIALIZED (
        SELECT max(e.x) AS x
        FROM (SELECT unnest(log_sum_exp.x) AS x) AS e
    )

    SELECT
        h.x + ln(
            (
                -- lm_internal.exp without its CASE: this is done for the whole vocabulary
                SELECT sum(exp(greatest(e.x - h.x, -700)))
                FROM (SELECT unnest(log_sum_exp.x) AS x) AS e
            )
        )
    FROM highest AS h;
END;

COMMENT ON FUNCTION lm_internal.log_sum_exp IS
'ln Σ e^x, kept from overflow by the highest x: a logit less this is the logarithm of its probability.';

CREATE OR REPLACE FUNCTION lm_internal.likeliest(
    logits real[],
    k int
)
RETURNS TABLE (
    token_id int,
    logit real
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        o.number::int - 1,
        o.logit
    FROM unnest(likeliest.logits) WITH ORDINALITY AS o (logit, number)
    ORDER BY
        o.logit DESC,
        o.number
    LIMIT lm_internal.row_limit(likeliest.k);
END;

COMMENT ON FUNCTION lm_internal.likeliest IS
'The k tokens with the highest logits, the first of those that are equal; k NULL gives all. Errors: k is negative.';

CREATE OR REPLACE FUNCTION lm_internal.final_norm(
    x vector[],
    model_id int
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT normed
    FROM lm.model AS m
    INNER JOIN lm.layer_norm AS n
        ON n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
    CROSS JOIN LATERAL lm_internal.normalize(
        final_norm.x, n.gain, n.bias, m.layer_norm_eps, m.norm_is_centred
    ) AS normed
    WHERE m.model_id = final_norm.model_id;
END;

COMMENT ON FUNCTION lm_internal.final_norm IS
'ln_final: the final norm of each row of x, [rows, d_model], states of the residual stream. Returns one row.';

-- enable_sort: the planner would sort whole rows of weights rather than read them by their key
CREATE OR REPLACE FUNCTION lm_internal.logits(
    resid vector,
    model_id int
)
RETURNS float8[]
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET enable_sort = off
SET jit = off
BEGIN ATOMIC
    WITH
    -- ln_final = LayerNorm(resid_post of the last layer)                                [d_model]
    ln_final AS MATERIALIZED (
        SELECT
            normed[1] AS x,
            m.d_model,
            m.d_block,
            m.final_logit_softcapping AS cap
        FROM lm.model AS m
        CROSS JOIN lm_internal.final_norm(ARRAY[logits.resid], logits.model_id) AS normed
        WHERE m.model_id = logits.model_id
    ),

    -- logit[token] = W_U[token] · ln_final + b_U[token]; the products of blocks add up  [n_vocab]
    logit AS MATERIALIZED (
        SELECT
            f.cap,
            CASE
                WHEN f.d_block >= f.d_model
                    THEN ARRAY(
                        SELECT
                            u.bias - COALESCE(
                                u.weight <#> f.x,
                                ((u.weight_half <#> h.high) + (u.weight_half <#> h.low)) * h.norm
                            )
                        FROM lm_internal.unembedding_blocks(logits.model_id) AS u
                        ORDER BY u.token_id, u.block
                    )
                ELSE ARRAY(
                    SELECT
                        sum(
                            u.bias
                            - (COALESCE(u.weight, u.weight_half::vector) <#> b.x[u.block + 1])
                        )
                    FROM lm_internal.unembedding_blocks(logits.model_id) AS u
                    GROUP BY u.token_id
                    ORDER BY u.token_id
                )
            END AS x
        FROM ln_final AS f
        CROSS JOIN lm_internal.halves(f.x) AS h
        CROSS JOIN LATERAL (
            SELECT
                ARRAY(
                    SELECT subvector(f.x, start, f.d_block)
                    FROM generate_series(1, f.d_model, f.d_block) AS start
                ) AS x
            OFFSET 0
        ) AS b
    )

    -- cap · tanh(logit / cap)
    SELECT
        CASE
            WHEN l.cap IS NULL THEN l.x
            ELSE ARRAY(SELECT l.cap * tanh(unnest(l.x) / l.cap))
        END
    FROM logit AS l;
END;

COMMENT ON FUNCTION lm_internal.logits IS
'A vector of the residual stream read as a prediction, through the final norm and the unembedding: the logits, [n_vocab], from token 0 on.';

CREATE OR REPLACE FUNCTION lm.next_token(
    prompt text,
    k int DEFAULT 10,
    model text DEFAULT NULL,
    interventions text DEFAULT NULL
)
RETURNS TABLE (
    rank int,
    token_id int,
    token text,
    logit float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.n_layer,
            lm_internal.prompt_tokens(next_token.prompt, NULL, m.model_id) AS tokens
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(next_token.model)
    ),

    -- the residual stream above the last layer, at the last position
    final AS MATERIALIZED (
        SELECT
            i.model_id,
            t.x[cardinality(t.x)] AS resid_post
        FROM input AS i
        CROSS JOIN LATERAL lm_internal.transformer_parts(
            i.model_id,
            array_fill(0, ARRAY[cardinality(i.tokens)]),
            ARRAY(SELECT generate_series(0, cardinality(i.tokens) - 1)),
            i.tokens,
            '{}',
            changes => lm_internal.changes(
                next_token.interventions, i.model_id, array_fill(0, ARRAY[cardinality(i.tokens)])
            )
        ) AS t
        WHERE t.site = 'resid_post'
            AND t.n_before + cardinality(t.x) = cardinality(i.tokens)
    ),

    prediction AS MATERIALIZED (
        SELECT
            f.model_id,
            l.logits,
            lm_internal.log_sum_exp(l.logits) AS log_total
        FROM final AS f
        CROSS JOIN LATERAL (
            SELECT lm_internal.logits(f.resid_post, f.model_id) AS logits
            OFFSET 0
        ) AS l
    ),

    likeliest AS (
        SELECT
            row_number() OVER (ORDER BY l.logit DESC, l.place) AS rank,
            (l.place - 1)::int AS token_id,
            l.logit
        FROM prediction AS p
        CROSS JOIN unnest(p.logits) WITH ORDINALITY AS l (logit, place)
        ORDER BY l.logit DESC, l.place
        LIMIT lm_internal.row_limit(next_token.k)
    )

    -- probability = softmax(logit)
    SELECT
        l.rank::int,
        l.token_id,
        v.token,
        l.logit,
        lm_internal.exp(l.logit - p.log_total)
    FROM likeliest AS l
    CROSS JOIN prediction AS p
    LEFT JOIN lm.vocabulary AS v ON v.model_id = p.model_id AND v.token_id = l.token_id
    ORDER BY l.rank;
END;

COMMENT ON FUNCTION lm.next_token IS
'The k likeliest next tokens with their logits and probabilities; k NULL gives all; interventions names a set to make on the way. Writes nothing. Errors: k negative; those of lm_internal.prompt_tokens and lm_internal.changes.';
