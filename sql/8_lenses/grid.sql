-- Predictions at every position of a run: after the last layer, and after each.

CREATE OR REPLACE FUNCTION lm.predictions(
    run_id bigint,
    k int DEFAULT 5
)
RETURNS TABLE (
    "position" int,
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
    -- some positions at a time, so that the logits of a long text are never all in memory
    likeliest AS MATERIALIZED (
        SELECT
            f.position,
            t.token_id,
            t.logit,
            lm_internal.log_sum_exp(f.logits) AS log_total
        FROM lm.run_position(predictions.run_id) AS last (position)
        CROSS JOIN generate_series(0, last.position, lm_internal.positions_at_once()) AS start
        CROSS JOIN LATERAL lm.final_logits(
            predictions.run_id,
            ARRAY(
                SELECT
                    generate_series(
                        start, least(start + lm_internal.positions_at_once(), last.position + 1) - 1
                    )
            )
        ) AS f
        CROSS JOIN LATERAL lm_internal.likeliest(f.logits, predictions.k) AS t
    )

    -- probability = softmax(logit)
    SELECT
        l.position,
        row_number() OVER (PARTITION BY l.position ORDER BY l.logit DESC, l.token_id)::int AS rank,
        l.token_id,
        v.token,
        l.logit,
        lm_internal.exp(l.logit - l.log_total)
    FROM likeliest AS l
    LEFT JOIN lm.run AS r ON r.run_id = predictions.run_id
    LEFT JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = l.token_id
    ORDER BY l.position, rank;
END;

COMMENT ON FUNCTION lm.predictions IS
'What a run predicts at every position: the k likeliest tokens to follow it, with logits and probabilities; k NULL gives all. Errors: there is no such run; k is negative; those of lm.final_logits.';

CREATE OR REPLACE FUNCTION lm.lens_grid(
    run_id bigint,
    k int DEFAULT 5,
    site lm.site DEFAULT 'resid_post',
    positions int[] DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    "position" int,
    tokens text[],
    probabilities float8[],
    final_rank int,
    entropy float8,
    kl_to_final float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- some positions at a time, so that the logits of a long text are never all in memory
    part AS (
        SELECT array_agg(w.position ORDER BY w.position) AS positions
        FROM (
            SELECT
                p.position,
                (row_number() OVER (ORDER BY p.position) - 1)
                / lm_internal.positions_at_once() AS number
            FROM lm.run_position(lens_grid.run_id) AS last (position)
            CROSS JOIN unnest(
                COALESCE(lens_grid.positions, ARRAY(SELECT generate_series(0, last.position)))
            ) AS given (position)
            CROSS JOIN LATERAL lm.run_position(lens_grid.run_id, given.position) AS p (position)
            GROUP BY p.position
        ) AS w
        GROUP BY w.number
    ),

    -- p = softmax(logits) after the last layer, and Σ p ln p
    final AS (
        SELECT
            f.position,
            p.p,
            p.token_id,
            (
                SELECT sum(o.p * (o.logit - p.log_total))
                FROM (SELECT unnest(p.p) AS p, unnest(f.logits) AS logit) AS o
            ) AS minus_entropy
        FROM part
        CROSS JOIN LATERAL lm.final_logits(lens_grid.run_id, part.positions) AS f
        CROSS JOIN LATERAL (
            SELECT
                t.log_total,
                lm_internal.highest(f.logits) AS token_id,
                ARRAY(SELECT lm_internal.exp(unnest(f.logits) - t.log_total)) AS p
            FROM (SELECT lm_internal.log_sum_exp(f.logits) AS log_total OFFSET 0) AS t
            OFFSET 0
        ) AS p
    ),

    -- x = logit − the highest, so that e^x does not overflow; Σ e^x, Σ e^x x, Σ p_final x
    cell AS MATERIALIZED (
        SELECT
            l.layer,
            f.position,
            f.minus_entropy,
            t.*,
            s.*
        FROM final AS f
        CROSS JOIN LATERAL lm.lens_logits(lens_grid.run_id, f.position, lens_grid.site) AS l
        CROSS JOIN LATERAL (
            SELECT
                array_agg(o.token_id ORDER BY o.logit DESC, o.token_id) AS token_ids,
                array_agg(o.logit::float8 ORDER BY o.logit DESC, o.token_id) AS logits,
                max(o.logit)::float8 AS highest
            FROM lm_internal.likeliest(
                l.logits,
                -- the highest is needed in any case
                CASE
                    WHEN lens_grid.k IS NOT NULL
                        THEN greatest(lm_internal.row_limit(lens_grid.k), 1)
                END
            ) AS o
        ) AS t
        CROSS JOIN LATERAL (
            SELECT
                sum(lm_internal.exp(o.x)) AS total,
                sum(lm_internal.exp(o.x) * o.x) AS weighted,
                sum(o.p_final * o.x) AS expected,
                count(*) FILTER (WHERE o.x > l.logits[f.token_id + 1] - t.highest) + 1 AS final_rank
            FROM (
                SELECT
                    unnest(l.logits) - t.highest AS x,
                    unnest(f.p) AS p_final
                OFFSET 0
            ) AS o
        ) AS s
    )

    -- ln p = x − ln Σ e^x; entropy = −Σ p ln p; kl = Σ p_final (ln p_final − ln p)
    SELECT
        c.layer,
        c.position,
        ARRAY(
            SELECT v.token
            FROM unnest(c.token_ids) WITH ORDINALITY AS o (token_id, number)
            LEFT JOIN lm.vocabulary AS v
                ON v.model_id = r.model_id AND v.token_id = o.token_id
            WHERE o.number <= lens_grid.k OR lens_grid.k IS NULL
            ORDER BY o.number
        ),
        ARRAY(
            SELECT lm_internal.exp(o.logit - c.highest - ln(c.total))
            FROM unnest(c.logits) WITH ORDINALITY AS o (logit, number)
            WHERE o.number <= lens_grid.k OR lens_grid.k IS NULL
            ORDER BY o.number
        ),
        c.final_rank::int,
        ln(c.total) - c.weighted / c.total,
        -- never below 0 but for rounding
        greatest(c.minus_entropy - c.expected + ln(c.total), 0)
    FROM cell AS c
    CROSS JOIN lm.run AS r
    WHERE r.run_id = lens_grid.run_id
    ORDER BY c.layer, c.position;
END;

COMMENT ON FUNCTION lm.lens_grid IS
'The logit lens in every layer at these positions (negative ones counted from the end; NULL: all): the k likeliest tokens with their probabilities (k NULL: all), the rank (from 1) of the token that is predicted in the end, the entropy of the prediction, and its divergence KL(final ‖ layer) from the final one, both in nats. site is as in lm.logit_lens. Errors: those of lm.lens_logits and lm.final_logits.';
