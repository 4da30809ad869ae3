-- The transformer as one recursive query over layers: one CTE, one equation.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache.
-- A matrix is a vector[] whose rows are the positions of the batch; its shape stands at the right.

CREATE OR REPLACE FUNCTION lm.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    cache_id bigint DEFAULT NULL
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
            COALESCE(e.embedding, e.embedding_half::vector) AS embed,
            p.embedding AS pos_embed,
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

            -- what a head can attend to                       [sequence, head][position, d_head]
            context AS MATERIALIZED (
                SELECT
                    sequence,
                    head,
                    array_agg(k ORDER BY position) AS keys,
                    lm.transpose(array_agg(v ORDER BY position)) AS values_transposed
                FROM head
                GROUP BY sequence, head
            ),

            -- attn_scores = q · k / √d_head, of the keys up to the query itself
            attn_scores AS MATERIALIZED (
                SELECT
                    head.row,
                    head.head,
                    c.values_transposed,
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

            -- pattern = softmax(attn_scores)
            pattern AS MATERIALIZED (
                SELECT
                    s.row,
                    s.head,
                    s.values_transposed,
                    s.scores,
                    (e.weights
                        || array_fill(0::float8, ARRAY[vector_dims(s.values_transposed[1]) - cardinality(s.scores)])
                    )::vector * lm.fill(1 / e.total, vector_dims(s.values_transposed[1])) AS weights
                FROM attn_scores AS s
                CROSS JOIN LATERAL (
                    SELECT
                        array_agg(weight) AS weights,
                        sum(weight) AS total
                    FROM (SELECT exp(greatest(unnest(s.scores) - s.highest, -700)) AS weight) AS raised
                ) AS e
            ),

            -- z = Σ_key pattern[key] v[key], the heads joined                 [position, d_model]
            z AS MATERIALIZED (
                SELECT
                    p.row,
                    lm.concat(
                        ARRAY(SELECT -(p.weights <#> unnest(p.values_transposed)))::vector
                        ORDER BY p.head
                    ) AS x,
                    CASE
                        WHEN 'attn_scores' = ANY (transformer.keep)
                            THEN array_agg(p.scores::vector ORDER BY p.head)
                    END AS attn_scores,
                    CASE
                        WHEN 'pattern' = ANY (transformer.keep)
                            THEN array_agg(subvector(p.weights, 1, cardinality(p.scores)) ORDER BY p.head)
                    END AS pattern
                FROM pattern AS p
                GROUP BY p.row
            ),

            -- attn_out = W_O z + b_O: the attention adjustment                [position, d_model]
            attn_out AS MATERIALIZED (
                SELECT lm.linear(array_agg(z.x ORDER BY z.row), here.model_id, here.layer, 'attn_out') AS x
                FROM here
                CROSS JOIN z
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
            )

            -- resid_post = resid_mid + mlp_out                                [position, d_model]
            -- and with it the sites that are to be kept; the others cost nothing
            SELECT
                pre.layer,
                pre.row,
                pre.sequence,
                pre.position,
                NULL::vector AS embed,
                NULL::vector AS pos_embed,
                CASE WHEN 'resid_pre' = ANY (transformer.keep) THEN pre.x END AS resid_pre,
                CASE WHEN 'ln1' = ANY (transformer.keep) THEN ln1.x[pre.row] END AS ln1,
                CASE WHEN 'q' = ANY (transformer.keep) THEN qkv.q[pre.row] END AS q,
                CASE WHEN 'k' = ANY (transformer.keep) THEN qkv.k[pre.row] END AS k,
                CASE WHEN 'v' = ANY (transformer.keep) THEN qkv.v[pre.row] END AS v,
                z.attn_scores,
                z.pattern,
                CASE WHEN 'z' = ANY (transformer.keep) THEN z.x END AS z,
                CASE WHEN 'attn_out' = ANY (transformer.keep) THEN mid.attn_out END AS attn_out,
                CASE WHEN 'resid_mid' = ANY (transformer.keep) THEN mid.x END AS resid_mid,
                CASE WHEN 'ln2' = ANY (transformer.keep) THEN ln2.x[pre.row] END AS ln2,
                CASE WHEN 'mlp_pre' = ANY (transformer.keep) THEN mlp_pre.x[pre.row] END AS mlp_pre,
                CASE WHEN 'mlp_post' = ANY (transformer.keep) THEN mlp_post.x[pre.row] END AS mlp_post,
                CASE WHEN 'mlp_out' = ANY (transformer.keep) THEN o.x END AS mlp_out,
                mid.x + o.x AS resid_post
            FROM resid_pre AS pre
            INNER JOIN resid_mid AS mid ON mid.row = pre.row
            INNER JOIN z ON z.row = pre.row
            INNER JOIN mlp_out AS o ON o.row = pre.row
            CROSS JOIN ln1
            CROSS JOIN qkv
            CROSS JOIN ln2
            CROSS JOIN mlp_pre
            CROSS JOIN mlp_post
        )
    )

    SELECT
        b.layer, b.sequence, b.position, b.embed, b.pos_embed, b.resid_pre, b.ln1, b.q, b.k, b.v,
        b.attn_scores, b.pattern, b.z, b.attn_out, b.resid_mid, b.ln2, b.mlp_pre, b.mlp_post,
        b.mlp_out, b.resid_post
    FROM block AS b
$$;
