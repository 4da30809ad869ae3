-- What runs kept, with arrays where the tables have vectors: for tools that do not know pgvector.

CREATE OR REPLACE VIEW lm.activation_array WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.site,
    a.layer,
    a.head,
    a.position,
    a.value::real[] AS value
FROM lm.activation AS a;

COMMENT ON VIEW lm.activation_array IS 'lm.activation with its vectors as arrays, for tools that do not know the type vector.';
COMMENT ON COLUMN lm.activation_array.run_id IS 'The run.';
COMMENT ON COLUMN lm.activation_array.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm.activation_array.layer IS 'The layer, from 0; 0 for the embeddings and n_layer for ln_final.';
COMMENT ON COLUMN lm.activation_array.head IS 'The head, from 0; −1 where the site has none.';
COMMENT ON COLUMN lm.activation_array.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.activation_array.value IS 'The numbers, as many as lm.activation.value has. The array begins at 1: its element i is unit i − 1.';

CREATE OR REPLACE VIEW lm.adjustment_array WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.layer,
    a.position,
    a.norm,
    a.adjustment::real[] AS adjustment
FROM lm.attention_adjustment AS a;

COMMENT ON VIEW lm.adjustment_array IS 'lm.attention_adjustment with its vectors as arrays, for tools that do not know the type vector.';
COMMENT ON COLUMN lm.adjustment_array.run_id IS 'The run.';
COMMENT ON COLUMN lm.adjustment_array.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.adjustment_array.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.adjustment_array.norm IS 'Its L2 norm.';
COMMENT ON COLUMN lm.adjustment_array.adjustment IS 'The adjustment, d_model numbers. The array begins at 1: its element i is unit i − 1.';

CREATE OR REPLACE VIEW lm.embedding_array WITH (security_invoker = true) AS
SELECT -- noqa: ST06
    m.name AS model,
    v.token_id,
    v.token,
    e.weight::real[] AS value
FROM lm.model AS m
INNER JOIN lm.vocabulary AS v ON m.model_id = v.model_id
CROSS JOIN LATERAL lm_internal.embedding_of(m.model_id, v.token_id) AS e;

COMMENT ON VIEW lm.embedding_array IS 'The embedding of every token as an array, for tools that do not know the type vector.';
COMMENT ON COLUMN lm.embedding_array.model IS 'Name of the model.';
COMMENT ON COLUMN lm.embedding_array.token_id IS 'The token.';
COMMENT ON COLUMN lm.embedding_array.token IS 'Its text.';
COMMENT ON COLUMN lm.embedding_array.value IS 'W_E[token], d_model numbers.';
