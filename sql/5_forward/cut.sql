-- Where a batch is cut in two.

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
RETURNS TABLE (n_first int, is_between boolean)
LANGUAGE sql
STABLE
ROWS 1
BEGIN ATOMIC
    WITH
    part AS MATERIALIZED (
        SELECT
            b.row::int AS row,
            b.position,
            sum(b.work) OVER (ORDER BY b.row) / sum(b.work) OVER () AS share,
            sum(b.work) OVER () AS total,
            COALESCE(
                lead(COALESCE(b.parent, b.sequence)) OVER (ORDER BY b.row)
                <> COALESCE(b.parent, b.sequence),
                true
            ) AS is_last
        FROM unnest(
            cut.sequence, cut.position, cut.parent,
            lm_internal.work_of_rows(cut.model_id, cut.position)
        ) WITH ORDINALITY AS b (sequence, position, parent, work, row)
    )

    SELECT
        p.row,
        p.is_last
    FROM part AS p
    WHERE p.share < 1
        AND lm_internal.has_second_process()
        -- A worker's cold start has to be got back, and within a sequence a layer's lead as well
        AND p.total > CASE
            WHEN NOT p.is_last THEN 4e6
            WHEN lm_internal.has_huge_pages() THEN 8e5
            ELSE 2e6
        END
        -- as whole tiles. Eight keys are a step of a product: the same digits come out.
        AND (p.is_last OR (cardinality(cut.sequence) >= 48 AND (p.position + 1) % 8 = 0))
    -- The larger half takes the time. A worker is a tenth slower, for it begins with empty caches,
    -- and the leader of two that go in step waits for it at first.
    ORDER BY
        round(
            100 * CASE
                WHEN p.is_last THEN greatest(p.share, 1 - p.share)
                ELSE 0.1 + greatest(1.1 * p.share, 1 - p.share)
            END
        ),
        p.row
    LIMIT 1;
END;

COMMENT ON FUNCTION lm_internal.cut IS
'Where to cut a batch, in order of sequence, in two halves that take the same time: behind its first n_first rows, between two sequences (and what goes on from them) or within one. No row where one process does it best, or no other is to be had.';
