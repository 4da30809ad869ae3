-- Sites that lm.site has come by since the first version, each at its place in the order of
-- computation. Before the migrations and apart from them: PostgreSQL lets a name that was added to
-- an enum be used only when it is committed, and another enum would mean to rewrite every weight.

ALTER TYPE lm.site ADD VALUE IF NOT EXISTS 'rot_q' BEFORE 'attn_scores';
ALTER TYPE lm.site ADD VALUE IF NOT EXISTS 'rot_k' BEFORE 'attn_scores';
ALTER TYPE lm.site ADD VALUE IF NOT EXISTS 'ln1_post' BEFORE 'attn_out';
ALTER TYPE lm.site ADD VALUE IF NOT EXISTS 'mlp_pre_linear' BEFORE 'mlp_post';
ALTER TYPE lm.site ADD VALUE IF NOT EXISTS 'ln2_post' BEFORE 'mlp_out';
