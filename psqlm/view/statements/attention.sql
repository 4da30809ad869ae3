-- the attention of each head of a layer: of a query to the keys up to it, as a vector
-- (lm.attention_pattern has a row for each query and key, with their tokens)
SELECT head, position, value
FROM lm.activation
WHERE run_id = %(run_id)s AND site = 'pattern' AND layer = %(layer)s
ORDER BY head, position;
