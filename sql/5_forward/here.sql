-- What every step of a forward pass needs to know: where it is, and the sizes there.

CREATE OR REPLACE FUNCTION lm.positions_at_once()
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN 64;

COMMENT ON FUNCTION lm.positions_at_once IS
'How many positions of a long text are read, or have their logits computed, at a time. This bounds memory: a matrix of logits has n_vocab numbers for each position.';

DO $$
BEGIN
    CREATE TYPE lm.here AS (
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
        changes lm.change[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm.here IS
'A layer of a forward pass over a batch of positions: what its steps need to know besides their matrices.';
COMMENT ON COLUMN lm.here.model_id IS 'The model.';
COMMENT ON COLUMN lm.here.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.here.sequences IS 'The sequence of each row of the matrices.';
COMMENT ON COLUMN lm.here.positions IS 'The position of each row of the matrices, from 0.';
COMMENT ON COLUMN lm.here.keep IS 'The sites that are kept.';
COMMENT ON COLUMN lm.here.n_head IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.n_kv_head IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.d_head IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.d_block IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.norm_is_centred IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.layer_norm_eps IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.parallel_attn_mlp IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.gated_mlp IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.activation IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.attn_scaling IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.attn_logit_softcapping IS 'As in lm.model.';
COMMENT ON COLUMN lm.here.sliding_window IS 'As in lm.layer.';
COMMENT ON COLUMN lm.here.generation_id IS 'The generation whose cache comes before the batch; NULL: none.';
COMMENT ON COLUMN lm.here.context_run IS 'The run that the batch continues; NULL: none.';
COMMENT ON COLUMN lm.here.changes IS 'The changes to make on the way; NULL: none.';

DO $$
BEGIN
    CREATE TYPE lm.matrix AS (
        site lm.site,
        x vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm.matrix IS 'What a layer has at a site.';
COMMENT ON COLUMN lm.matrix.site IS 'The site.';
COMMENT ON COLUMN lm.matrix.x IS
'A vector for each row of the batch; of attn_scores and pattern one for each row and head.';

CREATE OR REPLACE FUNCTION lm.hook(
    site lm.site,
    x vector[],
    here lm.here
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
            WHEN lm.has_change((hook.here).changes, hook.site, (hook.here).layer)
                THEN lm.change_rows(
                    hook.x, (hook.here).changes, hook.site, (hook.here).layer,
                    (hook.here).sequences, (hook.here).positions
                )
            ELSE hook.x
        END
    OFFSET 0;
END;

COMMENT ON FUNCTION lm.hook IS
'A site''s matrix, changed where changes are meant for it: TransformerLens''s hook point. Each step of a layer ends in it. Returns one row. It is inlined: where nothing changes it costs nothing.';
