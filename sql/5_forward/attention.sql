-- Attention: what each head of each position takes from the positions up to it.
-- Vaswani et al. 2017; grouped heads Ainslie et al. 2023.

CREATE OR REPLACE FUNCTION lm_internal.attention(
    q vector[],
    k vector[],
    v vector[],
    here lm_internal.here
)
RETURNS TABLE (
    attn_scores vector[],
    pattern vector[],
    z vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    WITH
    size AS MATERIALIZED (
        SELECT
            lm.fill(-(attention.here).attn_scaling, (attention.here).d_head) AS scale,
            lm_internal.identity((attention.here).d_head) AS identity,
            (attention.here).attn_logit_softcapping AS cap,
            lm_internal.has_change((attention.here).changes, 'attn_scores', (attention.here).layer)
                AS edges_are_cut,
            lm_internal.has_change((attention.here).changes, 'pattern', (attention.here).layer)
                AS pattern_is_changed
    ),

    context AS MATERIALIZED (
        SELECT
            c.*,
            -- how many of the keys lie before the window of each query
            ARRAY(
                SELECT
                    greatest(
                        unnest(c.positions) + 1 - (attention.here).sliding_window - c.first_key, 0
                    )
            ) AS n_unseen,
            lm.fill(0, cardinality(c.keys)) AS zeros
        FROM lm_internal.context(attention.q, attention.k, attention.v, attention.here) AS c
    ),

    -- keys and values cut into heads                                       [key, d_head]
    key_head AS MATERIALIZED (
        SELECT
            c.sequence,
            h.head,
            ARRAY(SELECT subvector(unnest(c.keys), h.start, (attention.here).d_head)) AS k,
            h.v,
            transposed.v AS v_transposed
        FROM size
        CROSS JOIN context AS c
        CROSS JOIN LATERAL (
            SELECT
                i AS head,
                i * (attention.here).d_head + 1 AS start,
                ARRAY(
                    SELECT
                        subvector(
                            unnest(c.values), i * (attention.here).d_head + 1,
                            (attention.here).d_head
                        )
                ) AS v
            FROM generate_series(0, (attention.here).n_kv_head - 1) AS i
            OFFSET 0
        ) AS h
        -- for many queries vᵀ = I vᵀ first: products with it are cheaper than weighted sums
        CROSS JOIN LATERAL lm_internal.product(
            CASE WHEN cardinality(c.queries) >= 8 THEN size.identity END, h.v
        ) AS transposed (v)
    ),

    -- Queries cut into heads, each with the keys of its group. From here on a row is a head and its
    -- matrices follow the queries. q is multiplied by −scaling, for <#> is minus the product.
    head AS MATERIALIZED (
        SELECT
            c.sequence,
            n.head,
            c.rows,
            c.positions,
            c.n_unseen,
            c.first_key,
            c.zeros,
            ARRAY(
                SELECT
                    subvector(
                        unnest(c.queries), n.head * (attention.here).d_head + 1,
                        (attention.here).d_head
                    ) * size.scale
            ) AS q,
            n.head * (attention.here).n_kv_head / (attention.here).n_head AS kv_head
        FROM size
        CROSS JOIN context AS c
        CROSS JOIN generate_series(0, (attention.here).n_head - 1) AS n (head)
    ),

    -- attn_scores = q · k × scaling of the keys a query sees: those up to itself in its window.
    -- In a family with a cap, cap · tanh(attn_scores / cap).                           [query, key]
    attn_scores AS MATERIALIZED (
        SELECT
            head.*,
            ARRAY(
                SELECT
                    CASE
                        WHEN size.edges_are_cut
                            THEN lm_internal.knock_out(
                                capped.x, (attention.here).changes, (attention.here).layer,
                                head.head, head.sequence, b.position, head.first_key + b.n_unseen
                            )
                        ELSE capped.x
                    END
                FROM unnest(head.q, head.positions, head.n_unseen) AS b (q, position, n_unseen)
                CROSS JOIN LATERAL (
                    SELECT
                        ARRAY(
                            SELECT b.q <#> unnest(key_head.k)
                            LIMIT b.position + 1 - head.first_key - b.n_unseen
                            OFFSET b.n_unseen
                        )::vector AS x
                    OFFSET 0
                ) AS s
                CROSS JOIN LATERAL (
                    SELECT
                        CASE
                            WHEN size.cap IS NULL THEN s.x
                            ELSE ARRAY(
                                SELECT size.cap * tanh(unnest(s.x::real[]) / size.cap)
                            )::vector
                        END AS x
                    OFFSET 0
                ) AS capped
            ) AS scores
        FROM size
        CROSS JOIN head
        INNER JOIN key_head
            ON key_head.sequence = head.sequence AND key_head.head = head.kv_head
    ),

    -- pattern = softmax(attn_scores), 0 for the keys before the window                [query, key]
    pattern AS MATERIALIZED (
        SELECT
            a.sequence,
            a.head,
            a.rows,
            a.kv_head,
            a.zeros,
            CASE
                WHEN size.pattern_is_changed
                    THEN ARRAY(
                        SELECT
                            lm_internal.change_row(
                                b.weights, (attention.here).changes, 'pattern',
                                (attention.here).layer, a.head, a.sequence, b.position
                            )
                        FROM unnest(seen.weights, a.positions) AS b (weights, position)
                    )
                ELSE seen.weights
            END AS weights
        FROM size
        CROSS JOIN attn_scores AS a
        CROSS JOIN LATERAL lm_internal.softmax(a.scores) AS seeing (weights)
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN (attention.here).sliding_window IS NULL THEN seeing.weights
                    ELSE ARRAY(
                        SELECT
                            CASE
                                WHEN b.n_unseen > 0
                                    THEN subvector(a.zeros, 1, b.n_unseen) || b.weights
                                ELSE b.weights
                            END
                        FROM unnest(seeing.weights, a.n_unseen) AS b (weights, n_unseen)
                    )
                END AS weights
            OFFSET 0
        ) AS seen
    ),

    -- z = Σ_key pattern[key] v[key]                                           [query, d_head]
    head_z AS MATERIALIZED (
        SELECT
            p.head,
            p.rows,
            COALESCE(
                many.z,
                ARRAY(
                    SELECT
                        COALESCE(
                            (
                                SELECT lm.total(lm.fill(w.weight, (attention.here).d_head) * w.v)
                                FROM (
                                    SELECT
                                        unnest(b.weights::real[]) AS weight,
                                        unnest(key_head.v) AS v
                                ) AS w
                                WHERE w.weight <> 0
                            ),
                            lm.fill(0, (attention.here).d_head)
                        )
                    FROM unnest(p.weights) AS b (weights)
                )
            ) AS z
        FROM pattern AS p
        INNER JOIN key_head
            ON key_head.sequence = p.sequence AND key_head.head = p.kv_head
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN key_head.v_transposed IS NOT NULL
                        THEN ARRAY(
                            SELECT lm_internal.pad(b.weights, p.zeros)
                            FROM unnest(p.weights) AS b (weights)
                        )
                END AS weights
            OFFSET 0
        ) AS padded
        CROSS JOIN LATERAL lm_internal.product(padded.weights, key_head.v_transposed) AS many (z)
    )

    SELECT
        CASE
            WHEN 'attn_scores' = ANY ((attention.here).keep)
                THEN ARRAY(
                    SELECT
                        CASE
                            WHEN b.n_unseen > 0 THEN lm.fill(-1e38, b.n_unseen) || b.scores
                            ELSE b.scores
                        END
                    FROM attn_scores AS a
                    CROSS JOIN unnest(a.rows, a.scores, a.n_unseen) AS b (row, scores, n_unseen)
                    ORDER BY b.row, a.head
                )
        END,
        CASE
            WHEN 'pattern' = ANY ((attention.here).keep)
                THEN ARRAY(
                    SELECT b.weights
                    FROM pattern AS p
                    CROSS JOIN unnest(p.rows, p.weights) AS b (row, weights)
                    ORDER BY b.row, p.head
                )
        END,
        hooked.z
    -- the heads joined                                                      [row, n_head · d_head]
    FROM (
        SELECT
            ARRAY(
                SELECT lm.concat(b.z ORDER BY head_z.head)
                FROM head_z
                CROSS JOIN unnest(head_z.rows, head_z.z) AS b (row, z)
                GROUP BY b.row
                ORDER BY b.row
            ) AS z
        OFFSET 0
    ) AS joined
    CROSS JOIN LATERAL lm_internal.hook('z', joined.z, attention.here) AS hooked (z)
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.attention IS
'Queries, keys and values to z, the weighted sums of values, heads end to end. attn_scores and pattern, a vector for each row and head with a number per key, are NULL unless kept. Returns one row.';
