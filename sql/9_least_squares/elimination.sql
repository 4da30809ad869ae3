-- Gaussian elimination, a row at a time. A row is n + 1 numbers of a symmetric matrix and, beside
-- them, n of the identity: what elimination makes of those is what an inverse is put together from.

CREATE OR REPLACE FUNCTION lm_internal.subtract_pivot(
    state float8[],
    "row" float8[],
    pivot_row float8[],
    place int
)
RETURNS float8[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    given AS (
        SELECT
            COALESCE(subtract_pivot.state, subtract_pivot.row) AS a,
            -- left of the pivot its row is 0, and so it is right of what is below the identity
            cardinality(subtract_pivot.row) / 2 + 1 + subtract_pivot.place AS last
    )

    SELECT
        g.a[:subtract_pivot.place - 1]
        || ARRAY(
            SELECT
                unnest(g.a[subtract_pivot.place:g.last])
                - f.x * unnest(subtract_pivot.pivot_row[1:1][subtract_pivot.place:g.last])
        )
        || g.a[g.last + 1:]
    FROM given AS g
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN subtract_pivot.pivot_row[1][subtract_pivot.place] > 1e-11
                    THEN g.a[subtract_pivot.place]
                        / subtract_pivot.pivot_row[1][subtract_pivot.place]
                ELSE 0
            END AS x
        OFFSET 0
    ) AS f;
END;

COMMENT ON FUNCTION lm_internal.subtract_pivot IS
'A row after the pivots before (row, at first) less as much of another pivot''s row, [1, columns], as makes it 0 at its place. Nothing is subtracted where a pivot is almost 0.';

CREATE OR REPLACE AGGREGATE lm_internal.eliminated("row" float8[], pivot_row float8[], place int) (
    SFUNC = lm_internal.subtract_pivot,
    STYPE = float8[]
);

COMMENT ON AGGREGATE lm_internal.eliminated(float8[], float8[], int) IS
'A row after the pivots of the rows above it, in the order in which they come.';

CREATE OR REPLACE FUNCTION lm_internal.add_row(
    state float8[],
    "row" float8[]
)
RETURNS float8[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        add_row.state
        || ARRAY[
            COALESCE(
                (
                    SELECT
                        lm_internal.eliminated(add_row.row, add_row.state[i:i], i)
                    -- in order: nothing comes between the numbers and the aggregate
                    FROM generate_series(1, COALESCE(array_length(add_row.state, 1), 0)) AS i
                ),
                add_row.row
            )
        ];
END;

COMMENT ON FUNCTION lm_internal.add_row IS 'The rows of a matrix after elimination, and one more below them.';

CREATE OR REPLACE AGGREGATE lm_internal.echelon(float8[]) (
    SFUNC = lm_internal.add_row,
    STYPE = float8[]
);

COMMENT ON AGGREGATE lm_internal.echelon(float8[]) IS
'A matrix after elimination, [rows, columns], from its rows in the order given.';
