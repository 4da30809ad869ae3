-- The product of two matrices that are at hand. Without SET, so that it is inlined.

CREATE OR REPLACE FUNCTION lm_internal.product(
    x vector[],
    y vector[]
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT p.z FROM lm_internal.product_by_16(product.x, product.y) AS p (z);
END;

COMMENT ON FUNCTION lm_internal.product IS
'x yᵀ: the products of each row of x with each row of y, [rows of x, rows of y]; one row.';
