-- The operators of the forward pass: what pgvector lacks to write the transformer as equations.
-- A matrix is a vector[], one vector per row; x[i] · y is pgvector's −(x[i] <#> y).

CREATE OR REPLACE AGGREGATE lm.concat(vector) (
    SFUNC = vector_concat,
    STYPE = vector,
    PARALLEL = safe
);

COMMENT ON AGGREGATE lm.concat(vector) IS 'The vectors joined end to end, in the order given.';

CREATE OR REPLACE AGGREGATE lm.total(vector) (
    SFUNC = vector_add,
    STYPE = vector,
    PARALLEL = safe
);

COMMENT ON AGGREGATE lm.total(vector) IS
'Sum of vectors of one width; several times as fast as pgvector''s sum(vector), whose state is a float8[].';

CREATE OR REPLACE FUNCTION lm.fill(
    value float8,
    width int
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN array_fill(fill.value, ARRAY[fill.width])::vector;

COMMENT ON FUNCTION lm.fill IS 'A vector that holds one value throughout, [width]: how a scalar enters pgvector''s + − *.';

CREATE OR REPLACE FUNCTION lm_internal.exp(
    x float8
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN exp.x < -700 THEN exp(-700::float8) ELSE exp(exp.x) END;

COMMENT ON FUNCTION lm_internal.exp IS
'e^x; below x = −700 it stays at e^−700, which is nothing beside 1, where PostgreSQL''s exp soon raises an underflow.';

CREATE OR REPLACE FUNCTION lm_internal.pad(
    x vector,
    zeros vector
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN vector_dims(pad.x) < vector_dims(pad.zeros)
        THEN pad.x || subvector(pad.zeros, 1, vector_dims(pad.zeros) - vector_dims(pad.x))
    ELSE pad.x
END;

COMMENT ON FUNCTION lm_internal.pad IS 'x, with zeros behind it up to the width of zeros.';

CREATE OR REPLACE FUNCTION lm_internal.columns(
    x vector[],
    first int,
    n int
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    SELECT array_agg(subvector(r.x, columns.first, columns.n) ORDER BY r.row)
    FROM unnest(columns.x) WITH ORDINALITY AS r (x, row)
);

COMMENT ON FUNCTION lm_internal.columns IS 'n columns of a matrix from column first on, counted from 1; fewer where it ends before.';

CREATE OR REPLACE FUNCTION lm_internal.identity(
    width int
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN ARRAY(
    SELECT
        (
            array_fill(0, ARRAY[place - 1]) || 1 || array_fill(0, ARRAY[identity.width - place])
        )::vector
    FROM generate_series(1, identity.width) AS place
    ORDER BY place
);

COMMENT ON FUNCTION lm_internal.identity IS
'The identity matrix, [width, width]; lm_internal.product(identity, x) is xᵀ, and the fastest way to it.';
