-- the run of a text that kept all that a page shows, made if there is none
SELECT f.run_id
FROM lm.model AS m
CROSS JOIN LATERAL lm.forward_once(
    ARRAY[%(prompt)s],
    m.name,
    ARRAY(
        SELECT s.site::text
        FROM lm.model_site AS s
        WHERE s.model_id = m.model_id AND s.site = ANY (%(shown)s::lm.site[])
    )
) AS f
WHERE m.name = coalesce(%(model)s, lm.default_model());
