-- token by token: how much more each surprised the model in the one run than in the other
SELECT
    position,
    a.token,
    b.token AS other_token,
    a.surprise,
    b.surprise AS other_surprise,
    a.surprise - b.surprise AS difference
FROM lm.surprise(%(run_id)s) AS a
INNER JOIN lm.surprise(%(other_run)s) AS b USING (position)
WHERE position > 0
ORDER BY position;
