-- a run: which model read what
SELECT
    m.name AS model,
    m.n_layer,
    m.n_head,
    m.n_vocab,
    coalesce(r.prompt, lm.decode(r.token_ids, m.name)) AS prompt,
    ARRAY(SELECT t.token FROM lm.token AS t WHERE t.run_id = r.run_id ORDER BY t.position)
        AS tokens,
    r.interventions
FROM lm.run AS r
INNER JOIN lm.model AS m USING (model_id)
WHERE r.run_id = %(run_id)s;
