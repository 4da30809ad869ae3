-- From GPT-2 alone to families of models: sizes and options of each model and layer, rotary
-- embeddings, an unembedding of its own, rows cut in blocks, tokenizers.

-- models: what all had in common becomes data
ALTER TABLE lm.model
    ADD COLUMN family text NOT NULL DEFAULT 'gpt2',
    ADD COLUMN n_kv_head int,
    ADD COLUMN d_head int,
    ADD COLUMN norm_is_centred boolean NOT NULL DEFAULT true,
    ADD COLUMN parallel_attn_mlp boolean NOT NULL DEFAULT false,
    ADD COLUMN gated_mlp boolean NOT NULL DEFAULT false,
    ADD COLUMN activation text NOT NULL DEFAULT 'gelu_new',
    ADD COLUMN attn_scaling float8,
    ADD COLUMN attn_logit_softcapping float8,
    ADD COLUMN final_logit_softcapping float8,
    ADD COLUMN embed_scale float8 NOT NULL DEFAULT 1,
    ADD COLUMN d_block int;

UPDATE lm.model SET
    n_kv_head = n_head,
    d_head = d_model / n_head,
    attn_scaling = 1 / sqrt((d_model / n_head)::float8),
    d_block = d_model;

ALTER TABLE lm.model
    ALTER COLUMN family DROP DEFAULT,
    ALTER COLUMN n_kv_head SET NOT NULL,
    ALTER COLUMN d_head SET NOT NULL,
    ALTER COLUMN norm_is_centred DROP DEFAULT,
    ALTER COLUMN parallel_attn_mlp DROP DEFAULT,
    ALTER COLUMN gated_mlp DROP DEFAULT,
    ALTER COLUMN activation DROP DEFAULT,
    ALTER COLUMN attn_scaling SET NOT NULL,
    ALTER COLUMN embed_scale DROP DEFAULT,
    ALTER COLUMN d_block SET NOT NULL,
    DROP CONSTRAINT model_check,
    ADD CHECK (n_kv_head > 0 AND n_head % n_kv_head = 0),
    ADD CHECK (d_head > 0),
    ADD CHECK (d_model > 0),
    ADD CHECK (activation IN ('gelu_new', 'gelu', 'silu', 'relu')),
    ADD CHECK (attn_scaling > 0),
    ADD CHECK (attn_logit_softcapping > 0),
    ADD CHECK (final_logit_softcapping > 0),
    ADD CHECK (embed_scale > 0),
    ADD CHECK (d_block > 0);

-- layers and rotary embeddings
CREATE TABLE lm.layer (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    layer int NOT NULL CHECK (layer >= 0),
    sliding_window int CHECK (sliding_window > 0),
    rotary int,
    PRIMARY KEY (model_id, layer)
);

INSERT INTO lm.layer (model_id, layer)
SELECT
    m.model_id,
    l.layer
FROM lm.model AS m
CROSS JOIN generate_series(0, m.n_layer - 1) AS l (layer);

CREATE TABLE lm.rotary (
    model_id int NOT NULL REFERENCES lm.model ON DELETE CASCADE,
    rotary int NOT NULL,
    frequencies vector NOT NULL,
    scaling float8 NOT NULL CHECK (scaling > 0),
    PRIMARY KEY (model_id, rotary)
);

-- norms that are no sites
ALTER TABLE lm.layer_norm
    DROP CONSTRAINT layer_norm_site_check,
    ALTER COLUMN site TYPE text;

ALTER TABLE lm.layer_norm
    ADD CHECK (
        site IN (
            'ln1', 'q_norm', 'k_norm', 'ln1_post', 'ln2', 'ln2_post', 'ln_final'
        )
    );

-- blocks: the weights that are there are block 0, and are not written again
ALTER TABLE lm.token_embedding ADD COLUMN block int NOT NULL DEFAULT 0;

DO $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT
            c.conrelid::regclass AS relation,
            c.conname AS name
        FROM pg_inherits AS i
        INNER JOIN pg_constraint AS c ON c.conrelid = i.inhrelid AND c.contype = 'p'
        WHERE i.inhparent = 'lm.token_embedding'::regclass
    LOOP
        EXECUTE format(
            'ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I PRIMARY KEY (token_id, block)',
            key.relation, key.name
        );
    END LOOP;
END
$$;

CREATE TABLE lm.unembedding (
    model_id int NOT NULL,
    token_id int NOT NULL,
    block int NOT NULL DEFAULT 0,
    bias real NOT NULL DEFAULT 0,
    weight vector,
    weight_half halfvec,
    CHECK (num_nonnulls(weight, weight_half) = 1)
) PARTITION BY LIST (model_id);

