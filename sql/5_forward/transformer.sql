-- The transformer as one recursive query over layers.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache,
-- a run with interventions, the part of a run that an intervention can change. The equations are in
-- layer.sql.

CREATE OR REPLACE FUNCTION lm_internal.transformer_layers(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL,
    last_layer int DEFAULT NULL,
    before lm_internal.key_values DEFAULT NULL
)
RETURNS SETOF lm_internal.layer_matrices
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
BEGIN ATOMIC
    WITH RECURSIVE
    place AS MATERIALIZED (
        SELECT p.*
        FROM lm_internal.places(
            transformer_layers.model_id,
            transformer_layers.sequence,
            transformer_layers.position,
            transformer_layers.keep,
            transformer_layers.generation_id,
            transformer_layers.changes,
            transformer_layers.context_run,
            transformer_layers.parent,
            transformer_layers.last_layer,
            transformer_layers.before
        ) AS p
    ),

    -- the rotation of each position, in a family that has it         [position, n_head · d_head]
    rotation AS MATERIALIZED (
        SELECT r.*
        FROM lm_internal.rotations(transformer_layers.model_id, transformer_layers.position) AS r
    ),

    -- a row for each layer: the residual stream it leaves, and what is kept of its sites
    block AS (
        SELECT
            transformer_layers.first_layer - 1 AS layer,
            COALESCE(transformer_layers.resid, e.resid) AS resid,
            e.kept
        FROM place AS p
        CROSS JOIN LATERAL lm_internal.embed_tokens(
            CASE WHEN transformer_layers.resid IS NULL THEN transformer_layers.token_id END, p.here
        ) AS e
        WHERE p.layer = 0

        UNION ALL

        SELECT
            p.layer,
            o.resid_post,
            i.kept || o.kept
        FROM block AS b
        INNER JOIN place AS p ON p.layer = b.layer + 1
        LEFT JOIN rotation AS r ON r.rotary = p.rotary
        CROSS JOIN LATERAL lm_internal.attention_inputs(
            b.resid, r.cosines, r.sines, r.d_rotary, p.here
        ) AS i
        CROSS JOIN LATERAL lm_internal.attention_and_mlp(
            i.resid_pre, i.rot_q, i.rot_k, i.v, p.here
        ) AS o
    )

    SELECT
        b.layer,
        b.kept
    FROM block AS b;
END;

COMMENT ON FUNCTION lm_internal.transformer_layers IS
'The forward pass over a batch of positions: for each layer, up to last_layer (NULL: the model''s last), the matrices of the sites of keep, and always the last one''s resid_post. The embeddings are in layer first_layer − 1, where the stream is resid if given. Keys and values from before the batch are those of a generation''s cache, of the run context_run, or before, which is for one layer; a sequence with a parent goes on from that one, which is in the batch as well. Writes nothing (Vaswani et al. 2017; Radford et al. 2019).';

-- enable_seqscan: when this is planned, the cache is empty, and to read it whole would look cheap.
CREATE OR REPLACE FUNCTION lm_internal.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL,
    last_layer int DEFAULT NULL,
    before lm_internal.key_values DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    site lm.site,
    x vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    SELECT
        l.layer,
        k.site,
        k.x
    FROM lm_internal.transformer_layers(
        transformer.model_id,
        transformer.sequence,
        transformer.position,
        transformer.token_id,
        transformer.keep,
        transformer.generation_id,
        transformer.changes,
        transformer.first_layer,
        transformer.resid,
        transformer.context_run,
        transformer.parent,
        transformer.last_layer,
        transformer.before
    ) AS l
    CROSS JOIN unnest(l.kept) AS k (site, x);
END;

COMMENT ON FUNCTION lm_internal.transformer IS
'lm_internal.transformer_layers, a row for each layer and site.';
