-- What a vector resembles: the nearest tokens, and the nearest activations of other runs.

CREATE OR REPLACE FUNCTION lm.nearest_tokens(
    x vector,
    k int DEFAULT 10,
    model text DEFAULT NULL
)
RETURNS TABLE (
    rank int,
    token_id int,
    token text,
    cosine float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT m.model_id
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(nearest_tokens.model)
            AND CASE
                WHEN vector_dims(nearest_tokens.x) = m.d_model THEN true
                ELSE lm_internal.fail(
                    true,
                    format(
                        'the vector has %s numbers and the embeddings of model "%s" have %s',
                        COALESCE(vector_dims(nearest_tokens.x), 0), m.name, m.d_model
                    )
                )
            END
    ),

    -- cosine = x · W_E[token] / |x| |W_E[token]|
    nearest AS MATERIALIZED (
        SELECT
            i.model_id,
            e.token_id,
            1 - (e.weight <=> nearest_tokens.x) AS cosine
        FROM input AS i
        CROSS JOIN lm_internal.embedding_rows(i.model_id) AS e
        ORDER BY cosine DESC, e.token_id
        LIMIT lm_internal.row_limit(nearest_tokens.k)
    )

    SELECT
        (row_number() OVER (ORDER BY n.cosine DESC, n.token_id))::int AS rank,
        n.token_id,
        v.token,
        n.cosine
    FROM nearest AS n
    LEFT JOIN lm.vocabulary AS v ON v.model_id = n.model_id AND v.token_id = n.token_id
    ORDER BY rank;
END;

COMMENT ON FUNCTION lm.nearest_tokens IS
'The k tokens with embeddings closest to x, [d_model], by cosine; k NULL gives all. Errors: x has another width; k is negative.';

CREATE OR REPLACE FUNCTION lm_internal.site_width(
    site lm.site,
    model text DEFAULT NULL
)
RETURNS int
LANGUAGE sql
STABLE
RETURN (
    SELECT
        COALESCE(
            min(s.width),
            lm_internal.fail(
                NULL::int,
                COALESCE(
                    site_width.site || ' has no width of its own in this model', 'site is NULL'
                ),
                'SELECT site, width FROM lm.model_site lists the widths'
            )
        )
    FROM lm.model_site AS s
    WHERE s.model_id = lm.model_id(site_width.model) AND s.site = site_width.site
);

COMMENT ON FUNCTION lm_internal.site_width IS
'How many numbers a captured vector of a site has in a model: d_model, d_mlp or d_head. Errors: site is NULL; the model does not have it; its vectors have no fixed width (attn_scores, pattern, logits).';

-- An index on vectors needs their width as a constant, in the index and in the query. So two
-- functions build their statement when they run, from the names and numbers below. Names are looked
-- up at that time, so each says its schema.

CREATE OR REPLACE FUNCTION lm_internal.vector_schema()
RETURNS regnamespace
LANGUAGE sql
STABLE
RETURN (
    SELECT e.extnamespace::regnamespace
    FROM pg_extension AS e
    WHERE e.extname = 'vector'
);

COMMENT ON FUNCTION lm_internal.vector_schema IS 'The schema that pgvector is in.';

