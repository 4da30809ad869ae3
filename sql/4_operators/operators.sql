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

CREATE OR REPLACE FUNCTION lm.pad(
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

COMMENT ON FUNCTION lm.pad IS 'x with as many of the zeros behind it as make it as wide as they are.';

CREATE OR REPLACE FUNCTION lm.columns(
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

COMMENT ON FUNCTION lm.columns IS 'n columns of a matrix from column first on, counted from 1; fewer where it ends before.';

CREATE OR REPLACE FUNCTION lm.layer_norm(
    x vector,
    gain vector,
    bias vector,
    eps float8
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- x − μ                                                                            [d_model]
    centred AS MATERIALIZED (
        SELECT
            layer_norm.x - lm.fill(-(layer_norm.x <#> lm.fill(1, d_model)) / d_model, d_model) AS x,
            d_model
        FROM vector_dims(layer_norm.x) AS d_model
    )

    -- γ ⊙ (x − μ) / √(σ² + ε) + β
    SELECT
        c.x
        * lm.fill(1 / sqrt(vector_norm(c.x) ^ 2 / c.d_model + layer_norm.eps), c.d_model)
        * layer_norm.gain
        + layer_norm.bias
    FROM centred AS c;
END;

COMMENT ON FUNCTION lm.layer_norm(vector, vector, vector, float8) IS
'γ ⊙ (x − μ) / √(σ² + ε) + β, with the mean and the variance of x (Ba, Kiros and Hinton 2016).';

CREATE OR REPLACE FUNCTION lm.layer_norm(
    x vector[],
    gain vector,
    bias vector,
    eps float8
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    SELECT
        array_agg(
            lm.layer_norm(r.x, layer_norm.gain, layer_norm.bias, layer_norm.eps)
            ORDER BY r.row
        )
    FROM unnest(layer_norm.x) WITH ORDINALITY AS r (x, row)
);

COMMENT ON FUNCTION lm.layer_norm(vector[], vector, vector, float8) IS 'Layer norm of each row of a matrix.';

CREATE OR REPLACE FUNCTION lm.normalize(
    x vector[],
    gain vector,
    bias vector,
    eps float8,
    centred boolean
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        ARRAY(
            SELECT
                c.x
                * lm.fill(
                    1 / sqrt(vector_norm(c.x) ^ 2 / w.d + normalize.eps), w.d
                )
                * normalize.gain
                + normalize.bias
            FROM (SELECT unnest(normalize.x) AS x) AS r
            CROSS JOIN LATERAL (
                SELECT
                    CASE
                        WHEN normalize.centred
                            THEN r.x - lm.fill(-(r.x <#> w.ones) / w.d, w.d)
                        ELSE r.x
                    END AS x
                OFFSET 0
            ) AS c
        )
    FROM (
        SELECT
            d,
            lm.fill(1, d) AS ones
        FROM vector_dims(normalize.gain) AS d
        OFFSET 0
    ) AS w
    OFFSET 0;
END;

CREATE OR REPLACE FUNCTION lm.identity(
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

COMMENT ON FUNCTION lm.identity IS
'The identity matrix, [width, width]; lm.product(identity, x) is xᵀ, and the fastest way to it.';
