-- The logit lens: the residual stream, read as a prediction after each layer.

CREATE OR REPLACE FUNCTION lm.lens_logits(
    run_id bigint,
    "position" int DEFAULT -1,
    site lm.site DEFAULT 'resid_post'
)
RETURNS TABLE (
    layer int,
    logits real[]
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.*,
            p.position
        FROM lm.run_position(lens_logits.run_id, lens_logits.position) AS p (position)
        INNER JOIN lm.model AS m
            ON m.model_id = lm_internal.require_capture(
                lens_logits.run_id, ARRAY[lens_logits.site], NULL, ARRAY[p.position]
            )
        WHERE
            lens_logits.site IN (
                'embed', 'pos_embed', 'resid_pre', 'attn_out', 'resid_mid', 'mlp_out', 'resid_post'
            )
            OR lm_internal.fail(
                true,
                lens_logits.site || ' is not read by the final norm and the unembedding',
                'these are: embed, pos_embed, resid_pre, attn_out, resid_mid, mlp_out, resid_post'
            )
    ),

    stream AS MATERIALIZED (
        SELECT
            i.model_id,
            array_agg(c.layer ORDER BY c.layer) FILTER (WHERE c.layer IS NOT NULL) AS layers,
            array_agg(c.value ORDER BY c.layer) FILTER (WHERE c.layer IS NOT NULL) AS x
        FROM input AS i
        -- a left join: input, which raises the errors, is computed even if there are no such rows
        LEFT JOIN lm.captured AS c
            ON c.run_id = lens_logits.run_id
            AND c.site = lens_logits.site
            AND c.position = i.position
        GROUP BY i.model_id
    )

    -- logits = W_U Norm_final(site) + b_U                                       [layer, n_vocab]
    SELECT
        s.layers[u.ordinal],
        u.logits
    FROM stream AS s
    CROSS JOIN LATERAL lm_internal.final_norm(s.x, s.model_id) AS normed
    CROSS JOIN LATERAL lm_internal.unembed(normed, s.model_id) AS u
    ORDER BY u.ordinal;
END;

COMMENT ON FUNCTION lm.lens_logits IS
'The logit lens with all logits: a site of each captured layer, through the final norm and the unembedding, [n_vocab] from token 0 on. Errors: there is no such run or position; the site was not captured there; the site is neither the residual stream nor added to it.';

