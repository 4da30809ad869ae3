-- Where a prediction comes from: what each part adds to a logit.

CREATE OR REPLACE FUNCTION lm.logit_attribution(
    run_id bigint,
    token_id int DEFAULT NULL,
    wrong_token_id int DEFAULT NULL,
    "position" int DEFAULT -1
)
RETURNS TABLE (
    site lm.site,
    layer int,
    head int,
    attribution float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.*,
            r.interventions,
            p.position
        FROM lm.run_position(logit_attribution.run_id, logit_attribution.position) AS p (position)
        INNER JOIN lm.run AS r ON r.run_id = logit_attribution.run_id
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
        WHERE lm.run_position(logit_attribution.run_id) IS NOT NULL
            AND lm_internal.check_token(logit_attribution.token_id, r.run_id)
            AND lm_internal.check_token(logit_attribution.wrong_token_id, r.run_id)
            AND lm_internal.require_capture(
                r.run_id,
                ARRAY(
                    SELECT s.site
                    FROM lm.model_site AS s
                    WHERE s.model_id = m.model_id
                        AND s.site IN ('embed', 'pos_embed', 'z', 'mlp_out', 'resid_post')
                    ORDER BY s.site
                ),
                ARRAY(SELECT generate_series(0, m.n_layer - 1)),
                ARRAY[p.position]
            ) IS NOT NULL
    ),

    -- the token asked for, or the one predicted
    asked AS MATERIALIZED (
        SELECT
            COALESCE(
                logit_attribution.token_id,
                (
                    SELECT lm_internal.highest(f.logits)
                    FROM lm.final_logits(logit_attribution.run_id, ARRAY[i.position]) AS f
                )
            ) AS token_id
        FROM input AS i
    ),

    -- w = W_U[token] − W_U[wrong token]                                                [d_model]
    answer AS MATERIALIZED (
        SELECT
            token.weight - COALESCE(wrong.weight, lm.fill(0, i.d_model)) AS w,
            token.bias - COALESCE(wrong.bias, 0) AS bias
        FROM input AS i
        CROSS JOIN asked AS a
        CROSS JOIN lm_internal.unembedding_of(i.model_id, a.token_id) AS token
        LEFT JOIN lm_internal.unembedding_of(
            i.model_id, logit_attribution.wrong_token_id
        ) AS wrong ON true
    ),

    -- logit = w · (γ ⊙ (x − μ) / σ + β) = x · d + w · β, where d = (γ ⊙ w − its mean) / σ; a norm
    -- that is not centred has no means. With σ fixed at that of the whole stream this is linear in
    -- x, so x may be cut in parts                                                      [d_model]
    reading AS MATERIALIZED (
        SELECT
            c.layer,
            c.value AS x,
            lm_internal.centred(n.gain * a.w, i.norm_is_centred)
            * lm.fill(
                lm_internal.norm_scale(c.value, i.layer_norm_eps, i.norm_is_centred), i.d_model
            ) AS d,
            -(n.bias <#> a.w) AS constant,
            a.bias
        FROM input AS i
        CROSS JOIN answer AS a
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = i.model_id AND n.layer = i.n_layer AND n.site = 'ln_final'
        LEFT JOIN lm.captured AS c
            ON c.run_id = logit_attribution.run_id
            AND c.site = 'resid_post'
            AND c.layer = i.n_layer - 1
            AND c.position = i.position
    ),

    part AS MATERIALIZED (
        SELECT
            c.site,
            c.layer,
            c.head,
            -(c.value <#> r.d) AS attribution
        FROM input AS i
        CROSS JOIN reading AS r
        CROSS JOIN lm.captured AS c
        WHERE c.run_id = logit_attribution.run_id
            AND c.site IN ('embed', 'pos_embed', 'mlp_out')
            AND c.position = i.position

        UNION ALL

        SELECT
            'attn_out',
            h.layer,
            h.head,
            -(h.result <#> r.d)
        FROM reading AS r
        CROSS JOIN lm.head_results(logit_attribution.run_id, logit_attribution.position) AS h
    )

    SELECT p.*
    FROM part AS p

    UNION ALL

    -- what interventions changed outside these parts
    SELECT
        'resid_post',
        r.layer,
        -1,
        -(r.x <#> r.d) - (SELECT sum(p.attribution) FROM part AS p)
    FROM reading AS r
    CROSS JOIN input AS i
    WHERE i.interventions IS NOT NULL

    UNION ALL

    SELECT
        'ln_final',
        r.layer + 1,
        -1,
        r.constant
    FROM reading AS r

    UNION ALL

    SELECT
        'logits',
        r.layer + 1,
        -1,
        r.bias
    FROM reading AS r
    WHERE r.bias <> 0
    ORDER BY layer, site, head;
END;

COMMENT ON FUNCTION lm.logit_attribution(bigint, int, int, int) IS
'Direct logit attribution (Elhage et al. 2021): what each part of the model adds to the logit of a token (NULL: the one predicted), or to its lead over wrong_token_id, at a position (−1: the last). The scale of the final norm is held fixed, and all rows add up to the logit; where final_logit_softcapping caps logits, they add up to the logit before the cap. Heads are rows of attn_out, whose head −1 is b_O (see lm.head_results); ln_final is the bias of the final norm, logits that of the unembedding where it has one; resid_post is what interventions changed elsewhere. Errors: there is no such run, position or token; embed, pos_embed if the model has it, z, mlp_out or resid_post was not captured there in every layer.';

CREATE OR REPLACE FUNCTION lm.logit_attribution(
    run_id bigint,
    token text,
    wrong_token text DEFAULT NULL,
    "position" int DEFAULT -1
)
RETURNS TABLE (
    site lm.site,
    layer int,
    head int,
    attribution float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM lm_internal.run_model(logit_attribution.run_id) AS m (name)
    CROSS JOIN LATERAL lm.logit_attribution(
        logit_attribution.run_id,
        CASE
            WHEN logit_attribution.token IS NOT NULL
                THEN lm.token_id(logit_attribution.token, m.name)
        END,
        CASE
            WHEN logit_attribution.wrong_token IS NOT NULL
                THEN lm.token_id(logit_attribution.wrong_token, m.name)
        END,
        logit_attribution.position
    ) AS a;
END;

COMMENT ON FUNCTION lm.logit_attribution(bigint, text, text, int) IS
'lm.logit_attribution of tokens given as text, such as " king". Errors: the same, and those of lm.token_id.';
