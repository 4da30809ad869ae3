-- Models, their vocabularies and their merges.

CREATE TABLE IF NOT EXISTS lm.model (
    model_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    n_layer int NOT NULL CHECK (n_layer > 0),
    n_head int NOT NULL CHECK (n_head > 0),
    d_model int NOT NULL CHECK (d_model > 0 AND d_model % n_head = 0),
    d_mlp int NOT NULL CHECK (d_mlp > 0),
    d_block int NOT NULL CHECK (d_block > 0),
    n_ctx int NOT NULL CHECK (n_ctx > 0),
    n_vocab int NOT NULL CHECK (n_vocab > 0),
    layer_norm_eps float8 NOT NULL CHECK (layer_norm_eps > 0),
    logit_cap float8 CHECK (logit_cap > 0),
    dtype text NOT NULL CHECK (dtype IN ('float32', 'float16')),
    end_of_text int,
    is_default boolean NOT NULL DEFAULT false,
    source text NOT NULL,
    revision text,
    sha256 text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX IF NOT EXISTS model_one_default ON lm.model (is_default) WHERE is_default;

COMMENT ON TABLE lm.model IS 'A loaded model and its sizes; every size that SQL needs is read from here.';
COMMENT ON COLUMN lm.model.model_id IS 'Key.';
COMMENT ON COLUMN lm.model.name IS 'What the "model" argument of the functions takes.';
COMMENT ON COLUMN lm.model.n_layer IS 'Number of transformer blocks.';
COMMENT ON COLUMN lm.model.n_head IS 'Attention heads in a layer; a head is d_model / n_head wide.';
COMMENT ON COLUMN lm.model.d_model IS 'Width of the residual stream.';
COMMENT ON COLUMN lm.model.d_mlp IS 'Number of neurons in a layer''s MLP.';
COMMENT ON COLUMN lm.model.d_block IS
'How many weights a row of lm.linear, lm.token_embedding or lm.unembedding holds at most: what does not fit a page is cut in blocks.';
COMMENT ON COLUMN lm.model.n_ctx IS 'The longest sequence the model has positions for, in tokens.';
COMMENT ON COLUMN lm.model.n_vocab IS 'Number of tokens in the vocabulary.';
COMMENT ON COLUMN lm.model.layer_norm_eps IS 'The ε added to the variance in layer norm.';
COMMENT ON COLUMN lm.model.logit_cap IS 'Logits are cap · tanh(logit / cap); NULL where they are not capped.';
COMMENT ON COLUMN lm.model.dtype IS 'How weights are stored: float32 (vector) or float16 (halfvec).';
COMMENT ON COLUMN lm.model.end_of_text IS 'Token that ends a text (eos_token_id); NULL where the model has none.';
COMMENT ON COLUMN lm.model.is_default IS 'Whether this model is meant where none is named; see lm.set_default_model.';
COMMENT ON COLUMN lm.model.source IS 'Where the files came from: a Hugging Face repo id or a folder.';
COMMENT ON COLUMN lm.model.revision IS 'Commit of the repository the files came from; NULL for a folder.';
COMMENT ON COLUMN lm.model.sha256 IS 'Hash of the weight files as they were read, hexadecimal.';
COMMENT ON COLUMN lm.model.loaded_at IS 'When the model was loaded.';

CREATE TABLE IF NOT EXISTS lm.vocabulary (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    token_id int NOT NULL CHECK (token_id >= 0),
    bytes bytea NOT NULL,
    token text NOT NULL,
    special boolean NOT NULL DEFAULT false,
    PRIMARY KEY (model_id, token_id)
);

CREATE UNIQUE INDEX IF NOT EXISTS vocabulary_bytes
    ON lm.vocabulary (model_id, bytes, special) INCLUDE (token_id);

CREATE INDEX IF NOT EXISTS vocabulary_special ON lm.vocabulary (model_id) WHERE special;

COMMENT ON TABLE lm.vocabulary IS 'The tokens of a model.';
COMMENT ON COLUMN lm.vocabulary.model_id IS 'The model.';
COMMENT ON COLUMN lm.vocabulary.token_id IS 'Number of the token, from 0.';
COMMENT ON COLUMN lm.vocabulary.bytes IS 'The bytes the token stands for.';
COMMENT ON COLUMN lm.vocabulary.token IS 'The bytes as text; what is not UTF-8 shows as U+FFFD.';
COMMENT ON COLUMN lm.vocabulary.special IS 'Whether it is read whole and never made by merges, as <|endoftext|> is.';

CREATE TABLE IF NOT EXISTS lm.merge (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    rank int NOT NULL CHECK (rank >= 0),
    left_bytes bytea NOT NULL,
    right_bytes bytea NOT NULL,
    token_id int NOT NULL,
    next_rank int DEFAULT 0,
    PRIMARY KEY (model_id, rank)
);

CREATE UNIQUE INDEX IF NOT EXISTS merge_pair
    ON lm.merge (model_id, left_bytes, right_bytes) INCLUDE (rank, next_rank);

COMMENT ON TABLE lm.merge IS
'The merges of byte-level BPE in order of rank: the lowest rank present in a word is merged first (Sennrich et al. 2016).';
COMMENT ON COLUMN lm.merge.model_id IS 'The model.';
COMMENT ON COLUMN lm.merge.rank IS 'Order in which merges apply, from 0.';
COMMENT ON COLUMN lm.merge.left_bytes IS 'Bytes of the left piece.';
COMMENT ON COLUMN lm.merge.right_bytes IS 'Bytes of the right piece.';
COMMENT ON COLUMN lm.merge.token_id IS 'The token that the two pieces make together.';
COMMENT ON COLUMN lm.merge.next_rank IS
'Lowest rank of a merge that takes that token as a piece, NULL where none does: all below it may be merged at once. 0 if unknown.';