CREATE OR REPLACE FUNCTION lm_internal.activation_source(
    site lm.site,
    layer int,
    head int
)
RETURNS TABLE (
    relation text,
    vector text,
    condition text
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    source (relation, name, condition) AS (
        SELECT
            'lm.stored_adjustment',
            'adjustment',
            format('layer = %s', activation_source.layer)
        WHERE activation_source.site = 'attn_out'

        UNION ALL

        SELECT
            'lm.stored_activation',
            'value',
            format(
                'site = %L AND layer = %s AND head = %s',
                activation_source.site, activation_source.layer, activation_source.head
            )
        WHERE activation_source.site <> 'attn_out'
    )

    SELECT
        s.relation,
        -- of either dtype, as the views have it: an index is found by this expression
        format(
            'COALESCE(%1$I, %2$I::%3$s.vector)',
            s.name, s.name || '_half', lm_internal.vector_schema()
        ),
        s.condition
    FROM source AS s
    WHERE
        CASE
            WHEN num_nulls(activation_source.layer, activation_source.head) = 0 THEN true
            ELSE lm_internal.fail(
                true,
                'layer or head is NULL',
                'one layer is searched at a time; head is -1 if the site has no heads'
            )
        END;
END;

COMMENT ON FUNCTION lm_internal.activation_source IS
'The table that holds the vectors of a site, the SQL of a vector in it, and the condition for a layer and head. Errors: layer or head is NULL.';

CREATE OR REPLACE FUNCTION lm.nearest_activations(
    x vector,
    site lm.site,
    layer int DEFAULT 0,
    head int DEFAULT -1,
    k int DEFAULT 10,
    model text DEFAULT NULL
)
RETURNS TABLE (
    rank int,
    run_id bigint,
    "position" int,
    token text,
    context text,
    cosine float8
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    width int := lm_internal.site_width(nearest_activations.site, nearest_activations.model);
    statement text;
BEGIN
    IF cardinality(nearest_activations.x::real[]) IS DISTINCT FROM width THEN
        PERFORM lm_internal.fail(
            NULL::int,
            format(
                'the vector has %s numbers and %s has %s',
                COALESCE(cardinality(nearest_activations.x::real[]), 0),
                nearest_activations.site, width
            ),
            'lm.vector_at(run_id, site, layer) gives a captured one'
        );
    END IF;

    SELECT
        format(
            $query$
                WITH
                nearest AS MATERIALIZED (
                    SELECT
                        c.run_id,
                        c.position,
                        (%1$s)::%5$s.vector(%2$s) OPERATOR(%5$s.<=>) $1 AS distance
                    FROM %3$s AS c
                    WHERE %4$s
                        AND %5$s.vector_dims(%1$s) = %2$s
                        AND EXISTS (
                            SELECT FROM lm.run AS r WHERE r.run_id = c.run_id AND r.model_id = $2
                        )
                    ORDER BY (%1$s)::%5$s.vector(%2$s) OPERATOR(%5$s.<=>) $1
                    LIMIT $3
                )

                SELECT
                    (row_number() OVER (ORDER BY n.distance, n.run_id, n.position))::int AS rank,
                    n.run_id,
                    n.position,
                    v.token,
                    lm.decode(r.token_ids[greatest(n.position - 6, 1):n.position + 1], m.name),
                    1 - n.distance
                FROM nearest AS n
                INNER JOIN lm.run AS r ON r.run_id = n.run_id
                INNER JOIN lm.model AS m ON m.model_id = r.model_id
                LEFT JOIN lm.vocabulary AS v
                    ON v.model_id = r.model_id AND v.token_id = r.token_ids[n.position + 1]
                ORDER BY rank
            $query$,
            a.vector, width, a.relation, a.condition, lm_internal.vector_schema()
        )
    INTO statement
    FROM lm_internal.activation_source(
        nearest_activations.site, nearest_activations.layer, nearest_activations.head
    ) AS a;

    RETURN QUERY EXECUTE statement
    USING nearest_activations.x, lm.model_id(nearest_activations.model),
        lm_internal.row_limit(nearest_activations.k);
END
$$;

COMMENT ON FUNCTION lm.nearest_activations IS
'The k captured vectors of a site, layer and head (−1: no heads) closest to x by cosine, over all runs of the model. context is the token and up to seven before it. The answer is exact; with an index from lm.index_activations it is approximate, and hnsw.ef_search sets how much. Errors: x has another width than the site; the site has no fixed width; k is negative; site, layer or head is NULL.';

CREATE OR REPLACE FUNCTION lm.index_activations(
    site lm.site,
    layer int DEFAULT 0,
    head int DEFAULT -1,
    model text DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    width int := lm_internal.site_width(index_activations.site, index_activations.model);
    name text := concat_ws(
        '_',
        'nearest',
        index_activations.site,
        index_activations.layer,
        CASE WHEN index_activations.head >= 0 THEN 'head_' || index_activations.head END,
        'width',
        width
    );
    statement text;
BEGIN
    PERFORM lm_internal.require_right('owner', 'make indexes');
    IF width > 2000 THEN
        PERFORM lm_internal.fail(
            NULL::int,
            format('%s is %s wide and pgvector indexes up to 2000', index_activations.site, width),
            'lm.nearest_activations needs no index'
        );
    END IF;

    SELECT
        format(
            -- more links than by default: equal vectors, from runs of one prompt, crowd out the rest
            'CREATE INDEX IF NOT EXISTS %I ON %s USING hnsw (((%s)::%6$s.vector(%4$s)) %6$s.vector_cosine_ops)
            WITH (m = 32, ef_construction = 200) WHERE %5$s AND %6$s.vector_dims(%3$s) = %4$s',
            name, a.relation, a.vector, width, a.condition, lm_internal.vector_schema()
        )
    INTO statement
    FROM lm_internal.activation_source(
        index_activations.site, index_activations.layer, index_activations.head
    ) AS a;

    EXECUTE statement;
    RETURN name;
END
$$;

COMMENT ON FUNCTION lm.index_activations IS
'Makes an HNSW index (Malkov and Yashunin 2016) for lm.nearest_activations and returns its name. It covers a site, layer and head of all runs, later ones too; DROP INDEX lm.<name> removes it. Errors: the site has no fixed width or is wider than 2000; site, layer or head is NULL.';
