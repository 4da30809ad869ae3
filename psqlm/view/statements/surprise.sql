-- how much each token surprised the model, given those before it (nats), and its probability
SELECT position, token, surprise, probability
FROM lm.surprise(%(run_id)s);
