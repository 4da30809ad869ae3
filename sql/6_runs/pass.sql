-- One forward pass over some texts, kept as rows.

CREATE OR REPLACE FUNCTION lm_internal.record_pass(
    model_id int,
    run_ids bigint[],
    ordinals int[],
    prompts text[],
    sequence int[],
    token_ids int[],
    capture lm.site[],
    capture_layers int[],
    capture_positions int[],
    top_logits int,
    interventions text,
    capture_dtype text
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
-- to plan it takes as long as one token does
SET plan_cache_mode = force_generic_plan
BEGIN ATOMIC
    -- by itself and first: whoever adds rows to a run has to see that it is theirs
    INSERT INTO lm.run (
        run_id, model_id, prompt, token_ids, capture, capture_layers, capture_positions,
        top_logits, interventions, intervention_digest, capture_dtype
    )
    SELECT
        n.run_id,
        record_pass.model_id,
        n.prompt,
        ARRAY(
            SELECT t.token_id
            FROM lm_internal.batch_tokens(record_pass.sequence, record_pass.token_ids) AS t
            WHERE t.sequence = n.ordinal
            ORDER BY t.position
        ),
        record_pass.capture,
        record_pass.capture_layers,
        record_pass.capture_positions,
        record_pass.top_logits,
        record_pass.interventions,
        lm_internal.intervention_digest(record_pass.interventions, record_pass.model_id),
        record_pass.capture_dtype
    FROM unnest(record_pass.run_ids, record_pass.ordinals, record_pass.prompts)
        AS n (run_id, ordinal, prompt);

    WITH
    token AS MATERIALIZED (
        SELECT t.*
        FROM lm_internal.batch_tokens(record_pass.sequence, record_pass.token_ids) AS t
    ),

    run AS MATERIALIZED (
        SELECT
            n.run_id,
            n.ordinal
        FROM unnest(record_pass.run_ids, record_pass.ordinals) AS n (run_id, ordinal)
    ),

    pass AS MATERIALIZED (
        SELECT
            r.run_id,
            p.*
        FROM lm_internal.pass_rows(
            record_pass.model_id,
            record_pass.sequence,
            record_pass.token_ids,
            record_pass.capture,
            record_pass.capture_layers,
            record_pass.capture_positions,
            record_pass.interventions
        ) AS p
        INNER JOIN run AS r ON r.ordinal = p.ordinal
    ),

    timed AS (
        UPDATE lm.run AS r SET duration = clock_timestamp() - r.started_at
        FROM (SELECT count(*) FROM pass) AS passed
        WHERE r.run_id = ANY (record_pass.run_ids)
    ),

    new_token AS (
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT
            r.run_id,
            t.position,
            t.token_id
        FROM run AS r
        INNER JOIN token AS t ON t.sequence = r.ordinal
    ),

    new_adjustment AS (
        INSERT INTO lm.stored_adjustment (run_id, layer, position, adjustment, adjustment_half)
        SELECT
            p.run_id,
            p.layer,
            p.position,
            CASE record_pass.capture_dtype WHEN 'float32' THEN p.value END,
            CASE record_pass.capture_dtype
                WHEN 'float16' THEN lm_internal.to_half(p.value, p.site, p.layer)
            END
        FROM pass AS p
        WHERE p.kept AND p.site = 'attn_out'
    ),

    new_logit AS (
        INSERT INTO lm.logit (run_id, position, token_id, logit)
        SELECT
            f.run_ids[l.ordinal],
            f.positions[l.ordinal],
            l.token_id,
            l.logit
        FROM (
            SELECT
                array_agg(p.run_id ORDER BY p.run_id, p.position) AS run_ids,
                array_agg(p.position ORDER BY p.run_id, p.position) AS positions,
                array_agg(p.value ORDER BY p.run_id, p.position) AS x
            FROM pass AS p
            WHERE p.site = 'ln_final' AND 'logits' = ANY (record_pass.capture)
        ) AS f
        CROSS JOIN LATERAL lm_internal.pass_logits(
            record_pass.model_id, f.x, record_pass.top_logits
        ) AS l
    ),

    -- every other captured vector
    new_activation AS (
        INSERT INTO lm.stored_activation (
            run_id, site, layer, head, position, value, value_half
        )
        SELECT
            p.run_id,
            p.site,
            p.layer,
            p.head,
            p.position,
            CASE record_pass.capture_dtype WHEN 'float32' THEN p.value END,
            CASE record_pass.capture_dtype
                WHEN 'float16' THEN lm_internal.to_half(p.value, p.site, p.layer)
            END
        FROM pass AS p
        WHERE p.kept AND p.site <> 'attn_out'
    )

    SELECT
        r.ordinal,
        r.run_id
    FROM run AS r
    ORDER BY r.ordinal;
END;

COMMENT ON FUNCTION lm_internal.record_pass IS
'One pass over the sequences of these ordinals, their tokens end to end, and the runs it makes, numbered run_ids: each with its tokens and the captured sites as rows.';
