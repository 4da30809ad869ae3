-- a token by its text, or the one that is predicted at a position
SELECT
    v.token_id,
    v.token
FROM lm.run AS r
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN %(token)s::text IS NOT NULL THEN lm.token_id(%(token)s::text, %(model)s)
            ELSE (
                SELECT l.token_id
                FROM lm.logit_lens(r.run_id, %(position)s, k => 1) AS l
                ORDER BY l.layer DESC
                LIMIT 1
            )
        END AS token_id
) AS asked
INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = asked.token_id
WHERE r.run_id = %(run_id)s;
