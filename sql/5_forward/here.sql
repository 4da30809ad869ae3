-- What every step of a forward pass needs to know: where it is, and the sizes there.

CREATE OR REPLACE FUNCTION lm_internal.positions_at_once()
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN 64;

COMMENT ON FUNCTION lm_internal.positions_at_once IS
'How many positions of a long text are read, or have their logits computed, at a time. This bounds memory: a matrix of logits has n_vocab numbers for each position.';

DO $$
BEGIN
    CREATE TYPE lm_internal.key_values AS (
        sequences int[],
        positions int[],
        keys vector[],
        "values" vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.key_values IS
'What rows of a batch leave in a layer for the queries behind them.';
COMMENT ON COLUMN lm_internal.key_values.sequences IS 'The sequence of each row.';
COMMENT ON COLUMN lm_internal.key_values.positions IS 'The position of each row, from 0.';
COMMENT ON COLUMN lm_internal.key_values.keys IS 'Their keys, rotated, of all heads end to end.';
COMMENT ON COLUMN lm_internal.key_values.values IS 'Their values, of all heads end to end.';

DO $$
BEGIN
    CREATE TYPE lm_internal.here AS (
        model_id int,
        layer int,
        sequences int[],
        positions int[],
        keep lm.site[],
        n_head int,
        n_kv_head int,
        d_head int,
        d_block int,
        norm_is_centred boolean,
        layer_norm_eps float8,
        parallel_attn_mlp boolean,
        gated_mlp boolean,
        activation text,
        attn_scaling float8,
        attn_logit_softcapping float8,
        sliding_window int,
        generation_id bigint,
        context_run bigint,
        parents int[],
        before lm_internal.key_values,
        changes lm_internal.change[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.here IS
'A layer of a forward pass over a batch of positions: what its steps need to know besides their matrices.';
COMMENT ON COLUMN lm_internal.here.model_id IS 'The model.';
COMMENT ON COLUMN lm_internal.here.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm_internal.here.sequences IS 'The sequence of each row of the matrices.';
COMMENT ON COLUMN lm_internal.here.positions IS 'The position of each row of the matrices, from 0.';
COMMENT ON COLUMN lm_internal.here.keep IS 'The sites that are kept.';
COMMENT ON COLUMN lm_internal.here.n_head IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.n_kv_head IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.d_head IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.d_block IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.norm_is_centred IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.layer_norm_eps IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.parallel_attn_mlp IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.gated_mlp IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.activation IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.attn_scaling IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.attn_logit_softcapping IS 'As in lm.model.';
COMMENT ON COLUMN lm_internal.here.sliding_window IS 'As in lm.layer.';
COMMENT ON COLUMN lm_internal.here.generation_id IS 'The generation whose cache comes before the batch; NULL: none.';
COMMENT ON COLUMN lm_internal.here.context_run IS 'The run that the batch continues; NULL: none.';
COMMENT ON COLUMN lm_internal.here.parents IS
'For each row of the matrices the sequence of the batch that its own goes on from, where it does; NULL: none does.';
COMMENT ON COLUMN lm_internal.here.before IS
'Rows that come before the batch and were computed in another process; NULL: none.';
COMMENT ON COLUMN lm_internal.here.changes IS 'The changes to make on the way; NULL: none.';

DO $$
BEGIN
    CREATE TYPE lm_internal.matrix AS (
        site lm.site,
        x vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.matrix IS 'What a layer has at a site.';
COMMENT ON COLUMN lm_internal.matrix.site IS 'The site.';
COMMENT ON COLUMN lm_internal.matrix.x IS
'A vector for each row of the batch; of attn_scores and pattern one for each row and head.';

DO $$
BEGIN
    CREATE TYPE lm_internal.layer_matrices AS (
        layer int,
        kept lm_internal.matrix[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.layer_matrices IS 'What a pass keeps of a layer.';
COMMENT ON COLUMN lm_internal.layer_matrices.layer IS
'The layer, from 0; the embeddings are in the one before the first.';
COMMENT ON COLUMN lm_internal.layer_matrices.kept IS 'Its sites.';

CREATE OR REPLACE FUNCTION lm_internal.hook(
    site lm.site,
    x vector[],
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        CASE
            WHEN (hook.here).changes IS NULL THEN hook.x
            WHEN lm_internal.has_change((hook.here).changes, hook.site, (hook.here).layer)
                THEN lm_internal.change_rows(
                    hook.x, (hook.here).changes, hook.site, (hook.here).layer,
                    (hook.here).sequences, (hook.here).positions
                )
            ELSE hook.x
        END
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.hook IS
'A site''s matrix, changed where changes are meant for it: TransformerLens''s hook point. Each step of a layer ends in it. Returns one row. It is inlined: where nothing changes it costs nothing.';

CREATE OR REPLACE FUNCTION lm_internal.kv_heads(
    here lm_internal.here
)
RETURNS TABLE (kv_head int, start int)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        g,
        g * (kv_heads.here).d_head + 1
    FROM generate_series(0, (kv_heads.here).n_kv_head - 1) AS g
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.kv_heads IS
'The heads of keys and values, from 0, and the column of a matrix of all heads at which each starts, from 1.';
