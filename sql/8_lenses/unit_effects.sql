-- Which units tell tokens of one kind from those of another.

CREATE OR REPLACE FUNCTION lm.unit_effects(
    site lm.site,
    tag text,
    value text,
    model text DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    head int,
    unit int,
    mean float8,
    other_mean float8,
    effect float8
)
LANGUAGE sql
STABLE
SET enable_nestloop = off
BEGIN ATOMIC
    WITH
    label AS MATERIALIZED (
        SELECT
            t.run_id,
            t.position,
            t.value = unit_effects.value AS is_in
        FROM lm.run AS r
        INNER JOIN lm.token_tag AS t ON t.run_id = r.run_id
        WHERE r.model_id = lm.model_id(unit_effects.model)
            AND lm_internal.site_width(unit_effects.site, unit_effects.model) > 0
            AND unit_effects.site = ANY (r.capture)
            AND t.name = unit_effects.tag
    ),

    sound AS (
        SELECT
            CASE
                WHEN bool_or(l.is_in) AND NOT bool_and(l.is_in) THEN true
                ELSE lm_internal.fail(
                    true,
                    format(
                        'no token of a run that captured %s is tagged %s %s %s',
                        unit_effects.site,
                        unit_effects.tag,
                        CASE WHEN bool_or(l.is_in) THEN '<>' ELSE '=' END,
                        unit_effects.value
                    ),
                    'SELECT name, value, count(*) FROM lm.token_tag GROUP BY name, value'
                )
            END AS is_sound
        FROM label AS l
    ),

    -- μ, and a power of two above all deviations from it                   [layer, head, d_site]
    whole AS MATERIALIZED (
        SELECT
            c.layer,
            c.head,
            avg(c.value) AS mean,
            lm.fill(
                lm_internal.power_above(2 * max(vector_norm(c.value))), max(vector_dims(c.value))
            ) AS far
        FROM label AS l
        INNER JOIN lm.captured AS c ON c.run_id = l.run_id AND c.position = l.position
        WHERE c.site = unit_effects.site
            AND (SELECT s.is_sound FROM sound AS s)
        GROUP BY c.layer, c.head
    ),

    -- x − μ. What is too small beside the rest is rounded to 0, whose square is no underflow.
    deviation AS (
        SELECT
            c.layer,
            c.head,
            l.is_in,
            c.value - w.mean + w.far - w.far AS x
        FROM label AS l
        INNER JOIN lm.captured AS c ON c.run_id = l.run_id AND c.position = l.position
        INNER JOIN whole AS w ON w.layer = c.layer AND w.head = c.head
        WHERE c.site = unit_effects.site
        OFFSET 0
    ),

    moments AS MATERIALIZED (
        SELECT
            d.layer,
            d.head,
            d.is_in,
            count(*) AS n,
            avg(d.x) AS mean,
            avg(d.x * d.x) AS square
        FROM deviation AS d
        GROUP BY d.layer, d.head, d.is_in
    )

    -- effect = (mean − other_mean) / s, s² = Σ (x − mean of its kind)² / (n − 2)
    SELECT
        w.layer,
        w.head,
        u.number::int - 1,
        u.whole::float8 + u.mean,
        u.whole::float8 + u.other_mean,
        CASE
            WHEN u.mean = u.other_mean THEN 0
            WHEN s.variance > 0 THEN (u.mean::float8 - u.other_mean) / sqrt(s.variance)
            ELSE sign(u.mean - u.other_mean) * 'Infinity'::float8
        END
    FROM whole AS w
    INNER JOIN moments AS a ON a.layer = w.layer AND a.head = w.head AND a.is_in
    INNER JOIN moments AS b ON b.layer = w.layer AND b.head = w.head AND NOT b.is_in
    CROSS JOIN LATERAL unnest(
        w.mean::real[], a.mean::real[], b.mean::real[], a.square::real[], b.square::real[]
    ) WITH ORDINALITY AS u (whole, mean, other_mean, square, other_square, number)
    CROSS JOIN LATERAL (
        SELECT
            (
                a.n * (u.square - u.mean::float8 ^ 2)
                + b.n * (u.other_square - u.other_mean::float8 ^ 2)
            ) / NULLIF(a.n + b.n - 2, 0) AS variance
    ) AS s
    ORDER BY w.layer, w.head, u.number;
END;

COMMENT ON FUNCTION lm.unit_effects IS
'How well each unit of a site (a neuron of mlp_post, a dimension of resid_post) tells the tokens with this value of a tag from those with another: effect is Cohen''s d, the difference of the two means in standard deviations, 0 for a unit that never varies. Over all runs of the model that captured the site and have such labels (lm.tag). Errors: the site has no fixed width; no token has the label, or none has another.';
