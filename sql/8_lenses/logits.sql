-- What a run predicts.

CREATE OR REPLACE FUNCTION lm_internal.run_model(
    run_id bigint
)
RETURNS text
LANGUAGE sql
STABLE
RETURN (
    SELECT m.name
    FROM lm.run AS r
    INNER JOIN lm.model AS m ON r.model_id = m.model_id
    -- raises an error if there is no such run
    WHERE lm.run_position(run_model.run_id) IS NOT NULL AND r.run_id = run_model.run_id
);

COMMENT ON FUNCTION lm_internal.run_model IS 'Name of the model that ran. Errors: there is no such run.';

CREATE OR REPLACE FUNCTION lm_internal.check_token(
    token_id int,
    run_id bigint
)
RETURNS boolean
LANGUAGE sql
STABLE
RETURN (
    SELECT
        CASE
            WHEN check_token.token_id NOT BETWEEN 0 AND m.n_vocab - 1
                THEN lm_internal.fail(
                    true,
                    format(
                        'model "%s" has tokens 0 to %s, not %s',
                        m.name, m.n_vocab - 1, check_token.token_id
                    ),
                    'lm.token_id('' king'') gives the number of a token'
                )
            ELSE true
        END
    FROM lm.run AS r
    INNER JOIN lm.model AS m ON r.model_id = m.model_id
    WHERE r.run_id = check_token.run_id
);

COMMENT ON FUNCTION lm_internal.check_token IS
'True if the model of a run has this token, or if it is NULL. Errors: the model has no such token.';

CREATE OR REPLACE FUNCTION lm_internal.highest(
    logits real[]
)
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN array_position(
    highest.logits,
    (SELECT max(l.logit) FROM unnest(highest.logits) AS l (logit))
) - 1;

COMMENT ON FUNCTION lm_internal.highest IS 'The token with the highest logit, the first one if several are equal.';

CREATE OR REPLACE FUNCTION lm_internal.final_site(
    capture lm.site[]
)
RETURNS lm.site
LANGUAGE sql
IMMUTABLE
RETURN CASE
    WHEN 'resid_post' = ANY (final_site.capture) AND 'ln_final' <> ALL (final_site.capture)
        THEN 'resid_post'
    ELSE 'ln_final'
END::lm.site;

COMMENT ON FUNCTION lm_internal.final_site IS
'The captured site from which a run''s predictions are made. ln_final or resid_post will do; where neither is there it is ln_final, the smaller, to be asked for.';

CREATE OR REPLACE FUNCTION lm.final_logits(
    run_id bigint,
    positions int[]
)
RETURNS TABLE (
    "position" int,
    logits real[]
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.*,
            s.site
        FROM lm.run AS r
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
        CROSS JOIN LATERAL lm_internal.final_site(r.capture) AS s (site)
        WHERE lm.run_position(final_logits.run_id) IS NOT NULL
            AND r.run_id = final_logits.run_id
            AND lm_internal.require_capture(
                r.run_id,
                ARRAY[s.site],
                CASE WHEN s.site = 'resid_post' THEN ARRAY[m.n_layer - 1] END,
                final_logits.positions
            ) IS NOT NULL
    ),

    state AS MATERIALIZED (
        SELECT
            i.model_id,
            i.site,
            array_agg(c.position ORDER BY c.position) FILTER (WHERE c.layer IS NOT NULL)
                AS positions,
            array_agg(c.value ORDER BY c.position) FILTER (WHERE c.layer IS NOT NULL) AS x
        FROM input AS i
        -- a left join: input, which raises the errors, is computed even if there are no such rows
        LEFT JOIN lm.captured AS c
            ON c.run_id = final_logits.run_id
            AND c.site = i.site
            AND c.layer = CASE i.site WHEN 'ln_final' THEN i.n_layer ELSE i.n_layer - 1 END
            AND c.position = ANY (final_logits.positions)
        GROUP BY i.model_id, i.site
    )

    -- logits = W_U ln_final + b_U; ln_final captured or made from resid_post [position, n_vocab]
    SELECT
        s.positions[u.ordinal],
        u.logits
    FROM state AS s
    CROSS JOIN LATERAL lm_internal.final_norm(s.x, s.model_id) AS normed
    CROSS JOIN LATERAL lm_internal.unembed(
        CASE s.site WHEN 'ln_final' THEN s.x ELSE normed END, s.model_id
    ) AS u
    ORDER BY u.ordinal;
END;

COMMENT ON FUNCTION lm.final_logits IS
'What a run predicts at these positions: logits, [n_vocab], from token 0 on. Errors: there is no such run; it captured neither ln_final nor resid_post of the last layer there.';
