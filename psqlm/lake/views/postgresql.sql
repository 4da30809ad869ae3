-- The runs of a database as the relations of exported files: temporary views, which the session's
-- names find before those of any schema. The table lake_run says which runs, and by what they are
-- known.

CREATE TEMPORARY VIEW text AS
SELECT
    l.model,
    l.capture,
    l.text_id,
    r.prompt AS text,
    (
        SELECT t.value FROM lm.tag AS t
        WHERE t.run_id = r.run_id AND t.position IS NULL AND t.name = 'source'
    ) AS source,
    (
        SELECT t.value::int FROM lm.tag AS t
        WHERE t.run_id = r.run_id AND t.position IS NULL AND t.name = 'line'
            AND t.value ~ '^\d{1,9}$'
    ) AS line,
    cardinality(r.token_ids) AS n_tokens,
    NULL::text AS left_out,
    r.started_at,
    extract(EPOCH FROM r.duration)::float8 AS seconds
FROM pg_temp.lake_run AS l
INNER JOIN lm.run AS r ON r.run_id = l.run_id;

CREATE TEMPORARY VIEW token AS
SELECT
    l.model,
    l.capture,
    l.text_id,
    t.position,
    t.token_id,
    t.token
FROM pg_temp.lake_run AS l
INNER JOIN lm.token AS t ON t.run_id = l.run_id;

CREATE TEMPORARY VIEW tag AS
SELECT
    l.model,
    l.capture,
    l.text_id,
    t.position,
    t.name,
    t.value
FROM pg_temp.lake_run AS l
INNER JOIN lm.tag AS t ON t.run_id = l.run_id;

CREATE TEMPORARY VIEW activation AS
SELECT
    l.model,
    l.capture,
    c.site::text AS site,
    l.text_id,
    c.layer,
    c.head,
    c.position,
    c.token_id,
    c.norm,
    c.value::real[] AS value
FROM pg_temp.lake_run AS l
INNER JOIN lm_internal.carried_vector AS c ON c.run_id = l.run_id
WHERE c.site <> 'pattern';

CREATE TEMPORARY VIEW pattern AS
SELECT
    l.model,
    l.capture,
    l.text_id,
    c.layer,
    c.head,
    c.position,
    c.token_id,
    c.value::real[] AS value
FROM pg_temp.lake_run AS l
INNER JOIN lm_internal.carried_vector AS c ON c.run_id = l.run_id
WHERE c.site = 'pattern';

CREATE TEMPORARY VIEW logit AS
SELECT
    l.model,
    l.capture,
    l.text_id,
    o.position,
    o.token_id,
    o.logit
FROM pg_temp.lake_run AS l
INNER JOIN lm.logit AS o ON o.run_id = l.run_id;

-- What is in lists, a row for each number.

CREATE TEMPORARY VIEW edge AS
WITH
sequence AS (
    SELECT
        t.text_id,
        array_agg(t.token_id ORDER BY t.position) AS token_ids
    FROM pg_temp.token AS t
    GROUP BY t.text_id
)

SELECT
    p.model,
    p.capture,
    p.text_id,
    p.layer,
    p.head,
    p.position AS query_position,
    k.number::int - 1 AS key_position,
    k.weight::float8 AS weight,
    p.token_id AS query_token_id,
    s.token_ids[k.number] AS key_token_id,
    -- NULL at the first key
    s.token_ids[k.number - 1] AS before_token_id
FROM pg_temp.pattern AS p
INNER JOIN sequence AS s ON s.text_id = p.text_id
CROSS JOIN LATERAL unnest(p.value) WITH ORDINALITY AS k (weight, number);

CREATE TEMPORARY VIEW element AS
SELECT
    a.model,
    a.capture,
    a.site,
    a.text_id,
    a.layer,
    a.head,
    a.position,
    e.number::int - 1 AS unit,
    e.value
FROM pg_temp.activation AS a
CROSS JOIN LATERAL unnest(a.value) WITH ORDINALITY AS e (value, number);
