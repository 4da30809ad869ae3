-- What a sweep of patches starts from: two runs, and how sure each is of the answer.

CREATE OR REPLACE FUNCTION lm_internal.logit_difference(
    resid vector,
    model_id int,
    answer int,
    wrong int
)
RETURNS float8
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        sum(
            t.sign * COALESCE(
                -- cap · tanh(logit / cap), in a family with a cap
                m.final_logit_softcapping * tanh(u.logit / m.final_logit_softcapping), u.logit
            )
        )
    FROM lm.model AS m
    CROSS JOIN LATERAL lm_internal.final_norm(ARRAY[logit_difference.resid], m.model_id) AS x
    CROSS JOIN (
        VALUES (1, logit_difference.answer), (-1, logit_difference.wrong)
    ) AS t (sign, token_id)
    CROSS JOIN LATERAL (
        SELECT u.bias - (u.weight <#> x[1]) AS logit
        FROM lm_internal.unembedding_of(m.model_id, t.token_id) AS u
        OFFSET 0
    ) AS u
    WHERE m.model_id = logit_difference.model_id;
END;

COMMENT ON FUNCTION lm_internal.logit_difference IS
'Logit of answer minus logit of wrong, from the residual stream after the last layer.';

CREATE OR REPLACE FUNCTION lm_internal.start_sweep(
    clean text,
    corrupt text,
    site lm.site,
    answer text,
    wrong text,
    model_id int
)
RETURNS bigint
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT lm_internal.require_right('runner', 'run models');

    WITH
    prompt AS MATERIALIZED (
        SELECT
            m.model_id,
            m.name,
            m.n_layer,
            lm.token_id(start_sweep.answer, m.name) AS answer,
            lm.token_id(start_sweep.wrong, m.name) AS wrong,
            CASE
                WHEN start_sweep.site IN (
                    'embed', 'pos_embed', 'attn_scores', 'pattern', 'ln_final', 'logits'
                )
                    THEN lm_internal.fail(
                        NULL::int,
                        format('%s cannot be swept', start_sweep.site),
                        'take a site of the layers that holds vectors: resid_pre, attn_out, z, …'
                    )
                WHEN c.n = d.n THEN c.n
                ELSE lm_internal.fail(
                    NULL::int,
                    format(
                        'the prompts have %s and %s tokens: a patch needs equally many', c.n, d.n
                    )
                )
            END AS n_token
        FROM lm.model AS m
        CROSS JOIN LATERAL (
            SELECT cardinality(lm_internal.prompt_tokens(start_sweep.clean, NULL, m.model_id)) AS n
        ) AS c
        CROSS JOIN LATERAL (
            SELECT cardinality(lm_internal.prompt_tokens(
                start_sweep.corrupt, NULL, m.model_id
            )) AS n
        ) AS d
        WHERE m.model_id = start_sweep.model_id
    ),

    -- the run that patches come from, and the run that patched passes start from
    run AS MATERIALIZED (
        SELECT
            p.*,
            lm.forward(start_sweep.clean, p.name, ARRAY[start_sweep.site::text, 'resid_post'])
                AS clean_run,
            lm.forward(
                start_sweep.corrupt,
                p.name,
                ARRAY['resid_pre', lm_internal.key_site(p.model_id)::text, 'v', 'resid_post']
            ) AS corrupt_run
        FROM prompt AS p
        WHERE p.n_token > 0
    )

    INSERT INTO lm.patching_sweep (
        clean_run, corrupt_run, site, answer, wrong, clean_difference, corrupt_difference
    )
    SELECT
        r.clean_run,
        r.corrupt_run,
        start_sweep.site,
        r.answer,
        r.wrong,
        'NaN',
        'NaN'
    FROM run AS r;

    -- a statement does not see the rows that it writes, so this is a second one
    UPDATE lm.patching_sweep AS s
    SET
        clean_difference = lm_internal.logit_difference(
            a.value, start_sweep.model_id, s.answer, s.wrong
        ),
        corrupt_difference = lm_internal.logit_difference(
            b.value, start_sweep.model_id, s.answer, s.wrong
        )
    FROM
        lm.model AS m,
        lm.run AS r,
        lm.activation AS a,
        lm.activation AS b
    WHERE m.model_id = start_sweep.model_id
        AND s.sweep_id = currval('lm.patching_sweep_sweep_id_seq')
        AND r.run_id = s.clean_run
        AND (a.run_id, a.site, a.layer, a.head) = (s.clean_run, 'resid_post', m.n_layer - 1, -1)
        AND (b.run_id, b.site, b.layer, b.head) = (s.corrupt_run, 'resid_post', m.n_layer - 1, -1)
        AND a.position = cardinality(r.token_ids) - 1
        AND b.position = a.position
    RETURNING s.sweep_id;
END;

COMMENT ON FUNCTION lm_internal.start_sweep IS
'Runs both prompts and opens a sweep. Errors: the prompts differ in length; an answer is not one token; the site cannot be swept, or the model does not have it.';
