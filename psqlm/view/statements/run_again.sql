-- the same tokens again, keeping all that a page shows
SELECT
    lm.forward(
        r.prompt,
        m.name,
        %(sites)s,
        CASE WHEN r.prompt IS NULL THEN r.token_ids END,
        %(interventions)s,
        capture_dtype => r.capture_dtype
    ) AS run_id
FROM lm.run AS r
INNER JOIN lm.model AS m USING (model_id)
WHERE r.run_id = %(run_id)s;
