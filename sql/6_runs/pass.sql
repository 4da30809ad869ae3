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
            FROM unnest(record_pass.sequence, record_pass.token_ids)
                WITH ORDINALITY AS t (sequence, token_id, row)
            WHERE t.sequence = n.ordinal
            ORDER BY t.row
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
        SELECT
            t.sequence,
            t.row,
            (row_number() OVER (PARTITION BY t.sequence ORDER BY t.row))::int - 1 AS position,
            t.token_id
        FROM unnest(record_pass.sequence, record_pass.token_ids)
            WITH ORDINALITY AS t (sequence, token_id, row)
    ),

    run AS MATERIALIZED (
        SELECT
            n.run_id,
            n.ordinal,
            count(*) AS n_token
        FROM unnest(record_pass.run_ids, record_pass.ordinals) AS n (run_id, ordinal)
        INNER JOIN token AS t ON t.sequence = n.ordinal
        GROUP BY n.run_id, n.ordinal
    ),

    pass AS MATERIALIZED (
        SELECT
            r.run_id,
            t.*,
            -- the embeddings, whose layer is −1 here, are of no layer
            t.site = ANY (record_pass.capture)
            AND (
                record_pass.capture_layers IS NULL
                OR t.layer = ANY (-1 || record_pass.capture_layers)
            ) AS kept
        FROM lm_internal.transformer_many(
            record_pass.model_id,
            record_pass.sequence,
            ARRAY(SELECT t.position FROM token AS t ORDER BY t.row),
            record_pass.token_ids,
            record_pass.capture,
            changes => lm_internal.changes(
                record_pass.interventions, record_pass.model_id, record_pass.sequence
            )
        ) AS t
        INNER JOIN run AS r ON r.ordinal = t.sequence
        WHERE record_pass.capture_positions IS NULL
            OR t.position = ANY (record_pass.capture_positions)
            OR t.position - r.n_token = ANY (record_pass.capture_positions)
    ),

    -- ln_final = Norm(resid_post of the last layer), where it or the logits are captured
    ln_final AS MATERIALIZED (
        SELECT
            b.row,
            b.run_id,
            b.position,
            last.layer + 1 AS layer,
            b.value
        FROM (
            SELECT
                p.layer,
                array_agg(p.run_id ORDER BY p.run_id, p.position) AS run_ids,
                array_agg(p.position ORDER BY p.run_id, p.position) AS positions,
                array_agg(p.value ORDER BY p.run_id, p.position) AS x
            FROM pass AS p
            INNER JOIN lm.model AS m ON m.n_layer - 1 = p.layer
            WHERE m.model_id = record_pass.model_id
                AND p.site = 'resid_post'
                AND record_pass.capture && '{ln_final,logits}'
            GROUP BY p.layer
        ) AS last
        CROSS JOIN LATERAL lm_internal.final_norm(last.x, record_pass.model_id) AS normed
        CROSS JOIN unnest(last.run_ids, last.positions, normed)
            WITH ORDINALITY AS b (run_id, position, value, row)
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
            f.run_id,
            f.position,
            l.token_id,
            l.logit
        -- some positions at a time: the whole vocabulary's logits need not be there for all at once
        FROM (
            SELECT
                (f.row - 1) / lm_internal.positions_at_once() AS number,
                array_agg(f.value ORDER BY f.row) AS x
            FROM ln_final AS f
            GROUP BY number
        ) AS part
        CROSS JOIN LATERAL lm_internal.unembed(part.x, record_pass.model_id) AS u
        INNER JOIN ln_final AS f
            ON f.row = part.number * lm_internal.positions_at_once() + u.ordinal
        CROSS JOIN LATERAL lm_internal.likeliest(u.logits, record_pass.top_logits) AS l
        WHERE 'logits' = ANY (record_pass.capture)
    ),

    -- every other captured vector
    new_activation AS (
        INSERT INTO lm.stored_activation (
            run_id, site, layer, head, position, value, value_half
        )
        SELECT
            o.run_id,
            o.site,
            o.layer,
            o.head,
            o.position,
            CASE record_pass.capture_dtype WHEN 'float32' THEN o.value END,
            CASE record_pass.capture_dtype
                WHEN 'float16' THEN lm_internal.to_half(o.value, o.site, o.layer)
            END
        FROM (
            SELECT
                p.run_id,
                p.site,
                greatest(p.layer, 0) AS layer,
                p.head,
                p.position,
                p.value
            FROM pass AS p
            WHERE p.kept AND p.site <> 'attn_out'

            UNION ALL

            SELECT
                f.run_id,
                'ln_final',
                f.layer,
                -1,
                f.position,
                f.value
            FROM ln_final AS f
            WHERE 'ln_final' = ANY (record_pass.capture)
        ) AS o
    )

    SELECT
        r.ordinal,
        r.run_id
    FROM run AS r
    ORDER BY r.ordinal;
END;

COMMENT ON FUNCTION lm_internal.record_pass IS
'One pass over the sequences of these ordinals, their tokens end to end, and the runs it makes, numbered run_ids: each with its tokens and the captured sites as rows.';
