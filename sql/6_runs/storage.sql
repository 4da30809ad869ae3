-- What takes space: models, runs by what they keep, tables.

CREATE OR REPLACE VIEW lm.model_storage WITH (security_invoker = true) AS
SELECT
    m.model_id,
    m.name,
    COALESCE(
        (
            SELECT sum(pg_total_relation_size(i.inhrelid))
            FROM pg_inherits AS i
            INNER JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent IN (
                'lm.token_embedding'::regclass, 'lm.unembedding'::regclass, 'lm.linear'::regclass
            )
                AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%s)', m.model_id)
        ),
        0
    )::bigint AS bytes
FROM lm.model AS m;

COMMENT ON VIEW lm.model_storage IS 'The space that the weights of a model take.';
COMMENT ON COLUMN lm.model_storage.model_id IS 'The model.';
COMMENT ON COLUMN lm.model_storage.name IS 'Its name.';
COMMENT ON COLUMN lm.model_storage.bytes IS 'Bytes of its embeddings and linear maps, with their indexes.';

CREATE OR REPLACE VIEW lm.run_storage WITH (security_invoker = true) AS
WITH
-- the rows that a run has of a site are counted from what it kept, without a look at them
kept AS (
    SELECT
        s.site,
        r.capture_dtype,
        t.relation,
        r.run_id,
        p.n_token,
        p.n_token::float8
        * CASE
            WHEN s.site IN ('embed', 'pos_embed', 'ln_final') THEN 1
            WHEN s.site = 'logits' THEN COALESCE(least(r.top_logits, m.n_vocab), m.n_vocab)
            ELSE COALESCE(cardinality(r.capture_layers), m.n_layer)
        END
        * COALESCE(s.n_head, 1) AS n_row,
        -- 100 bytes for the row, its keys and its place in the index
        CASE
            WHEN s.site = 'logits' THEN 100
            -- a number for each key up to the position
            ELSE 100
                + CASE r.capture_dtype WHEN 'float16' THEN 2 ELSE 4 END
                * COALESCE(s.width, (cardinality(r.token_ids) + 1) / 2.0)
        END AS row_width
    FROM lm.run AS r
    INNER JOIN lm.model AS m ON m.model_id = r.model_id
    INNER JOIN lm.model_site AS s ON s.model_id = m.model_id AND s.site = ANY (r.capture)
    CROSS JOIN LATERAL (
        SELECT
            least(
                COALESCE(cardinality(r.capture_positions), cardinality(r.token_ids)),
                cardinality(r.token_ids)
            ) AS n_token
    ) AS p
    CROSS JOIN LATERAL (
        SELECT
            CASE s.site
                WHEN 'attn_out' THEN 'lm.stored_adjustment'
                WHEN 'logits' THEN 'lm.logit'
                ELSE 'lm.stored_activation'
            END::regclass AS relation
    ) AS t
),

site AS (
    SELECT
        k.site,
        k.capture_dtype,
        k.relation,
        count(*) AS n_run,
        sum(k.n_token) AS n_token,
        sum(k.n_row) AS n_row,
        sum(k.n_row * k.row_width) AS share
    FROM kept AS k
    GROUP BY k.site, k.capture_dtype, k.relation
)

-- a table's size, shared out by what its rows hold
SELECT
    s.site,
    s.n_run,
    s.n_token,
    s.n_row::bigint AS n_row,
    (
        pg_total_relation_size(s.relation) * s.share
        / sum(s.share) OVER (PARTITION BY s.relation)
    )::bigint AS bytes,
    s.capture_dtype
FROM site AS s
ORDER BY
    s.site,
    s.capture_dtype DESC;

COMMENT ON VIEW lm.run_storage IS
'The space that runs take, by site and dtype: bytes / n_token is what a token costs. Tables have several sites, and share out their size by what each row holds.';
COMMENT ON COLUMN lm.run_storage.site IS 'The site.';
COMMENT ON COLUMN lm.run_storage.n_run IS 'Runs that kept it so.';
COMMENT ON COLUMN lm.run_storage.n_token IS 'Tokens whose values they kept.';
COMMENT ON COLUMN lm.run_storage.n_row IS 'Rows of them: one for each token, layer and head, or logit.';
COMMENT ON COLUMN lm.run_storage.bytes IS 'Bytes of the rows and of their share in indexes; more where runs were dropped and the space is not used yet.';
COMMENT ON COLUMN lm.run_storage.capture_dtype IS 'How those runs stored it; of logits, which are stored alike, how they stored the rest.';

CREATE OR REPLACE VIEW lm.table_storage WITH (security_invoker = true) AS
SELECT
    c.relname AS name,
    n.n_row,
    pg_total_relation_size(c.oid) AS bytes,
    -- a row has a header of 24 bytes and a pointer of 4
    CASE
        WHEN c.reltuples < 0 OR w.width = 0 THEN 0
        ELSE greatest(0, pg_relation_size(c.oid) - (n.n_row * (28 + w.width) * 1.1)::bigint)
    END AS unused
FROM pg_class AS c
CROSS JOIN LATERAL (
    -- the second counts what has come since the last ANALYZE
    SELECT greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint AS n_row
) AS n
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(s.avg_width), 0) AS width
    FROM pg_stats AS s
    WHERE s.schemaname = 'lm' AND s.tablename = c.relname
) AS w
WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind = 'r'
ORDER BY c.relname;

COMMENT ON VIEW lm.table_storage IS 'The tables of the schema lm, those of each model''s weights among them, and their space.';
COMMENT ON COLUMN lm.table_storage.name IS 'The table.';
COMMENT ON COLUMN lm.table_storage.n_row IS 'About how many rows it has.';
COMMENT ON COLUMN lm.table_storage.bytes IS 'Bytes it takes, with indexes.';
COMMENT ON COLUMN lm.table_storage.unused IS
'About how many bytes of it hold no rows, as dropped runs leave them; psqlm vacuum gives them back where it pays. 0 before the first ANALYZE, and where the caller may not read the table.';
