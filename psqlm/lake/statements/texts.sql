-- How many texts there are of each model and capture, how many tokens they have, and how many texts
-- were left out.
SELECT
    t.model,
    t.capture,
    count(*) FILTER (WHERE t.left_out IS NULL) AS n_texts,
    sum(t.n_tokens) FILTER (WHERE t.left_out IS NULL) AS n_tokens,
    count(*) FILTER (WHERE t.left_out IS NOT NULL) AS n_left_out
FROM text AS t
GROUP BY t.model, t.capture
ORDER BY t.model, t.capture;
