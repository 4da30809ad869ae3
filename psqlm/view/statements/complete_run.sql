-- the newest run of the same tokens that kept all that a page shows,
-- stored alike, with the same interventions or without any
SELECT
    r.run_id,
    needed.sites::text[] AS sites,
    r.interventions,
    complete.run_id AS complete_run,
    (
        r.interventions IS NOT NULL
        AND r.intervention_digest
        IS DISTINCT FROM lm_internal.intervention_digest(r.interventions, m.model_id)
    ) AS has_changed
FROM lm.run AS r
INNER JOIN lm.model AS m USING (model_id)
CROSS JOIN LATERAL (
    SELECT array_agg(s.site ORDER BY s.site) AS sites
    FROM lm.model_site AS s
    WHERE s.model_id = m.model_id
        AND s.site = ANY (%(shown)s::lm.site[])
) AS needed
LEFT JOIN LATERAL (
    SELECT o.run_id
    FROM lm.run AS o
    WHERE o.model_id = r.model_id
        AND o.token_ids = r.token_ids
        AND o.capture_dtype = r.capture_dtype
        AND CASE
            WHEN %(plain)s THEN o.interventions IS NULL
            ELSE
                o.interventions IS NOT DISTINCT FROM r.interventions
                AND o.intervention_digest IS NOT DISTINCT FROM r.intervention_digest
        END
        AND o.capture @> needed.sites
        AND o.capture_layers IS NULL
        AND o.capture_positions IS NULL
    ORDER BY o.run_id = r.run_id DESC, o.run_id DESC
    LIMIT 1
) AS complete ON true
WHERE r.run_id = %(run_id)s;
