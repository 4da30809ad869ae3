-- The transformer as one recursive query over layers: one CTE, one equation.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache,
-- a run with interventions, the part of a run that an intervention can change.
-- A matrix is a vector[] with a row for each position of the batch; shapes stand at the right.

CREATE OR REPLACE FUNCTION lm.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL
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
    -- the sizes; a head is d_head wide, the MLP's output map is cut in n_block blocks of inputs
    size AS MATERIALIZED (
        SELECT
            m.*,
            m.d_model / m.n_head AS d_head,
            (m.d_mlp - 1) / m.d_model + 1 AS n_block,
            lm.identity(m.d_model / m.n_head) AS identity
        FROM lm.model AS m
        WHERE m.model_id = transformer.model_id
    ),

    -- the positions of all sequences; row is their row in every matrix
    batch AS MATERIALIZED (
        SELECT b.*
        FROM unnest(transformer.sequence, transformer.position, transformer.token_id)
            WITH ORDINALITY AS b (sequence, position, token_id, row)
    ),

    -- embed = W_E[token], pos_embed = W_pos[position]                         [position, d_model]
    embedding AS MATERIALIZED (
        SELECT
            lm.intervene(
                y.embed, transformer.changes, 'embed', 0, transformer.sequence, transformer.position
            ) AS embed,
            lm.intervene(
                y.pos_embed, transformer.changes, 'pos_embed', 0, transformer.sequence, transformer.position
            ) AS pos_embed
        FROM (
            SELECT
                array_agg(COALESCE(e.embedding, e.embedding_half::vector) ORDER BY b.row) AS embed,
                array_agg(p.embedding ORDER BY b.row) AS pos_embed
            FROM batch AS b
            INNER JOIN lm.token_embedding AS e
                ON e.model_id = transformer.model_id AND e.token_id = b.token_id
            INNER JOIN lm.position_embedding AS p
                ON p.model_id = transformer.model_id AND p.position = b.position
        ) AS y
    ),

    -- one row per layer: a matrix for each site that is to be kept, and the residual stream
    block AS (
        SELECT
            transformer.first_layer - 1 AS layer,
            CASE WHEN 'embed' = ANY (transformer.keep) THEN e.embed END AS embed,
            CASE WHEN 'pos_embed' = ANY (transformer.keep) THEN e.pos_embed END AS pos_embed,
            NULL::vector[] AS resid_pre,
            NULL::vector[] AS ln1,
            NULL::vector[] AS q,
            NULL::vector[] AS k,
            NULL::vector[] AS v,
            NULL::vector[] AS attn_scores,
            NULL::vector[] AS pattern,
            NULL::vector[] AS z,
            NULL::vector[] AS attn_out,
            NULL::vector[] AS resid_mid,
            NULL::vector[] AS ln2,
            NULL::vector[] AS mlp_pre,
            NULL::vector[] AS mlp_post,
            NULL::vector[] AS mlp_out,
            COALESCE(transformer.resid, lm.add(e.embed, e.pos_embed)) AS resid_post
        FROM embedding AS e

        UNION ALL

        (
            WITH
            -- this layer and the sizes; x is the residual stream as the layer below left it
            here AS MATERIALIZED (
                SELECT
                    size.*,
                    b.layer + 1 AS layer,
                    b.resid_post AS x,
                    transformer.sequence AS sequences,
                    transformer.position AS positions,
                    transformer.changes,
                    lm.has_change(transformer.changes, 'attn_scores', b.layer + 1) AS edges_are_cut,
                    lm.has_change(transformer.changes, 'pattern', b.layer + 1) AS pattern_is_changed
                FROM block AS b
                CROSS JOIN size
                WHERE b.layer + 1 < size.n_layer
            ),

            -- resid_pre                                                       [position, d_model]
            resid_pre AS MATERIALIZED (
                SELECT lm.intervene(h.x, h.changes, 'resid_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
            ),

            -- ln1 = LayerNorm(resid_pre)                                      [position, d_model]
            ln1 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln1', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln1'
                CROSS JOIN LATERAL (
                    SELECT lm.layer_norm(r.x, n.gain, n.bias, h.layer_norm_eps) AS x
                    OFFSET 0
                ) AS y
            ),

            -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V           [position, d_model]
            qkv AS MATERIALIZED (
                SELECT
                    lm.intervene(y.q, h.changes, 'q', h.layer, h.sequences, h.positions) AS q,
                    lm.intervene(y.k, h.changes, 'k', h.layer, h.sequences, h.positions) AS k,
                    lm.intervene(y.v, h.changes, 'v', h.layer, h.sequences, h.positions) AS v
                FROM here AS h
                CROSS JOIN ln1
                CROSS JOIN LATERAL (
                    SELECT
                        lm.linear(ln1.x, h.model_id, h.layer, 'q') AS q,
                        lm.linear(ln1.x, h.model_id, h.layer, 'k') AS k,
                        lm.linear(ln1.x, h.model_id, h.layer, 'v') AS v
                    OFFSET 0
                ) AS y
            ),

            -- the queries, cut into heads                                 [position, head, d_head]
            query AS MATERIALIZED (
                SELECT
                    b.row,
                    b.sequence,
                    n.head,
                    b.position,
                    subvector(b.q, n.head * h.d_head + 1, h.d_head) AS q
                FROM here AS h
                CROSS JOIN qkv
                CROSS JOIN unnest(qkv.q, h.sequences, h.positions)
                    WITH ORDINALITY AS b (q, sequence, position, row)
                CROSS JOIN generate_series(0, h.n_head - 1) AS n (head)
            ),

            -- keys and values: what is cached, what a run that is continued has kept, what is new
            known AS NOT MATERIALIZED (
                SELECT
                    c.sequence,
                    c.position,
                    c.key AS k,
                    c.value AS v,
                    0 AS n_query
                FROM here AS h
                INNER JOIN lm.attention_cache AS c
                    ON c.generation_id = transformer.generation_id AND c.layer = h.layer

                UNION ALL

                SELECT
                    s.sequence,
                    a.position,
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'k'),
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'v'),
                    0
                FROM here AS h
                INNER JOIN lm.activation AS a
                    ON a.run_id = transformer.context_run
                    AND a.site IN ('k', 'v')
                    AND a.layer = h.layer
                INNER JOIN (
                    SELECT
                        b.sequence,
                        min(b.position) AS first_position
                    FROM batch AS b
                    GROUP BY b.sequence
                ) AS s ON s.first_position > a.position
                GROUP BY s.sequence, a.position

                UNION ALL

                SELECT
                    b.sequence,
                    b.position,
                    b.k,
                    b.v,
                    1
                FROM here AS h
                CROSS JOIN qkv
                CROSS JOIN unnest(qkv.k, qkv.v, h.sequences, h.positions) AS b (k, v, sequence, position)
            ),

            -- in order of position                              [sequence][key position, d_model]
            context AS MATERIALIZED (
                SELECT
                    known.sequence,
                    array_agg(known.k ORDER BY known.position) AS keys,
                    array_agg(known.v ORDER BY known.position) AS values,
                    sum(known.n_query) AS n_query
                FROM known
                GROUP BY known.sequence
            ),

            -- cut into heads                               [sequence, head][key position, d_head]
            head AS MATERIALIZED (
                SELECT
                    c.sequence,
                    n.head,
                    c.n_query,
                    ARRAY(SELECT subvector(unnest(c.keys), n.head * h.d_head + 1, h.d_head)) AS keys,
                    ARRAY(SELECT subvector(unnest(c.values), n.head * h.d_head + 1, h.d_head)) AS values
                FROM here AS h
                CROSS JOIN context AS c
                CROSS JOIN generate_series(0, h.n_head - 1) AS n (head)
            ),

            -- attn_scores = q · k / √d_head, of the keys up to the query itself    [position, head]
            attn_scores AS MATERIALIZED (
                SELECT
                    query.row,
                    query.sequence,
                    query.head,
                    query.position,
                    CASE
                        WHEN h.edges_are_cut
                            THEN lm.knock_out(
                                s.scores, h.changes, h.layer,
                                query.head, query.sequence, query.position
                            )
                        ELSE s.scores
                    END AS scores
                FROM here AS h
                CROSS JOIN query
                INNER JOIN head ON head.sequence = query.sequence AND head.head = query.head
                CROSS JOIN LATERAL (
                    SELECT
                        ARRAY(
                            SELECT -(query.q <#> unnest(head.keys)) / sqrt(h.d_head)
                            LIMIT query.position + 1
                        ) AS scores
                    OFFSET 0
                ) AS s
            ),

            -- pattern = softmax(attn_scores): e^(score − highest) divided by its sum; e^−60 is
            -- nothing beside 1, and still large enough never to be an underflow in a product
            pattern AS MATERIALIZED (
                SELECT
                    s.row,
                    s.sequence,
                    s.head,
                    s.scores,
                    CASE
                        WHEN h.pattern_is_changed
                            THEN lm.change_row(
                                w.weights, h.changes, 'pattern', h.layer, s.head, s.sequence, s.position
                            )
                        ELSE w.weights
                    END AS weights
                FROM here AS h
                CROSS JOIN attn_scores AS s
                CROSS JOIN LATERAL (
                    SELECT max(score) AS highest
                    FROM (SELECT unnest(s.scores) AS score) AS score
                ) AS m
                CROSS JOIN LATERAL (
                    SELECT
                        array_agg(e.power)::vector
                        * lm.fill(1 / sum(e.power), cardinality(s.scores)) AS weights
                    FROM (SELECT exp(greatest(unnest(s.scores) - m.highest, -60)) AS power) AS e
                ) AS w
            ),

            -- many queries: vᵀ = I vᵀ, for products with it are far cheaper than weighted sums of v
            mixed AS MATERIALIZED (
                SELECT
                    head.sequence,
                    head.head,
                    cardinality(head.values) AS n_key,
                    CASE WHEN head.n_query < 8 THEN head.values END AS values,
                    CASE WHEN head.n_query >= 8 THEN lm.product(h.identity, head.values) END
                        AS transposed
                FROM here AS h
                CROSS JOIN head
            ),

            -- z = Σ_key pattern[key] v[key], its heads joined                 [position, d_model]
            z AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'z', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(joined.x ORDER BY joined.row) AS x
                    FROM (
                        SELECT
                            p.row,
                            lm.concat(
                                CASE
                                    WHEN m.transposed IS NULL
                                        THEN (
                                            SELECT lm.total(lm.fill(w.weight, h.d_head) * w.v)
                                            FROM (
                                                SELECT
                                                    unnest(p.weights::real[]) AS weight,
                                                    unnest(m.values) AS v
                                            ) AS w
                                            WHERE w.weight <> 0
                                        )
                                    ELSE ARRAY(
                                        SELECT -(w.padded <#> unnest(m.transposed))
                                        FROM (
                                            SELECT lm.pad(p.weights, m.n_key) AS padded
                                            OFFSET 0
                                        ) AS w
                                    )::vector
                                END
                                ORDER BY p.head
                            ) AS x
                        FROM pattern AS p
                        INNER JOIN mixed AS m ON m.sequence = p.sequence AND m.head = p.head
                        GROUP BY p.row
                    ) AS joined
                ) AS y
            ),

            -- attn_out = W_O z + b_O: the attention adjustment                [position, d_model]
            attn_out AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'attn_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN z
                CROSS JOIN LATERAL (
                    SELECT lm.linear(z.x, h.model_id, h.layer, 'attn_out') AS x
                    OFFSET 0
                ) AS y
            ),

            -- resid_mid = resid_pre + attn_out                                [position, d_model]
            resid_mid AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'resid_mid', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                CROSS JOIN attn_out AS a
                CROSS JOIN LATERAL (SELECT lm.add(r.x, a.x) AS x OFFSET 0) AS y
            ),

            -- ln2 = LayerNorm(resid_mid)                                      [position, d_model]
            ln2 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln2', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln2'
                CROSS JOIN LATERAL (
                    SELECT lm.layer_norm(r.x, n.gain, n.bias, h.layer_norm_eps) AS x
                    OFFSET 0
                ) AS y
            ),

            -- mlp_pre = W_in ln2 + b_in                                         [position, d_mlp]
            mlp_pre AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'mlp_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN ln2
                CROSS JOIN LATERAL (
                    SELECT lm.linear(ln2.x, h.model_id, h.layer, 'mlp_pre') AS x
                    OFFSET 0
                ) AS y
            ),

            -- mlp_post = gelu(mlp_pre)                                          [position, d_mlp]
            mlp_post AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'mlp_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN mlp_pre AS m
                CROSS JOIN LATERAL (SELECT lm.gelu(m.x) AS x OFFSET 0) AS y
            ),

            -- mlp_out = Σ_block W_out[block] mlp_post[block] + b_out          [position, d_model]
            mlp_out AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'mlp_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(summed.x ORDER BY summed.row) AS x
                    FROM (
                        SELECT
                            part.row,
                            lm.total(part.x) AS x
                        FROM mlp_post AS m
                        CROSS JOIN generate_series(0, h.n_block - 1) AS b (block)
                        CROSS JOIN LATERAL unnest(
                            lm.linear(
                                lm.columns(m.x, b.block * h.d_model + 1, h.d_model),
                                h.model_id, h.layer, 'mlp_out', b.block
                            )
                        ) WITH ORDINALITY AS part (x, row)
                        GROUP BY part.row
                    ) AS summed
                ) AS y
            ),

            -- resid_post = resid_mid + mlp_out                                [position, d_model]
            resid_post AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'resid_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                CROSS JOIN mlp_out AS m
                CROSS JOIN LATERAL (SELECT lm.add(r.x, m.x) AS x OFFSET 0) AS y
            )

            SELECT
                h.layer,
                NULL::vector[] AS embed,
                NULL::vector[] AS pos_embed,
                CASE
                    WHEN 'resid_pre' = ANY (transformer.keep) THEN (SELECT x FROM resid_pre)
                END AS resid_pre,
                CASE WHEN 'ln1' = ANY (transformer.keep) THEN (SELECT x FROM ln1) END AS ln1,
                CASE WHEN 'q' = ANY (transformer.keep) THEN (SELECT q FROM qkv) END AS q,
                CASE WHEN 'k' = ANY (transformer.keep) THEN (SELECT k FROM qkv) END AS k,
                CASE WHEN 'v' = ANY (transformer.keep) THEN (SELECT v FROM qkv) END AS v,
                CASE
                    WHEN 'attn_scores' = ANY (transformer.keep)
                        THEN ARRAY(SELECT p.scores::vector FROM pattern AS p ORDER BY p.row, p.head)
                END AS attn_scores,
                CASE
                    WHEN 'pattern' = ANY (transformer.keep)
                        THEN ARRAY(SELECT p.weights FROM pattern AS p ORDER BY p.row, p.head)
                END AS pattern,
                CASE WHEN 'z' = ANY (transformer.keep) THEN (SELECT x FROM z) END AS z,
                CASE
                    WHEN 'attn_out' = ANY (transformer.keep) THEN (SELECT x FROM attn_out)
                END AS attn_out,
                CASE
                    WHEN 'resid_mid' = ANY (transformer.keep) THEN (SELECT x FROM resid_mid)
                END AS resid_mid,
                CASE WHEN 'ln2' = ANY (transformer.keep) THEN (SELECT x FROM ln2) END AS ln2,
                CASE
                    WHEN 'mlp_pre' = ANY (transformer.keep) THEN (SELECT x FROM mlp_pre)
                END AS mlp_pre,
                CASE
                    WHEN 'mlp_post' = ANY (transformer.keep) THEN (SELECT x FROM mlp_post)
                END AS mlp_post,
                CASE
                    WHEN 'mlp_out' = ANY (transformer.keep) THEN (SELECT x FROM mlp_out)
                END AS mlp_out,
                (SELECT x FROM resid_post) AS resid_post
            FROM here AS h
        )
    )

    -- the rows of the matrices; a head's scores and weights are n_head rows for each position
    SELECT
        b.layer,
        r.sequence,
        r.position,
        r.embed,
        r.pos_embed,
        r.resid_pre,
        r.ln1,
        r.q,
        r.k,
        r.v,
        b.attn_scores[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        b.pattern[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        r.z,
        r.attn_out,
        r.resid_mid,
        r.ln2,
        r.mlp_pre,
        r.mlp_post,
        r.mlp_out,
        r.resid_post
    FROM block AS b
    CROSS JOIN size
    CROSS JOIN LATERAL unnest(
        transformer.sequence, transformer.position,
        b.embed, b.pos_embed, b.resid_pre, b.ln1, b.q, b.k, b.v, b.z, b.attn_out, b.resid_mid,
        b.ln2, b.mlp_pre, b.mlp_post, b.mlp_out, b.resid_post
    ) WITH ORDINALITY AS r (
        sequence, position,
        embed, pos_embed, resid_pre, ln1, q, k, v, z, attn_out, resid_mid,
        ln2, mlp_pre, mlp_post, mlp_out, resid_post, row
    )
$$;

COMMENT ON FUNCTION lm.transformer IS
'The forward pass over a batch of positions, a row for each layer and position and a column for each site of keep; layer first_layer − 1 holds what enters (the embeddings, or resid). Keys and values from before the batch are those of a generation''s cache or of the run context_run. Writes nothing (Vaswani et al. 2017; Radford et al. 2019).';
