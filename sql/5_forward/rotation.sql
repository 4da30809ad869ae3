-- Rotary position embeddings: queries and keys turn with their position, so that their product
-- depends on the distance between them (Su et al. 2021).

CREATE OR REPLACE FUNCTION lm_internal.rotations(
    model_id int,
    positions int[]
)
RETURNS TABLE (
    rotary int,
    d_rotary int,
    cosines vector[],
    sines vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- the angles of each position in single precision, as the reference has them
    angle AS MATERIALIZED (
        SELECT
            r.rotary,
            b.row,
            m.n_head,
            m.d_head - 2 * vector_dims(r.frequencies) AS n_still,
            2 * vector_dims(r.frequencies) AS d_rotary,
            ARRAY(
                SELECT (r.scaling * cos(b.position::real * unnest(r.frequencies::real[])))::real
            ) AS cosine,
            ARRAY(
                SELECT (r.scaling * sin(b.position::real * unnest(r.frequencies::real[])))::real
            ) AS sine,
            ARRAY(
                SELECT (-r.scaling * sin(b.position::real * unnest(r.frequencies::real[])))::real
            ) AS minus_sine
        FROM lm.rotary AS r
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
        CROSS JOIN unnest(rotations.positions) WITH ORDINALITY AS b (position, row)
        WHERE r.model_id = rotations.model_id
    )

    -- the same for every head, end to end; what does not turn is multiplied by 1
    SELECT
        a.rotary,
        a.d_rotary,
        array_agg(h.cosines ORDER BY a.row),
        array_agg(h.sines ORDER BY a.row)
    FROM angle AS a
    CROSS JOIN LATERAL (
        SELECT
            lm.concat(head.cosines) AS cosines,
            lm.concat(head.sines) AS sines
        FROM (
            SELECT
                (a.cosine || a.cosine || array_fill(1::real, ARRAY[a.n_still]))::vector AS cosines,
                (a.minus_sine || a.sine || array_fill(0::real, ARRAY[a.n_still]))::vector AS sines
            FROM generate_series(1, a.n_head)
        ) AS head
    ) AS h
    GROUP BY a.rotary, a.d_rotary;
END;

COMMENT ON FUNCTION lm_internal.rotations IS
'For each set of frequencies of a model the factors that rotate queries and keys at these positions, [position, n_head · d_head]; no rows where a model does not rotate.';

CREATE OR REPLACE FUNCTION lm_internal.rotate(
    site lm.site,
    x vector[],
    cosines vector[],
    sines vector[],
    d_rotary int,
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT hooked
    -- where in a row each head has the two halves of what turns, changed in place, and the rest
    FROM (
        SELECT
            array_agg(p.start ORDER BY head, p.place) AS starts,
            array_agg(p.width ORDER BY head, p.place) AS widths
        FROM generate_series(
            0, vector_dims(rotate.x[1]) - (rotate.here).d_head, (rotate.here).d_head
        ) AS head
        CROSS JOIN LATERAL (
            VALUES
            (0, head + rotate.d_rotary / 2 + 1, rotate.d_rotary / 2),
            (1, head + 1, rotate.d_rotary / 2),
            (2, head + rotate.d_rotary + 1, (rotate.here).d_head - rotate.d_rotary)
        ) AS p (place, start, width)
        WHERE p.width > 0
        OFFSET 0
    ) AS part
    -- x ⊙ cosines + x with its halves changed in place ⊙ sines
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN rotate.d_rotary IS NULL THEN rotate.x
                ELSE ARRAY(
                    SELECT
                        r.x * subvector(r.cosine, 1, vector_dims(r.x))
                        + changed.x * subvector(r.sine, 1, vector_dims(r.x))
                    FROM unnest(rotate.x, rotate.cosines, rotate.sines) AS r (x, cosine, sine)
                    CROSS JOIN LATERAL (
                        SELECT lm.concat(subvector(r.x, p.start, p.width)) AS x
                        FROM unnest(part.starts, part.widths) AS p (start, width)
                    ) AS changed
                )
            END AS x
        OFFSET 0
    ) AS rotated
    CROSS JOIN LATERAL lm_internal.hook(rotate.site, rotated.x, rotate.here) AS hooked;
END;

COMMENT ON FUNCTION lm_internal.rotate IS
'Queries or keys turned with their positions, in each head: x[i] cos θ − x[i + r/2] sin θ and x[i + r/2] cos θ + x[i] sin θ; the factors are those of lm_internal.rotations, x itself where they are NULL. Returns one row.';
