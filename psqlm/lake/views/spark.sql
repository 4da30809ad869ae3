-- What is in lists, a row for each number, as Spark unpacks them.

CREATE OR REPLACE TEMPORARY VIEW edge AS
WITH
sequence AS (
    SELECT
        t.text_id,
        transform(
            array_sort(collect_list(struct(t.position, t.token_id))), x -> x.token_id
        ) AS token_ids
    FROM token AS t
    GROUP BY t.text_id
)

-- to every executor, for it is small beside the patterns, which stay where they are
SELECT /*+ BROADCAST(s) */
    p.model,
    p.capture,
    p.text_id,
    p.layer,
    p.head,
    p.position AS query_position,
    k.key_position,
    k.weight,
    p.token_id AS query_token_id,
    s.token_ids[k.key_position] AS key_token_id,
    CASE WHEN k.key_position > 0 THEN s.token_ids[k.key_position - 1] END AS before_token_id
FROM pattern AS p
INNER JOIN sequence AS s ON s.text_id = p.text_id
LATERAL VIEW posexplode(p.value) k AS key_position, weight;

CREATE OR REPLACE TEMPORARY VIEW element AS
SELECT
    a.model,
    a.capture,
    a.site,
    a.text_id,
    a.layer,
    a.head,
    a.position,
    e.unit,
    e.value
FROM activation AS a
LATERAL VIEW posexplode(a.value) e AS unit, value;
