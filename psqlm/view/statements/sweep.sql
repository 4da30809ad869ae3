-- how much of the answer comes back with each patch: 0 nothing, 1 all that the clean prompt has
SELECT
    e.layer,
    e.head,
    e.position,
    t.token,
    e.logit_difference,
    (e.logit_difference - s.corrupt_difference)
    / nullif(s.clean_difference - s.corrupt_difference, 0) AS recovered
FROM lm.patching_sweep AS s
INNER JOIN lm.patching_effect AS e USING (sweep_id)
LEFT JOIN lm.token AS t ON t.run_id = s.corrupt_run AND t.position = e.position
WHERE sweep_id = %(sweep_id)s
ORDER BY e.layer, e.head, e.position;
