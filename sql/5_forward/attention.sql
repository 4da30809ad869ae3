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
            (attention.here).d_head,
            (attention.here).n_head / (attention.here).n_kv_head AS n_group,
            lm.fill(-(attention.here).attn_scaling, (attention.here).d_head) AS scale,
            lm.fill(0, (attention.here).n_kv_head * (attention.here).d_head) AS zeros,
            (attention.here).attn_logit_softcapping AS cap,
            lm_internal.has_change((attention.here).changes, 'attn_scores', (attention.here).layer)
                AS edges_are_cut,
            lm_internal.has_change((attention.here).changes, 'pattern', (attention.here).layer)
                AS pattern_is_changed
    ),

    -- the batch, a row for each sequence
    batch AS MATERIALIZED (
        SELECT
            b.sequence,
            b.parent,
            min(b.position) AS first_position,
            count(*) >= 8 AS has_many,
            array_agg(b.row ORDER BY b.position) AS rows,
            array_agg(b.position ORDER BY b.position) AS positions,
            array_agg(b.q ORDER BY b.position) AS q,
            array_agg(b.k ORDER BY b.position) AS k,
            array_agg(b.v ORDER BY b.position) AS v
        FROM unnest(
            attention.q, attention.k, attention.v,
            (attention.here).sequences, (attention.here).positions, (attention.here).parents
        ) WITH ORDINALITY AS b (q, k, v, sequence, position, parent, row)
        GROUP BY b.sequence, b.parent
    ),

    -- attn_scores = q · k × scaling of the keys a query sees: those up to itself in its window.
    -- In a family with a cap, cap · tanh(attn_scores / cap).                           [query, key]
    attn_scores AS MATERIALIZED (
        SELECT
            b.sequence,
            g.kv_head,
            h.head,
            b.rows,
            b.positions,
            c.n_unseen,
            c.zeros,
            attn_scores.x AS scores
        FROM size
        CROSS JOIN batch AS b
        CROSS JOIN LATERAL (
            SELECT
                c.first_key,
                c.x,
                unseen.n AS n_unseen,
                ARRAY(
                    SELECT r.position + 1 - c.first_key - r.n_unseen
                    FROM unnest(b.positions, unseen.n) AS r (position, n_unseen)
                ) AS n_visible,
                lm.fill(0, cardinality(c.x)) AS zeros
            FROM lm_internal.context(
                'k', b.k, attention.k, b.sequence, b.parent, b.first_position, attention.here
            ) AS c
            -- how many of the keys lie before the window of each query
            CROSS JOIN LATERAL (
                SELECT
                    ARRAY(
                        SELECT
                            greatest(
                                unnest(b.positions) + 1
                                - (attention.here).sliding_window - c.first_key,
                                0
                            )
                    ) AS n
                OFFSET 0
            ) AS unseen
            OFFSET 0
        ) AS c
        CROSS JOIN LATERAL lm_internal.kv_heads(attention.here) AS g

        -- For many queries the keys are cut into heads. Of few queries each is put among zeros,
        -- as wide as the keys are.
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN b.has_many THEN ARRAY(SELECT subvector(unnest(c.x), g.start, size.d_head))
                    ELSE c.x
                END AS x
            OFFSET 0
        ) AS k
        CROSS JOIN LATERAL (
            SELECT g.kv_head * size.n_group + i AS head
            FROM generate_series(0, size.n_group - 1) AS i
            OFFSET 0
        ) AS h
        CROSS JOIN LATERAL (
            SELECT
                ARRAY(
                    SELECT
                        CASE
                            WHEN b.has_many THEN cut.q
                            WHEN g.start = 1 THEN lm_internal.pad(cut.q, size.zeros)
                            ELSE lm_internal.pad(
                                subvector(size.zeros, 1, g.start - 1) || cut.q, size.zeros
                            )
                        END
                    FROM (
                        -- by −scaling, for <#> is minus the product
                        SELECT
                            subvector(unnest(b.q), h.head * size.d_head + 1, size.d_head)
                            * size.scale AS q
                    ) AS cut
                ) AS x
            OFFSET 0
        ) AS q
        CROSS JOIN LATERAL lm_internal.scores(
            q.x, k.x, c.n_visible, c.n_unseen, size.cap
        ) AS scored (x)
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN size.edges_are_cut
                        THEN ARRAY(
                            SELECT
                                lm_internal.knock_out(
                                    r.x, (attention.here).changes, (attention.here).layer,
                                    h.head, b.sequence, r.position, c.first_key + r.n_unseen
                                )
                            FROM unnest(scored.x, b.positions, c.n_unseen)
                                AS r (x, position, n_unseen)
                        )
                    ELSE scored.x
                END AS x
            OFFSET 0
        ) AS attn_scores
    ),

    -- pattern = softmax(attn_scores), 0 for the keys before the window                [query, key]
    pattern AS MATERIALIZED (
        SELECT
            a.sequence,
            a.kv_head,
            a.head,
            a.rows,
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
            COALESCE(many.z, few.z) AS z
        FROM size
        CROSS JOIN batch AS b
        CROSS JOIN LATERAL (
            SELECT
                c.x,
                CASE WHEN b.has_many THEN lm_internal.identity(size.d_head) END AS identity
            FROM lm_internal.context(
                'v', b.v, attention.v, b.sequence, b.parent, b.first_position, attention.here
            ) AS c
            OFFSET 0
        ) AS c
        CROSS JOIN LATERAL lm_internal.kv_heads(attention.here) AS g
        -- for many queries vᵀ = I vᵀ first: products with it are cheaper than weighted sums
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN b.has_many THEN ARRAY(SELECT subvector(unnest(c.x), g.start, size.d_head))
                END AS v
            OFFSET 0
        ) AS cut
        CROSS JOIN LATERAL lm_internal.product(c.identity, cut.v) AS transposed (v)
        CROSS JOIN LATERAL (
            SELECT p.*
            FROM pattern AS p
            WHERE p.sequence = b.sequence AND p.kv_head = g.kv_head
            OFFSET 0
        ) AS p
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN b.has_many
                        THEN ARRAY(
                            SELECT lm_internal.pad(r.weights, p.zeros)
                            FROM unnest(p.weights) AS r (weights)
                        )
                END AS of_many,
                CASE WHEN NOT b.has_many THEN p.weights END AS of_few
            OFFSET 0
        ) AS weights
        CROSS JOIN LATERAL lm_internal.product(weights.of_many, transposed.v) AS many (z)
        CROSS JOIN LATERAL lm_internal.weighted_sums(
            weights.of_few, c.x, g.start, size.d_head
        ) AS few (z)
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
