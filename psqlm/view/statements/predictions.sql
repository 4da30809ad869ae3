-- the likeliest tokens after each position
SELECT position, rank, token_id, token, logit, probability
FROM lm.predictions(%(run_id)s, k => 5);
