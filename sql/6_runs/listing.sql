-- Runs to look through: which there are, and the newest.

CREATE OR REPLACE VIEW lm.run_summary WITH (security_invoker = true) AS
SELECT -- noqa: ST06
    r.run_id,
    m.name AS model,
    left(
        regexp_replace(COALESCE(r.prompt, lm.decode(r.token_ids[:60], m.name)), '\s+', ' ', 'g'), 60
    ) AS first_words,
    cardinality(r.token_ids) AS n_token,
    CASE
        WHEN NOT EXISTS (
            SELECT
            FROM lm.model_site AS s
            WHERE s.model_id = r.model_id AND s.site <> ALL (r.capture)
        )
            THEN 'all'
        ELSE array_to_string(r.capture, ',')
    END AS captured,
    r.interventions,
    (
        SELECT string_agg(t.name || '=' || t.value, ',' ORDER BY t.name)
        FROM lm.tag AS t
        WHERE t.run_id = r.run_id AND t.position IS NULL
    ) AS tags,
    lm.capture_bytes(
        ARRAY[cardinality(r.token_ids)], m.name, r.capture::text[], r.capture_layers,
        r.capture_positions, r.top_logits, r.capture_dtype
    ) AS bytes,
    r.started_at,
    r.capture_dtype
FROM lm.run AS r
INNER JOIN lm.model AS m ON m.model_id = r.model_id;

COMMENT ON VIEW lm.run_summary IS 'The runs there are, a line each: what psqlm runs lists.';
COMMENT ON COLUMN lm.run_summary.run_id IS 'The run.';
COMMENT ON COLUMN lm.run_summary.model IS 'Name of its model.';
COMMENT ON COLUMN lm.run_summary.first_words IS 'How its text begins, in one line.';
COMMENT ON COLUMN lm.run_summary.n_token IS 'How many tokens were run.';
COMMENT ON COLUMN lm.run_summary.captured IS 'The sites that were kept; all: every one that the model has.';
COMMENT ON COLUMN lm.run_summary.interventions IS 'The set of interventions that were made; NULL: none.';
COMMENT ON COLUMN lm.run_summary.tags IS 'Its tags, NAME=VALUE; NULL: none.';
COMMENT ON COLUMN lm.run_summary.bytes IS 'About how many bytes on disk it takes: lm.capture_bytes.';
COMMENT ON COLUMN lm.run_summary.started_at IS 'When it began.';
COMMENT ON COLUMN lm.run_summary.capture_dtype IS 'How its vectors are stored: float32 or float16.';

CREATE OR REPLACE FUNCTION lm.latest_run(
    site lm.site DEFAULT NULL
)
RETURNS bigint
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        COALESCE(
            max(r.run_id),
            lm_internal.fail(
                NULL::bigint,
                'there is no run' || COALESCE(' that captured ' || latest_run.site, ''),
                format(
                    'SELECT lm.forward(''Once upon a time'', capture => ''{%s}'') makes one',
                    COALESCE(latest_run.site, 'attn_out')
                )
            )
        )
    FROM lm.run AS r
    WHERE latest_run.site IS NULL OR latest_run.site = ANY (r.capture);
END;

COMMENT ON FUNCTION lm.latest_run IS
'The newest run, or the newest that captured a site. Errors: there is none.';
