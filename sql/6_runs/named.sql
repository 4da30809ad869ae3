-- Which runs are meant: by their numbers, by a tag, or all, and in which words.

CREATE OR REPLACE FUNCTION lm_internal.write_ranges(
    numbers int8multirange
)
RETURNS text
LANGUAGE sql
IMMUTABLE
RETURN (
    SELECT
        string_agg(
            concat_ws('-', lower(n.part), nullif(upper(n.part) - 1, lower(n.part))),
            ',' ORDER BY n.part
        )
    FROM unnest(write_ranges.numbers) AS n (part)
);

COMMENT ON FUNCTION lm_internal.write_ranges IS 'Numbers as one writes them: 1-3,5.';

CREATE OR REPLACE FUNCTION lm_internal.read_ranges(
    numbers text
)
RETURNS int8multirange
LANGUAGE sql
IMMUTABLE
RETURN (
    SELECT
        CASE
            WHEN bool_and(r.first <= r.last AND r.last < 9223372036854775807)
                THEN range_agg(
                    CASE
                        WHEN r.first <= r.last AND r.last < 9223372036854775807
                            THEN int8range(r.first::bigint, r.last::bigint, '[]')
                    END
                )
        END
    FROM regexp_split_to_table(read_ranges.numbers, ',') AS t (part)
    LEFT JOIN LATERAL regexp_match(t.part, '^\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?$') AS m (number)
        ON true
    CROSS JOIN LATERAL (
        SELECT
            COALESCE(m.number[1]::numeric, 1) AS first,
            -- what is no number becomes a range that ends before it begins, which is refused
            COALESCE(m.number[2]::numeric, m.number[1]::numeric, 0) AS last
    ) AS r
);

COMMENT ON FUNCTION lm_internal.read_ranges IS 'Numbers written as 1-3,5; NULL if the text is anything else.';

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
            a.numbers,
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
            WHEN NOT x.any_is_meant AND NOT isempty(x.numbers)
                THEN lm_internal.fail(
                    true,
                    format(
                        'none of the runs %s is of the model %s',
                        named_runs.which, named_runs.model
                    ),
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
