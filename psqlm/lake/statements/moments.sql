-- Moments of a regression of your own: write y, the regressors and what tells the groups apart into
-- `observation`, and lm.ols makes coefficients of what comes out. In Python
-- psqlm.analysis.moments.fit_moments(connection, rows, "y", ["x_1", "x_2"]) asks it to.
-- Here: does the logarithm of an adjustment's norm follow from where a token stands, and from how
-- long it is?
WITH
observation AS (
    SELECT
        a.model,
        a.capture,
        a.layer AS group_name,
        ln(NULLIF(a.norm, 0)) AS y,
        a.position AS x_1,
        length(t.token) AS x_2
    FROM activation AS a
    INNER JOIN token AS t ON t.text_id = a.text_id AND t.position = a.position
    WHERE a.site = 'attn_out' AND a.position > 0
),

known AS (
    SELECT o.*
    FROM observation AS o
    WHERE o.y IS NOT NULL AND o.x_1 IS NOT NULL AND o.x_2 IS NOT NULL
)

SELECT
    k.model,
    k.capture,
    k.group_name,
    count(*) AS n,
    avg(k.x_1) AS mean_x_1,
    avg(k.x_2) AS mean_x_2,
    avg(k.y) AS mean_y,
    regr_sxx(k.x_1, k.x_1) AS s_x_1_x_1,
    regr_sxy(k.x_1, k.x_2) AS s_x_1_x_2,
    regr_sxy(k.x_1, k.y) AS s_x_1_y,
    regr_sxx(k.x_2, k.x_2) AS s_x_2_x_2,
    regr_sxy(k.x_2, k.y) AS s_x_2_y,
    regr_sxx(k.y, k.y) AS s_y_y
FROM known AS k
GROUP BY k.model, k.capture, k.group_name
ORDER BY k.model, k.capture, k.group_name;