ALTER TABLE lm.unembedding ALTER weight SET STORAGE PLAIN, ALTER weight_half SET STORAGE PLAIN;
ALTER TABLE lm.position_embedding ALTER embedding SET STORAGE MAIN;
ALTER TABLE lm.stored_adjustment ALTER adjustment SET STORAGE MAIN;

-- tokenizers: all were GPT-2's, and all special tokens were read whole
CREATE TYPE lm.normalizer AS ENUM ('none', 'nfc', 'marks');
CREATE TYPE lm.space_before AS ENUM ('nothing', 'segment', 'piece', 'start');
CREATE TYPE lm.cut AS ENUM (
    'gpt2', 'llama3', 'qwen2', 'digits', 'space', 'spaces', 'words', 'whole'
);
CREATE TYPE lm.token_kind AS ENUM ('ordinary', 'byte', 'unmerged');

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

-- a character shrinks to a third at most when a text is normalized
INSERT INTO lm.tokenizer (model_id, longest)
SELECT
    v.model_id,
    3 * max(octet_length(v.bytes))
FROM lm.vocabulary AS v
GROUP BY v.model_id;

DROP INDEX lm.vocabulary_bytes, lm.vocabulary_special;

ALTER TABLE lm.vocabulary ADD COLUMN kind lm.token_kind NOT NULL DEFAULT 'ordinary';

-- and those that no merge makes
UPDATE lm.vocabulary AS v SET kind = 'unmerged'
WHERE v.special
    OR (
        octet_length(v.bytes) > 1
        AND NOT EXISTS (
            SELECT
            FROM lm.merge AS m
            WHERE m.model_id = v.model_id AND m.token_id = v.token_id
        )
    );

CREATE UNIQUE INDEX vocabulary_bytes
    ON lm.vocabulary (model_id, bytes, kind) INCLUDE (token_id) WHERE kind <> 'unmerged';

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

INSERT INTO lm.added_token (model_id, token_id, content)
SELECT
    v.model_id,
    v.token_id,
    v.token
FROM lm.vocabulary AS v
WHERE v.special;

CREATE UNIQUE INDEX added_token_content
    ON lm.added_token (model_id, normalized, content);

CREATE INDEX added_token_beginning
    ON lm.added_token (model_id, normalized, beginning);

-- interventions and runs: one unit of a vector, what was done to a run, and what a set needs stays
ALTER TABLE lm.intervention
    ADD COLUMN unit int,
    DROP CONSTRAINT intervention_from_run_fkey,
    ADD FOREIGN KEY (from_run) REFERENCES lm.run,
    DROP CONSTRAINT site_has_heads,
    ADD CONSTRAINT site_has_heads
        CHECK (
            head IS NULL
            OR site IN ('q', 'k', 'v', 'rot_q', 'rot_k', 'attn_scores', 'pattern', 'z')
        ),
    ADD CONSTRAINT unit_is_of_one_vector
        CHECK (
            unit IS NULL
            OR CASE
                WHEN site IN ('attn_scores', 'pattern') THEN false
                WHEN site IN ('q', 'k', 'v', 'rot_q', 'rot_k', 'z') THEN head IS NOT NULL
                ELSE true
            END
        );

CREATE INDEX intervention_from_run ON lm.intervention (from_run)
WHERE from_run IS NOT NULL;

ALTER TABLE lm.run ADD COLUMN intervention_digest text;
CREATE INDEX run_token_token ON lm.run_token (token_id);

-- caches go with their model
DELETE FROM lm.generation AS g
WHERE g.model_id NOT IN (SELECT m.model_id FROM lm.model AS m);

ALTER TABLE lm.generation ADD FOREIGN KEY (model_id) REFERENCES lm.model ON DELETE CASCADE;

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

CREATE TRIGGER drop_weights
AFTER DELETE ON lm.model
FOR EACH STATEMENT
EXECUTE FUNCTION lm_internal.drop_weights();

COMMENT ON FUNCTION lm_internal.drop_weights IS 'Drops the weights of models that have been deleted.';
COMMENT ON TRIGGER drop_weights ON lm.model IS 'Drops the weights of models that are deleted.';

-- how far a model is from the reference
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

-- the trigger's function finds nobody else's names
ALTER FUNCTION lm_internal.forget_generation() SET search_path = pg_catalog, pg_temp;

ALTER TABLE lm.installation
    ALTER COLUMN digest DROP NOT NULL,
    ADD COLUMN version int NOT NULL DEFAULT 1;

ALTER TABLE lm.installation ALTER COLUMN version DROP DEFAULT;
