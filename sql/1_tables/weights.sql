-- The weights. The large tables are partitioned by model: loading fills a table that has no keys
-- yet, dropping a model drops its table.

CREATE TABLE lm.token_embedding (
    model_id int NOT NULL,
    token_id int NOT NULL,
    block int NOT NULL DEFAULT 0,
    embedding vector,
    embedding_half halfvec,
    CHECK (num_nonnulls(embedding, embedding_half) = 1)
) PARTITION BY LIST (model_id);

COMMENT ON TABLE lm.token_embedding IS
'W_E, one row per token and block; with tied weights, as GPT-2 has them, it is the unembedding W_U as well.';
COMMENT ON COLUMN lm.token_embedding.model_id IS 'The model.';
COMMENT ON COLUMN lm.token_embedding.token_id IS 'The token.';
COMMENT ON COLUMN lm.token_embedding.block IS
'Which d_block of the embedding the row holds, from 0; there are several only where one would not fit a page.';
COMMENT ON COLUMN lm.token_embedding.embedding IS 'Its embedding, [d_block], in a float32 model.';
COMMENT ON COLUMN lm.token_embedding.embedding_half IS 'Its embedding, [d_block], in a float16 model.';

CREATE TABLE lm.unembedding (
    model_id int NOT NULL,
    token_id int NOT NULL,
    block int NOT NULL DEFAULT 0,
    bias real NOT NULL DEFAULT 0,
    weight vector,
    weight_half halfvec,
    CHECK (num_nonnulls(weight, weight_half) = 1)
) PARTITION BY LIST (model_id);

COMMENT ON TABLE lm.unembedding IS
'W_U, one row per token and block, of a model that has one of its own; a model without rows here is tied, see lm.token_embedding.';
COMMENT ON COLUMN lm.unembedding.model_id IS 'The model.';
COMMENT ON COLUMN lm.unembedding.token_id IS 'The token.';
COMMENT ON COLUMN lm.unembedding.block IS 'Which d_block of the inputs the row weighs, from 0.';
COMMENT ON COLUMN lm.unembedding.bias IS 'The token''s bias; on block 0, and 0 on the others.';
COMMENT ON COLUMN lm.unembedding.weight IS 'The token''s weights, [d_block], in a float32 model.';
COMMENT ON COLUMN lm.unembedding.weight_half IS 'The token''s weights, [d_block], in a float16 model.';

CREATE TABLE lm.linear (
    model_id int NOT NULL,
    layer int NOT NULL,
    map lm.site NOT NULL,
    block int NOT NULL,
    unit int NOT NULL,
    bias real NOT NULL,
    weight vector,
    weight_half halfvec,
    CHECK (num_nonnulls(weight, weight_half) = 1)
) PARTITION BY LIST (model_id);

COMMENT ON TABLE lm.linear IS
'The linear maps, one row per output unit: output = bias + weight · input. A neuron is a row of map mlp_pre.';
COMMENT ON COLUMN lm.linear.model_id IS 'The model.';
COMMENT ON COLUMN lm.linear.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.linear.map IS 'The map, by the site it makes: q, k, v, attn_out, mlp_pre, mlp_pre_linear or mlp_out.';
COMMENT ON COLUMN lm.linear.block IS
'Which d_block of the inputs the row weighs, from 0: a longer row would not fit a page. The blocks'' products add up.';
COMMENT ON COLUMN lm.linear.unit IS 'The output unit, from 0.';
COMMENT ON COLUMN lm.linear.bias IS 'The unit''s bias; on block 0, and 0 on the others.';
COMMENT ON COLUMN lm.linear.weight IS 'The unit''s weights, [d_block] or what is left, in a float32 model.';
COMMENT ON COLUMN lm.linear.weight_half IS 'The same in a float16 model.';

CREATE TABLE lm.position_embedding (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    position int NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (model_id, position)
);

COMMENT ON TABLE lm.position_embedding IS 'W_pos, one row per position.';
COMMENT ON COLUMN lm.position_embedding.model_id IS 'The model.';
COMMENT ON COLUMN lm.position_embedding.position IS 'The position, from 0 to n_ctx − 1.';
COMMENT ON COLUMN lm.position_embedding.embedding IS 'Its embedding, [d_model].';

