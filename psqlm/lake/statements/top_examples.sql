-- The tokens whose adjustments are the largest of their layer, in their texts.
WITH
ranked AS (
    SELECT
        a.model,
        a.capture,
        a.layer,
        row_number() OVER (
            PARTITION BY a.model, a.capture, a.layer
            ORDER BY a.norm DESC, a.text_id, a.position
        ) AS place,
        a.text_id,
        a.position,
        a.norm
    FROM activation AS a
    -- token 0 can only attend to itself
    WHERE a.site = 'attn_out' AND a.position > 0
)

SELECT
    r.model,
    r.capture,
    r.layer,
    r.place,
    r.norm,
    t.token,
    r.position,
    r.text_id,
    x.text
FROM ranked AS r
INNER JOIN token AS t ON t.text_id = r.text_id AND t.position = r.position
INNER JOIN text AS x ON x.text_id = r.text_id
WHERE r.place <= 10
ORDER BY r.model, r.capture, r.layer, r.place;
