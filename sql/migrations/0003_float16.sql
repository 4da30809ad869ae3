-- Captured vectors may be stored in float16; those that are there are in float32.

ALTER TABLE lm.run
    ADD COLUMN capture_dtype text NOT NULL DEFAULT 'float32'
    CHECK (capture_dtype IN ('float32', 'float16'));

ALTER TABLE lm.stored_adjustment
    ALTER adjustment DROP NOT NULL,
    ALTER norm DROP NOT NULL,
    ADD COLUMN adjustment_half halfvec,
    ADD CHECK (num_nonnulls(adjustment, adjustment_half) = 1);

ALTER TABLE lm.stored_activation
    ALTER value DROP NOT NULL,
    ADD COLUMN value_half halfvec,
    ADD CHECK (num_nonnulls(value, value_half) = 1);

ALTER TABLE lm.stored_adjustment ALTER adjustment_half SET STORAGE MAIN;
ALTER TABLE lm.stored_activation ALTER value_half SET STORAGE MAIN;

-- indexes of lm.index_activations: over vectors of both dtypes, as lm.nearest_activations asks
DO $$
DECLARE
    index record;
BEGIN
    FOR index IN
        SELECT
            i.indexrelid::regclass AS name,
            regexp_replace(
                pg_get_indexdef(i.indexrelid),
                '\m(adjustment|value)\M',
                'COALESCE(\1, (\1_half)::vector)',
                'g'
            ) AS definition
        FROM pg_index AS i
        INNER JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indrelid IN ('lm.stored_adjustment'::regclass, 'lm.stored_activation'::regclass)
            AND i.indexprs IS NOT NULL
            AND c.relname ~ '^nearest_.*_width_\d+$'
    LOOP
        EXECUTE format('DROP INDEX %s', index.name);
        EXECUTE index.definition;
    END LOOP;
END
$$;
