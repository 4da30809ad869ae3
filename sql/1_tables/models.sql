-- Models, their vocabularies and their merges.

CREATE TABLE lm.model (
    model_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    family text NOT NULL,
    n_layer int NOT NULL CHECK (n_layer > 0),
    n_head int NOT NULL CHECK (n_head > 0),
    n_kv_head int NOT NULL CHECK (n_kv_head > 0 AND n_head % n_kv_head = 0),
    d_head int NOT NULL CHECK (d_head > 0),
    d_model int NOT NULL CHECK (d_model > 0),
    d_mlp int NOT NULL CHECK (d_mlp > 0),
    n_ctx int NOT NULL CHECK (n_ctx > 0),
    n_vocab int NOT NULL CHECK (n_vocab > 0),
    norm_is_centred boolean NOT NULL,
    layer_norm_eps float8 NOT NULL CHECK (layer_norm_eps > 0),
    parallel_attn_mlp boolean NOT NULL,
    gated_mlp boolean NOT NULL,
    activation text NOT NULL CHECK (activation IN ('gelu_new', 'gelu', 'silu', 'relu')),
    attn_scaling float8 NOT NULL CHECK (attn_scaling > 0),
    attn_logit_softcapping float8 CHECK (attn_logit_softcapping > 0),
    final_logit_softcapping float8 CHECK (final_logit_softcapping > 0),
    embed_scale float8 NOT NULL CHECK (embed_scale > 0),
    dtype text NOT NULL CHECK (dtype IN ('float32', 'float16')),
    d_block int NOT NULL CHECK (d_block > 0),
    end_of_text int,
    is_default boolean NOT NULL DEFAULT false,
    source text NOT NULL,
    revision text,
    sha256 text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX model_one_default ON lm.model (is_default) WHERE is_default;

COMMENT ON TABLE lm.model IS 'A loaded model and its sizes; every size that SQL needs is read from here.';
COMMENT ON COLUMN lm.model.model_id IS 'Key.';
COMMENT ON COLUMN lm.model.name IS 'What the "model" argument of the functions takes.';
COMMENT ON COLUMN lm.model.family IS 'model_type of the checkpoint: gpt2, llama, … No query depends on it.';
COMMENT ON COLUMN lm.model.n_layer IS 'Number of transformer blocks.';
COMMENT ON COLUMN lm.model.n_head IS 'Attention heads in a layer.';
COMMENT ON COLUMN lm.model.n_kv_head IS
'Heads of keys and values in a layer; each serves n_head / n_kv_head heads of queries (Ainslie et al. 2023).';
COMMENT ON COLUMN lm.model.d_head IS 'Width of a head.';
COMMENT ON COLUMN lm.model.d_model IS 'Width of the residual stream.';
COMMENT ON COLUMN lm.model.d_mlp IS 'Number of neurons in a layer''s MLP.';
COMMENT ON COLUMN lm.model.n_ctx IS 'The longest sequence the model has positions for, in tokens.';
COMMENT ON COLUMN lm.model.n_vocab IS 'Number of tokens in the vocabulary.';
COMMENT ON COLUMN lm.model.norm_is_centred IS
'Whether norms take off the mean first (LayerNorm) or not (RMSNorm, Zhang and Sennrich 2019).';
COMMENT ON COLUMN lm.model.layer_norm_eps IS 'The ε added to the mean square in a norm.';
COMMENT ON COLUMN lm.model.parallel_attn_mlp IS
'Whether the MLP reads resid_pre, as attention does, instead of resid_mid.';
COMMENT ON COLUMN lm.model.gated_mlp IS
'Whether mlp_post is the activation times mlp_pre_linear (Shazeer 2020).';
COMMENT ON COLUMN lm.model.activation IS
'The MLP''s activation, by its name in Hugging Face: gelu_new (by tanh), gelu (by erf), silu or relu.';
COMMENT ON COLUMN lm.model.attn_scaling IS
'What q · k is multiplied by; 1 / √d_head in most models.';
COMMENT ON COLUMN lm.model.attn_logit_softcapping IS
'c in attn_scores := c · tanh(attn_scores / c); NULL: no cap.';
COMMENT ON COLUMN lm.model.final_logit_softcapping IS
'c in logits := c · tanh(logits / c); NULL: no cap.';
COMMENT ON COLUMN lm.model.embed_scale IS 'What token embeddings are multiplied by; 1 in most models.';
COMMENT ON COLUMN lm.model.d_block IS
'The widest row of weights that is stored: what is longer is cut in blocks that fit a page, and their products add up.';
COMMENT ON COLUMN lm.model.dtype IS 'How weights are stored: float32 (vector) or float16 (halfvec).';
COMMENT ON COLUMN lm.model.end_of_text IS 'Token that ends a text (eos_token_id); NULL where the model has none.';
COMMENT ON COLUMN lm.model.is_default IS 'Whether this model is meant where none is named; see lm.set_default_model.';
COMMENT ON COLUMN lm.model.source IS 'Where the files came from: a Hugging Face repo id or a folder.';
COMMENT ON COLUMN lm.model.revision IS 'Commit of the repository the files came from; NULL for a folder.';
COMMENT ON COLUMN lm.model.sha256 IS 'Hash of the weight files as they were read, hexadecimal.';
COMMENT ON COLUMN lm.model.loaded_at IS 'When the model was loaded.';

CREATE TYPE lm.normalizer AS ENUM ('none', 'nfc', 'marks');
CREATE TYPE lm.space_before AS ENUM ('nothing', 'segment', 'piece', 'start');
CREATE TYPE lm.cut AS ENUM (
    'gpt2', 'llama3', 'qwen2', 'digits', 'space', 'spaces', 'words', 'whole'
);
CREATE TYPE lm.token_kind AS ENUM ('ordinary', 'byte', 'unmerged');

COMMENT ON TYPE lm.normalizer IS
'What is done to a text first: nothing; nfc: Unicode''s form NFC; marks: a space becomes ▁.';
COMMENT ON TYPE lm.space_before IS
'What a space is put before: nothing; each segment between added tokens; each piece, or the start of the text alone, unless a space is there.';
COMMENT ON TYPE lm.cut IS
'How a text is cut into pieces; lm_internal.piece_pattern has the regular expression of each.';
COMMENT ON TYPE lm.token_kind IS
'ordinary: merges make it. byte: it is one byte of a character outside the alphabet. unmerged: neither; a text has it only where it is read whole.';

CREATE TABLE lm.tokenizer (
    model_id int PRIMARY KEY REFERENCES lm.model ON DELETE CASCADE,
    normalizer lm.normalizer NOT NULL DEFAULT 'none',
    space_before lm.space_before NOT NULL DEFAULT 'nothing',
    cut lm.cut NOT NULL DEFAULT 'gpt2',
    foreign_character text,
    prepended int[] NOT NULL DEFAULT '{}',
    stripped int NOT NULL DEFAULT 0 CHECK (stripped >= 0),
    longest int CHECK (longest > 0)
);

COMMENT ON TABLE lm.tokenizer IS 'How a model''s texts become tokens, beside its vocabulary, merges and added tokens.';
COMMENT ON COLUMN lm.tokenizer.model_id IS 'The model.';
COMMENT ON COLUMN lm.tokenizer.normalizer IS 'What is done to a text first.';
COMMENT ON COLUMN lm.tokenizer.space_before IS 'What a space is put before.';
COMMENT ON COLUMN lm.tokenizer.cut IS 'How a text is cut into pieces, within which tokens are merged.';
COMMENT ON COLUMN lm.tokenizer.foreign_character IS
'Regular expression of a character that is no token, and is read as its bytes; ▁ then stands for a space. NULL where tokens begin as bytes.';
COMMENT ON COLUMN lm.tokenizer.prepended IS 'Tokens put in front of every text, such as BOS.';
COMMENT ON COLUMN lm.tokenizer.stripped IS 'How many spaces lm.decode removes at the start of a text, because one was put there.';
COMMENT ON COLUMN lm.tokenizer.longest IS
'The most bytes of a text that become one token; NULL where there is no bound.';

CREATE TABLE lm.vocabulary (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    token_id int NOT NULL CHECK (token_id >= 0),
    bytes bytea NOT NULL,
    token text NOT NULL,
    kind lm.token_kind NOT NULL DEFAULT 'ordinary',
    special boolean NOT NULL DEFAULT false,
    PRIMARY KEY (model_id, token_id)
);

CREATE UNIQUE INDEX vocabulary_bytes
    ON lm.vocabulary (model_id, bytes, kind) INCLUDE (token_id) WHERE kind <> 'unmerged';

COMMENT ON TABLE lm.vocabulary IS 'The tokens of a model.';
COMMENT ON COLUMN lm.vocabulary.model_id IS 'The model.';
COMMENT ON COLUMN lm.vocabulary.token_id IS 'Number of the token, from 0.';
COMMENT ON COLUMN lm.vocabulary.bytes IS 'The bytes the token stands for.';
COMMENT ON COLUMN lm.vocabulary.token IS 'The bytes as text; what is not UTF-8 shows as U+FFFD.';
COMMENT ON COLUMN lm.vocabulary.kind IS 'How it comes to be in a text.';
COMMENT ON COLUMN lm.vocabulary.special IS 'Whether the tokenizer calls it special, as <|endoftext|>: it is no part of the text proper.';

CREATE TABLE lm.added_token (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    token_id int NOT NULL,
    content text COLLATE "C" NOT NULL CHECK (content <> ''),
    beginning text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(content, 3)) STORED,
    normalized boolean NOT NULL DEFAULT false,
    single_word boolean NOT NULL DEFAULT false,
    lstrip boolean NOT NULL DEFAULT false,
    rstrip boolean NOT NULL DEFAULT false,
    PRIMARY KEY (model_id, token_id),
    FOREIGN KEY (model_id, token_id) REFERENCES lm.vocabulary ON DELETE CASCADE
);

