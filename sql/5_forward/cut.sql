-- Where a batch is cut, and how many processes share it.

CREATE OR REPLACE FUNCTION lm_internal.work_of_rows(
    model_id int,
    "position" int[]
)
RETURNS float8[]
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN (
    SELECT
        ARRAY(
            SELECT
                m.n_layer * (
                    2 * (m.n_head + m.n_kv_head) * m.d_head
                    + CASE WHEN m.gated_mlp THEN 3 ELSE 2 END * m.d_mlp
                    -- a key costs a query and head four products: scores, softmax, values
                    + 4 * m.n_head * (p.position + 1)
                )
            FROM unnest(work_of_rows.position) WITH ORDINALITY AS p (position, row)
            ORDER BY p.row
        )
    FROM lm.model AS m
    WHERE m.model_id = work_of_rows.model_id
);

COMMENT ON FUNCTION lm_internal.work_of_rows IS
'What each row of a batch costs a pass, in products of a row of weights with it: some 0.15 µs each.';

CREATE OR REPLACE FUNCTION lm_internal.cut(
    model_id int,
    sequence int[],
    "position" int[],
    parent int[] DEFAULT NULL
)
RETURNS TABLE (manner text, n_before int[])
LANGUAGE sql
STABLE
ROWS 1
BEGIN ATOMIC
    WITH
    part AS MATERIALIZED (
        SELECT
            b.row::int AS row,
            sum(b.work) OVER () AS total,
            sum(b.work) OVER (ORDER BY b.row) / sum(b.work) OVER () AS share,
            COALESCE(
                lead(COALESCE(b.parent, b.sequence)) OVER (ORDER BY b.row)
                <> COALESCE(b.parent, b.sequence),
                true
            ) AS is_last,
            -- As whole tiles. Eight keys are a step of a product: the same digits come out.
            cardinality(cut.sequence) >= 48 AND (b.position + 1) % 8 = 0 AS is_step
        FROM unnest(
            cut.sequence, cut.position, cut.parent,
            lm_internal.work_of_rows(cut.model_id, cut.position)
        ) WITH ORDINALITY AS b (sequence, position, parent, work, row)
    ),

    -- how many parts there may be: a slice of less than sixteen rows is cheaper to leave
    manner AS MATERIALIZED (
        SELECT m.*
        FROM (
            VALUES
            ('apart', lm_internal.n_processes()),
            ('in step', least(lm_internal.n_processes(), 2)),
            ('slices', least(lm_internal.n_processes(), cardinality(cut.sequence) / 16))
        ) AS m (name, n_parts)
        WHERE m.n_parts > CASE WHEN m.name = 'slices' THEN 2 ELSE 1 END
    ),

    -- Equal shares of the work, as near as can be. In step the second half is the larger: it
    -- begins a layer later, and a worker is a tenth slower, for it begins with empty caches.
    plan AS (
        SELECT
            m.name,
            array_agg(DISTINCT p.row ORDER BY p.row) AS rows,
            array_agg(DISTINCT p.share ORDER BY p.share) AS shares
        FROM manner AS m
        CROSS JOIN LATERAL generate_series(1, m.n_parts - 1) AS i
        CROSS JOIN LATERAL (
            SELECT
                p.row,
                p.share
            FROM part AS p
            WHERE p.share < 1 AND (p.is_last OR (p.is_step AND m.name <> 'apart'))
            ORDER BY
                abs(
                    p.share
                    - CASE WHEN m.name = 'in step' THEN 1 / 2.1 ELSE i / m.n_parts::float8 END
                ),
                p.row
            LIMIT 1
        ) AS p
        GROUP BY m.name
    ),

    -- What each would take, in products. A worker starts, plans the layers, and maps the weights
    -- unless they lie in huge pages: once, or for each layer anew.
    price AS (
        SELECT
            p.name,
            p.rows,
            all_rows.total AS whole,
            CASE
                WHEN p.name = 'in step'
                    THEN (0.1 + largest.share) * all_rows.total + 1.5e6
                WHEN p.name = 'apart'
                    THEN largest.share * all_rows.total
                        + CASE WHEN lm_internal.has_huge_pages() THEN 3.6e5 ELSE 9e5 END
                ELSE largest.share * all_rows.total + (m.n_layer + 1) * 6e5
            END AS products
        FROM plan AS p
        CROSS JOIN (SELECT total FROM part LIMIT 1) AS all_rows
        CROSS JOIN LATERAL (
            SELECT
                max(
                    CASE WHEN p.name = 'in step' AND s.number = 1 THEN 1.1 ELSE 1 END
                    * (s.share - s.before)
                ) AS share
            FROM (
                SELECT
                    s.number,
                    s.share,
                    COALESCE(lag(s.share) OVER (ORDER BY s.number), 0) AS before
                FROM unnest(p.shares || 1::float8) WITH ORDINALITY AS s (share, number)
            ) AS s
        ) AS largest
        INNER JOIN lm.model AS m ON m.model_id = cut.model_id
    )

    SELECT
        p.name,
        0 || p.rows
    FROM price AS p
    WHERE p.products < p.whole
    ORDER BY p.products
    LIMIT 1;
END;

COMMENT ON FUNCTION lm_internal.cut IS
'How many rows of a batch, in order of sequence, lie before each of the parts in which it is run, and in which manner: apart, between two sequences (and what goes on from them); in step, two halves of which the second follows the first; slices, layer by layer. No row where one process does it best, or no other is to be had.';
