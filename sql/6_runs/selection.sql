-- The runs that a regression takes.

CREATE OR REPLACE VIEW lm_internal.whole_run WITH (security_invoker = true) AS
SELECT
    r.run_id,
    m.name AS model,
    r.token_ids,
    r.interventions,
    r.intervention_digest
FROM lm.run AS r
INNER JOIN lm.model AS m ON m.model_id = r.model_id
WHERE 'attn_out' = ANY (r.capture)
    AND num_nonnulls(r.capture_layers, r.capture_positions) = 0;

COMMENT ON VIEW lm_internal.whole_run IS
'The runs that kept their attention adjustments whole, in every layer and at every position: those that regressions over many runs take.';
COMMENT ON COLUMN lm_internal.whole_run.run_id IS 'The run.';
COMMENT ON COLUMN lm_internal.whole_run.model IS 'Name of its model.';
COMMENT ON COLUMN lm_internal.whole_run.token_ids IS 'The tokens that were run.';
COMMENT ON COLUMN lm_internal.whole_run.interventions IS 'The set of interventions that were made; NULL: none.';
COMMENT ON COLUMN lm_internal.whole_run.intervention_digest IS 'As in lm.run.';

CREATE OR REPLACE FUNCTION lm_internal.numbered_runs(
    which text,
    model text
)
RETURNS SETOF bigint
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    named AS MATERIALIZED (
        SELECT
            n.run_id,
            'attn_out' = ANY (r.capture) AS has_adjustments
        FROM lm.named_runs(numbered_runs.which, numbered_runs.model) AS n (run_id)
        INNER JOIN lm.run AS r ON r.run_id = n.run_id
    ),

    fault AS MATERIALIZED (
        SELECT
            range_agg(int8range(n.run_id, n.run_id, '[]')) FILTER (WHERE NOT n.has_adjustments)
                AS bare
        FROM named AS n
    )

    SELECT n.run_id
    FROM fault AS x
    CROSS JOIN named AS n
    WHERE x.bare IS NULL
        OR lm_internal.fail(
            true,
            format('the runs %s kept no attention adjustments', lm_internal.write_ranges(x.bare)),
            'run their texts again with attn_out among the captured sites'
        );
END;

COMMENT ON FUNCTION lm_internal.numbered_runs IS
'The runs with these numbers, of this model (NULL: of any). Errors: those of lm.named_runs; one without attention adjustments.';

CREATE OR REPLACE FUNCTION lm.select_runs(
    which text DEFAULT 'all',
    model text DEFAULT NULL
)
RETURNS TABLE (
    run_id bigint,
    n_older bigint
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    asked AS MATERIALIZED (
        SELECT
            k.kind <> 'numbers' AS is_search,
            k.kind = 'tag' AS is_tag,
            split_part(s.tag, '=', 1) AS name,
            substr(s.tag, strpos(s.tag, '=') + 1) AS value
        FROM lm_internal.check_which(select_runs.which) AS k (kind)
        CROSS JOIN (SELECT substr(select_runs.which, 5) AS tag) AS s
    ),

    chosen AS MATERIALIZED (
        SELECT
            n.run_id,
            0 AS n_older
        FROM asked AS a
        CROSS JOIN LATERAL (
            SELECT n.run_id
            FROM lm_internal.numbered_runs(select_runs.which, select_runs.model) AS n (run_id)
            WHERE NOT a.is_search
        ) AS n

        UNION ALL

        -- of a text that was run again, its last run
        SELECT
            max(w.run_id),
            count(*) - 1
        FROM asked AS a
        INNER JOIN lm_internal.whole_run AS w ON w.model = COALESCE(select_runs.model, w.model)
        WHERE a.is_search
            AND CASE
                WHEN a.is_tag
                    THEN EXISTS (
                        SELECT
                        FROM lm.tag AS t
                        WHERE t.run_id = w.run_id
                            AND t.position IS NULL
                            AND t.name = a.name
                            AND t.value = a.value
                    )
                ELSE w.interventions IS NULL
            END
        GROUP BY w.model, w.token_ids, w.interventions, w.intervention_digest
    ),

    models AS (
        SELECT
            array_agg(DISTINCT m.name ORDER BY m.name) AS names
        FROM chosen AS c
        INNER JOIN lm.run AS r ON r.run_id = c.run_id
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
    )

    SELECT
        c.run_id,
        c.n_older
    FROM models AS m
    CROSS JOIN asked AS a
    LEFT JOIN chosen AS c ON true
    WHERE
        CASE
            WHEN m.names IS NULL
                THEN lm_internal.fail(
                    true,
                    format(
                        CASE
                            WHEN a.is_tag THEN 'no run%s that kept attn_out is tagged %s=%s'
                            ELSE 'there is no run%s to analyze'
                        END,
                        ' of the model ' || select_runs.model, a.name, a.value
                    ),
                    CASE
                        WHEN a.is_tag THEN 'the table lm.tag has the tags there are'
                        ELSE 'psqlm run --file F --each line makes some'
                    END
                )
            WHEN cardinality(m.names) > 1
                THEN lm_internal.fail(
                    true,
                    format(
                        'the runs are of several models (%s)', array_to_string(m.names, ', ')
                    ),
                    format(
                        'name one with --model, or compare them: --models %s',
                        array_to_string(m.names, ',')
                    )
                )
            ELSE true
        END
    ORDER BY c.run_id;
END;

COMMENT ON FUNCTION lm.select_runs IS
'The runs of one model to analyze: numbers (1,2,5-9), tag:NAME=VALUE, or all, which are those without interventions. The latter two take those that kept their attention adjustments whole and, of a text that was run several times, the last: n_older counts the others, whose rows would count twice. Errors: no such run; runs of several models; those of lm_internal.numbered_runs.';
