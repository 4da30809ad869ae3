-- The schemas, and the names of the sites. The tables follow, by what they hold.

COMMENT ON SCHEMA lm IS
'A language model that you query: GPT-2 as tables, its forward pass as SQL, what happens inside it as rows.';

COMMENT ON SCHEMA lm_internal IS
'What the functions of the schema lm are made of. None of it needs to be called, and all of it may change.';

-- what ends in a product is named by the site it makes: TransformerLens's hook points
CREATE TYPE lm.site AS ENUM (
    'embed', 'pos_embed', 'resid_pre', 'ln1', 'q', 'k', 'v', 'rot_q', 'rot_k', 'attn_scores',
    'pattern', 'z', 'ln1_post', 'attn_out', 'resid_mid', 'ln2', 'mlp_pre', 'mlp_pre_linear',
    'mlp_post', 'ln2_post', 'mlp_out', 'resid_post', 'ln_final', 'logits'
);

COMMENT ON TYPE lm.site IS
'A place in the transformer, in the order of computation; the names are TransformerLens''s hook points.';
