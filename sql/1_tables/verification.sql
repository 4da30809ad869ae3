-- How far a model's numbers are from those of its own files in another library.

CREATE TABLE lm.verification (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    verified_at timestamptz NOT NULL DEFAULT now(),
    site lm.site NOT NULL,
    layer int NOT NULL,
    largest_difference float8 NOT NULL,
    relative_difference float8 NOT NULL,
    prompt text NOT NULL,
    psqlm text NOT NULL,
    transformers text NOT NULL,
    torch text NOT NULL,
    PRIMARY KEY (model_id, verified_at, site, layer)
);

COMMENT ON TABLE lm.verification IS
'What psqlm verify found: the largest difference from transformers, in float32, of every site and layer. A model''s rows go with it.';
COMMENT ON COLUMN lm.verification.model_id IS 'The model.';
COMMENT ON COLUMN lm.verification.verified_at IS 'When; the rows of one verification have one time.';
COMMENT ON COLUMN lm.verification.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm.verification.layer IS
'The layer, from 0; 0 for the embeddings and n_layer for ln_final and logits.';
COMMENT ON COLUMN lm.verification.largest_difference IS
'The largest difference of two numbers, over all positions and heads.';
COMMENT ON COLUMN lm.verification.relative_difference IS
'The largest norm of a difference over the norm of the vector in transformers, over all positions and heads.';
COMMENT ON COLUMN lm.verification.prompt IS 'The text that was run.';
COMMENT ON COLUMN lm.verification.psqlm IS 'Version of psqlm.';
COMMENT ON COLUMN lm.verification.transformers IS 'Version of transformers.';
COMMENT ON COLUMN lm.verification.torch IS 'Version of PyTorch.';
