-- How much of their attention heads give to tokens of a kind.

CREATE OR REPLACE FUNCTION lm.attention_share(
    run_ids bigint[],
    key_pattern text DEFAULT '',
    query_pattern text DEFAULT ''
)
RETURNS TABLE (
    layer int,
    head int,
    share float8,
    even_share float8,
    n_query bigint
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT DISTINCT u.run_id
        FROM unnest(attention_share.run_ids) AS u (run_id)
        WHERE lm_internal.same_model(attention_share.run_ids) IS NOT NULL
            AND lm_internal.require_capture(u.run_id, '{pattern}') IS NOT NULL
    ),

    -- 1 where a token is of the kind, 0 elsewhere                                            [key]
    kind AS MATERIALIZED (
        SELECT
            t.run_id,
            array_agg(
                COALESCE(t.token ~ COALESCE(attention_share.key_pattern, ''), false)::int
                ORDER BY t.position
            )::vector AS is_key,
            array_agg(
                t.token ~ COALESCE(attention_share.query_pattern, '') ORDER BY t.position
            ) AS is_query
        FROM input AS i
        INNER JOIN lm.token AS t ON t.run_id = i.run_id
        GROUP BY t.run_id
    ),

    query AS MATERIALIZED (
        SELECT
            q.run_id,
            q.position,
            q.is_key,
            -(q.is_key <#> lm.fill(1, q.position + 1)) / (q.position + 1) AS even_share
        FROM (
            SELECT
                k.run_id,
                b.number::int - 1 AS position,
                subvector(k.is_key, 1, b.number::int) AS is_key
            FROM kind AS k
            CROSS JOIN LATERAL unnest(k.is_query) WITH ORDINALITY AS b (is_query, number)
            WHERE b.is_query
        ) AS q
    )

    -- share = Σ_key pattern[query, key] · is_key[key], the mean over queries          [layer, head]
    SELECT
        a.layer,
        a.head,
        avg(-(a.value <#> q.is_key)),
        avg(q.even_share),
        count(*)
    FROM query AS q
    INNER JOIN lm.activation AS a ON a.run_id = q.run_id AND a.position = q.position
    WHERE a.site = 'pattern'
    GROUP BY a.layer, a.head
    ORDER BY a.layer, a.head;
END;

COMMENT ON FUNCTION lm.attention_share IS
'The share (0 to 1) of each head''s attention that goes to tokens which match key_pattern, from tokens which match query_pattern; both are regular expressions, and an empty one, or NULL, matches every token. even_share is what it would be if each query attended evenly to itself and all before it. n_query counts the queries, those captured. Errors: no run is named; there is no such run; the runs are of several models; one did not capture pattern.';
