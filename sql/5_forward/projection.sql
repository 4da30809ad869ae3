-- A linear map of the model, of as many blocks as its rows are cut in.

-- Not inlined: it would be planned with every map, and a process that starts plans all of them.
CREATE OR REPLACE FUNCTION lm_internal.project_blocks(
    map lm.site,
    x vector[],
    model_id int,
    layer int,
    d_block int
)
RETURNS vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET plan_cache_mode = force_generic_plan
SET jit = off
BEGIN ATOMIC
    SELECT
        ARRAY(
            SELECT lm.total(part.y ORDER BY block)
            FROM generate_series(
                0, (vector_dims(project_blocks.x[1]) - 1) / project_blocks.d_block
            ) AS block
            CROSS JOIN LATERAL (
                SELECT
                    lm_internal.columns(
                        project_blocks.x,
                        block * project_blocks.d_block + 1,
                        project_blocks.d_block
                    ) AS x
                OFFSET 0
            ) AS input
            CROSS JOIN LATERAL lm_internal.linear(
                input.x,
                project_blocks.model_id,
                project_blocks.layer,
                project_blocks.map,
                block
            ) AS output (y)
            CROSS JOIN LATERAL unnest(output.y) WITH ORDINALITY AS part (y, row)
            GROUP BY part.row
            ORDER BY part.row
        );
END;

COMMENT ON FUNCTION lm_internal.project_blocks IS
'A linear map whose rows are cut in blocks of d_block, applied to each row of x: the products of the blocks added up, [row, unit].';

CREATE OR REPLACE FUNCTION lm_internal.project(
    map lm.site,
    x vector[],
    model_id int,
    layer int,
    d_block int
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        CASE
            WHEN vector_dims(project.x[1]) <= project.d_block
                THEN (
                    SELECT y
                    FROM lm_internal.linear(
                        project.x, project.model_id, project.layer, project.map, 0
                    ) AS y
                )
            ELSE lm_internal.project_blocks(
                project.map, project.x, project.model_id, project.layer, project.d_block
            )
        END
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.project IS
'A linear map of a layer applied to each row of x, its blocks (d_block of the model) added up: W x + b, [row, unit]. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.linear(
    site lm.site,
    x vector[],
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT hooked
    FROM lm_internal.project(
        linear.site, linear.x,
        (linear.here).model_id, (linear.here).layer, (linear.here).d_block
    ) AS y
    CROSS JOIN LATERAL lm_internal.hook(linear.site, y, linear.here) AS hooked;
END;

COMMENT ON FUNCTION lm_internal.linear(lm.site, vector[], lm_internal.here) IS
'The linear map that makes a site, applied to each row of x, and the site''s hook. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.output(
    site lm.site,
    norm lm.site,
    x vector[],
    here lm_internal.here
)
RETURNS TABLE (normed vector[], y vector[])
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        normed,
        y
    FROM lm_internal.project(
        output.site, output.x,
        (output.here).model_id, (output.here).layer, (output.here).d_block
    ) AS projected
    CROSS JOIN LATERAL lm_internal.norm(output.norm, projected, output.here) AS normed
    CROSS JOIN LATERAL lm_internal.hook(output.site, normed, output.here) AS y
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.output IS
'What a sub-block adds to the stream: its last linear map, then the norm that some families have there; and the site''s hook. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.add(
    site lm.site,
    x vector[],
    y vector[],
    here lm_internal.here
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT hooked
    FROM (
        SELECT ARRAY(SELECT r.x + r.y FROM unnest(add.x, add.y) AS r (x, y)) AS x
        OFFSET 0
    ) AS s
    CROSS JOIN LATERAL lm_internal.hook(add.site, s.x, add.here) AS hooked;
END;

COMMENT ON FUNCTION lm_internal.add(lm.site, vector[], vector[], lm_internal.here) IS
'The sum of two matrices of one shape, and the hook of the site it makes. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.activated(
    x vector[],
    gate vector[],
    activation text
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        CASE
            WHEN activated.gate IS NULL THEN a.x
            ELSE ARRAY(SELECT r.x * r.gate FROM unnest(a.x, activated.gate) AS r (x, gate))
        END
    FROM (SELECT lm_internal.activate(activated.x, activated.activation) AS x OFFSET 0) AS a
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.activated IS
'The activation of each number of x, times the gate''s where there is one (NULL: none). Returns one row.';
