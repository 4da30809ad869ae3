-- Where each unit of a site is largest: a neuron's top examples, if the site is mlp_post. Narrow it
-- with conditions on layer and unit; for a direction, take sum(e.value * d.value) by text and
-- position, joined with a table d (unit, value), in place of e.value.
WITH
ranked AS (
    SELECT
        e.model,
        e.capture,
        e.site,
        e.layer,
        e.head,
        e.unit,
        row_number() OVER (
            PARTITION BY e.model, e.capture, e.site, e.layer, e.head, e.unit
            ORDER BY e.value DESC, e.text_id, e.position
        ) AS place,
        e.text_id,
        e.position,
        e.value
    FROM element AS e
    WHERE e.site = 'mlp_post'
)

SELECT
    r.model,
    r.capture,
    r.site,
    r.layer,
    r.head,
    r.unit,
    r.place,
    r.value,
    t.token,
    r.position,
    r.text_id
FROM ranked AS r
INNER JOIN token AS t ON t.text_id = r.text_id AND t.position = r.position
WHERE r.place <= 3
ORDER BY r.model, r.capture, r.site, r.layer, r.head, r.unit, r.place;
