-- Prediction out: the residual stream read as what comes next.

CREATE OR REPLACE FUNCTION lm.log_sum_exp(
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

    -- e^−700 is nothing beside 1, and still no underflow
    SELECT h.x + ln(sum(exp(greatest(e.x - h.x, -700))))
    FROM highest AS h
    CROSS JOIN LATERAL (SELECT unnest(log_sum_exp.x) AS x OFFSET 0) AS e
    GROUP BY h.x;
END;

COMMENT ON FUNCTION lm.log_sum_exp IS
'ln Σ e^x, kept from overflow by the highest x: a logit less this is the logarithm of its probability.';

CREATE OR REPLACE FUNCTION lm.final_norm(
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
    CROSS JOIN LATERAL lm.normalize(
        final_norm.x, n.gain, n.bias, m.layer_norm_eps, m.norm_is_centred
    ) AS normed
    WHERE m.model_id = final_norm.model_id;
END;

COMMENT ON FUNCTION lm.final_norm IS
'ln_final: the final norm of each row of x, [rows, d_model], states of the residual stream. A set of one.';

CREATE OR REPLACE FUNCTION lm.logits(
    resid vector,
    model_id int
)
RETURNS float8[]
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET jit = off
BEGIN ATOMIC
    WITH
    -- ln_final = LayerNorm(resid_post of the last layer)                                [d_model]
    ln_final AS MATERIALIZED (
        SELECT normed[1] AS x
        FROM lm.final_norm(ARRAY[logits.resid], logits.model_id) AS normed
    )

    -- logit[token] = W_U[token] · ln_final, and W_U is W_E                              [n_vocab]
    SELECT
        ARRAY(
            SELECT
                -COALESCE(
                    e.embedding <#> f.x,
                    ((e.embedding_half <#> h.high) + (e.embedding_half <#> h.low)) * h.norm
                )
            FROM lm.token_embedding AS e
            WHERE e.model_id = logits.model_id
            ORDER BY e.token_id
        )
    FROM ln_final AS f
    CROSS JOIN lm.halves(f.x) AS h;
END;

COMMENT ON FUNCTION lm.logits IS
'A vector of the residual stream read as a prediction, through the final layer norm and the unembedding: the logits, [n_vocab], from token 0 on.';

CREATE OR REPLACE FUNCTION lm.unembed(
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
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    -- sixteen rows of x side by side, as in lm.linear_many
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            unembed.x[start + 0] AS x0, unembed.x[start + 1] AS x1,
            unembed.x[start + 2] AS x2, unembed.x[start + 3] AS x3,
            unembed.x[start + 4] AS x4, unembed.x[start + 5] AS x5,
            unembed.x[start + 6] AS x6, unembed.x[start + 7] AS x7,
            unembed.x[start + 8] AS x8, unembed.x[start + 9] AS x9,
            unembed.x[start + 10] AS x10, unembed.x[start + 11] AS x11,
            unembed.x[start + 12] AS x12, unembed.x[start + 13] AS x13,
            unembed.x[start + 14] AS x14, unembed.x[start + 15] AS x15
        FROM generate_series(1, cardinality(unembed.x), 16) AS start
        OFFSET 0
    ),

    -- logits[row, token] = W_U[token] · x[row], and W_U is W_E
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            token.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg((-(u.w <#> t.x0))::real) AS y0, array_agg((-(u.w <#> t.x1))::real) AS y1,
                array_agg((-(u.w <#> t.x2))::real) AS y2, array_agg((-(u.w <#> t.x3))::real) AS y3,
                array_agg((-(u.w <#> t.x4))::real) AS y4, array_agg((-(u.w <#> t.x5))::real) AS y5,
                array_agg((-(u.w <#> t.x6))::real) AS y6, array_agg((-(u.w <#> t.x7))::real) AS y7,
                array_agg((-(u.w <#> t.x8))::real) AS y8, array_agg((-(u.w <#> t.x9))::real) AS y9,
                array_agg((-(u.w <#> t.x10))::real) AS y10, array_agg((-(u.w <#> t.x11))::real) AS y11,
                array_agg((-(u.w <#> t.x12))::real) AS y12, array_agg((-(u.w <#> t.x13))::real) AS y13,
                array_agg((-(u.w <#> t.x14))::real) AS y14, array_agg((-(u.w <#> t.x15))::real) AS y15
            FROM (
                SELECT COALESCE(e.embedding, e.embedding_half::vector) AS w
                FROM lm.token_embedding AS e
                WHERE e.model_id = unembed.model_id
                ORDER BY e.token_id
                OFFSET 0
            ) AS u
        ) AS token
    )

    SELECT
        start + place,
        y
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
        (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15)
    ) AS output (place, y)
    WHERE start + place <= cardinality(unembed.x)
    ORDER BY start, place;
END;

COMMENT ON FUNCTION lm.unembed IS
'Each row of x, [rows, d_model], read as a prediction by the unembedding: ordinal counts the rows from 1, logits are [n_vocab] from token 0 on. Apply the final layer norm before.';

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
            lm.prompt_tokens(next_token.prompt, NULL, m.model_id) AS tokens
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(next_token.model)
    ),

    -- the residual stream above the last layer, at the last position
    final AS MATERIALIZED (
        SELECT
            i.model_id,
            t.x[cardinality(t.x)] AS resid_post
        FROM input AS i
        CROSS JOIN LATERAL lm.transformer(
            i.model_id,
            array_fill(0, ARRAY[cardinality(i.tokens)]),
            ARRAY(SELECT generate_series(0, cardinality(i.tokens) - 1)),
            i.tokens,
            '{}',
            changes => lm.changes(next_token.interventions, i.model_id)
        ) AS t
        WHERE t.site = 'resid_post'
    ),

    prediction AS MATERIALIZED (
        SELECT
            f.model_id,
            l.logits,
            lm.log_sum_exp(l.logits) AS log_total
        FROM final AS f
        CROSS JOIN LATERAL (SELECT lm.logits(f.resid_post, f.model_id) AS logits OFFSET 0) AS l
    ),

    likeliest AS (
        SELECT
            row_number() OVER (ORDER BY l.logit DESC, l.place) AS rank,
            (l.place - 1)::int AS token_id,
            l.logit
        FROM prediction AS p
        CROSS JOIN unnest(p.logits) WITH ORDINALITY AS l (logit, place)
        ORDER BY l.logit DESC, l.place
        LIMIT lm.row_limit(next_token.k)
    )

    -- probability = softmax(logit)
    SELECT
        l.rank::int,
        l.token_id,
        v.token,
        l.logit,
        exp(greatest(l.logit - p.log_total, -700))
    FROM likeliest AS l
    CROSS JOIN prediction AS p
    LEFT JOIN lm.vocabulary AS v ON v.model_id = p.model_id AND v.token_id = l.token_id
    ORDER BY l.rank;
END;

COMMENT ON FUNCTION lm.next_token IS
'The k likeliest next tokens with their logits and probabilities; k NULL gives all; interventions names a set to make on the way. Writes nothing. Errors: k negative; those of lm.prompt_tokens and lm.changes.';
