-- The non-linearity of the MLP, element by element. pgvector has neither e^x nor tanh, so an array
-- is walked through once; all else is done on whole vectors, which costs a hundredth of it.

CREATE OR REPLACE FUNCTION lm_internal.activate(
    x vector[],
    activation text
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- x tends to a straight line on either side: x σ(a x + b x³). GELU by tanh is that too, for
    -- (1 + tanh t) / 2 = σ(2t)
    curve AS (
        SELECT
            c.a,
            c.b
        FROM (
            VALUES
            ('gelu_new', 2 * sqrt(2 / pi()), 2 * sqrt(2 / pi()) * 0.044715),
            ('silu', 1, 0)
        ) AS c (activation, a, b)
        WHERE c.activation = activate.activation
    ),

    scalar AS MATERIALIZED (
        SELECT
            c.a,
            c.b,
            lm.fill(1, d_mlp) AS one,
            lm.fill(0.5, d_mlp) AS half,
            lm.fill(-sqrt(0.5), d_mlp) AS minus_root_half,
            lm.fill(COALESCE(-c.a - c.b, 0), d_mlp) AS minus_a_b,
            lm.fill(COALESCE(-c.b, 0), d_mlp) AS minus_b
        FROM vector_dims(activate.x[1]) AS d_mlp
        LEFT JOIN curve AS c ON true
    )

    SELECT
        CASE
            -- x/2 + x/2 erf(x/√2) = x/2 erfc(−x/√2)
            WHEN activate.activation = 'gelu'
                THEN ARRAY(
                    SELECT r.x * s.half * ARRAY(SELECT erfc(unnest(r.t::real[])))::vector
                    FROM (
                        SELECT
                            m.x,
                            m.x * s.minus_root_half AS t
                        FROM (SELECT unnest(activate.x) AS x) AS m
                        OFFSET 0
                    ) AS r
                )
            WHEN activate.activation = 'relu'
                THEN ARRAY(
                    SELECT ARRAY(SELECT greatest(unnest(m.x::real[]), 0::real))::vector
                    FROM (SELECT unnest(activate.x) AS x OFFSET 0) AS m
                )
            -- t = −(a x + b x³), its x² written (x + 1)(x − 1) + 1: squaring a tiny x would be an
            -- underflow, which pgvector makes an error. No element is larger than the norm, so
            -- below 700 e^t is neither overflow nor underflow
            WHEN s.a > 0
                THEN ARRAY(
                    SELECT
                        CASE
                            WHEN vector_norm(r.t) < 700
                                THEN r.x * ARRAY(SELECT 1 / (1 + exp(unnest(r.t::real[]))))::vector
                            ELSE ARRAY(
                                SELECT
                                    v / (
                                        1 + exp(
                                            greatest(least(-s.a * v - s.b * v * v * v, 700), -700)
                                        )
                                    )
                                FROM unnest(r.x::real[]::float8[]) AS v
                            )::vector
                        END
                    FROM (
                        SELECT
                            m.x,
                            CASE
                                WHEN vector_norm(m.x) < 1e9
                                    THEN m.x
                                        * (s.minus_a_b + s.minus_b * (m.x + s.one) * (m.x - s.one))
                            END AS t
                        FROM (SELECT unnest(activate.x) AS x) AS m
                        OFFSET 0
                    ) AS r
                )
            ELSE lm_internal.fail(
                NULL::vector[],
                format('there is no activation named %s', activate.activation),
                'there are gelu_new, gelu, silu and relu'
            )
        END
    FROM scalar AS s;
END;

COMMENT ON FUNCTION lm_internal.activate IS
'The activation of the MLP on each element of a matrix: gelu_new is GELU by tanh, x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, as in GPT-2; gelu is GELU by erf, x (1 + erf(x/√2)) / 2 (Hendrycks and Gimpel 2016); silu is x / (1 + e^−x); relu is max(x, 0). Errors: none of these.';
