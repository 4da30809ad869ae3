-- The tables: models and their weights, runs and what was seen inside them.
-- Costly data lives here, apart from code: installing again creates what is missing and drops nothing.

CREATE SCHEMA IF NOT EXISTS lm;

COMMENT ON SCHEMA lm IS
'A language model that you query: GPT-2 as tables, its forward pass as SQL, what happens inside it as rows.';

-- Models ------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lm.model (
    model_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    n_layer int NOT NULL CHECK (n_layer > 0),
    n_head int NOT NULL CHECK (n_head > 0),
    d_model int NOT NULL CHECK (d_model > 0 AND d_model % n_head = 0),
    d_mlp int NOT NULL CHECK (d_mlp > 0),
    n_ctx int NOT NULL CHECK (n_ctx > 0),
    n_vocab int NOT NULL CHECK (n_vocab > 0),
    layer_norm_eps float8 NOT NULL CHECK (layer_norm_eps > 0),
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
COMMENT ON COLUMN lm.model.n_ctx IS 'The longest sequence the model has positions for, in tokens.';
COMMENT ON COLUMN lm.model.n_vocab IS 'Number of tokens in the vocabulary.';
COMMENT ON COLUMN lm.model.layer_norm_eps IS 'The ε added to the variance in layer norm.';
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

-- Weights -----------------------------------------------------------------------------------------
-- Partitioned by model: loading fills a table that has no keys yet, dropping a model drops its table.
-- STORAGE PLAIN throughout: by default a vector(768) would go to TOAST and be fetched again for each product.

DO $$
BEGIN
    -- what ends in a product is named by the site it makes: TransformerLens's hook points
    CREATE TYPE lm.site AS ENUM (
        'embed', 'pos_embed', 'resid_pre', 'ln1', 'q', 'k', 'v', 'attn_scores', 'pattern', 'z', 'attn_out',
        'resid_mid', 'ln2', 'mlp_pre', 'mlp_post', 'mlp_out', 'resid_post', 'ln_final', 'logits'
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm.site IS
'A place in the transformer, in the order of computation; the names are TransformerLens''s hook points.';

CREATE TABLE IF NOT EXISTS lm.token_embedding (
    model_id int NOT NULL,
    token_id int NOT NULL,
    embedding vector,
    embedding_half halfvec,
    CHECK (num_nonnulls(embedding, embedding_half) = 1)
) PARTITION BY LIST (model_id);

COMMENT ON TABLE lm.token_embedding IS
'W_E, one row per token; with tied weights, as GPT-2 has them, it is the unembedding W_U as well.';
COMMENT ON COLUMN lm.token_embedding.model_id IS 'The model.';
COMMENT ON COLUMN lm.token_embedding.token_id IS 'The token.';
COMMENT ON COLUMN lm.token_embedding.embedding IS 'Its embedding, [d_model], in a float32 model.';
COMMENT ON COLUMN lm.token_embedding.embedding_half IS 'Its embedding, [d_model], in a float16 model.';

CREATE TABLE IF NOT EXISTS lm.linear (
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
COMMENT ON COLUMN lm.linear.map IS 'The map, by the site it makes: q, k, v, attn_out, mlp_pre or mlp_out.';
COMMENT ON COLUMN lm.linear.block IS
'Which d_model of the inputs the row weighs, from 0; a row of mlp_out would not fit a page, its blocks'' products add up.';
COMMENT ON COLUMN lm.linear.unit IS 'The output unit, from 0.';
COMMENT ON COLUMN lm.linear.bias IS 'The unit''s bias; on block 0, and 0 on the others.';
COMMENT ON COLUMN lm.linear.weight IS 'The unit''s weights, [d_model], in a float32 model.';
COMMENT ON COLUMN lm.linear.weight_half IS 'The unit''s weights, [d_model], in a float16 model.';

CREATE TABLE IF NOT EXISTS lm.position_embedding (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    position int NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (model_id, position)
);

COMMENT ON TABLE lm.position_embedding IS 'W_pos, one row per position.';
COMMENT ON COLUMN lm.position_embedding.model_id IS 'The model.';
COMMENT ON COLUMN lm.position_embedding.position IS 'The position, from 0 to n_ctx − 1.';
COMMENT ON COLUMN lm.position_embedding.embedding IS 'Its embedding, [d_model].';

CREATE TABLE IF NOT EXISTS lm.layer_norm (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    layer int NOT NULL,
    site lm.site NOT NULL CHECK (site IN ('ln1', 'ln2', 'ln_final')),
    gain vector NOT NULL,
    bias vector NOT NULL,
    PRIMARY KEY (model_id, layer, site)
);

COMMENT ON TABLE lm.layer_norm IS 'Layer norms: two per layer, and the final one, whose layer is n_layer.';
COMMENT ON COLUMN lm.layer_norm.model_id IS 'The model.';
COMMENT ON COLUMN lm.layer_norm.layer IS 'The layer, from 0; n_layer for ln_final.';
COMMENT ON COLUMN lm.layer_norm.site IS 'ln1 (before attention), ln2 (before the MLP) or ln_final.';
COMMENT ON COLUMN lm.layer_norm.gain IS 'γ, [d_model].';
COMMENT ON COLUMN lm.layer_norm.bias IS 'β, [d_model].';

-- Runs --------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lm.run (
    run_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    prompt text,
    token_ids int[] NOT NULL,
    capture lm.site[] NOT NULL,
    capture_layers int[],
    capture_positions int[],
    top_logits int,
    interventions text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration interval
);

CREATE INDEX IF NOT EXISTS run_model ON lm.run (model_id);
-- a text of any length is found again
CREATE INDEX IF NOT EXISTS run_prompt ON lm.run USING hash (prompt);

COMMENT ON TABLE lm.run IS 'A forward pass whose inner values were kept.';
COMMENT ON COLUMN lm.run.run_id IS 'Key; what lm.forward returns.';
COMMENT ON COLUMN lm.run.model_id IS 'The model that ran.';
COMMENT ON COLUMN lm.run.prompt IS 'The text that was run; NULL where token ids were given: lm.decode(token_ids) shows them.';
COMMENT ON COLUMN lm.run.token_ids IS 'The tokens that were run, in order.';
COMMENT ON COLUMN lm.run.capture IS 'The sites that were kept.';
COMMENT ON COLUMN lm.run.capture_layers IS
'The layers whose sites were kept; NULL where all were. The embeddings, ln_final and logits belong to no layer.';
COMMENT ON COLUMN lm.run.capture_positions IS
'The positions that were kept, negative ones counted from the end: −1 is the last; NULL where all were.';
COMMENT ON COLUMN lm.run.top_logits IS 'How many of a position''s highest logits are kept, where logits are; NULL where all were.';
COMMENT ON COLUMN lm.run.interventions IS 'The set of interventions that were made; NULL: none.';
COMMENT ON COLUMN lm.run.started_at IS 'When it began.';
COMMENT ON COLUMN lm.run.duration IS 'How long the pass took.';

CREATE TABLE IF NOT EXISTS lm.run_token (
    run_id bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    position int NOT NULL,
    token_id int NOT NULL,
    PRIMARY KEY (run_id, position)
);

COMMENT ON TABLE lm.run_token IS 'The tokens of a run.';
COMMENT ON COLUMN lm.run_token.run_id IS 'The run.';
COMMENT ON COLUMN lm.run_token.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.run_token.token_id IS 'The token; its text is in lm.vocabulary.';

CREATE TABLE IF NOT EXISTS lm.attention_adjustment (
    run_id bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    layer int NOT NULL,
    position int NOT NULL,
    adjustment vector NOT NULL,
    norm float8 NOT NULL GENERATED ALWAYS AS (vector_norm(adjustment)) STORED,
    PRIMARY KEY (run_id, layer, position)
);

COMMENT ON TABLE lm.attention_adjustment IS
'What attention adds to the residual stream (attn_out): the sub-block''s output after its projection and bias.';
COMMENT ON COLUMN lm.attention_adjustment.run_id IS 'The run.';
COMMENT ON COLUMN lm.attention_adjustment.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.attention_adjustment.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.attention_adjustment.adjustment IS 'The adjustment, [d_model].';
COMMENT ON COLUMN lm.attention_adjustment.norm IS 'Its L2 norm.';

CREATE TABLE IF NOT EXISTS lm.activation (
    run_id bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    -- the two others have tables of their own, and the planner is to know
    site lm.site NOT NULL CHECK (site NOT IN ('attn_out', 'logits')),
    layer int NOT NULL,
    head int NOT NULL DEFAULT -1,
    position int NOT NULL,
    value vector NOT NULL,
    PRIMARY KEY (run_id, site, layer, head, position)
);

COMMENT ON TABLE lm.activation IS 'Any other captured vector of a run.';
COMMENT ON COLUMN lm.activation.run_id IS 'The run.';
COMMENT ON COLUMN lm.activation.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm.activation.layer IS 'The layer, from 0; 0 for the embeddings and n_layer for ln_final.';
COMMENT ON COLUMN lm.activation.head IS 'The head, from 0; −1 where the site has none.';
COMMENT ON COLUMN lm.activation.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.activation.value IS
'The vector: [d_model], [d_mlp] or [d_head], as the site has it; of attn_scores and pattern one number per key, [position + 1].';

CREATE TABLE IF NOT EXISTS lm.logit (
    run_id bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    position int NOT NULL,
    token_id int NOT NULL,
    logit float8 NOT NULL,
    PRIMARY KEY (run_id, position, token_id)
);

COMMENT ON TABLE lm.logit IS
'What a run predicted: captured logits, the top_logits highest of each position or all of them.';
COMMENT ON COLUMN lm.logit.run_id IS 'The run.';
COMMENT ON COLUMN lm.logit.position IS 'Position in the sequence, from 0; the prediction is of the token after it.';
COMMENT ON COLUMN lm.logit.token_id IS 'The token predicted.';
COMMENT ON COLUMN lm.logit.logit IS 'Its logit: the higher, the likelier.';

CREATE TABLE IF NOT EXISTS lm.tag (
    run_id bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    position int,
    name text NOT NULL CHECK (name <> ''),
    value text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (run_id, position, name),
    -- holds where there is a position
    FOREIGN KEY (run_id, position) REFERENCES lm.run_token ON DELETE CASCADE
);

CREATE INDEX IF NOT EXISTS tag_value ON lm.tag (name, value);

COMMENT ON TABLE lm.tag IS
'Labels of your own, for runs and for their tokens: a source, a part of speech. Regressions and summaries can be split by them.';
COMMENT ON COLUMN lm.tag.run_id IS 'The run.';
COMMENT ON COLUMN lm.tag.position IS 'Position of the token that is labelled, from 0; NULL: the whole run.';
COMMENT ON COLUMN lm.tag.name IS 'What is said of it: source, part_of_speech.';
COMMENT ON COLUMN lm.tag.value IS 'What it is there: grimm, noun.';

-- Interventions -----------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lm.intervention (
    set_name text NOT NULL,
    intervention_id bigint GENERATED BY DEFAULT AS IDENTITY,
    site lm.site NOT NULL CHECK (site NOT IN ('ln_final', 'logits')),
    layer int,
    head int,
    position int,
    key_position int,
    kind text NOT NULL CHECK (kind IN ('zero', 'mean', 'scale', 'add', 'replace', 'knockout')),
    factor float8,
    value vector,
    from_run bigint REFERENCES lm.run ON DELETE CASCADE,
    PRIMARY KEY (set_name, intervention_id),
    CONSTRAINT knockout_cuts_edges
        CHECK ((kind = 'knockout') = (site = 'attn_scores') AND (kind = 'knockout' OR key_position IS NULL)),
    CONSTRAINT site_has_heads
        CHECK (head IS NULL OR site IN ('q', 'k', 'v', 'attn_scores', 'pattern', 'z')),
    CONSTRAINT mean_is_of_one_width CHECK (kind <> 'mean' OR site <> 'pattern'),
    CONSTRAINT scale_has_a_factor CHECK (kind <> 'scale' OR factor IS NOT NULL),
    CONSTRAINT add_has_a_value CHECK (kind <> 'add' OR value IS NOT NULL),
    CONSTRAINT replace_has_a_source CHECK (kind <> 'replace' OR num_nonnulls(value, from_run) = 1)
);

COMMENT ON TABLE lm.intervention IS
'Changes to make during a run. Those of a set are made together: lm.forward(…, interventions => ''set_name''), in the order of their ids where they meet.';
COMMENT ON COLUMN lm.intervention.set_name IS 'The set it belongs to.';
COMMENT ON COLUMN lm.intervention.intervention_id IS 'Order in the set.';
COMMENT ON COLUMN lm.intervention.site IS 'What is changed; knockout goes with attn_scores.';
COMMENT ON COLUMN lm.intervention.layer IS 'The layer, from 0; NULL: all. The embeddings are in layer 0.';
COMMENT ON COLUMN lm.intervention.head IS 'The head, from 0; NULL: all, or a site that has none.';
COMMENT ON COLUMN lm.intervention.position IS 'The position, from 0; NULL: all. Of a knockout the query''s.';
COMMENT ON COLUMN lm.intervention.key_position IS 'Of a knockout the key''s position; NULL: all.';
COMMENT ON COLUMN lm.intervention.kind IS
'zero; mean (the site''s mean over from_run''s positions, or over those of every run that kept it); scale (factor · x); add (x + factor · value); replace (by value, or by what from_run kept there); knockout (no attention from position to key_position).';
COMMENT ON COLUMN lm.intervention.factor IS 'The factor of scale; that of add, NULL meaning 1.';
COMMENT ON COLUMN lm.intervention.value IS 'A vector as wide as the site (of one head where head is given).';
COMMENT ON COLUMN lm.intervention.from_run IS 'The run that replace and mean take their vectors from.';

CREATE TABLE IF NOT EXISTS lm.patching_sweep (
    sweep_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    clean_run bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    corrupt_run bigint NOT NULL REFERENCES lm.run ON DELETE CASCADE,
    site lm.site NOT NULL,
    answer int NOT NULL,
    wrong int NOT NULL,
    clean_difference float8 NOT NULL,
    corrupt_difference float8 NOT NULL
);

COMMENT ON TABLE lm.patching_sweep IS
'A sweep of activation patches: what a clean run kept at a site, put into a corrupt run, one place at a time.';
COMMENT ON COLUMN lm.patching_sweep.sweep_id IS 'Key.';
COMMENT ON COLUMN lm.patching_sweep.clean_run IS 'The run that the patches come from.';
COMMENT ON COLUMN lm.patching_sweep.corrupt_run IS 'The run that is patched.';
COMMENT ON COLUMN lm.patching_sweep.site IS 'What is patched.';
COMMENT ON COLUMN lm.patching_sweep.answer IS 'The token that the clean prompt calls for.';
COMMENT ON COLUMN lm.patching_sweep.wrong IS 'The token that the corrupt prompt calls for.';
COMMENT ON COLUMN lm.patching_sweep.clean_difference IS 'Logit of answer − logit of wrong after the clean prompt.';
COMMENT ON COLUMN lm.patching_sweep.corrupt_difference IS 'The same after the corrupt prompt.';

CREATE TABLE IF NOT EXISTS lm.patching_effect (
    sweep_id bigint NOT NULL REFERENCES lm.patching_sweep ON DELETE CASCADE,
    layer int NOT NULL,
    head int NOT NULL,
    position int NOT NULL,
    logit_difference float8 NOT NULL,
    PRIMARY KEY (sweep_id, layer, head, position)
);

COMMENT ON TABLE lm.patching_effect IS 'What one patch of a sweep did.';
COMMENT ON COLUMN lm.patching_effect.sweep_id IS 'The sweep.';
COMMENT ON COLUMN lm.patching_effect.layer IS 'The layer patched, from 0.';
COMMENT ON COLUMN lm.patching_effect.head IS 'The head patched, from 0; −1: all, or none.';
COMMENT ON COLUMN lm.patching_effect.position IS 'The position patched, from 0; −1: all.';
COMMENT ON COLUMN lm.patching_effect.logit_difference IS 'Logit of answer − logit of wrong with the patch.';

-- Generation --------------------------------------------------------------------------------------
-- Unlogged: a crash may empty them, and nothing is lost that a generation would not make again.

CREATE UNLOGGED TABLE IF NOT EXISTS lm.generation (
    generation_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    model_id int NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    keep boolean NOT NULL
);

COMMENT ON TABLE lm.generation IS
'A generation whose cache exists: those under way in this transaction, and those that were to be kept.';
COMMENT ON COLUMN lm.generation.generation_id IS 'Key.';
COMMENT ON COLUMN lm.generation.model_id IS 'The model that generates.';
COMMENT ON COLUMN lm.generation.started_at IS 'When it began.';
COMMENT ON COLUMN lm.generation.keep IS
'Whether its cache outlives the transaction; DELETE the row and the cache goes with it.';

CREATE UNLOGGED TABLE IF NOT EXISTS lm.attention_cache (
    generation_id bigint NOT NULL REFERENCES lm.generation ON DELETE CASCADE,
    layer int NOT NULL,
    sequence int NOT NULL,
    position int NOT NULL,
    key vector NOT NULL,
    value vector NOT NULL,
    PRIMARY KEY (generation_id, layer, sequence, position)
);

COMMENT ON TABLE lm.attention_cache IS
'Keys and values of the positions a generation has behind it, so that each new token costs one position.';
COMMENT ON COLUMN lm.attention_cache.generation_id IS 'The generation.';
COMMENT ON COLUMN lm.attention_cache.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.attention_cache.sequence IS 'Which of the sequences that are generated together, from 0.';
COMMENT ON COLUMN lm.attention_cache.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.attention_cache.key IS 'The keys of all heads end to end, [d_model].';
COMMENT ON COLUMN lm.attention_cache.value IS 'The values of all heads end to end, [d_model].';

-- Idempotent; the partitions made for each model inherit it.
ALTER TABLE lm.token_embedding ALTER embedding SET STORAGE PLAIN, ALTER embedding_half SET STORAGE PLAIN;
ALTER TABLE lm.linear ALTER weight SET STORAGE PLAIN, ALTER weight_half SET STORAGE PLAIN;
ALTER TABLE lm.position_embedding ALTER embedding SET STORAGE PLAIN;
ALTER TABLE lm.layer_norm ALTER gain SET STORAGE PLAIN, ALTER bias SET STORAGE PLAIN;
ALTER TABLE lm.attention_adjustment ALTER adjustment SET STORAGE PLAIN;
-- MAIN: in the row itself wherever it fits a page, which an MLP's may not
ALTER TABLE lm.activation ALTER value SET STORAGE MAIN;
ALTER TABLE lm.attention_cache ALTER key SET STORAGE PLAIN, ALTER value SET STORAGE PLAIN;
