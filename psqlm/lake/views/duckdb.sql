-- What is in lists, a row for each number, as DuckDB unpacks them.

CREATE TEMPORARY VIEW edge AS
WITH
sequence AS (
    SELECT
        t.text_id,
        list(t.token_id ORDER BY t.position) AS token_ids
    FROM token AS t
    GROUP BY t.text_id
),

edge AS (
    SELECT
        p.*,
        s.token_ids,
        unnest(range(len(p.value))) AS key_position
    FROM pattern AS p
    INNER JOIN sequence AS s ON s.text_id = p.text_id
)

SELECT
    e.model,
    e.capture,
    e.text_id,
    e.layer,
    e.head,
    e.position AS query_position,
    e.key_position,
    e.value[e.key_position + 1] AS weight,
    e.token_id AS query_token_id,
    e.token_ids[e.key_position + 1] AS key_token_id,
    -- NULL at the first key
    e.token_ids[e.key_position] AS before_token_id
FROM edge AS e;

CREATE TEMPORARY VIEW element AS
SELECT
    a.model,
    a.capture,
    a.site,
    a.text_id,
    a.layer,
    a.head,
    a.position,
    unnest(range(len(a.value))) AS unit,
    unnest(a.value) AS value
FROM activation AS a;
