-- Running a model: forward passes that are kept as rows.

CREATE OR REPLACE FUNCTION lm.record_runs(
    model_id int,
    prompts text[],
    token_ids int[],
    capture lm.site[],
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10,
    interventions text DEFAULT NULL
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    WITH
    -- a run for each prompt, or the one run of token_ids
    run AS MATERIALIZED (
        SELECT
            nextval('lm.run_run_id_seq') AS run_id,
            p.ordinal::int AS ordinal,
            p.prompt,
            lm.prompt_tokens(p.prompt, record_runs.token_ids, m.model_id) AS tokens,
            clock_timestamp() AS started_at
        FROM lm.model AS m
        CROSS JOIN unnest(COALESCE(record_runs.prompts, ARRAY[NULL]))
            WITH ORDINALITY AS p (prompt, ordinal)
        WHERE m.model_id = record_runs.model_id
    ),

    batch AS MATERIALIZED (
        SELECT
            array_agg(r.ordinal ORDER BY r.ordinal, t.position) AS sequence,
            array_agg(t.position::int - 1 ORDER BY r.ordinal, t.position) AS position,
            array_agg(t.token_id ORDER BY r.ordinal, t.position) AS token_id,
            lm.check_capture(
                record_runs.model_id,
                record_runs.capture_layers,
                record_runs.capture_positions,
                record_runs.top_logits,
                max(t.position)::int
            ) AS sound
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    pass AS MATERIALIZED (
        SELECT
            r.run_id,
            t.*,
            -- the embeddings, whose layer is −1 here, are of no layer
            t.site = ANY (record_runs.capture)
            AND (
                record_runs.capture_layers IS NULL
                OR t.layer = ANY (-1 || record_runs.capture_layers)
            ) AS kept
        FROM batch AS b
        CROSS JOIN LATERAL lm.transformer_many(
            record_runs.model_id, b.sequence, b.position, b.token_id, record_runs.capture,
            changes => lm.changes(record_runs.interventions, record_runs.model_id)
        ) AS t
        INNER JOIN run AS r ON r.ordinal = t.sequence
        WHERE b.sound
            AND (
                record_runs.capture_positions IS NULL
                OR t.position = ANY (record_runs.capture_positions)
                OR t.position - cardinality(r.tokens) = ANY (record_runs.capture_positions)
            )
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
            WHERE m.model_id = record_runs.model_id
                AND p.site = 'resid_post'
                AND record_runs.capture && '{ln_final,logits}'
            GROUP BY p.layer
        ) AS last
        CROSS JOIN LATERAL lm.final_norm(last.x, record_runs.model_id) AS normed
        CROSS JOIN unnest(last.run_ids, last.positions, normed)
            WITH ORDINALITY AS b (run_id, position, value, row)
    ),

    new_run AS (
        INSERT INTO lm.run (
            run_id, model_id, prompt, token_ids, capture, capture_layers, capture_positions,
            top_logits, interventions, started_at, duration
        )
        SELECT
            r.run_id,
            record_runs.model_id,
            r.prompt,
            r.tokens,
            record_runs.capture,
            record_runs.capture_layers,
            record_runs.capture_positions,
            record_runs.top_logits,
            record_runs.interventions,
            r.started_at,
            clock_timestamp() - r.started_at
        FROM (SELECT count(*) FROM pass) AS passed
        CROSS JOIN run AS r
    ),

    new_token AS (
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT
            r.run_id,
            t.position - 1,
            t.token_id
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    new_adjustment AS (
        INSERT INTO lm.attention_adjustment (run_id, layer, position, adjustment)
        SELECT
            p.run_id,
            p.layer,
            p.position,
            p.value
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
        -- 64 positions at a time: the whole vocabulary's logits need not be there for all at once
        FROM (
            SELECT
                (f.row - 1) / 64 AS number,
                array_agg(f.value ORDER BY f.row) AS x
            FROM ln_final AS f
            GROUP BY number
        ) AS part
        CROSS JOIN LATERAL lm.unembed(part.x, record_runs.model_id) AS u
        INNER JOIN ln_final AS f ON f.row = part.number * 64 + u.ordinal
        CROSS JOIN LATERAL (
            SELECT
                o.number - 1 AS token_id,
                o.logit
            FROM unnest(u.logits) WITH ORDINALITY AS o (logit, number)
            ORDER BY o.logit DESC, o.number
            LIMIT record_runs.top_logits
        ) AS l
        WHERE 'logits' = ANY (record_runs.capture)
    ),

    -- every other captured vector
    new_activation AS (
        INSERT INTO lm.activation (run_id, site, layer, head, position, value)
        SELECT
            p.run_id,
            p.site,
            greatest(p.layer, 0),
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
        WHERE 'ln_final' = ANY (record_runs.capture)
    )

    SELECT
        r.ordinal,
        r.run_id
    FROM run AS r
    ORDER BY r.ordinal;
END;
COMMENT ON FUNCTION lm.record_runs IS
'What lm.forward and lm.forward_many share: runs the prompts (or the one sequence of token_ids) in one pass and writes each as a run with the captured sites.';

CREATE OR REPLACE FUNCTION lm.forward(
    prompt text DEFAULT NULL,
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    token_ids int[] DEFAULT NULL,
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS bigint
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT r.run_id
    FROM lm.record_runs(
        lm.model_id(forward.model),
        CASE WHEN forward.prompt IS NOT NULL THEN ARRAY[forward.prompt] END,
        forward.token_ids,
        lm.capture_sites(forward.capture, lm.model_id(forward.model)),
        forward.capture_layers,
        forward.capture_positions,
        forward.top_logits,
        forward.interventions
    ) AS r;
END;

COMMENT ON FUNCTION lm.forward IS
'Runs a prompt (or token_ids) through the model and keeps the captured sites as rows; returns the run_id. interventions names a set of lm.intervention to make on the way. capture_layers and capture_positions (−1 is the last) limit what is kept, NULL to nothing; of captured logits the top_logits highest of each position are kept, NULL all. Errors: those of lm.prompt_tokens, lm.check_capture and lm.changes; a capture that is no site.';

CREATE OR REPLACE FUNCTION lm.forward_many(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT *
    FROM lm.record_runs(
        lm.model_id(forward_many.model),
        forward_many.prompts,
        NULL,
        lm.capture_sites(forward_many.capture, lm.model_id(forward_many.model)),
        forward_many.capture_layers,
        forward_many.capture_positions,
        forward_many.top_logits,
        forward_many.interventions
    );
END;

COMMENT ON FUNCTION lm.forward_many IS
'Runs several prompts in one pass, which reads each weight once for all of them; a run for each, ordinal counting the prompts from 1. Errors: as lm.forward; one bad prompt and nothing is written.';
