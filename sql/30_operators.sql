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
    width int
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (pad.x::real[] || array_fill(0::real, ARRAY[pad.width - vector_dims(pad.x)]))::vector;

COMMENT ON FUNCTION lm.pad IS 'x with zeros behind it, [width].';

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

CREATE OR REPLACE FUNCTION lm.add(
    x vector[],
    y vector[]
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path FROM CURRENT
AS $$
    SELECT array_agg(r.x + r.y ORDER BY r.row)
    FROM unnest(add.x, add.y) WITH ORDINALITY AS r (x, y, row)
$$;

COMMENT ON FUNCTION lm.add IS 'The sum of two matrices of one shape.';

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
SET search_path FROM CURRENT
AS $$
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
    FROM centred AS c
$$;

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

CREATE OR REPLACE FUNCTION lm.gelu(
    x vector[]
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path FROM CURRENT
AS $$
    WITH
    scalar AS MATERIALIZED (
        SELECT
            lm.fill(1, d_mlp) AS one,
            lm.fill(0.5, d_mlp) AS half,
            lm.fill(sqrt(2 / pi()), d_mlp) AS c,
            lm.fill(sqrt(2 / pi()) * 0.044715, d_mlp) AS c3
        FROM vector_dims(gelu.x[1]) AS d_mlp
    ),

    -- t = √(2/π) (x + 0.044715 x³), its x² written (x + 1)(x − 1) + 1: squaring a tiny x would be
    -- an underflow, which pgvector makes an error
    scaled AS MATERIALIZED (
        SELECT
            row,
            x,
            half,
            x * (c + c3 + c3 * (x + one) * (x - one)) AS t
        FROM scalar
        CROSS JOIN unnest(gelu.x) WITH ORDINALITY AS matrix (x, row)
    )

    -- x/2 + x/2 · tanh t
    SELECT
        array_agg(
            x * half + x * half * ARRAY(SELECT tanh(unnest(t::real[])))::vector
            ORDER BY row
        )
    FROM scaled
$$;

COMMENT ON FUNCTION lm.gelu IS
'GPT-2''s activation, GELU by tanh, element by element: x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 (Hendrycks and Gimpel 2016).';

CREATE OR REPLACE FUNCTION lm.halves(
    x vector,
    OUT norm float8,
    OUT high halfvec,
    OUT low halfvec
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        vector_norm(halves.x),
        l2_normalize(halves.x)::halfvec,
        (l2_normalize(halves.x) - l2_normalize(halves.x)::halfvec::vector)::halfvec;
END;

COMMENT ON FUNCTION lm.halves IS
'x as norm · (high + low): two products of a halfvec with halves are quicker than one that makes it a vector first, and as exact.';

CREATE OR REPLACE FUNCTION lm.linear(
    x vector[],
    model_id int,
    layer int,
    map lm.site,
    block int DEFAULT 0
)
RETURNS vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH
    weight AS NOT MATERIALIZED (
        SELECT
            l.unit,
            l.bias,
            l.weight,
            l.weight_half
        FROM lm.linear AS l
        WHERE l.model_id = linear.model_id
            AND l.layer = linear.layer
            AND l.map = linear.map
            AND l.block = linear.block
    ),

    -- Many rows: sixteen of them side by side, so that a weight, once read, meets sixteen in one
    -- step of the executor; an array each, not a row each.
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear.x[start + 0] AS x0, linear.x[start + 1] AS x1,
            linear.x[start + 2] AS x2, linear.x[start + 3] AS x3,
            linear.x[start + 4] AS x4, linear.x[start + 5] AS x5,
            linear.x[start + 6] AS x6, linear.x[start + 7] AS x7,
            linear.x[start + 8] AS x8, linear.x[start + 9] AS x9,
            linear.x[start + 10] AS x10, linear.x[start + 11] AS x11,
            linear.x[start + 12] AS x12, linear.x[start + 13] AS x13,
            linear.x[start + 14] AS x14, linear.x[start + 15] AS x15
        FROM generate_series(1, cardinality(linear.x), 16) AS start
        OFFSET 0
    ),

    -- y[row, unit] = b[unit] + w[unit] · x[row]
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias - (u.w <#> t.x0)) AS y0,
                array_agg(u.bias - (u.w <#> t.x1)) FILTER (WHERE t.x1 IS NOT NULL) AS y1,
                array_agg(u.bias - (u.w <#> t.x2)) FILTER (WHERE t.x2 IS NOT NULL) AS y2,
                array_agg(u.bias - (u.w <#> t.x3)) FILTER (WHERE t.x3 IS NOT NULL) AS y3,
                array_agg(u.bias - (u.w <#> t.x4)) FILTER (WHERE t.x4 IS NOT NULL) AS y4,
                array_agg(u.bias - (u.w <#> t.x5)) FILTER (WHERE t.x5 IS NOT NULL) AS y5,
                array_agg(u.bias - (u.w <#> t.x6)) FILTER (WHERE t.x6 IS NOT NULL) AS y6,
                array_agg(u.bias - (u.w <#> t.x7)) FILTER (WHERE t.x7 IS NOT NULL) AS y7,
                array_agg(u.bias - (u.w <#> t.x8)) FILTER (WHERE t.x8 IS NOT NULL) AS y8,
                array_agg(u.bias - (u.w <#> t.x9)) FILTER (WHERE t.x9 IS NOT NULL) AS y9,
                array_agg(u.bias - (u.w <#> t.x10)) FILTER (WHERE t.x10 IS NOT NULL) AS y10,
                array_agg(u.bias - (u.w <#> t.x11)) FILTER (WHERE t.x11 IS NOT NULL) AS y11,
                array_agg(u.bias - (u.w <#> t.x12)) FILTER (WHERE t.x12 IS NOT NULL) AS y12,
                array_agg(u.bias - (u.w <#> t.x13)) FILTER (WHERE t.x13 IS NOT NULL) AS y13,
                array_agg(u.bias - (u.w <#> t.x14)) FILTER (WHERE t.x14 IS NOT NULL) AS y14,
                array_agg(u.bias - (u.w <#> t.x15)) FILTER (WHERE t.x15 IS NOT NULL) AS y15
            FROM (
                SELECT
                    bias,
                    COALESCE(weight, weight_half::vector) AS w
                FROM weight
                ORDER BY unit
                OFFSET 0
            ) AS u
        ) AS unit
    ),

    -- one row: straight through the weights
    half AS MATERIALIZED (
        SELECT
            first.x,
            h.*
        FROM (SELECT linear.x[1] AS x OFFSET 0) AS first
        CROSS JOIN lm.halves(first.x) AS h
    )

    SELECT
        CASE
            WHEN cardinality(linear.x) = 1
                THEN (
                    SELECT
                        ARRAY[
                            ARRAY(
                                SELECT
                                    bias - COALESCE(
                                        weight <#> half.x,
                                        half.norm
                                        * ((weight_half <#> half.high) + (weight_half <#> half.low))
                                    )
                                FROM weight
                                ORDER BY unit
                            )::vector
                        ]
                    FROM half
                )
            ELSE (
                SELECT array_agg(y::vector ORDER BY start, place)
                FROM product
                CROSS JOIN LATERAL (
                    VALUES
                    (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
                    (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15)
                ) AS output (place, y)
                WHERE y IS NOT NULL
            )
        END
$$;

COMMENT ON FUNCTION lm.linear IS
'One of the model''s linear maps applied to each row of x: bias + weight · x, [rows of x, units]. Of a map cut in blocks it applies one; they add up.';

CREATE OR REPLACE FUNCTION lm.product(
    x vector[],
    y vector[]
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
AS $$
    WITH
    -- sixteen rows of x side by side, as in lm.linear
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            product.x[start + 0] AS x0, product.x[start + 1] AS x1, product.x[start + 2] AS x2,
            product.x[start + 3] AS x3, product.x[start + 4] AS x4, product.x[start + 5] AS x5,
            product.x[start + 6] AS x6, product.x[start + 7] AS x7, product.x[start + 8] AS x8,
            product.x[start + 9] AS x9, product.x[start + 10] AS x10, product.x[start + 11] AS x11,
            product.x[start + 12] AS x12, product.x[start + 13] AS x13, product.x[start + 14] AS x14,
            product.x[start + 15] AS x15
        FROM generate_series(1, cardinality(product.x), 16) AS start
        OFFSET 0
    ),

    -- z[i, j] = x[i] · y[j]
    dot AS NOT MATERIALIZED (
        SELECT
            t.start,
            d.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(-(t.x0 <#> y)) AS z0,
                array_agg(-(t.x1 <#> y)) FILTER (WHERE t.x1 IS NOT NULL) AS z1,
                array_agg(-(t.x2 <#> y)) FILTER (WHERE t.x2 IS NOT NULL) AS z2,
                array_agg(-(t.x3 <#> y)) FILTER (WHERE t.x3 IS NOT NULL) AS z3,
                array_agg(-(t.x4 <#> y)) FILTER (WHERE t.x4 IS NOT NULL) AS z4,
                array_agg(-(t.x5 <#> y)) FILTER (WHERE t.x5 IS NOT NULL) AS z5,
                array_agg(-(t.x6 <#> y)) FILTER (WHERE t.x6 IS NOT NULL) AS z6,
                array_agg(-(t.x7 <#> y)) FILTER (WHERE t.x7 IS NOT NULL) AS z7,
                array_agg(-(t.x8 <#> y)) FILTER (WHERE t.x8 IS NOT NULL) AS z8,
                array_agg(-(t.x9 <#> y)) FILTER (WHERE t.x9 IS NOT NULL) AS z9,
                array_agg(-(t.x10 <#> y)) FILTER (WHERE t.x10 IS NOT NULL) AS z10,
                array_agg(-(t.x11 <#> y)) FILTER (WHERE t.x11 IS NOT NULL) AS z11,
                array_agg(-(t.x12 <#> y)) FILTER (WHERE t.x12 IS NOT NULL) AS z12,
                array_agg(-(t.x13 <#> y)) FILTER (WHERE t.x13 IS NOT NULL) AS z13,
                array_agg(-(t.x14 <#> y)) FILTER (WHERE t.x14 IS NOT NULL) AS z14,
                array_agg(-(t.x15 <#> y)) FILTER (WHERE t.x15 IS NOT NULL) AS z15
            FROM (SELECT unnest(product.y) AS y) AS row
        ) AS d
    )

    SELECT array_agg(z::vector ORDER BY start, place)
    FROM dot
    CROSS JOIN LATERAL (
        VALUES
        (0, z0), (1, z1), (2, z2), (3, z3), (4, z4), (5, z5), (6, z6), (7, z7),
        (8, z8), (9, z9), (10, z10), (11, z11), (12, z12), (13, z13), (14, z14), (15, z15)
    ) AS output (place, z)
    WHERE z IS NOT NULL
$$;

COMMENT ON FUNCTION lm.product IS
'x yᵀ: the products of each row of x with each row of y, [rows of x, rows of y].';

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
