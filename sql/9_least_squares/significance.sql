-- Significance: p-values of Student's t, and their adjustment for many tests.

CREATE OR REPLACE FUNCTION lm.student_t_p(
    t float8,
    df float8
)
RETURNS float8
LANGUAGE sql
IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE
    -- x = ν / (ν + t²), kept as odds t² / ν. Beyond 1e±150 a square would overflow or become 0, and
    -- beyond 1e±100 ν changes p no more
    argument AS (
        SELECT
            df.value / 2 AS half_df,
            CASE
                WHEN student_t_p.df > 0 AND student_t_p.df < 'Infinity' AND student_t_p.t <> 'NaN'
                    THEN LEAST(GREATEST(abs(student_t_p.t) / sqrt(df.value), 1e-150), 1e150) ^ 2
            END AS odds
        FROM (
            SELECT LEAST(GREATEST(student_t_p.df, 1e-100), 1e100) AS value
        ) AS df
    ),

    -- P(|T| ≥ |t|) = I_x(ν/2, ½) in the tails, and 1 − I_{1−x}(½, ν/2) in the centre, where p is
    -- large and the other is slow: the continued fraction wants x < (a + 1) / (a + b + 2)
    beta AS (
        SELECT
            a.half_df,
            a.odds,
            side.*
        FROM argument AS a
        CROSS JOIN LATERAL (
            VALUES
            (true, a.half_df, 0.5::float8, 1 / (1 + a.odds)),
            (false, 0.5::float8, a.half_df, a.odds / (1 + a.odds))
        ) AS side (is_tail, a, b, x)
        WHERE side.is_tail = (1 / (1 + a.odds) < (a.half_df + 1) / (a.half_df + 2.5))
    ),

    -- f_m = 1 + d_{m+1} / f_{m+1}, from the far end to f_0 (DLMF 8.17.22); 128 steps are enough to
    -- the last digit for every ν and t
    fraction AS (
        SELECT
            128 AS m,
            1::float8 AS f
        UNION ALL
        SELECT
            previous.m - 1,
            1 + step.d / previous.f
        FROM fraction AS previous
        CROSS JOIN beta
        CROSS JOIN LATERAL (
            -- d_{2j} = j (b − j) x / ((a + 2j − 1)(a + 2j)),
            -- d_{2j+1} = −(a + j)(a + b + j) x / ((a + 2j)(a + 2j + 1))
            SELECT
                CASE previous.m % 2
                    WHEN 0 THEN j * (beta.b - j) / (beta.a + 2 * j - 1)
                    ELSE -(beta.a + j) * (beta.a + beta.b + j) / (beta.a + 2 * j + 1)
                END * beta.x / (beta.a + 2 * j) AS d
            FROM (VALUES (previous.m / 2)) AS half (j)
        ) AS step
        WHERE previous.m > 0
    ),

    -- ln Γ(ν/2) − ln Γ(ν/2 + ½): Stirling's series from z ≥ 16 on, Γ(z + 1) = z Γ(z) to get there
    ln_gamma_ratio AS (
        SELECT
            -ln(z) / 2
            + (1 / 8.0 - w * (1 / 192.0 - w * (1 / 640.0 - w * (17 / 14336.0 - w * 31 / 18432.0))))
            / z
            + COALESCE(
                (
                    SELECT sum(ln((beta.half_df + i + 0.5) / (beta.half_df + i)))
                    FROM generate_series(0, shift.steps - 1) AS i
                ),
                0
            ) AS value
        FROM beta
        CROSS JOIN LATERAL (SELECT GREATEST(ceil(16 - beta.half_df), 0)::int) AS shift (steps)
        CROSS JOIN LATERAL (SELECT beta.half_df + shift.steps) AS far (z)
        CROSS JOIN LATERAL (SELECT far.z ^ -2) AS inverse (w)
    ),

    -- ln I = a ln x + b ln(1 − x) − ln a − ln B(a, b) − ln f_0, with Γ(½) = √π in B: in logarithms
    -- to the end, so that nothing underflows. ln(1 + u) is written as
    -- u ln(1 + u) / ((1 + u) − 1), which keeps small odds exact
    probability AS (
        SELECT
            beta.is_tail,
            CASE
                WHEN 1 + beta.odds = 1 THEN -beta.half_df * beta.odds
                ELSE -beta.half_df * ln(1 + beta.odds) * (beta.odds / ((1 + beta.odds) - 1))
            END
            + ln(beta.odds / (1 + beta.odds)) / 2
            - ln(beta.a)
            - ln(pi()) / 2 - ln_gamma_ratio.value
            - ln(fraction.f) AS ln_i
        FROM beta
        CROSS JOIN ln_gamma_ratio
        CROSS JOIN fraction
        WHERE fraction.m = 0
    )

    -- float8 ends at e^−745
    SELECT
        CASE
            WHEN p.is_tail AND p.ln_i < -745 THEN 0
            WHEN p.is_tail THEN exp(p.ln_i)
            ELSE 1 - exp(GREATEST(p.ln_i, -745))
        END
    FROM probability AS p;
END;

COMMENT ON FUNCTION lm.student_t_p IS
'Two-sided p-value of Student''s t, P(|T| ≥ |t|), by the continued fraction of the incomplete beta '
'function. Relative error below 1e-12 up to df = 1e4 and 1e-8 up to 1e8, down to p = 1e-307. '
'NULL where df is not positive.';

CREATE OR REPLACE FUNCTION lm.benjamini_hochberg(
    p float8[]
)
RETURNS float8[]
LANGUAGE sql
IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- p_(1) ≤ … ≤ p_(m)
    ranked AS (
        SELECT
            t.p,
            t.place,
            row_number() OVER (ORDER BY t.p) AS rank,
            count(t.p) OVER () AS m
        FROM unnest(benjamini_hochberg.p) WITH ORDINALITY AS t (p, place)
        WHERE
            CASE
                WHEN t.p BETWEEN 0 AND 1 OR t.p IS NULL THEN true
                ELSE lm_internal.fail(
                    true, format('p is %s: a p-value is from 0 to 1, or NULL', t.p)
                )
            END
    ),

    -- q_(i) = min over j ≥ i of p_(j) m / j
    adjusted AS (
        SELECT
            r.place,
            CASE
                WHEN r.p IS NOT NULL
                    THEN LEAST(1, min(r.p * r.m / r.rank) OVER (ORDER BY r.p DESC NULLS FIRST))
            END AS q
        FROM ranked AS r
    )

    SELECT COALESCE(array_agg(a.q ORDER BY a.place), '{}')
    FROM adjusted AS a;
END;

COMMENT ON FUNCTION lm.benjamini_hochberg IS
'p-values adjusted for many tests (Benjamini and Hochberg 1995), in the order given: of those at or '
'below q, the expected share of false finds is at most q. NULLs stay NULL and do not count. Errors: '
'a value is NaN, or not from 0 to 1.';
