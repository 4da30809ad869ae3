-- The transformer as one recursive query over layers: one CTE, one equation.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache.
-- A matrix is a vector[] whose rows are the positions of the batch; its shape stands at the right.

CREATE OR REPLACE FUNCTION lm.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    sequence int,
    "position" int,
    embed vector,
    pos_embed vector,
    resid_pre vector,
    ln1 vector,
    q vector,
    k vector,
    v vector,
    attn_scores vector[],
    pattern vector[],
    z vector,
    attn_out vector,
    resid_mid vector,
    ln2 vector,
    mlp_pre vector,
    mlp_post vector,
    mlp_out vector,
    resid_post vector
)
LANGUAGE sql
STABLE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH RECURSIVE
    -- the sizes; a head is d_head wide, an MLP's output is cut in n_block blocks of d_model inputs
    size AS MATERIALIZED (
        SELECT
            m.*,
            m.d_model / m.n_head AS d_head,
            lm.identity(m.d_model / m.n_head) AS identity,
            (m.d_mlp - 1) / m.d_model + 1 AS n_block
        FROM lm.model AS m
        WHERE m.model_id = transformer.model_id
    ),

    -- row numbers the positions of all sequences: it is the row of the matrices below
    batch AS MATERIALIZED (
        SELECT b.*
        FROM unnest(transformer.sequence, transformer.position, transformer.token_id)
            WITH ORDINALITY AS b (sequence, position, token_id, row)
    ),

    block AS (
        -- resid_pre = W_E[token] + W_pos[position]                            [position, d_model]
        SELECT
            -1 AS layer,
            b.row,
            b.sequence,
            b.position,
            CASE
                WHEN 'embed' = ANY (transformer.keep)
                    THEN COALESCE(e.embedding, e.embedding_half::vector)
            END AS embed,
            CASE WHEN 'pos_embed' = ANY (transformer.keep) THEN p.embedding END AS pos_embed,
            NULL::vector AS resid_pre,
            NULL::vector AS ln1,
            NULL::vector AS q,
            NULL::vector AS k,
            NULL::vector AS v,
            NULL::vector[] AS attn_scores,
            NULL::vector[] AS pattern,
            NULL::vector AS z,
            NULL::vector AS attn_out,
            NULL::vector AS resid_mid,
            NULL::vector AS ln2,
            NULL::vector AS mlp_pre,
            NULL::vector AS mlp_post,
            NULL::vector AS mlp_out,
            COALESCE(e.embedding, e.embedding_half::vector) + p.embedding AS resid_post
        FROM batch AS b
        INNER JOIN lm.token_embedding AS e
            ON e.model_id = transformer.model_id AND e.token_id = b.token_id
        INNER JOIN lm.position_embedding AS p
            ON p.model_id = transformer.model_id AND p.position = b.position

        UNION ALL

        (
            WITH
            -- the residual stream as the layer below left it                  [position, d_model]
            resid_pre AS MATERIALIZED (
                SELECT
                    b.layer + 1 AS layer,
                    b.row,
                    b.sequence,
                    b.position,
                    b.resid_post AS x
                FROM block AS b
                CROSS JOIN size
                WHERE b.layer + 1 < size.n_layer
            ),

            here AS MATERIALIZED (
                SELECT
                    size.*,
                    r.layer
                FROM size
                CROSS JOIN (SELECT layer FROM resid_pre LIMIT 1) AS r
            ),

            -- ln1 = LayerNorm(resid_pre)                                      [position, d_model]
            ln1 AS MATERIALIZED (
                SELECT array_agg(lm.layer_norm(r.x, n.gain, n.bias, here.layer_norm_eps) ORDER BY r.row) AS x
                FROM here
                CROSS JOIN resid_pre AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = here.model_id AND n.layer = here.layer AND n.site = 'ln1'
            ),

            -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V           [position, d_model]
            qkv AS MATERIALIZED (
                SELECT
                    lm.linear(ln1.x, here.model_id, here.layer, 'q') AS q,
                    lm.linear(ln1.x, here.model_id, here.layer, 'k') AS k,
                    lm.linear(ln1.x, here.model_id, here.layer, 'v') AS v
                FROM here
                CROSS JOIN ln1
            ),

            -- each cut into heads                                         [position, head, d_head]
            head AS MATERIALIZED (
                SELECT
                    r.row,
                    r.sequence,
                    h.head,
                    r.position,
                    subvector(m.q, h.head * here.d_head + 1, here.d_head) AS q,
                    subvector(m.k, h.head * here.d_head + 1, here.d_head) AS k,
                    subvector(m.v, h.head * here.d_head + 1, here.d_head) AS v
                FROM here
                CROSS JOIN qkv
                CROSS JOIN unnest(qkv.q, qkv.k, qkv.v) WITH ORDINALITY AS m (q, k, v, row)
                INNER JOIN resid_pre AS r ON r.row = m.row
                CROSS JOIN generate_series(0, here.n_head - 1) AS h (head)
            ),

            -- what a head can attend to: the positions cached, then the new    [sequence, head]
            context AS MATERIALIZED (
                SELECT
                    known.sequence,
                    known.head,
                    array_agg(known.k ORDER BY known.position) AS keys,
                    array_agg(known.v ORDER BY known.position) AS values,
                    count(*) FILTER (WHERE known.queries) AS n_query
                FROM (
                    SELECT
                        c.sequence,
                        h.head,
                        c.position,
                        subvector(c.key, h.head * here.d_head + 1, here.d_head) AS k,
                        subvector(c.value, h.head * here.d_head + 1, here.d_head) AS v,
                        false AS queries
                    FROM here
                    INNER JOIN lm.attention_cache AS c
                        ON c.generation_id = transformer.generation_id AND c.layer = here.layer
                    CROSS JOIN generate_series(0, here.n_head - 1) AS h (head)

                    UNION ALL

                    SELECT
                        head.sequence,
                        head.head,
                        head.position,
                        head.k,
                        head.v,
                        true AS queries
                    FROM head
                ) AS known
                GROUP BY known.sequence, known.head
            ),

            -- attn_scores = q · k / √d_head, of the keys up to the query itself
            attn_scores AS MATERIALIZED (
                SELECT
                    head.row,
                    head.sequence,
                    head.head,
                    s.scores,
                    s.highest
                FROM here
                CROSS JOIN head
                INNER JOIN context AS c ON c.sequence = head.sequence AND c.head = head.head
                CROSS JOIN LATERAL (
                    SELECT
                        array_agg(score) AS scores,
                        max(score) AS highest
                    FROM (
                        SELECT -(head.q <#> unnest(c.keys)) / sqrt(here.d_head) AS score
                        LIMIT head.position + 1
                    ) AS causal
                ) AS s
            ),

            -- pattern = softmax(attn_scores): e^(score − highest) divided by its sum; e^−60 is nothing
            -- beside 1, and still large enough never to be an underflow in a product
            pattern AS MATERIALIZED (
                SELECT
                    s.row,
                    s.sequence,
                    s.head,
                    s.scores,
                    e.weights::vector * lm.fill(1 / e.total, cardinality(e.weights)) AS weights
                FROM attn_scores AS s
                CROSS JOIN LATERAL (
                    SELECT
                        array_agg(weight) AS weights,
                        sum(weight) AS total
                    FROM (
                        SELECT exp(greatest(unnest(s.scores) - s.highest, -60)) AS weight
                    ) AS raised
                ) AS e
            ),

            -- for many queries vᵀ = I vᵀ: products with it are far cheaper than weighted sums of v,
            -- making it is not                                               [sequence, head]
            mixed AS MATERIALIZED (
                SELECT
                    c.sequence,
                    c.head,
                    cardinality(c.values) AS n_key,
                    CASE WHEN c.n_query < 8 THEN c.values END AS values,
                    CASE WHEN c.n_query >= 8 THEN lm.product(here.identity, c.values) END AS transposed
                FROM here
                CROSS JOIN context AS c
            ),

            -- z = Σ_key pattern[key] v[key]                             [position, head, d_head]
            z AS MATERIALIZED (
                SELECT
                    p.row,
                    p.head,
                    CASE
                        WHEN m.transposed IS NULL
                            THEN (
                                SELECT lm.total(lm.fill(w.weight, here.d_head) * w.v)
                                FROM unnest(p.weights::real[], m.values) AS w (weight, v)
                                WHERE w.weight > 0
                            )
                        ELSE ARRAY(
                            SELECT -(w.weights <#> unnest(m.transposed))
                            FROM (SELECT lm.pad(p.weights, m.n_key) AS weights OFFSET 0) AS w
                        )::vector
                    END AS x
                FROM here
                CROSS JOIN pattern AS p
                INNER JOIN mixed AS m ON m.sequence = p.sequence AND m.head = p.head
            ),

            -- the heads joined again                                          [position, d_model]
            joined AS MATERIALIZED (
                SELECT
                    z.row,
                    lm.concat(z.x ORDER BY z.head) AS z,
                    CASE
                        WHEN 'attn_scores' = ANY (transformer.keep)
                            THEN array_agg(p.scores::vector ORDER BY p.head)
                    END AS attn_scores,
                    CASE
                        WHEN 'pattern' = ANY (transformer.keep)
                            THEN array_agg(p.weights ORDER BY p.head)
                    END AS pattern
                FROM z
                INNER JOIN pattern AS p ON p.row = z.row AND p.head = z.head
                GROUP BY z.row
            ),

            -- attn_out = W_O z + b_O: the attention adjustment                [position, d_model]
            attn_out AS MATERIALIZED (
                SELECT lm.linear(array_agg(joined.z ORDER BY joined.row), here.model_id, here.layer, 'attn_out') AS x
                FROM here
                CROSS JOIN joined
                GROUP BY here.model_id, here.layer
            ),

            -- resid_mid = resid_pre + attn_out                                [position, d_model]
            resid_mid AS MATERIALIZED (
                SELECT
                    r.row,
                    a.attn_out,
                    r.x + a.attn_out AS x
                FROM attn_out
                CROSS JOIN unnest(attn_out.x) WITH ORDINALITY AS a (attn_out, row)
                INNER JOIN resid_pre AS r ON r.row = a.row
            ),

            -- ln2 = LayerNorm(resid_mid)                                      [position, d_model]
            ln2 AS MATERIALIZED (
                SELECT array_agg(lm.layer_norm(r.x, n.gain, n.bias, here.layer_norm_eps) ORDER BY r.row) AS x
                FROM here
                CROSS JOIN resid_mid AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = here.model_id AND n.layer = here.layer AND n.site = 'ln2'
            ),

            -- mlp_pre = W_in ln2 + b_in                                         [position, d_mlp]
            mlp_pre AS MATERIALIZED (
                SELECT lm.linear(ln2.x, here.model_id, here.layer, 'mlp_pre') AS x
                FROM here
                CROSS JOIN ln2
            ),

            -- mlp_post = gelu(mlp_pre)                                          [position, d_mlp]
            mlp_post AS MATERIALIZED (
                SELECT lm.gelu(mlp_pre.x) AS x
                FROM mlp_pre
            ),

            -- mlp_out = W_out mlp_post + b_out, block by block of the input   [position, d_model]
            mlp_out AS MATERIALIZED (
                SELECT
                    y.row,
                    lm.total(y.x) AS x
                FROM here
                CROSS JOIN generate_series(0, here.n_block - 1) AS b (block)
                CROSS JOIN LATERAL (
                    SELECT array_agg(subvector(u.x, b.block * here.d_model + 1, here.d_model) ORDER BY u.row) AS x
                    FROM mlp_post
                    CROSS JOIN unnest(mlp_post.x) WITH ORDINALITY AS u (x, row)
                ) AS part
                CROSS JOIN LATERAL unnest(
                    lm.linear(part.x, here.model_id, here.layer, 'mlp_out', b.block)
                ) WITH ORDINALITY AS y (x, row)
                GROUP BY y.row
            ),

            -- the matrices that are to be kept, as rows; a site that is not costs nothing
            kept AS MATERIALIZED (
                SELECT s.*
                FROM ln1
                CROSS JOIN qkv
                CROSS JOIN ln2
                CROSS JOIN mlp_pre
                CROSS JOIN mlp_post
                CROSS JOIN unnest(
                    CASE WHEN 'ln1' = ANY (transformer.keep) THEN ln1.x END,
                    CASE WHEN 'q' = ANY (transformer.keep) THEN qkv.q END,
                    CASE WHEN 'k' = ANY (transformer.keep) THEN qkv.k END,
                    CASE WHEN 'v' = ANY (transformer.keep) THEN qkv.v END,
                    CASE WHEN 'ln2' = ANY (transformer.keep) THEN ln2.x END,
                    CASE WHEN 'mlp_pre' = ANY (transformer.keep) THEN mlp_pre.x END,
                    CASE WHEN 'mlp_post' = ANY (transformer.keep) THEN mlp_post.x END
                ) WITH ORDINALITY AS s (ln1, q, k, v, ln2, mlp_pre, mlp_post, row)
            )

            -- resid_post = resid_mid + mlp_out                                [position, d_model]
            SELECT
                pre.layer,
                pre.row,
                pre.sequence,
                pre.position,
                NULL::vector AS embed,
                NULL::vector AS pos_embed,
                CASE WHEN 'resid_pre' = ANY (transformer.keep) THEN pre.x END AS resid_pre,
                kept.ln1,
                kept.q,
                kept.k,
                kept.v,
                joined.attn_scores,
                joined.pattern,
                CASE WHEN 'z' = ANY (transformer.keep) THEN joined.z END AS z,
                CASE WHEN 'attn_out' = ANY (transformer.keep) THEN mid.attn_out END AS attn_out,
                CASE WHEN 'resid_mid' = ANY (transformer.keep) THEN mid.x END AS resid_mid,
                kept.ln2,
                kept.mlp_pre,
                kept.mlp_post,
                CASE WHEN 'mlp_out' = ANY (transformer.keep) THEN o.x END AS mlp_out,
                mid.x + o.x AS resid_post
            FROM resid_pre AS pre
            INNER JOIN resid_mid AS mid ON mid.row = pre.row
            INNER JOIN joined ON joined.row = pre.row
            INNER JOIN mlp_out AS o ON o.row = pre.row
            LEFT JOIN kept ON kept.row = pre.row
        )
    )

    SELECT
        b.layer, b.sequence, b.position, b.embed, b.pos_embed, b.resid_pre, b.ln1, b.q, b.k, b.v,
        b.attn_scores, b.pattern, b.z, b.attn_out, b.resid_mid, b.ln2, b.mlp_pre, b.mlp_post,
        b.mlp_out, b.resid_post
    FROM block AS b
$$;
