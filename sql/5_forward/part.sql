-- A part of a batch: its rows, and what a pass leaves of them.

DO $$
BEGIN
    CREATE TYPE lm_internal.batch AS (
        sequences int[],
        positions int[],
        token_ids int[],
        parents int[],
        resid vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.batch IS 'Positions to run, as lm_internal.transformer takes them.';
COMMENT ON COLUMN lm_internal.batch.sequences IS 'The sequence of each.';
COMMENT ON COLUMN lm_internal.batch.positions IS 'The position of each in its sequence, from 0.';
COMMENT ON COLUMN lm_internal.batch.token_ids IS 'The token of each.';
COMMENT ON COLUMN lm_internal.batch.parents IS
'The sequence of the batch that its own goes on from, where it does; NULL: none does.';
COMMENT ON COLUMN lm_internal.batch.resid IS
'The stream before the first layer that is run; NULL: the embeddings.';

CREATE OR REPLACE FUNCTION lm_internal.part_of(
    batch lm_internal.batch,
    first int,
    last int
)
RETURNS lm_internal.batch
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    (part_of.batch).sequences[part_of.first:part_of.last],
    (part_of.batch).positions[part_of.first:part_of.last],
    (part_of.batch).token_ids[part_of.first:part_of.last],
    (part_of.batch).parents[part_of.first:part_of.last],
    (part_of.batch).resid[part_of.first:part_of.last]
)::lm_internal.batch;

COMMENT ON FUNCTION lm_internal.part_of IS 'The rows of a batch from first to last, counted from 1.';

DO $$
BEGIN
    CREATE TYPE lm_internal.part_matrix AS (
        n_before int,
        layer int,
        site lm.site,
        x vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.part_matrix IS 'What a part of a batch has at a site of a layer.';
COMMENT ON COLUMN lm_internal.part_matrix.n_before IS
'How many positions of the batch lie before the part.';
COMMENT ON COLUMN lm_internal.part_matrix.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm_internal.part_matrix.site IS 'The site.';
COMMENT ON COLUMN lm_internal.part_matrix.x IS 'A vector for each row of the part, or row and head.';

CREATE OR REPLACE FUNCTION lm_internal.as_part(
    n_before int,
    layer int,
    kept lm_internal.matrix[]
)
RETURNS lm_internal.part_matrix[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN ARRAY(
    SELECT (as_part.n_before, as_part.layer, k.site, k.x)::lm_internal.part_matrix
    FROM unnest(as_part.kept) AS k
);

COMMENT ON FUNCTION lm_internal.as_part IS
'The matrices of a layer as those of a part of a batch with so many rows before it.';