CREATE UNIQUE INDEX added_token_content
    ON lm.added_token (model_id, normalized, content);

CREATE INDEX added_token_beginning
    ON lm.added_token (model_id, normalized, beginning);

COMMENT ON TABLE lm.added_token IS
'Tokens that are read whole wherever a text has them, the longest first; the flags are those of Hugging Face''s AddedToken.';
COMMENT ON COLUMN lm.added_token.model_id IS 'The model.';
COMMENT ON COLUMN lm.added_token.token_id IS 'The token.';
COMMENT ON COLUMN lm.added_token.content IS 'The text that is looked for; itself normalized where it is looked for in normalized text.';
COMMENT ON COLUMN lm.added_token.beginning IS 'Its first three characters. A text that has none of these has no added token, which is quick to see.';
COMMENT ON COLUMN lm.added_token.normalized IS 'Whether it is looked for after the text is normalized, or before.';
COMMENT ON COLUMN lm.added_token.single_word IS 'Whether it is left alone beside letters, digits and their like.';
COMMENT ON COLUMN lm.added_token.lstrip IS 'Whether it takes the white space before it along.';
COMMENT ON COLUMN lm.added_token.rstrip IS 'Whether it takes the white space after it along.';

CREATE TABLE lm.merge (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    rank int NOT NULL CHECK (rank >= 0),
    left_bytes bytea NOT NULL,
    right_bytes bytea NOT NULL,
    token_id int NOT NULL,
    next_rank int DEFAULT 0,
    PRIMARY KEY (model_id, rank)
);

CREATE UNIQUE INDEX merge_pair
    ON lm.merge (model_id, left_bytes, right_bytes) INCLUDE (rank, next_rank);

COMMENT ON TABLE lm.merge IS
'The merges of BPE in order of rank: the lowest rank present in a word is merged first (Sennrich et al. 2016).';
COMMENT ON COLUMN lm.merge.model_id IS 'The model.';
COMMENT ON COLUMN lm.merge.rank IS 'Order in which merges apply, from 0.';
COMMENT ON COLUMN lm.merge.left_bytes IS 'Bytes of the left piece.';
COMMENT ON COLUMN lm.merge.right_bytes IS 'Bytes of the right piece.';
COMMENT ON COLUMN lm.merge.token_id IS 'The token that the two pieces make together.';
COMMENT ON COLUMN lm.merge.next_rank IS
'The lowest rank of a merge that the new token can take part in; NULL: there is none. All merges of a lower rank can be made at once. 0: not known.';
