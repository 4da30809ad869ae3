-- Runs to look through: which there are, the newest, and those that are meant.

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

CREATE OR REPLACE FUNCTION lm.named_runs(
    which text,
    model text DEFAULT NULL
)
RETURNS SETOF bigint
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    asked AS MATERIALIZED (
        SELECT
            lm_internal.read_ranges(named_runs.which) AS numbers,
            lm_internal.check_which(named_runs.which) AS kind
    ),

    found AS MATERIALIZED (
        SELECT
            r.run_id,
            m.name = COALESCE(named_runs.model, m.name) AS is_meant
        FROM asked AS a
        INNER JOIN lm.run AS r
            ON CASE a.kind
                WHEN 'all' THEN true
                WHEN 'numbers' THEN r.run_id <@ a.numbers
                ELSE EXISTS (
                    SELECT
                    FROM lm.tag AS t
                    WHERE t.run_id = r.run_id
                        AND t.position IS NULL
                        AND 'tag:' || t.name || '=' || t.value = named_runs.which
                )
            END
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
    ),

    -- as ranges: there may be more numbers than memory
    fault AS MATERIALIZED (
        SELECT
            a.numbers
            - COALESCE(
                range_agg(int8range(f.run_id, f.run_id, '[]')) FILTER (WHERE f.run_id IS NOT NULL),
                '{}'
            ) AS missing,
            COALESCE(bool_or(f.is_meant), false) AS any_is_meant
        FROM asked AS a
        LEFT JOIN found AS f ON true
        GROUP BY a.numbers
    )

    SELECT f.run_id
    FROM fault AS x
    LEFT JOIN found AS f ON f.is_meant
    WHERE
        CASE
            WHEN NOT isempty(x.missing)
                THEN lm_internal.fail(
                    true,
                    'there are no runs ' || lm_internal.write_ranges(x.missing),
                    'psqlm runs lists them'
                )
            WHEN NOT x.any_is_meant
                THEN lm_internal.fail(
                    true,
                    format(
                        'there is no such run%s: %s',
                        ' of the model ' || named_runs.model, named_runs.which
                    ),
                    'psqlm runs lists them'
                )
            ELSE true
        END
    ORDER BY f.run_id;
END;

COMMENT ON FUNCTION lm.named_runs IS
'Every run that is meant by numbers (1,2,5-9), by tag:NAME=VALUE or by all, whatever it captured, of this model (NULL: of any): the words are those of lm.select_runs, which leaves some out. Errors: other words; no such run; none of that model.';
