-- Sampling: which token comes next.

CREATE OR REPLACE FUNCTION lm_internal.uniform(
    seed bigint,
    step int,
    token_id int
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    ((hashint8extended(uniform.token_id, hashint8extended(uniform.step, uniform.seed)) >> 12)
        & ((1::bigint << 52) - 1)) + 0.5
) / (1::bigint << 52)::float8;

COMMENT ON FUNCTION lm_internal.uniform IS
'A random number between 0 and 1, both excluded, for a token and a step. The same seed gives the same number.';

CREATE OR REPLACE FUNCTION lm_internal.next_draw(
    logits float8[],
    step int,
    temperature float8,
    top_k int,
    top_p float8,
    seed bigint,
    with_probability boolean DEFAULT true
)
RETURNS TABLE (
    token_id int,
    logit float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- computed once, whatever it comes from
    prediction AS MATERIALIZED (
        SELECT next_draw.logits
    ),

    highest AS MATERIALIZED (
        SELECT max(l.logit) AS logit
        FROM (SELECT unnest(p.logits) AS logit FROM prediction AS p) AS l
    ),

    -- Σ e^(logit − highest)
    total AS MATERIALIZED (
        SELECT sum(lm_internal.exp(l.logit - h.logit)) AS weight
        FROM highest AS h
        CROSS JOIN LATERAL (SELECT unnest(p.logits) AS logit FROM prediction AS p) AS l
    ),

    candidate AS NOT MATERIALIZED (
        SELECT
            (l.place - 1)::int AS token_id,
            l.logit
        FROM prediction AS p
        CROSS JOIN unnest(p.logits) WITH ORDINALITY AS l (logit, place)
        WHERE next_draw.temperature > 0
    ),

    -- the top_k likeliest tokens, or all
    allowed AS NOT MATERIALIZED (
        SELECT c.*
        FROM candidate AS c
        WHERE next_draw.top_k IS NULL

        UNION ALL

        (
            SELECT c.*
            FROM candidate AS c
            WHERE next_draw.top_k IS NOT NULL
            ORDER BY c.logit DESC, c.token_id
            LIMIT next_draw.top_k
        )
    ),

    -- of these the fewest whose probabilities add up to top_p, the likeliest first, or all
    nucleus AS NOT MATERIALIZED (
        SELECT a.*
        FROM allowed AS a
        WHERE next_draw.top_p IS NULL

        UNION ALL

        SELECT
            r.token_id,
            r.logit
        FROM (
            SELECT
                w.token_id,
                w.logit,
                sum(w.weight) OVER (
                    ORDER BY w.logit DESC, w.token_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                ) - w.weight AS before,
                sum(w.weight) OVER () AS total
            FROM (
                SELECT
                    a.*,
                    lm_internal.exp((a.logit - h.logit) / next_draw.temperature) AS weight
                FROM allowed AS a
                CROSS JOIN highest AS h
                WHERE next_draw.top_p IS NOT NULL
            ) AS w
        ) AS r
        WHERE r.before < next_draw.top_p * r.total
    ),

    -- greedy: the first of the highest logits. Else the highest of logit / T − ln(−ln u), which
    -- draws each token with its probability. It needs no cumulative sum, where rounding leaves gaps
    drawn AS MATERIALIZED (
        SELECT
            array_position(p.logits, h.logit) - 1 AS token_id,
            h.logit
        FROM prediction AS p
        CROSS JOIN highest AS h
        WHERE next_draw.temperature = 0

        UNION ALL

        (
            SELECT n.*
            FROM nucleus AS n
            ORDER BY
                n.logit / next_draw.temperature
                - ln(-ln(lm_internal.uniform(next_draw.seed, next_draw.step, n.token_id))) DESC,
                n.token_id
            LIMIT 1
        )
    )

    -- the model's own probability, softmax(logit), whatever the sampling
    SELECT
        d.token_id,
        d.logit,
        CASE
            WHEN next_draw.with_probability
                THEN lm_internal.exp(d.logit - h.logit) / (SELECT t.weight FROM total AS t)
        END
    FROM drawn AS d
    CROSS JOIN highest AS h;
END;

COMMENT ON FUNCTION lm_internal.next_draw IS
'Draws the next token from logits, [n_vocab]. temperature applies first, then top_k, then top_p (Holtzman et al. 2020); the draw is by the Gumbel trick (Maddison et al. 2014). The probability takes as long as all the rest: NULL unless wanted.';
