-- How much each token surprised the model, given those before it, in nats: −ln probability. Where
-- all logits were kept (n_logits is the size of the vocabulary) it is that of lm.surprise. Where
-- only the highest were, it is the surprise among these, which is below that of all, and NULL for a
-- token that is not one of them.
WITH
-- the highest first, so that no power of e is too large
highest AS (
    SELECT
        l.text_id,
        l.position,
        max(l.logit) AS logit,
        count(*) AS n_logits
    FROM logit AS l
    GROUP BY l.text_id, l.position
),

-- ln Σ e^logit, and the logit of the token that came
prediction AS (
    SELECT
        l.text_id,
        l.position,
        -- below e^−700 nothing is added; PostgreSQL refuses what float8 does not hold
        max(h.logit) + ln(sum(exp(greatest(l.logit - h.logit, -700)))) AS log_total,
        max(h.n_logits) AS n_logits,
        max(CASE WHEN l.token_id = t.token_id THEN l.logit END) AS logit
    FROM logit AS l
    INNER JOIN highest AS h ON h.text_id = l.text_id AND h.position = l.position
    INNER JOIN token AS t ON t.text_id = l.text_id AND t.position = l.position + 1
    GROUP BY l.text_id, l.position
)

SELECT
    t.model,
    t.capture,
    t.text_id,
    t.position,
    t.token_id,
    t.token,
    p.log_total - p.logit AS surprise,
    p.n_logits
FROM token AS t
INNER JOIN prediction AS p ON p.text_id = t.text_id AND p.position = t.position - 1
ORDER BY t.model, t.capture, t.text_id, t.position;