CREATE OR REPLACE FUNCTION lm.logit_lens(
    run_id bigint,
    "position" int DEFAULT -1,
    k int DEFAULT 5,
    site lm.site DEFAULT 'resid_post'
)
RETURNS TABLE (
    layer int,
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
    lens AS MATERIALIZED (
        SELECT
            l.layer,
            l.logits,
            lm_internal.log_sum_exp(l.logits) AS log_total
        FROM lm.lens_logits(logit_lens.run_id, logit_lens.position, logit_lens.site) AS l
    ),

    likeliest AS MATERIALIZED (
        SELECT
            l.layer,
            l.log_total,
            t.token_id,
            t.logit
        FROM lens AS l
        CROSS JOIN LATERAL lm_internal.likeliest(l.logits, logit_lens.k) AS t
    )

    -- probability = softmax(logit)
    SELECT
        l.layer,
        row_number() OVER (PARTITION BY l.layer ORDER BY l.logit DESC, l.token_id)::int AS rank,
        l.token_id,
        v.token,
        l.logit,
        lm_internal.exp(l.logit - l.log_total)
    FROM likeliest AS l
    LEFT JOIN lm.run AS r ON r.run_id = logit_lens.run_id
    LEFT JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = l.token_id
    ORDER BY l.layer, rank;
END;

COMMENT ON FUNCTION lm.logit_lens IS
'The logit lens (nostalgebraist 2020): what the model would predict at a position (−1: the last) if it ended after each layer. Gives the k likeliest tokens; NULL gives all. Sites resid_pre, resid_mid and resid_post read the stream; attn_out and mlp_out read what is added to it. Errors: k is negative; those of lm.lens_logits.';

CREATE OR REPLACE FUNCTION lm.lens_trajectory(
    run_id bigint,
    token_id int DEFAULT NULL,
    "position" int DEFAULT -1,
    site lm.site DEFAULT 'resid_post'
)
RETURNS TABLE (
    layer int,
    token text,
    rank int,
    logit float8,
    probability float8,
    entropy float8,
    kl_to_final float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    lens AS MATERIALIZED (
        SELECT
            l.layer,
            l.logits,
            lm_internal.log_sum_exp(l.logits) AS log_total
        FROM lm.lens_logits(
            lens_trajectory.run_id, lens_trajectory.position, lens_trajectory.site
        ) AS l
    ),

    -- the model's prediction, and the token that is followed through the layers
    final AS MATERIALIZED (
        SELECT
            f.logits,
            lm_internal.log_sum_exp(f.logits) AS log_total,
            COALESCE(lens_trajectory.token_id, lm_internal.highest(f.logits)) AS token_id
        FROM lm.run_position(lens_trajectory.run_id, lens_trajectory.position) AS p (position)
        CROSS JOIN LATERAL lm.final_logits(lens_trajectory.run_id, ARRAY[p.position]) AS f
        WHERE lm_internal.check_token(lens_trajectory.token_id, lens_trajectory.run_id)
    ),

    -- p = softmax(logits); entropy = −Σ p ln p; kl = Σ p_final (ln p_final − ln p)       [layer]
    spread AS (
        SELECT
            l.layer,
            -sum(lm_internal.exp(p.ln_p) * p.ln_p) AS entropy,
            sum(lm_internal.exp(p.ln_p_final) * (p.ln_p_final - p.ln_p)) AS kl_to_final,
            count(*) FILTER (WHERE o.logit > l.logits[f.token_id + 1]) + 1 AS rank
        FROM lens AS l
        CROSS JOIN final AS f
        CROSS JOIN LATERAL unnest(l.logits, f.logits) AS o (logit, logit_final)
        CROSS JOIN LATERAL (
            SELECT
                o.logit - l.log_total AS ln_p,
                o.logit_final - f.log_total AS ln_p_final
        ) AS p
        GROUP BY l.layer
    )

    SELECT
        l.layer,
        v.token,
        s.rank::int,
        l.logits[f.token_id + 1],
        lm_internal.exp(l.logits[f.token_id + 1] - l.log_total),
        s.entropy,
        s.kl_to_final
    FROM lens AS l
    CROSS JOIN final AS f
    INNER JOIN spread AS s ON s.layer = l.layer
    LEFT JOIN lm.run AS r ON r.run_id = lens_trajectory.run_id
    LEFT JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = f.token_id
    ORDER BY l.layer;
END;

COMMENT ON FUNCTION lm.lens_trajectory(bigint, int, int, lm.site) IS
'A token through the layers, by the logit lens: its rank (from 1), logit and probability. NULL means the token that the model predicts in the end. entropy is that of the whole prediction and kl_to_final its divergence KL(final ‖ layer) from the final one, both in nats. Errors: those of lm.lens_logits, lm.final_logits and lm_internal.check_token.';

CREATE OR REPLACE FUNCTION lm.lens_trajectory(
    run_id bigint,
    token text,
    "position" int DEFAULT -1,
    site lm.site DEFAULT 'resid_post'
)
RETURNS TABLE (
    layer int,
    token text,
    rank int,
    logit float8,
    probability float8,
    entropy float8,
    kl_to_final float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT l.*
    FROM lm_internal.run_model(lens_trajectory.run_id) AS m (name)
    CROSS JOIN LATERAL lm.lens_trajectory(
        lens_trajectory.run_id,
        CASE
            WHEN lens_trajectory.token IS NOT NULL
                THEN lm.token_id(lens_trajectory.token, m.name)
        END,
        lens_trajectory.position,
        lens_trajectory.site
    ) AS l;
END;

COMMENT ON FUNCTION lm.lens_trajectory(bigint, text, int, lm.site) IS
'lm.lens_trajectory of a token given as text, such as " king". Errors: the same, and those of lm.token_id.';
