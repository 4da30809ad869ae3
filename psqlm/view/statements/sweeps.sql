-- the newest sweeps whose clean or corrupt prompt is this text
SELECT
    s.sweep_id,
    s.site,
    s.clean_difference,
    s.corrupt_difference,
    va.token AS answer,
    vw.token AS wrong,
    lm.decode(clean.token_ids, m.name) AS clean,
    lm.decode(corrupt.token_ids, m.name) AS corrupt
FROM lm.patching_sweep AS s
INNER JOIN lm.run AS clean ON clean.run_id = s.clean_run
INNER JOIN lm.run AS corrupt ON corrupt.run_id = s.corrupt_run
INNER JOIN lm.model AS m ON m.model_id = clean.model_id
INNER JOIN lm.vocabulary AS va ON va.model_id = m.model_id AND va.token_id = s.answer
INNER JOIN lm.vocabulary AS vw ON vw.model_id = m.model_id AND vw.token_id = s.wrong
INNER JOIN lm.run AS r ON r.run_id = %(run_id)s AND r.model_id = clean.model_id
WHERE r.token_ids IN (clean.token_ids, corrupt.token_ids)
ORDER BY s.sweep_id DESC
LIMIT 4;
