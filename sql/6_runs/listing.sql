-- Runs that are meant, whatever they captured.

CREATE OR REPLACE FUNCTION lm_internal.check_which(
    which text
)
RETURNS text
LANGUAGE sql
STABLE
RETURN CASE
    WHEN check_which.which IS NULL
        THEN lm_internal.fail(
            NULL::text, 'which runs: NULL', 'say 1,2,5-9 or all or tag:NAME=VALUE'
        )
    WHEN check_which.which = 'all' THEN 'all'
    WHEN check_which.which ~ '^tag:[^=]+=.' THEN 'tag'
    WHEN starts_with(check_which.which, 'tag:')
        THEN lm_internal.fail(
            NULL::text, format('"%s" names no tag', check_which.which), 'say tag:NAME=VALUE'
        )
    WHEN lm_internal.read_ranges(check_which.which) IS NULL
        THEN lm_internal.fail(
            NULL::text,
            format('"%s" names no runs', check_which.which),
            'say 1,2,5-9 or all or tag:NAME=VALUE'
        )
    ELSE 'numbers'
END;

COMMENT ON FUNCTION lm_internal.check_which IS
'How runs are named: all, tag (tag:NAME=VALUE) or numbers (1,2,5-9). Errors: in none of these ways.';

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
                    'the table lm.run lists all runs'
                )
            WHEN NOT x.any_is_meant
                THEN lm_internal.fail(
                    true,
                    format(
                        'there is no such run%s: %s',
                        ' of the model ' || named_runs.model, named_runs.which
                    ),
                    'the table lm.run lists all runs'
                )
            ELSE true
        END
    ORDER BY f.run_id;
END;

COMMENT ON FUNCTION lm.named_runs IS
'Every run that is meant by numbers (1,2,5-9), by tag:NAME=VALUE or by all, whatever it captured, of this model (NULL: of any): the words are those of lm.select_runs, which leaves some out. Errors: other words; no such run; none of that model.';