CREATE TABLE lm.layer_norm (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    layer int NOT NULL,
    site text NOT NULL CHECK (
        site IN (
            'ln1', 'q_norm', 'k_norm', 'ln1_post', 'ln2', 'ln2_post', 'ln_final'
        )
    ),
    gain vector NOT NULL,
    bias vector NOT NULL,
    PRIMARY KEY (model_id, layer, site)
);

CREATE TABLE lm.layer (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    layer int NOT NULL CHECK (layer >= 0),
    sliding_window int CHECK (sliding_window > 0),
    rotary int,
    PRIMARY KEY (model_id, layer)
);

COMMENT ON TABLE lm.layer IS 'What differs from layer to layer.';
COMMENT ON COLUMN lm.layer.model_id IS 'The model.';
COMMENT ON COLUMN lm.layer.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.layer.sliding_window IS
'How many positions a query sees, itself and those before it; NULL: all.';
COMMENT ON COLUMN lm.layer.rotary IS
'Which frequencies rotate queries and keys, a row of lm.rotary; NULL: they are not rotated.';

CREATE TABLE lm.rotary (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    rotary int NOT NULL,
    frequencies vector NOT NULL,
    scaling float8 NOT NULL CHECK (scaling > 0),
    PRIMARY KEY (model_id, rotary)
);

COMMENT ON TABLE lm.rotary IS
'Rotary position embeddings (Su et al. 2021): a pair of dimensions of a head turns by position times frequency.';
COMMENT ON COLUMN lm.rotary.model_id IS 'The model.';
COMMENT ON COLUMN lm.rotary.rotary IS 'Number of the set of frequencies, from 0.';
COMMENT ON COLUMN lm.rotary.frequencies IS
'Radians per position, [r / 2]: dimension i of a head turns with dimension i + r / 2. Those from r on do not turn.';
COMMENT ON COLUMN lm.rotary.scaling IS 'What the rotated pairs are multiplied by; 1 in most models.';

COMMENT ON TABLE lm.layer_norm IS
'The norms. A layer has those that its family has: a norm without a row changes nothing. The final one is in layer n_layer.';
COMMENT ON COLUMN lm.layer_norm.model_id IS 'The model.';
COMMENT ON COLUMN lm.layer_norm.layer IS 'The layer, from 0; n_layer for ln_final.';
COMMENT ON COLUMN lm.layer_norm.site IS
'ln1 before attention, q_norm and k_norm of queries and keys, ln1_post after attention, ln2 and ln2_post about the MLP, ln_final.';
COMMENT ON COLUMN lm.layer_norm.gain IS
'γ, [d_model]; of q_norm and k_norm [d_head] where each head is normed, [all heads] where they are together.';
COMMENT ON COLUMN lm.layer_norm.bias IS 'β, as wide as γ; 0 where the family has none.';

-- By default a vector(768) would go to TOAST and be fetched again for each product; the partitions
-- made for each model inherit this.
ALTER TABLE lm.token_embedding
    ALTER embedding SET STORAGE PLAIN,
    ALTER embedding_half SET STORAGE PLAIN;
ALTER TABLE lm.unembedding ALTER weight SET STORAGE PLAIN, ALTER weight_half SET STORAGE PLAIN;
ALTER TABLE lm.linear ALTER weight SET STORAGE PLAIN, ALTER weight_half SET STORAGE PLAIN;
-- MAIN: in the row itself wherever it fits a page
ALTER TABLE lm.position_embedding ALTER embedding SET STORAGE MAIN;
ALTER TABLE lm.layer_norm ALTER gain SET STORAGE MAIN, ALTER bias SET STORAGE MAIN;

-- weights are tables of each model's own, which no foreign key can delete
CREATE FUNCTION lm_internal.drop_weights()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM lm.drop_leftovers();
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION lm_internal.drop_weights IS 'Drops the weights of models that have been deleted.';

CREATE TRIGGER drop_weights
AFTER DELETE ON lm.model
FOR EACH STATEMENT
EXECUTE FUNCTION lm_internal.drop_weights();

COMMENT ON TRIGGER drop_weights ON lm.model IS 'Drops the weights of models that are deleted.';
