-- psqlm's schema before versions were counted, with a model of two layers, runs, interventions, tags
-- and an index of a user's: pg_dump of a database of that time. Of functions that tokenizing, next
-- tokens and runs do without, only the names, arguments and results are left.

SET check_function_bodies = false;

CREATE EXTENSION vector SCHEMA public;

CREATE SCHEMA lm;

CREATE TYPE lm.site AS ENUM (
    'embed',
    'pos_embed',
    'resid_pre',
    'ln1',
    'q',
    'k',
    'v',
    'attn_scores',
    'pattern',
    'z',
    'attn_out',
    'resid_mid',
    'ln2',
    'mlp_pre',
    'mlp_post',
    'mlp_out',
    'resid_post',
    'ln_final',
    'logits'
);

CREATE TYPE lm.change AS (
	sequence integer,
	site lm.site,
	layer integer,
	head integer,
	"position" integer,
	key_position integer,
	first integer,
	width integer,
	factor double precision,
	value public.vector
);

CREATE TYPE lm.moments AS (
	group_name text,
	n bigint,
	mean double precision[],
	scatter double precision[]
);

CREATE TYPE lm.observation AS (
	group_name text,
	y double precision,
	x double precision[]
);

CREATE FUNCTION lm.activation_source(site lm.site, layer integer, head integer) RETURNS TABLE(relation text, vector_column text, condition text)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.add(x public.vector[], y public.vector[]) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT array_agg(r.x + r.y ORDER BY r.row)
    FROM unnest(add.x, add.y) WITH ORDINALITY AS r (x, y, row)
$$;

CREATE FUNCTION lm.affine_step(state public.vector, x public.vector, change lm.change) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    part AS (
        SELECT
            COALESCE(affine_step.state, affine_step.x) AS x,
            COALESCE((affine_step.change).first, 1) - 1 AS before,
            COALESCE((affine_step.change).width, vector_dims(affine_step.x)) AS width,
            vector_dims(affine_step.x) AS total
    )

    -- outside the columns that change, 1 · x + 0
    SELECT
        p.x
        * (
            array_fill(1::float8, ARRAY[p.before])
            || array_fill((affine_step.change).factor, ARRAY[p.width])
            || array_fill(1::float8, ARRAY[p.total - p.before - p.width])
        )::vector
        + (
            array_fill(0::real, ARRAY[p.before])
            || COALESCE((affine_step.change).value::real[], array_fill(0::real, ARRAY[p.width]))
            || array_fill(0::real, ARRAY[p.total - p.before - p.width])
        )::vector
    FROM part AS p
$$;

CREATE FUNCTION lm.benjamini_hochberg(p double precision[]) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.capture_sites(capture text[]) RETURNS lm.site[]
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    known AS (
        SELECT s.site
        FROM unnest(enum_range(NULL::lm.site)) AS s (site)
    )

    SELECT
        CASE
            WHEN 'all' = ANY (capture_sites.capture) THEN enum_range(NULL::lm.site)
            WHEN capture_sites.capture <@ (SELECT array_agg(k.site::text) FROM known AS k)
                THEN capture_sites.capture::lm.site[]
            ELSE lm.fail(
                NULL::lm.site[],
                'capture holds what is no site: '
                || array_to_string(capture_sites.capture, ', ', 'NULL'),
                'the sites: all, '
                || (SELECT string_agg(k.site::text, ', ' ORDER BY k.site) FROM known AS k)
            )
        END
$$;

CREATE FUNCTION lm.centred(x public.vector) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.change_row(x public.vector, changes lm.change[], site lm.site, layer integer, head integer, sequence integer, "position" integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT COALESCE(lm.affine(change_row.x, c.change ORDER BY c.ordinal), change_row.x)
    FROM (
        SELECT
            change_row.changes[i] AS change,
            i AS ordinal
        FROM generate_subscripts(change_row.changes, 1) AS i
        OFFSET 0
    ) AS c
    WHERE (c.change).site = change_row.site
        AND lm.is_meant_for(
            c.change, change_row.layer, change_row.head, change_row.sequence, change_row.position
        )
$$;

CREATE FUNCTION lm.change_rows(x public.vector[], changes lm.change[], site lm.site, layer integer, sequences integer[], positions integer[]) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT
        array_agg(
            lm.change_row(
                r.x, change_rows.changes, change_rows.site, change_rows.layer, NULL,
                r.sequence, r.position
            )
            ORDER BY r.row
        )
    FROM unnest(change_rows.x, change_rows.sequences, change_rows.positions)
        WITH ORDINALITY AS r (x, sequence, position, row)
$$;

CREATE FUNCTION lm.changes(set_name text, model_id integer) RETURNS lm.change[]
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    intervention AS MATERIALIZED (
        SELECT
            i.*,
            m.n_layer,
            m.n_head,
            m.d_model / m.n_head AS d_head,
            CASE
                WHEN i.site IN ('mlp_pre', 'mlp_post') THEN m.d_mlp
                WHEN i.site IN ('q', 'k', 'v', 'z') AND i.head IS NOT NULL THEN m.d_model / m.n_head
                WHEN i.site <> 'pattern' THEN m.d_model
            END AS width
        FROM lm.intervention AS i
        INNER JOIN lm.model AS m ON m.model_id = changes.model_id
        WHERE i.set_name = changes.set_name
    ),

    checked AS MATERIALIZED (
        SELECT
            i.*,
            CASE
                WHEN i.layer NOT BETWEEN 0 AND i.n_layer - 1
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is in layer %s of %s',
                            i.intervention_id, i.layer, i.n_layer
                        )
                    )
                WHEN i.head NOT BETWEEN 0 AND i.n_head - 1
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is in head %s of %s',
                            i.intervention_id, i.head, i.n_head
                        )
                    )
                WHEN vector_dims(i.value) <> i.width
                    THEN lm.fail(
                        true,
                        format(
                            'the value of intervention %s is %s wide, and %s is %s',
                            i.intervention_id, vector_dims(i.value), i.site, i.width
                        )
                    )
                ELSE true
            END AS sound
        FROM intervention AS i
    ),

    -- the vectors that replace and mean take from runs
    source AS MATERIALIZED (
        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            c.position,
            c.value
        FROM checked AS i
        INNER JOIN lm.captured AS c
            ON c.run_id = i.from_run
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
            AND c.position = COALESCE(i.position, c.position)
        WHERE i.kind = 'replace' AND i.sound

        UNION ALL

        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            i.position,
            avg(c.value)
        FROM checked AS i
        INNER JOIN lm.run AS r
            ON r.model_id = changes.model_id AND r.run_id = COALESCE(i.from_run, r.run_id)
        INNER JOIN lm.captured AS c
            ON c.run_id = r.run_id
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
        WHERE i.kind = 'mean' AND i.sound
        GROUP BY i.intervention_id, c.layer, c.head, i.position
    ),

    -- each as factor · x + value; what is named by its head is a slice of q, k, v and z, and a row
    -- of its own in attn_scores and pattern
    affine AS (
        SELECT
            i.intervention_id,
            COALESCE(s.position, i.position) AS position,
            (
                NULL,
                i.site,
                COALESCE(s.layer, i.layer),
                CASE WHEN i.site IN ('attn_scores', 'pattern') THEN COALESCE(s.head, i.head) END,
                COALESCE(s.position, i.position),
                i.key_position,
                CASE
                    WHEN i.site IN ('q', 'k', 'v', 'z') THEN COALESCE(s.head, i.head) * i.d_head + 1
                END,
                CASE
                    WHEN i.site IN ('q', 'k', 'v', 'z') AND COALESCE(s.head, i.head) IS NOT NULL
                        THEN i.d_head
                END,
                CASE i.kind WHEN 'scale' THEN i.factor WHEN 'add' THEN 1 ELSE 0 END,
                CASE
                    WHEN i.kind = 'add'
                        THEN i.value * lm.fill(COALESCE(i.factor, 1), vector_dims(i.value))
                    WHEN i.kind IN ('replace', 'mean') THEN COALESCE(s.value, i.value)
                END
            )::lm.change AS change
        FROM checked AS i
        LEFT JOIN source AS s ON s.intervention_id = i.intervention_id
        WHERE
            CASE
                WHEN i.sound
                    AND i.kind IN ('replace', 'mean')
                    AND i.value IS NULL
                    AND s.value IS NULL
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s finds no %s to take%s',
                            i.intervention_id, i.site, ' from run ' || i.from_run
                        ),
                        format('lm.forward(…, capture => ''{%s}'') keeps it', i.site)
                    )
                ELSE i.sound
            END
    )

    SELECT
        COALESCE(
            array_agg(a.change ORDER BY a.intervention_id, a.position),
            lm.fail(
                NULL::lm.change[],
                format('there is no set of interventions "%s"', changes.set_name),
                'INSERT INTO lm.intervention (set_name, site, layer, kind) makes one'
            )
        )
    FROM affine AS a
    HAVING changes.set_name IS NOT NULL
$$;

CREATE FUNCTION lm.check_capture(model_id integer, capture_layers integer[], capture_positions integer[], top_logits integer, n_token integer) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    allowed AS (
        SELECT
            m.name,
            m.n_layer - 1 AS last_layer,
            check_capture.n_token - 1 AS last_position,
            ARRAY(SELECT generate_series(0, m.n_layer - 1)) AS layers,
            ARRAY(
                SELECT generate_series(-check_capture.n_token, check_capture.n_token - 1)
            ) AS positions
        FROM lm.model AS m
        WHERE m.model_id = check_capture.model_id
    )

    SELECT
        CASE
            WHEN NOT check_capture.capture_layers <@ a.layers
                THEN lm.fail(
                    true,
                    format(
                        'capture_layers holds others than 0 to %s, the layers of "%s"',
                        a.last_layer, a.name
                    )
                )
            WHEN NOT check_capture.capture_positions <@ a.positions
                THEN lm.fail(
                    true,
                    format(
                        'capture_positions holds others than 0 to %s, or from the end −1 to %s',
                        a.last_position, -a.last_position - 1
                    )
                )
            WHEN check_capture.top_logits < 1
                THEN lm.fail(true, 'top_logits must be 1 or more, or NULL for the whole vocabulary')
            ELSE true
        END
    FROM allowed AS a
$$;

CREATE FUNCTION lm.fail(like_type anyelement, message text, hint text DEFAULT NULL::text) RETURNS anyelement
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF hint IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = message, ERRCODE = 'invalid_parameter_value';
    END IF;
    RAISE EXCEPTION USING MESSAGE = message, HINT = hint, ERRCODE = 'invalid_parameter_value';
END
$$;

CREATE TABLE lm.model (
    model_id integer NOT NULL,
    name text NOT NULL,
    n_layer integer NOT NULL,
    n_head integer NOT NULL,
    d_model integer NOT NULL,
    d_mlp integer NOT NULL,
    n_ctx integer NOT NULL,
    n_vocab integer NOT NULL,
    layer_norm_eps double precision NOT NULL,
    dtype text NOT NULL,
    end_of_text integer,
    is_default boolean DEFAULT false NOT NULL,
    source text NOT NULL,
    revision text,
    sha256 text NOT NULL,
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT model_check CHECK (((d_model > 0) AND ((d_model % n_head) = 0))),
    CONSTRAINT model_d_mlp_check CHECK ((d_mlp > 0)),
    CONSTRAINT model_dtype_check CHECK ((dtype = ANY (ARRAY['float32'::text, 'float16'::text]))),
    CONSTRAINT model_layer_norm_eps_check CHECK ((layer_norm_eps > (0)::double precision)),
    CONSTRAINT model_n_ctx_check CHECK ((n_ctx > 0)),
    CONSTRAINT model_n_head_check CHECK ((n_head > 0)),
    CONSTRAINT model_n_layer_check CHECK ((n_layer > 0)),
    CONSTRAINT model_n_vocab_check CHECK ((n_vocab > 0))
);

CREATE TABLE lm.run (
    run_id bigint NOT NULL,
    model_id integer NOT NULL,
    prompt text,
    token_ids integer[] NOT NULL,
    capture lm.site[] NOT NULL,
    capture_layers integer[],
    capture_positions integer[],
    top_logits integer,
    interventions text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    duration interval
);

CREATE FUNCTION lm.check_token(token_id integer, run_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.columns(x public.vector[], first integer, n integer) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(public.subvector(r.x, columns.first, columns.n) ORDER BY r."row") AS array_agg FROM unnest(columns.x) WITH ORDINALITY r(x, "row"));

CREATE FUNCTION lm.context_is_full(n_ctx integer) RETURNS boolean
    LANGUAGE sql
    AS 'SELECT NULL';

CREATE FUNCTION lm.decode_bytes(token_ids integer[], model text DEFAULT NULL::text) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            COALESCE(
                decode_bytes.token_ids,
                lm.fail(NULL::int[], 'no token ids: they are NULL', 'give an int[]; {} is empty')
            ) AS token_ids
        FROM lm.model_id(decode_bytes.model) AS m (model_id)
    ),

    token AS (
        SELECT
            t.position,
            COALESCE(
                (
                    SELECT v.bytes
                    FROM lm.vocabulary AS v
                    WHERE v.model_id = i.model_id AND v.token_id = t.token_id
                ),
                lm.fail(
                    NULL::bytea,
                    format(
                        'token id %s is not in the vocabulary of model "%s"',
                        COALESCE(t.token_id::text, 'NULL'),
                        (SELECT m.name FROM lm.model AS m WHERE m.model_id = i.model_id)
                    ),
                    'SELECT token_id, token FROM lm.vocabulary shows the ids there are'
                )
            ) AS bytes
        FROM input AS i
        CROSS JOIN LATERAL unnest(i.token_ids) WITH ORDINALITY AS t (token_id, position)
    )

    SELECT COALESCE(string_agg(t.bytes, '' ORDER BY t.position), '')
    FROM token AS t
$$;

CREATE FUNCTION lm.utf8_text(bytes bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT
        COALESCE(
            string_agg(
                COALESCE(convert_from(decode(m.run[1], 'hex'), 'UTF8'), '�'),
                '' ORDER BY m.number
            ),
            ''
        )
    -- over hexadecimal digits: runs of whole characters, which are captured; else what could begin
    -- one (the "maximal subpart" of Unicode, table 3-7), or a byte that could not
    FROM regexp_matches(
        encode(utf8_text.bytes, 'hex'),
        '((?:0[1-9a-f]|[1-7].'
        '|(?:c[2-9a-f]|d.)[89ab].'
        '|(?:e0[ab].|e[1-9abcef][89ab].|ed[89].)[89ab].'
        '|(?:f0[9ab].|f[1-3][89ab].|f48.)[89ab].[89ab].)+)'
        '|e0[ab].|e[1-9abcef][89ab].|ed[89].'
        '|(?:f0[9ab].|f[1-3][89ab].|f48.)(?:[89ab].)?'
        '|..',
        'g'
    ) WITH ORDINALITY AS m (run, number)
$$;

CREATE FUNCTION lm.decode(token_ids integer[], model text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql STABLE
    RETURN lm.utf8_text(lm.decode_bytes(token_ids, model));

CREATE FUNCTION lm.default_model() RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT CASE WHEN (count(*) = 1) THEN min(m.name) WHEN (count(*) FILTER (WHERE m.is_default) = 1) THEN min(m.name) FILTER (WHERE m.is_default) WHEN (count(*) = 0) THEN lm.fail(NULL::text, 'no model is loaded'::text, 'psqlm load demo'::text) ELSE lm.fail(NULL::text, ('several models are loaded and none is the default: '::text || string_agg(m.name, ', '::text ORDER BY m.name)), (('name one, or choose: SELECT lm.set_default_model('''::text || min(m.name)) || ''')'::text)) END AS fail FROM lm.model m);

CREATE FUNCTION lm.tokenize(prompt text, model text DEFAULT NULL::text) RETURNS TABLE("position" integer, token_id integer, token text)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
    WITH RECURSIVE
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            -- compared by its bytes from here on, whatever the locale
            COALESCE(
                tokenize.prompt,
                lm.fail(NULL::text, 'no prompt: it is NULL', 'give a text; '''' has no tokens')
            ) COLLATE "C" AS prompt,
            -- the special tokens, any of them
            COALESCE(
                (
                    SELECT
                        string_agg(regexp_replace(v.token, '([][\\.*+?^$|(){}])', '\\\1', 'g'), '|')
                    FROM lm.vocabulary AS v
                    WHERE v.model_id = m.model_id AND v.special
                ),
                '(?!)'
            ) AS special_pattern
        FROM lm.model_id(tokenize.model) AS m (model_id)
    ),

    -- special tokens, read whole, cut the text into segments; each stands at the end of its segment
    piece AS MATERIALIZED (
        SELECT s.segment, p.number, p.match[1] AS piece, false AS special
        FROM input AS i
        CROSS JOIN LATERAL regexp_split_to_table(i.prompt, i.special_pattern)
            WITH ORDINALITY AS s (text, segment)
        CROSS JOIN LATERAL regexp_matches(s.text, lm.piece_pattern(), 'g')
            WITH ORDINALITY AS p (match, number)
        UNION ALL
        SELECT s.segment, NULL, s.match[1], true
        FROM input AS i
        CROSS JOIN LATERAL regexp_matches(i.prompt, i.special_pattern, 'g')
            WITH ORDINALITY AS s (match, segment)
    ),

    -- most pieces are tokens themselves and need no merging
    whole AS MATERIALIZED (
        SELECT
            p.piece,
            p.special,
            -- looked up one by one: a join might read the whole vocabulary
            (
                SELECT v.token_id
                FROM lm.vocabulary AS v
                WHERE v.model_id = i.model_id
                    AND v.bytes = convert_to(p.piece, 'UTF8')
                    AND v.special = p.special
            ) AS token_id
        FROM input AS i
        CROSS JOIN (SELECT DISTINCT q.piece, q.special FROM piece AS q) AS p
    ),

    -- the others begin as bytes; a step does the merge of lowest rank and what may go along with it
    merging AS (
        SELECT w.piece, lm.spell(w.piece) AS spelling, 0 AS step
        FROM whole AS w
        WHERE w.token_id IS NULL
        UNION ALL
        SELECT b.piece, a.spelling, b.step + 1
        FROM merging AS b
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT lm.replace_all(r.pair, r.token ORDER BY r.rank) AS spelling
            FROM (
                SELECT -1 AS rank, b.spelling AS pair, '' AS token
                UNION ALL
                SELECT m.rank, m.pair, m.token
                FROM lm.possible_merges(b.spelling, i.model_id) AS m
                WHERE m.at_once
            ) AS r
            HAVING count(*) > 1
        ) AS a
        -- two tokens never merge into one: the piece would have been a token
        WHERE b.spelling LIKE '%><%><%'
    ),

    merged AS (
        SELECT DISTINCT ON (m.piece) m.piece, m.spelling
        FROM merging AS m
        ORDER BY m.piece, m.step DESC
    ),

    -- the tokens of each piece
    spelled AS (
        SELECT w.piece, w.special, 1 AS number, w.token_id, w.piece AS token
        FROM whole AS w
        WHERE w.token_id IS NOT NULL
        UNION ALL
        SELECT m.piece, false, t.number, v.token_id, v.token
        FROM merged AS m
        CROSS JOIN input AS i
        CROSS JOIN LATERAL lm.tokens_in(m.spelling) AS t
        CROSS JOIN LATERAL (
            SELECT u.token_id, u.token
            FROM lm.vocabulary AS u
            WHERE u.model_id = i.model_id
                AND u.bytes = t.bytes
                AND NOT u.special
            OFFSET 0  -- one by one again
        ) AS v
    )

    SELECT
        (row_number() OVER in_order - 1)::int AS "position",
        s.token_id,
        s.token
    FROM piece AS p
    INNER JOIN spelled AS s ON s.piece = p.piece AND s.special = p.special
    WINDOW in_order AS (ORDER BY p.segment, p.number, s.number)
    ORDER BY p.segment, p.number, s.number
$_$;

CREATE FUNCTION lm.encode(prompt text, model text DEFAULT NULL::text) RETURNS integer[]
    LANGUAGE sql STABLE
    RETURN (SELECT COALESCE(array_agg(t.token_id ORDER BY t."position"), '{}'::integer[]) AS "coalesce" FROM lm.tokenize(encode.prompt, encode.model) t("position", token_id, token));

CREATE FUNCTION lm.fill(value double precision, width integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (array_fill(value, ARRAY[width]))::public.vector;

CREATE FUNCTION lm.final_logits(run_id bigint, positions integer[]) RETURNS TABLE("position" integer, logits real[])
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.find_runs(prompts text[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], interventions text DEFAULT NULL::text) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.first_half(sequence integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT e.last_row
    FROM ( SELECT (max(b."row"))::integer AS last_row
            FROM unnest(first_half.sequence) WITH ORDINALITY b(sequence, "row")
           GROUP BY b.sequence) e
   ORDER BY (e.last_row = cardinality(first_half.sequence)), (abs(((2 * e.last_row) - cardinality(first_half.sequence)))), e.last_row
  LIMIT 1;
END;

CREATE FUNCTION lm.forget_generation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM lm.generation AS g
    WHERE g.generation_id = new.generation_id AND NOT g.keep;
    RETURN NULL;
END
$$;

CREATE FUNCTION lm.forward(prompt text DEFAULT NULL::text, model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], token_ids integer[] DEFAULT NULL::integer[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT r.run_id
    FROM lm.record_runs(
        lm.model_id(forward.model),
        CASE WHEN forward.prompt IS NOT NULL THEN ARRAY[forward.prompt] END,
        forward.token_ids,
        lm.capture_sites(forward.capture),
        forward.capture_layers,
        forward.capture_positions,
        forward.top_logits,
        forward.interventions
    ) AS r
$$;

CREATE FUNCTION lm.forward_many(prompts text[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.gelu(x public.vector[]) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    scalar AS MATERIALIZED (
        SELECT
            lm.fill(1, d_mlp) AS one,
            lm.fill(0.5, d_mlp) AS half,
            lm.fill(sqrt(2 / pi()), d_mlp) AS c,
            lm.fill(sqrt(2 / pi()) * 0.044715, d_mlp) AS c3
        FROM vector_dims(gelu.x[1]) AS d_mlp
    ),

    -- t = √(2/π) (x + 0.044715 x³), its x² written (x + 1)(x − 1) + 1: squaring a tiny x would be
    -- an underflow, which pgvector makes an error
    scaled AS MATERIALIZED (
        SELECT
            row,
            x,
            half,
            x * (c + c3 + c3 * (x + one) * (x - one)) AS t
        FROM scalar
        CROSS JOIN unnest(gelu.x) WITH ORDINALITY AS matrix (x, row)
    )

    -- x/2 + x/2 · tanh t
    SELECT
        array_agg(
            x * half + x * half * ARRAY(SELECT tanh(unnest(t::real[])))::vector
            ORDER BY row
        )
    FROM scaled
$$;

CREATE FUNCTION lm.generate(prompt text, n_tokens integer DEFAULT 20, temperature double precision DEFAULT 0, top_k integer DEFAULT NULL::integer, top_p double precision DEFAULT NULL::double precision, seed bigint DEFAULT NULL::bigint, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.generate_tokens(prompt text, n_tokens integer DEFAULT 20, temperature double precision DEFAULT 0, top_k integer DEFAULT NULL::integer, top_p double precision DEFAULT NULL::double precision, seed bigint DEFAULT NULL::bigint, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text, keep_cache boolean DEFAULT false) RETURNS TABLE(step integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.halves(x public.vector) RETURNS TABLE(norm double precision, high public.halfvec, low public.halfvec)
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT public.vector_norm(halves.x) AS vector_norm,
     (u.x)::public.halfvec AS x,
     ((u.x OPERATOR(public.-) ((u.x)::public.halfvec)::public.vector))::public.halfvec AS halfvec
    FROM ( SELECT public.l2_normalize(halves.x) AS x
          OFFSET 0) u
  OFFSET 0;
END;

CREATE FUNCTION lm.has_change(changes lm.change[], site lm.site, layer integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (EXISTS (SELECT FROM unnest(has_change.changes) c(sequence, site, layer, head, "position", key_position, first, width, factor, value) WHERE ((c.site = has_change.site) AND (COALESCE(c.layer, has_change.layer) = has_change.layer))));

CREATE FUNCTION lm.head_results(run_id bigint, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(layer integer, head integer, result public.vector)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.head_scores(run_id bigint, exclude_bos boolean DEFAULT false, exclude_current_token boolean DEFAULT false) RETURNS TABLE(layer integer, head integer, previous_token double precision, duplicate_token double precision, induction double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.highest(logits real[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT NULL';

CREATE FUNCTION lm.identity(width integer) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT (((array_fill(0, ARRAY[(place.place - 1)]) || 1) || array_fill(0, ARRAY[(identity.width - place.place)])))::public.vector AS vector FROM generate_series(1, identity.width) place(place) ORDER BY place.place);

CREATE FUNCTION lm.index_activations(site lm.site, layer integer DEFAULT 0, head integer DEFAULT '-1'::integer, model text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.intervene(x public.vector[], changes lm.change[], site lm.site, layer integer, sequences integer[], positions integer[]) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (changes IS NULL) THEN x WHEN (NOT lm.has_change(changes, site, layer)) THEN x ELSE lm.change_rows(x, changes, site, layer, sequences, positions) END;

CREATE FUNCTION lm.is_meant_for(change lm.change, layer integer, head integer, sequence integer, "position" integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((COALESCE((change).layer, layer) = layer) AND (COALESCE((change).sequence, sequence) = sequence) AND (COALESCE((change)."position", "position") = "position") AND (((change).head IS NULL) OR ((change).head = head)));

CREATE FUNCTION lm.knock_out(scores public.vector, changes lm.change[], layer integer, head integer, sequence integer, "position" integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    SELECT
        array_agg(
            CASE
                WHEN EXISTS (
                    SELECT
                    FROM unnest(knock_out.changes) AS c
                    WHERE c.site = 'attn_scores'
                        AND lm.is_meant_for(
                            c::lm.change,
                            knock_out.layer, knock_out.head, knock_out.sequence, knock_out.position
                        )
                        AND COALESCE(c.key_position, s.key - 1) = s.key - 1
                )
                    -- a vector holds no −∞; this is as far below every score
                    THEN -1e38
                ELSE s.score
            END
            ORDER BY s.key
        )::vector
    FROM unnest(knock_out.scores::real[]) WITH ORDINALITY AS s (score, key)
$$;

CREATE FUNCTION lm.lag_diagnostics(run_ids bigint[]) RETURNS TABLE(layer integer, n bigint, n_left_out bigint, durbin_watson double precision, q_lag1 double precision, q_lag2 double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.lag_ols(run_ids bigint[]) RETURNS TABLE(layer integer, n bigint, intercept double precision, beta_lag1 double precision, beta_lag2 double precision, se_intercept double precision, se_lag1 double precision, se_lag2 double precision, t_intercept double precision, t_lag1 double precision, t_lag2 double precision, p_intercept double precision, p_lag1 double precision, p_lag2 double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.lag_rows(run_ids bigint[], lags integer DEFAULT 2) RETURNS TABLE(run_id bigint, layer integer, "position" integer, token_id integer, log_frequency double precision, log_norm double precision, lag double precision[])
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.layer_norm(x public.vector, gain public.vector, bias public.vector, eps double precision) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    -- x − μ                                                                            [d_model]
    centred AS MATERIALIZED (
        SELECT
            layer_norm.x - lm.fill(-(layer_norm.x <#> lm.fill(1, d_model)) / d_model, d_model) AS x,
            d_model
        FROM vector_dims(layer_norm.x) AS d_model
    )

    -- γ ⊙ (x − μ) / √(σ² + ε) + β
    SELECT
        c.x
        * lm.fill(1 / sqrt(vector_norm(c.x) ^ 2 / c.d_model + layer_norm.eps), c.d_model)
        * layer_norm.gain
        + layer_norm.bias
    FROM centred AS c
$$;

CREATE FUNCTION lm.layer_norm(x public.vector[], gain public.vector, bias public.vector, eps double precision) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(lm.layer_norm(r.x, layer_norm.gain, layer_norm.bias, layer_norm.eps) ORDER BY r."row") AS array_agg FROM unnest(layer_norm.x) WITH ORDINALITY r(x, "row"));

CREATE FUNCTION lm.lens_logits(run_id bigint, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, logits real[])
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.lens_trajectory(run_id bigint, token_id integer DEFAULT NULL::integer, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, token text, rank integer, logit double precision, probability double precision, entropy double precision, kl_to_final double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.lens_trajectory(run_id bigint, token text, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, token text, rank integer, logit double precision, probability double precision, entropy double precision, kl_to_final double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.linear_few(x public.vector[], model_id integer, layer integer, map lm.site, block integer) RETURNS public.vector[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$
    WITH
    -- eight rows side by side; the places left over cost time
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_few.x[start + 0] AS x0, linear_few.x[start + 1] AS x1,
            linear_few.x[start + 2] AS x2, linear_few.x[start + 3] AS x3,
            linear_few.x[start + 4] AS x4, linear_few.x[start + 5] AS x5,
            linear_few.x[start + 6] AS x6, linear_few.x[start + 7] AS x7
        FROM generate_series(1, cardinality(linear_few.x), 8) AS start
        OFFSET 0
    ),

    -- y[row, unit] = −w[unit] · x[row]; beyond the last row, x and y are NULL
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias)::vector AS bias,
                array_agg(u.w <#> t.x0) AS y0, array_agg(u.w <#> t.x1) AS y1,
                array_agg(u.w <#> t.x2) AS y2, array_agg(u.w <#> t.x3) AS y3,
                array_agg(u.w <#> t.x4) AS y4, array_agg(u.w <#> t.x5) AS y5,
                array_agg(u.w <#> t.x6) AS y6, array_agg(u.w <#> t.x7) AS y7
            FROM (
                SELECT
                    l.bias,
                    COALESCE(l.weight, l.weight_half::vector) AS w
                FROM lm.linear AS l
                WHERE l.model_id = linear_few.model_id
                    AND l.layer = linear_few.layer
                    AND l.map = linear_few.map
                    AND l.block = linear_few.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS unit
    )

    SELECT array_agg(product.bias - output.y::vector ORDER BY start, place)
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7)
    ) AS output (place, y)
    WHERE start + place <= cardinality(linear_few.x)
$$;

CREATE FUNCTION lm.linear_many(x public.vector[], model_id integer, layer integer, map lm.site, block integer) RETURNS public.vector[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$
    WITH
    -- thirty-two rows side by side, so that a weight, once read, meets them all in one step of the
    -- executor; an array each, not a row each
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_many.x[start + 0] AS x0, linear_many.x[start + 1] AS x1,
            linear_many.x[start + 2] AS x2, linear_many.x[start + 3] AS x3,
            linear_many.x[start + 4] AS x4, linear_many.x[start + 5] AS x5,
            linear_many.x[start + 6] AS x6, linear_many.x[start + 7] AS x7,
            linear_many.x[start + 8] AS x8, linear_many.x[start + 9] AS x9,
            linear_many.x[start + 10] AS x10, linear_many.x[start + 11] AS x11,
            linear_many.x[start + 12] AS x12, linear_many.x[start + 13] AS x13,
            linear_many.x[start + 14] AS x14, linear_many.x[start + 15] AS x15,
            linear_many.x[start + 16] AS x16, linear_many.x[start + 17] AS x17,
            linear_many.x[start + 18] AS x18, linear_many.x[start + 19] AS x19,
            linear_many.x[start + 20] AS x20, linear_many.x[start + 21] AS x21,
            linear_many.x[start + 22] AS x22, linear_many.x[start + 23] AS x23,
            linear_many.x[start + 24] AS x24, linear_many.x[start + 25] AS x25,
            linear_many.x[start + 26] AS x26, linear_many.x[start + 27] AS x27,
            linear_many.x[start + 28] AS x28, linear_many.x[start + 29] AS x29,
            linear_many.x[start + 30] AS x30, linear_many.x[start + 31] AS x31
        FROM generate_series(1, cardinality(linear_many.x), 32) AS start
        OFFSET 0
    ),

    -- y[row, unit] = −w[unit] · x[row]; beyond the last row, x and y are NULL
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias)::vector AS bias,
                array_agg(u.w <#> t.x0) AS y0, array_agg(u.w <#> t.x1) AS y1,
                array_agg(u.w <#> t.x2) AS y2, array_agg(u.w <#> t.x3) AS y3,
                array_agg(u.w <#> t.x4) AS y4, array_agg(u.w <#> t.x5) AS y5,
                array_agg(u.w <#> t.x6) AS y6, array_agg(u.w <#> t.x7) AS y7,
                array_agg(u.w <#> t.x8) AS y8, array_agg(u.w <#> t.x9) AS y9,
                array_agg(u.w <#> t.x10) AS y10, array_agg(u.w <#> t.x11) AS y11,
                array_agg(u.w <#> t.x12) AS y12, array_agg(u.w <#> t.x13) AS y13,
                array_agg(u.w <#> t.x14) AS y14, array_agg(u.w <#> t.x15) AS y15,
                array_agg(u.w <#> t.x16) AS y16, array_agg(u.w <#> t.x17) AS y17,
                array_agg(u.w <#> t.x18) AS y18, array_agg(u.w <#> t.x19) AS y19,
                array_agg(u.w <#> t.x20) AS y20, array_agg(u.w <#> t.x21) AS y21,
                array_agg(u.w <#> t.x22) AS y22, array_agg(u.w <#> t.x23) AS y23,
                array_agg(u.w <#> t.x24) AS y24, array_agg(u.w <#> t.x25) AS y25,
                array_agg(u.w <#> t.x26) AS y26, array_agg(u.w <#> t.x27) AS y27,
                array_agg(u.w <#> t.x28) AS y28, array_agg(u.w <#> t.x29) AS y29,
                array_agg(u.w <#> t.x30) AS y30, array_agg(u.w <#> t.x31) AS y31
            FROM (
                SELECT
                    l.bias,
                    COALESCE(l.weight, l.weight_half::vector) AS w
                FROM lm.linear AS l
                WHERE l.model_id = linear_many.model_id
                    AND l.layer = linear_many.layer
                    AND l.map = linear_many.map
                    AND l.block = linear_many.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS unit
    )

    SELECT array_agg(product.bias - output.y::vector ORDER BY start, place)
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
        (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15),
        (16, y16), (17, y17), (18, y18), (19, y19), (20, y20), (21, y21), (22, y22), (23, y23),
        (24, y24), (25, y25), (26, y26), (27, y27), (28, y28), (29, y29), (30, y30), (31, y31)
    ) AS output (place, y)
    WHERE start + place <= cardinality(linear_many.x)
$$;

CREATE TABLE lm.linear (
    model_id integer NOT NULL,
    layer integer NOT NULL,
    map lm.site NOT NULL,
    block integer NOT NULL,
    unit integer NOT NULL,
    bias real NOT NULL,
    weight public.vector,
    weight_half public.halfvec,
    CONSTRAINT linear_check CHECK ((num_nonnulls(weight, weight_half) = 1))
)
PARTITION BY LIST (model_id);
ALTER TABLE ONLY lm.linear ALTER COLUMN weight SET STORAGE PLAIN;
ALTER TABLE ONLY lm.linear ALTER COLUMN weight_half SET STORAGE PLAIN;

CREATE FUNCTION lm.linear(x public.vector[], model_id integer, layer integer, map lm.site, block integer DEFAULT 0) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (cardinality(linear.x) > 8) THEN lm.linear_many(linear.x, linear.model_id, linear.layer, linear.map, linear.block)
             WHEN (cardinality(linear.x) > 1) THEN lm.linear_few(linear.x, linear.model_id, linear.layer, linear.map, linear.block)
             ELSE ARRAY[(ARRAY( SELECT (l.bias - COALESCE((l.weight OPERATOR(public.<#>) first.x), (half.norm * ((l.weight_half OPERATOR(public.<#>) half.high) + (l.weight_half OPERATOR(public.<#>) half.low)))))
                FROM lm.linear l
               WHERE ((l.model_id = linear.model_id) AND (l.layer = linear.layer) AND (l.map = linear.map) AND (l.block = linear.block))
               ORDER BY l.unit))::public.vector]
         END AS "array"
    FROM (( SELECT (linear.x)[1] AS x
          OFFSET 0) first
      CROSS JOIN LATERAL lm.halves(first.x) half(norm, high, low));
END;

CREATE FUNCTION lm.log_sum_exp(x double precision[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    -- unnest in the select list streams; in FROM it would be written down first
    highest AS MATERIALIZED (
        SELECT max(e.x) AS x
        FROM (SELECT unnest(log_sum_exp.x) AS x) AS e
    )

    -- e^−700 is nothing beside 1, and still no underflow
    SELECT h.x + ln(sum(exp(greatest(e.x - h.x, -700))))
    FROM highest AS h
    CROSS JOIN LATERAL (SELECT unnest(log_sum_exp.x) AS x OFFSET 0) AS e
    GROUP BY h.x
$$;

CREATE FUNCTION lm.logit_attribution(run_id bigint, token_id integer DEFAULT NULL::integer, wrong_token_id integer DEFAULT NULL::integer, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(site lm.site, layer integer, head integer, attribution double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.logit_attribution(run_id bigint, token text, wrong_token text DEFAULT NULL::text, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(site lm.site, layer integer, head integer, attribution double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.logit_difference(resid public.vector, model_id integer, answer integer, wrong integer) RETURNS double precision
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.logit_lens(run_id bigint, "position" integer DEFAULT '-1'::integer, k integer DEFAULT 5, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, rank integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.logits(resid public.vector, model_id integer) RETURNS double precision[]
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    AS $$
    WITH
    -- ln_final = LayerNorm(resid_post of the last layer)                                [d_model]
    ln_final AS MATERIALIZED (
        SELECT lm.layer_norm(logits.resid, n.gain, n.bias, m.layer_norm_eps) AS x
        FROM lm.model AS m
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
        WHERE m.model_id = logits.model_id
    )

    -- logit[token] = W_U[token] · ln_final, and W_U is W_E                              [n_vocab]
    SELECT
        ARRAY(
            SELECT
                -COALESCE(
                    e.embedding <#> f.x,
                    ((e.embedding_half <#> h.high) + (e.embedding_half <#> h.low)) * h.norm
                )
            FROM lm.token_embedding AS e
            WHERE e.model_id = logits.model_id
            ORDER BY e.token_id
        )
    FROM ln_final AS f
    CROSS JOIN lm.halves(f.x) AS h
$$;

CREATE FUNCTION lm.merge_steps(word text, model text DEFAULT NULL::text) RETURNS TABLE(step integer, pieces text[], merged text, rank integer)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS 'SELECT NULL';

CREATE FUNCTION lm.model_id(model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE
    RETURN COALESCE((SELECT m.model_id FROM lm.model m WHERE (m.name = COALESCE(model_id.model, (SELECT lm.default_model() AS default_model)))), lm.fail(NULL::integer, (('no model named "'::text || model) || '" is loaded'::text), 'SELECT name FROM lm.model lists those that are; psqlm load brings others'::text));

CREATE FUNCTION lm.nearest_activations(x public.vector, site lm.site, layer integer DEFAULT 0, head integer DEFAULT '-1'::integer, k integer DEFAULT 10, model text DEFAULT NULL::text) RETURNS TABLE(rank integer, run_id bigint, "position" integer, token text, context text, cosine double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.nearest_tokens(x public.vector, k integer DEFAULT 10, model text DEFAULT NULL::text) RETURNS TABLE(rank integer, token_id integer, token text, cosine double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.next_draw(resid public.vector, model_id integer, step integer, temperature double precision, top_k integer, top_p double precision, seed bigint) RETURNS TABLE(token_id integer, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.next_step(generation_id bigint, model_id integer, token_ids integer[], first_position integer, draws boolean, step integer, temperature double precision, top_k integer, top_p double precision, seed bigint, changes lm.change[] DEFAULT NULL::lm.change[]) RETURNS TABLE(token_id integer, logit double precision, probability double precision)
    LANGUAGE sql ROWS 1
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.next_token(prompt text, k integer DEFAULT 10, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text) RETURNS TABLE(rank integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.n_layer,
            lm.prompt_tokens(next_token.prompt, NULL, m.model_id) AS tokens
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(next_token.model)
    ),

    -- the residual stream above the last layer, at the last position
    final AS MATERIALIZED (
        SELECT
            i.model_id,
            t.resid_post
        FROM input AS i
        CROSS JOIN LATERAL lm.transformer(
            i.model_id,
            array_fill(0, ARRAY[cardinality(i.tokens)]),
            ARRAY(SELECT generate_series(0, cardinality(i.tokens) - 1)),
            i.tokens,
            '{}',
            changes => lm.changes(next_token.interventions, i.model_id)
        ) AS t
        WHERE t.layer = i.n_layer - 1 AND t.position = cardinality(i.tokens) - 1
    ),

    prediction AS MATERIALIZED (
        SELECT
            f.model_id,
            l.logits,
            lm.log_sum_exp(l.logits) AS log_total
        FROM final AS f
        CROSS JOIN LATERAL (SELECT lm.logits(f.resid_post, f.model_id) AS logits OFFSET 0) AS l
    ),

    likeliest AS (
        SELECT
            row_number() OVER (ORDER BY l.logit DESC, l.place) AS rank,
            (l.place - 1)::int AS token_id,
            l.logit
        FROM prediction AS p
        CROSS JOIN unnest(p.logits) WITH ORDINALITY AS l (logit, place)
        ORDER BY l.logit DESC, l.place
        LIMIT next_token.k
    )

    -- probability = softmax(logit)
    SELECT
        l.rank::int,
        l.token_id,
        v.token,
        l.logit,
        exp(greatest(l.logit - p.log_total, -700))
    FROM likeliest AS l
    CROSS JOIN prediction AS p
    LEFT JOIN lm.vocabulary AS v ON v.model_id = p.model_id AND v.token_id = l.token_id
    ORDER BY l.rank
$$;

CREATE FUNCTION lm.ols(moments lm.moments[]) RETURNS TABLE(group_name text, n bigint, term integer, coefficient double precision, standard_error double precision, t double precision, p double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.ols_moments(observations lm.observation[]) RETURNS SETOF lm.moments
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.ols(observations lm.observation[]) RETURNS TABLE(group_name text, n bigint, term integer, coefficient double precision, standard_error double precision, t double precision, p double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE STRICT
    AS 'SELECT NULL';

CREATE FUNCTION lm.pad(x public.vector, zeros public.vector) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (public.vector_dims(x) < public.vector_dims(zeros)) THEN (x OPERATOR(public.||) public.subvector(zeros, 1, (public.vector_dims(zeros) - public.vector_dims(x)))) ELSE x END;

CREATE FUNCTION lm.patch_places(sweep_id bigint) RETURNS integer
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.patching_sweep(clean text, corrupt text, site lm.site, answer text, wrong text, model text DEFAULT NULL::text) RETURNS TABLE(sweep_id bigint, layer integer, head integer, "position" integer, token text, logit_difference double precision, recovered double precision)
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.perplexity(run_id bigint) RETURNS double precision
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.piece_pattern() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    WITH
    -- GPT-2 takes the first alternative that matches, PostgreSQL the longest: the same here, where
    -- the last is \s and not \s+. PostgreSQL's own classes would follow the database's locale.
    pattern AS (
        SELECT
            '''(?:[sdmt]|ll|re|ve)'
            '| ?[\p{L}]+'
            '| ?[\p{N}]+'
            '| ?[^\s\p{L}\p{N}]+'
            '|[\s]+(?![^\s])'
            '|[\s]' AS gpt2
    )

    SELECT
        replace(
            replace(
                replace(p.gpt2, '\p{L}', lm.unicode_letters()),
                '\p{N}', lm.unicode_numbers()
            ),
            '\s', lm.unicode_spaces()
        )
    FROM pattern AS p
$$;

CREATE FUNCTION lm.pool_moments(moments lm.moments[]) RETURNS SETOF lm.moments
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE TABLE lm.merge (
    model_id integer NOT NULL,
    rank integer NOT NULL,
    left_bytes bytea NOT NULL,
    right_bytes bytea NOT NULL,
    token_id integer NOT NULL,
    next_rank integer DEFAULT 0,
    CONSTRAINT merge_rank_check CHECK ((rank >= 0))
);

CREATE FUNCTION lm.possible_merges(spelling text, model_id integer) RETURNS TABLE(rank integer, pair text, token text, at_once boolean)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT f.rank,
     f.pair,
     f.token,
     COALESCE((f.rank < min(f.next_rank) OVER earlier), true) AS at_once
    FROM ( SELECT DISTINCT ON (m.rank) m.rank,
             m.next_rank,
             (((('<'::text || p.left_hex) || '><'::text) || p.right_hex) || '>'::text) AS pair,
             ((('<'::text || p.left_hex) || p.right_hex) || '>'::text) AS token
            FROM ((string_to_array(btrim(possible_merges.spelling, '<>'::text), '><'::text) t(tokens)
              CROSS JOIN LATERAL UNNEST(t.tokens, t.tokens[2:]) p(left_hex, right_hex))
              CROSS JOIN lm.merge m)
           WHERE ((m.model_id = possible_merges.model_id) AND (m.left_bytes = decode(p.left_hex, 'hex'::text)) AND (m.right_bytes = decode(p.right_hex, 'hex'::text)))
           ORDER BY m.rank) f
   WINDOW earlier AS (ORDER BY f.rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
END;

CREATE FUNCTION lm.product(x public.vector[], y public.vector[]) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 WITH tile AS NOT MATERIALIZED (
          SELECT start.start,
             (product.x)[(start.start + 0)] AS x0,
             (product.x)[(start.start + 1)] AS x1,
             (product.x)[(start.start + 2)] AS x2,
             (product.x)[(start.start + 3)] AS x3,
             (product.x)[(start.start + 4)] AS x4,
             (product.x)[(start.start + 5)] AS x5,
             (product.x)[(start.start + 6)] AS x6,
             (product.x)[(start.start + 7)] AS x7,
             (product.x)[(start.start + 8)] AS x8,
             (product.x)[(start.start + 9)] AS x9,
             (product.x)[(start.start + 10)] AS x10,
             (product.x)[(start.start + 11)] AS x11,
             (product.x)[(start.start + 12)] AS x12,
             (product.x)[(start.start + 13)] AS x13,
             (product.x)[(start.start + 14)] AS x14,
             (product.x)[(start.start + 15)] AS x15
            FROM generate_series(1, cardinality(product.x), 16) start(start)
          OFFSET 0
         ), dot AS NOT MATERIALIZED (
          SELECT t.start,
             d.z0,
             d.z1,
             d.z2,
             d.z3,
             d.z4,
             d.z5,
             d.z6,
             d.z7,
             d.z8,
             d.z9,
             d.z10,
             d.z11,
             d.z12,
             d.z13,
             d.z14,
             d.z15
            FROM (tile t
              CROSS JOIN LATERAL ( SELECT array_agg((- (t.x0 OPERATOR(public.<#>) "row".y))) AS z0,
                     array_agg((- (t.x1 OPERATOR(public.<#>) "row".y))) AS z1,
                     array_agg((- (t.x2 OPERATOR(public.<#>) "row".y))) AS z2,
                     array_agg((- (t.x3 OPERATOR(public.<#>) "row".y))) AS z3,
                     array_agg((- (t.x4 OPERATOR(public.<#>) "row".y))) AS z4,
                     array_agg((- (t.x5 OPERATOR(public.<#>) "row".y))) AS z5,
                     array_agg((- (t.x6 OPERATOR(public.<#>) "row".y))) AS z6,
                     array_agg((- (t.x7 OPERATOR(public.<#>) "row".y))) AS z7,
                     array_agg((- (t.x8 OPERATOR(public.<#>) "row".y))) AS z8,
                     array_agg((- (t.x9 OPERATOR(public.<#>) "row".y))) AS z9,
                     array_agg((- (t.x10 OPERATOR(public.<#>) "row".y))) AS z10,
                     array_agg((- (t.x11 OPERATOR(public.<#>) "row".y))) AS z11,
                     array_agg((- (t.x12 OPERATOR(public.<#>) "row".y))) AS z12,
                     array_agg((- (t.x13 OPERATOR(public.<#>) "row".y))) AS z13,
                     array_agg((- (t.x14 OPERATOR(public.<#>) "row".y))) AS z14,
                     array_agg((- (t.x15 OPERATOR(public.<#>) "row".y))) AS z15
                    FROM ( SELECT unnest(product.y) AS y) "row") d)
         )
  SELECT array_agg((output.z)::public.vector ORDER BY dot.start, output.place) AS array_agg
    FROM (dot
      CROSS JOIN LATERAL ( VALUES (0,dot.z0), (1,dot.z1), (2,dot.z2), (3,dot.z3), (4,dot.z4), (5,dot.z5), (6,dot.z6), (7,dot.z7), (8,dot.z8), (9,dot.z9), (10,dot.z10), (11,dot.z11), (12,dot.z12), (13,dot.z13), (14,dot.z14), (15,dot.z15)) output(place, z))
   WHERE ((dot.start + output.place) <= cardinality(product.x));
END;

CREATE FUNCTION lm.prompt_tokens(prompt text, token_ids integer[], model_id integer) RETURNS integer[]
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    given AS MATERIALIZED (
        SELECT
            m.*,
            CASE
                WHEN prompt_tokens.prompt IS NOT NULL AND prompt_tokens.token_ids IS NOT NULL
                    THEN lm.fail(
                        NULL::int[], 'a prompt and token_ids are both given: give one'
                    )
                WHEN prompt_tokens.prompt IS NULL AND prompt_tokens.token_ids IS NULL
                    THEN lm.fail(
                        NULL::int[], 'no prompt: it is NULL', 'give a text, or token_ids => int[]'
                    )
                WHEN prompt_tokens.prompt IS NOT NULL
                    THEN lm.encode(prompt_tokens.prompt, m.name)
                ELSE prompt_tokens.token_ids
            END AS tokens
        FROM lm.model AS m
        WHERE m.model_id = prompt_tokens.model_id
    )

    SELECT
        CASE
            WHEN cardinality(g.tokens) = 0
                THEN lm.fail(
                    NULL::int[], 'the prompt is empty: a model needs one token at least'
                )
            WHEN cardinality(g.tokens) > g.n_ctx
                THEN lm.fail(
                    NULL::int[],
                    format(
                        'the prompt has %s tokens and model "%s" has positions for %s',
                        cardinality(g.tokens), g.name, g.n_ctx
                    ),
                    'shorten it; SELECT count(*) FROM lm.tokenize(prompt) counts its tokens'
                )
            WHEN EXISTS (
                SELECT FROM unnest(g.tokens) AS t (token_id)
                WHERE t.token_id IS NULL OR t.token_id NOT BETWEEN 0 AND g.n_vocab - 1
            )
                THEN lm.fail(
                    NULL::int[],
                    format(
                        'model "%s" has tokens 0 to %s; token_ids holds others',
                        g.name, g.n_vocab - 1
                    )
                )
            ELSE g.tokens
        END
    FROM given AS g
$$;

CREATE FUNCTION lm.readable(bytes bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT NULL';

CREATE FUNCTION lm.record_runs(model_id integer, prompts text[], token_ids integer[], capture lm.site[], capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10, interventions text DEFAULT NULL::text) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS $$
    WITH
    -- a run for each prompt, or the one run of token_ids
    run AS MATERIALIZED (
        SELECT
            nextval('lm.run_run_id_seq') AS run_id,
            p.ordinal::int AS ordinal,
            p.prompt,
            lm.prompt_tokens(p.prompt, record_runs.token_ids, m.model_id) AS tokens,
            clock_timestamp() AS started_at
        FROM lm.model AS m
        CROSS JOIN unnest(COALESCE(record_runs.prompts, ARRAY[NULL]))
            WITH ORDINALITY AS p (prompt, ordinal)
        WHERE m.model_id = record_runs.model_id
    ),

    batch AS MATERIALIZED (
        SELECT
            array_agg(r.ordinal ORDER BY r.ordinal, t.position) AS sequence,
            array_agg(t.position::int - 1 ORDER BY r.ordinal, t.position) AS position,
            array_agg(t.token_id ORDER BY r.ordinal, t.position) AS token_id,
            lm.check_capture(
                record_runs.model_id,
                record_runs.capture_layers,
                record_runs.capture_positions,
                record_runs.top_logits,
                max(t.position)::int
            ) AS sound
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    pass AS MATERIALIZED (
        SELECT
            r.run_id,
            t.*,
            -- the embeddings, whose row is −1, are of no layer
            t.layer = ANY (-1 || record_runs.capture_layers) OR record_runs.capture_layers IS NULL
                AS kept
        FROM batch AS b
        CROSS JOIN LATERAL lm.transformer_many(
            record_runs.model_id, b.sequence, b.position, b.token_id, record_runs.capture,
            changes => lm.changes(record_runs.interventions, record_runs.model_id)
        ) AS t
        INNER JOIN run AS r ON r.ordinal = t.sequence
        WHERE b.sound
            AND (
                record_runs.capture_positions IS NULL
                OR t.position = ANY (record_runs.capture_positions)
                OR t.position - cardinality(r.tokens) = ANY (record_runs.capture_positions)
            )
    ),

    -- ln_final = LayerNorm(resid_post of the last layer), where it or the logits are captured
    ln_final AS MATERIALIZED (
        SELECT
            row_number() OVER (ORDER BY p.run_id, p.position) AS row,
            p.run_id,
            p.position,
            n.layer,
            lm.layer_norm(p.resid_post, n.gain, n.bias, m.layer_norm_eps) AS value
        FROM pass AS p
        INNER JOIN lm.model AS m ON m.n_layer - 1 = p.layer
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
        WHERE m.model_id = record_runs.model_id
            AND record_runs.capture && '{ln_final,logits}'
    ),

    new_run AS (
        INSERT INTO lm.run (
            run_id, model_id, prompt, token_ids, capture, capture_layers, capture_positions,
            top_logits, interventions, started_at, duration
        )
        SELECT
            r.run_id,
            record_runs.model_id,
            r.prompt,
            r.tokens,
            record_runs.capture,
            record_runs.capture_layers,
            record_runs.capture_positions,
            record_runs.top_logits,
            record_runs.interventions,
            r.started_at,
            clock_timestamp() - r.started_at
        FROM (SELECT count(*) FROM pass) AS passed
        CROSS JOIN run AS r
    ),

    new_token AS (
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT
            r.run_id,
            t.position - 1,
            t.token_id
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    new_adjustment AS (
        INSERT INTO lm.attention_adjustment (run_id, layer, position, adjustment)
        SELECT
            p.run_id,
            p.layer,
            p.position,
            p.attn_out
        FROM pass AS p
        WHERE p.kept AND p.attn_out IS NOT NULL
    ),

    new_logit AS (
        INSERT INTO lm.logit (run_id, position, token_id, logit)
        SELECT
            f.run_id,
            f.position,
            l.token_id,
            l.logit
        -- 64 positions at a time: the whole vocabulary's logits need not be there for all at once
        FROM (
            SELECT
                (f.row - 1) / 64 AS number,
                array_agg(f.value ORDER BY f.row) AS x
            FROM ln_final AS f
            GROUP BY number
        ) AS part
        CROSS JOIN LATERAL lm.unembed(part.x, record_runs.model_id) AS u
        INNER JOIN ln_final AS f ON f.row = part.number * 64 + u.ordinal
        CROSS JOIN LATERAL (
            SELECT
                o.number - 1 AS token_id,
                o.logit
            FROM unnest(u.logits) WITH ORDINALITY AS o (logit, number)
            ORDER BY o.logit DESC, o.number
            LIMIT record_runs.top_logits
        ) AS l
        WHERE 'logits' = ANY (record_runs.capture)
    ),

    -- every other captured vector; queries, keys, values and z cut into their heads
    new_activation AS (
        INSERT INTO lm.activation (run_id, site, layer, head, position, value)
        SELECT
            p.run_id,
            a.site,
            a.layer,
            a.head,
            p.position,
            a.value
        FROM pass AS p
        CROSS JOIN LATERAL (
            SELECT
                w.site,
                greatest(p.layer, 0) AS layer,
                -1 AS head,
                w.value
            FROM (
                VALUES
                ('embed'::lm.site, p.embed),
                ('pos_embed', p.pos_embed),
                ('resid_pre', p.resid_pre),
                ('ln1', p.ln1),
                ('resid_mid', p.resid_mid),
                ('ln2', p.ln2),
                ('mlp_pre', p.mlp_pre),
                ('mlp_post', p.mlp_post),
                ('mlp_out', p.mlp_out),
                -- it comes whether captured or not: the layer above needs it
                (
                    'resid_post',
                    CASE
                        WHEN 'resid_post' = ANY (record_runs.capture) AND p.layer >= 0
                            THEN p.resid_post
                    END
                )
            ) AS w (site, value)

            UNION ALL

            SELECT
                w.site,
                p.layer,
                h.head,
                subvector(w.value, h.head * m.d_model / m.n_head + 1, m.d_model / m.n_head)
            FROM (VALUES ('q'::lm.site, p.q), ('k', p.k), ('v', p.v), ('z', p.z)) AS w (site, value)
            INNER JOIN lm.model AS m ON m.model_id = record_runs.model_id
            CROSS JOIN generate_series(0, m.n_head - 1) AS h (head)
            WHERE w.value IS NOT NULL

            UNION ALL

            SELECT
                w.site,
                p.layer,
                (h.number - 1)::int,
                h.value
            FROM (VALUES ('attn_scores'::lm.site, p.attn_scores), ('pattern', p.pattern))
                AS w (site, matrix)
            CROSS JOIN unnest(w.matrix) WITH ORDINALITY AS h (value, number)
        ) AS a
        WHERE p.kept AND a.value IS NOT NULL

        UNION ALL

        SELECT
            f.run_id,
            'ln_final',
            f.layer,
            -1,
            f.position,
            f.value
        FROM ln_final AS f
        WHERE 'ln_final' = ANY (record_runs.capture)
    )

    SELECT
        r.ordinal,
        r.run_id
    FROM run AS r
    ORDER BY r.ordinal
$$;

CREATE FUNCTION lm.require_capture(run_id bigint, sites lm.site[], layers integer[] DEFAULT NULL::integer[], positions integer[] DEFAULT NULL::integer[]) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.run_position(run_id bigint, "position" integer DEFAULT '-1'::integer) RETURNS integer
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.run_model(run_id bigint) RETURNS text
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.same_model(run_ids bigint[]) RETURNS integer
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.set_default_model(name text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT lm.model_id(name) AS model_id;
 UPDATE lm.model m SET is_default = false
   WHERE (m.is_default AND (m.name <> set_default_model.name));
 UPDATE lm.model m SET is_default = true
   WHERE (m.name = set_default_model.name);
END;

CREATE FUNCTION lm.site_width(site lm.site, model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE
    AS 'SELECT NULL';

CREATE FUNCTION lm.spell(piece text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(encode(convert_to(piece, 'UTF8'::name), 'hex'::text), '(..)'::text, '<\1>'::text, 'g'::text);

CREATE FUNCTION lm.start_generation(model_id integer, n_tokens integer, temperature double precision, top_k integer, top_p double precision, keep_cache boolean) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.start_sweep(clean text, corrupt text, site lm.site, answer text, wrong text, model_id integer) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.student_t_p(t double precision, df double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.surprise(run_id bigint) RETURNS TABLE("position" integer, token_id integer, token text, surprise double precision, probability double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.token_id(token text, model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE FUNCTION lm.tokens_in(spelling text) RETURNS TABLE(number bigint, bytes bytea)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT t.number,
     decode(t.hex, 'hex'::text) AS bytes
    FROM unnest(string_to_array(btrim(tokens_in.spelling, '<>'::text), '><'::text)) WITH ORDINALITY t(hex, number);
END;

CREATE FUNCTION lm.transformer(model_id integer, sequence integer[], "position" integer[], token_id integer[], keep lm.site[], generation_id bigint DEFAULT NULL::bigint, changes lm.change[] DEFAULT NULL::lm.change[], first_layer integer DEFAULT 0, resid public.vector[] DEFAULT NULL::public.vector[], context_run bigint DEFAULT NULL::bigint) RETURNS TABLE(layer integer, sequence integer, "position" integer, embed public.vector, pos_embed public.vector, resid_pre public.vector, ln1 public.vector, q public.vector, k public.vector, v public.vector, attn_scores public.vector[], pattern public.vector[], z public.vector, attn_out public.vector, resid_mid public.vector, ln2 public.vector, mlp_pre public.vector, mlp_post public.vector, mlp_out public.vector, resid_post public.vector)
    LANGUAGE sql STABLE COST 1e+06 PARALLEL SAFE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$
    WITH RECURSIVE
    -- the sizes; a head is d_head wide, the MLP's output map is cut in n_block blocks of inputs
    size AS MATERIALIZED (
        SELECT
            m.*,
            m.d_model / m.n_head AS d_head,
            (m.d_mlp - 1) / m.d_model + 1 AS n_block,
            lm.identity(m.d_model / m.n_head) AS identity,
            lm.fill(-1 / sqrt(m.d_model / m.n_head), m.d_model / m.n_head) AS scale,
            lm.fill(1, m.n_ctx) AS ones,
            lm.fill(0, m.n_ctx) AS zeros
        FROM lm.model AS m
        WHERE m.model_id = transformer.model_id
    ),

    -- the positions of all sequences; row is their row in every matrix
    batch AS MATERIALIZED (
        SELECT b.*
        FROM unnest(transformer.sequence, transformer.position, transformer.token_id)
            WITH ORDINALITY AS b (sequence, position, token_id, row)
    ),

    -- embed = W_E[token], pos_embed = W_pos[position]                         [position, d_model]
    embedding AS MATERIALIZED (
        SELECT
            lm.intervene(
                y.embed, transformer.changes, 'embed', 0,
                transformer.sequence, transformer.position
            ) AS embed,
            lm.intervene(
                y.pos_embed, transformer.changes, 'pos_embed', 0,
                transformer.sequence, transformer.position
            ) AS pos_embed
        FROM (
            SELECT
                array_agg(COALESCE(e.embedding, e.embedding_half::vector) ORDER BY b.row) AS embed,
                array_agg(p.embedding ORDER BY b.row) AS pos_embed
            FROM batch AS b
            INNER JOIN lm.token_embedding AS e
                ON e.model_id = transformer.model_id AND e.token_id = b.token_id
            INNER JOIN lm.position_embedding AS p
                ON p.model_id = transformer.model_id AND p.position = b.position
        ) AS y
    ),

    -- one row per layer: a matrix for each site that is to be kept, and the residual stream
    block AS (
        SELECT
            transformer.first_layer - 1 AS layer,
            CASE WHEN 'embed' = ANY (transformer.keep) THEN e.embed END AS embed,
            CASE WHEN 'pos_embed' = ANY (transformer.keep) THEN e.pos_embed END AS pos_embed,
            NULL::vector[] AS resid_pre,
            NULL::vector[] AS ln1,
            NULL::vector[] AS q,
            NULL::vector[] AS k,
            NULL::vector[] AS v,
            NULL::vector[] AS attn_scores,
            NULL::vector[] AS pattern,
            NULL::vector[] AS z,
            NULL::vector[] AS attn_out,
            NULL::vector[] AS resid_mid,
            NULL::vector[] AS ln2,
            NULL::vector[] AS mlp_pre,
            NULL::vector[] AS mlp_post,
            NULL::vector[] AS mlp_out,
            COALESCE(transformer.resid, lm.add(e.embed, e.pos_embed)) AS resid_post
        FROM embedding AS e

        UNION ALL

        (
            WITH
            -- this layer and the sizes; x is the residual stream as the layer below left it
            here AS MATERIALIZED (
                SELECT
                    size.*,
                    b.layer + 1 AS layer,
                    b.resid_post AS x,
                    transformer.sequence AS sequences,
                    transformer.position AS positions,
                    transformer.changes,
                    lm.has_change(transformer.changes, 'attn_scores', b.layer + 1) AS edges_are_cut,
                    lm.has_change(transformer.changes, 'pattern', b.layer + 1) AS pattern_is_changed
                FROM block AS b
                CROSS JOIN size
                WHERE b.layer + 1 < size.n_layer
            ),

            -- resid_pre                                                       [position, d_model]
            resid_pre AS MATERIALIZED (
                SELECT
                    lm.intervene(h.x, h.changes, 'resid_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
            ),

            -- ln1 = LayerNorm(resid_pre)                                      [position, d_model]
            ln1 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln1', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln1'
                CROSS JOIN LATERAL (
                    SELECT lm.layer_norm(r.x, n.gain, n.bias, h.layer_norm_eps) AS x
                    OFFSET 0
                ) AS y
            ),

            -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V           [position, d_model]
            qkv AS MATERIALIZED (
                SELECT
                    lm.intervene(q.x, h.changes, 'q', h.layer, h.sequences, h.positions) AS q,
                    lm.intervene(k.x, h.changes, 'k', h.layer, h.sequences, h.positions) AS k,
                    lm.intervene(v.x, h.changes, 'v', h.layer, h.sequences, h.positions) AS v
                FROM here AS h
                CROSS JOIN ln1
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'q') AS q (x)
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'k') AS k (x)
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'v') AS v (x)
            ),

            -- keys and values: what is cached, what a run that is continued has kept, what is new;
            -- the new with their queries
            known AS NOT MATERIALIZED (
                SELECT
                    c.sequence,
                    c.position,
                    c.key AS k,
                    c.value AS v,
                    NULL::vector AS q,
                    NULL::bigint AS row
                FROM here AS h
                -- fenced, for the planner would rather read the cache of every layer in each
                CROSS JOIN LATERAL (
                    SELECT c.*
                    FROM lm.attention_cache AS c
                    WHERE c.generation_id = transformer.generation_id AND c.layer = h.layer
                    OFFSET 0
                ) AS c

                UNION ALL

                SELECT
                    s.sequence,
                    a.position,
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'k'),
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'v'),
                    NULL,
                    NULL
                FROM here AS h
                INNER JOIN lm.activation AS a
                    ON a.run_id = transformer.context_run
                    AND a.site IN ('k', 'v')
                    AND a.layer = h.layer
                INNER JOIN (
                    SELECT
                        b.sequence,
                        min(b.position) AS first_position
                    FROM batch AS b
                    GROUP BY b.sequence
                ) AS s ON s.first_position > a.position
                GROUP BY s.sequence, a.position

                UNION ALL

                SELECT
                    b.sequence,
                    b.position,
                    b.k,
                    b.v,
                    b.q,
                    b.row
                FROM here AS h
                CROSS JOIN qkv
                CROSS JOIN unnest(qkv.k, qkv.v, qkv.q, h.sequences, h.positions)
                    WITH ORDINALITY AS b (k, v, q, sequence, position, row)
            ),

            -- in order of position; a query's row is its row in the matrices            [sequence]
            context AS MATERIALIZED (
                SELECT
                    known.sequence,
                    array_agg(known.k ORDER BY known.position) AS keys,
                    array_agg(known.v ORDER BY known.position) AS values,
                    array_agg(known.q ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS queries,
                    array_agg(known.row ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS rows,
                    array_agg(known.position ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS positions
                FROM known
                GROUP BY known.sequence
            ),

            -- cut into heads; from here on a row is a head, and its matrices follow the queries; q is
            -- divided by −√d_head, for <#> is minus the product
            head AS MATERIALIZED (
                SELECT
                    c.sequence,
                    n.head,
                    c.rows,
                    c.positions,
                    ARRAY(SELECT subvector(unnest(c.queries), n.start, h.d_head) * h.scale) AS q,
                    ARRAY(SELECT subvector(unnest(c.keys), n.start, h.d_head)) AS k,
                    ARRAY(SELECT subvector(unnest(c.values), n.start, h.d_head)) AS v
                FROM here AS h
                CROSS JOIN context AS c
                CROSS JOIN LATERAL (
                    SELECT
                        i AS head,
                        i * h.d_head + 1 AS start
                    FROM generate_series(0, h.n_head - 1) AS i
                ) AS n
            ),

            -- attn_scores = q · k / √d_head, of the keys up to the query itself        [query, key]
            attn_scores AS MATERIALIZED (
                SELECT
                    head.*,
                    ARRAY(
                        SELECT
                            CASE
                                WHEN h.edges_are_cut
                                    THEN lm.knock_out(
                                        s.x, h.changes, h.layer,
                                        head.head, head.sequence, b.position
                                    )
                                ELSE s.x
                            END
                        FROM unnest(head.q, head.positions) AS b (q, position)
                        CROSS JOIN LATERAL (
                            SELECT
                                ARRAY(
                                    SELECT b.q <#> unnest(head.k)
                                    LIMIT b.position + 1
                                )::vector AS x
                            OFFSET 0
                        ) AS s
                    ) AS scores
                FROM here AS h
                CROSS JOIN head
            ),

            -- pattern = softmax(attn_scores): e^(score − highest) divided by its sum; e^−60 is
            -- nothing beside 1, and still large enough never to be an underflow      [query, key]
            pattern AS MATERIALIZED (
                SELECT
                    a.*,
                    ARRAY(
                        SELECT
                            CASE
                                WHEN h.pattern_is_changed
                                    THEN lm.change_row(
                                        w.x, h.changes, 'pattern', h.layer,
                                        a.head, a.sequence, b.position
                                    )
                                ELSE w.x
                            END
                        FROM unnest(a.scores, a.positions) AS b (scores, position)
                        CROSS JOIN LATERAL (
                            SELECT max(s.score) AS highest
                            FROM (SELECT unnest(b.scores::real[]) AS score) AS s
                        ) AS m
                        CROSS JOIN LATERAL (
                            SELECT
                                ARRAY(
                                    SELECT exp(greatest(unnest(b.scores::real[]) - m.highest, -60))
                                )::vector AS x
                            OFFSET 0
                        ) AS e
                        CROSS JOIN LATERAL (
                            SELECT
                                e.x * lm.fill(
                                    -1 / (e.x <#> subvector(h.ones, 1, vector_dims(e.x))),
                                    vector_dims(e.x)
                                ) AS x
                            OFFSET 0
                        ) AS w
                    ) AS weights
                FROM here AS h
                CROSS JOIN attn_scores AS a
            ),

            -- z = Σ_key pattern[key] v[key]                                        [query, d_head]
            -- For many queries vᵀ = I vᵀ first: products with it are cheaper than weighted sums.
            head_z AS MATERIALIZED (
                SELECT
                    p.head,
                    p.rows,
                    COALESCE(
                        many.z,
                        ARRAY(
                            SELECT
                                (
                                    SELECT lm.total(lm.fill(w.weight, h.d_head) * w.v)
                                    FROM (
                                        SELECT
                                            unnest(b.weights::real[]) AS weight,
                                            unnest(p.v) AS v
                                    ) AS w
                                    WHERE w.weight <> 0
                                )
                            FROM unnest(p.weights) AS b (weights)
                        )
                    ) AS z
                FROM here AS h
                CROSS JOIN pattern AS p
                CROSS JOIN LATERAL lm.product(
                    CASE WHEN cardinality(p.q) >= 8 THEN h.identity END, p.v
                ) AS transposed (v)
                CROSS JOIN LATERAL (
                    SELECT
                        CASE
                            WHEN transposed.v IS NOT NULL
                                THEN ARRAY(
                                    SELECT lm.pad(b.weights, subvector(h.zeros, 1, cardinality(p.v)))
                                    FROM unnest(p.weights) AS b (weights)
                                )
                        END AS weights
                    OFFSET 0
                ) AS padded
                CROSS JOIN LATERAL lm.product(padded.weights, transposed.v) AS many (z)
            ),

            -- the heads joined                                                [position, d_model]
            z AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'z', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(joined.x ORDER BY joined.row) AS x
                    FROM (
                        SELECT
                            b.row,
                            lm.concat(b.z ORDER BY head_z.head) AS x
                        FROM head_z
                        CROSS JOIN unnest(head_z.rows, head_z.z) AS b (row, z)
                        GROUP BY b.row
                    ) AS joined
                ) AS y
            ),

            -- attn_out = W_O z + b_O: the attention adjustment                [position, d_model]
            attn_out AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'attn_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN z
                CROSS JOIN LATERAL lm.linear(z.x, h.model_id, h.layer, 'attn_out') AS y (x)
            ),

            -- resid_mid = resid_pre + attn_out                                [position, d_model]
            resid_mid AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'resid_mid', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                CROSS JOIN attn_out AS a
                CROSS JOIN LATERAL (SELECT lm.add(r.x, a.x) AS x OFFSET 0) AS y
            ),

            -- ln2 = LayerNorm(resid_mid)                                      [position, d_model]
            ln2 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln2', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln2'
                CROSS JOIN LATERAL (
                    SELECT lm.layer_norm(r.x, n.gain, n.bias, h.layer_norm_eps) AS x
                    OFFSET 0
                ) AS y
            ),

            -- mlp_pre = W_in ln2 + b_in                                         [position, d_mlp]
            mlp_pre AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN ln2
                CROSS JOIN LATERAL lm.linear(ln2.x, h.model_id, h.layer, 'mlp_pre') AS y (x)
            ),

            -- mlp_post = gelu(mlp_pre)                                          [position, d_mlp]
            mlp_post AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN mlp_pre AS m
                CROSS JOIN LATERAL (SELECT lm.gelu(m.x) AS x OFFSET 0) AS y
            ),

            -- mlp_out = Σ_block W_out[block] mlp_post[block] + b_out          [position, d_model]
            mlp_out AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(summed.x ORDER BY summed.row) AS x
                    FROM (
                        SELECT
                            part.row,
                            lm.total(part.x) AS x
                        FROM mlp_post AS m
                        CROSS JOIN generate_series(0, h.n_block - 1) AS b (block)
                        CROSS JOIN LATERAL (
                            SELECT lm.columns(m.x, b.block * h.d_model + 1, h.d_model) AS x
                            OFFSET 0
                        ) AS input
                        CROSS JOIN LATERAL lm.linear(
                            input.x, h.model_id, h.layer, 'mlp_out', b.block
                        ) AS y (x)
                        CROSS JOIN LATERAL unnest(y.x) WITH ORDINALITY AS part (x, row)
                        GROUP BY part.row
                    ) AS summed
                ) AS y
            ),

            -- resid_post = resid_mid + mlp_out                                [position, d_model]
            resid_post AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'resid_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                CROSS JOIN mlp_out AS m
                CROSS JOIN LATERAL (SELECT lm.add(r.x, m.x) AS x OFFSET 0) AS y
            )

            SELECT
                h.layer,
                NULL::vector[] AS embed,
                NULL::vector[] AS pos_embed,
                CASE
                    WHEN 'resid_pre' = ANY (transformer.keep) THEN (SELECT x FROM resid_pre)
                END AS resid_pre,
                CASE WHEN 'ln1' = ANY (transformer.keep) THEN (SELECT x FROM ln1) END AS ln1,
                CASE WHEN 'q' = ANY (transformer.keep) THEN (SELECT q FROM qkv) END AS q,
                CASE WHEN 'k' = ANY (transformer.keep) THEN (SELECT k FROM qkv) END AS k,
                CASE WHEN 'v' = ANY (transformer.keep) THEN (SELECT v FROM qkv) END AS v,
                CASE
                    WHEN 'attn_scores' = ANY (transformer.keep)
                        THEN ARRAY(
                            SELECT b.scores
                            FROM attn_scores AS a
                            CROSS JOIN unnest(a.rows, a.scores) AS b (row, scores)
                            ORDER BY b.row, a.head
                        )
                END AS attn_scores,
                CASE
                    WHEN 'pattern' = ANY (transformer.keep)
                        THEN ARRAY(
                            SELECT b.weights
                            FROM pattern AS p
                            CROSS JOIN unnest(p.rows, p.weights) AS b (row, weights)
                            ORDER BY b.row, p.head
                        )
                END AS pattern,
                CASE WHEN 'z' = ANY (transformer.keep) THEN (SELECT x FROM z) END AS z,
                CASE
                    WHEN 'attn_out' = ANY (transformer.keep) THEN (SELECT x FROM attn_out)
                END AS attn_out,
                CASE
                    WHEN 'resid_mid' = ANY (transformer.keep) THEN (SELECT x FROM resid_mid)
                END AS resid_mid,
                CASE WHEN 'ln2' = ANY (transformer.keep) THEN (SELECT x FROM ln2) END AS ln2,
                CASE
                    WHEN 'mlp_pre' = ANY (transformer.keep) THEN (SELECT x FROM mlp_pre)
                END AS mlp_pre,
                CASE
                    WHEN 'mlp_post' = ANY (transformer.keep) THEN (SELECT x FROM mlp_post)
                END AS mlp_post,
                CASE
                    WHEN 'mlp_out' = ANY (transformer.keep) THEN (SELECT x FROM mlp_out)
                END AS mlp_out,
                (SELECT x FROM resid_post) AS resid_post
            FROM here AS h
        )
    )

    -- the rows of the matrices; a head's scores and weights are n_head rows for each position
    SELECT
        b.layer,
        r.sequence,
        r.position,
        r.embed,
        r.pos_embed,
        r.resid_pre,
        r.ln1,
        r.q,
        r.k,
        r.v,
        b.attn_scores[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        b.pattern[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        r.z,
        r.attn_out,
        r.resid_mid,
        r.ln2,
        r.mlp_pre,
        r.mlp_post,
        r.mlp_out,
        r.resid_post
    FROM block AS b
    CROSS JOIN size
    CROSS JOIN LATERAL unnest(
        transformer.sequence, transformer.position,
        b.embed, b.pos_embed, b.resid_pre, b.ln1, b.q, b.k, b.v, b.z, b.attn_out, b.resid_mid,
        b.ln2, b.mlp_pre, b.mlp_post, b.mlp_out, b.resid_post
    ) WITH ORDINALITY AS r (
        sequence, position,
        embed, pos_embed, resid_pre, ln1, q, k, v, z, attn_out, resid_mid,
        ln2, mlp_pre, mlp_post, mlp_out, resid_post, row
    )
$$;

CREATE FUNCTION lm.transformer_many(model_id integer, sequence integer[], "position" integer[], token_id integer[], keep lm.site[], changes lm.change[] DEFAULT NULL::lm.change[], first_layer integer DEFAULT 0, resid public.vector[] DEFAULT NULL::public.vector[], context_run bigint DEFAULT NULL::bigint) RETURNS TABLE(layer integer, sequence integer, "position" integer, embed public.vector, pos_embed public.vector, resid_pre public.vector, ln1 public.vector, q public.vector, k public.vector, v public.vector, attn_scores public.vector[], pattern public.vector[], z public.vector, attn_out public.vector, resid_mid public.vector, ln2 public.vector, mlp_pre public.vector, mlp_post public.vector, mlp_out public.vector, resid_post public.vector)
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET parallel_setup_cost TO '0'
    SET parallel_tuple_cost TO '0'
    SET jit TO 'off'
    AS $$
    SELECT t.*
    FROM lm.transformer(
        transformer_many.model_id,
        transformer_many.sequence[:lm.first_half(transformer_many.sequence)],
        transformer_many.position[:lm.first_half(transformer_many.sequence)],
        transformer_many.token_id[:lm.first_half(transformer_many.sequence)],
        transformer_many.keep,
        NULL,
        transformer_many.changes,
        transformer_many.first_layer,
        transformer_many.resid[:lm.first_half(transformer_many.sequence)],
        transformer_many.context_run
    ) AS t

    UNION ALL

    SELECT t.*
    FROM lm.transformer(
        transformer_many.model_id,
        transformer_many.sequence[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.position[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.token_id[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.keep,
        NULL,
        transformer_many.changes,
        transformer_many.first_layer,
        transformer_many.resid[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.context_run
    ) AS t
    WHERE lm.first_half(transformer_many.sequence) < cardinality(transformer_many.sequence)
$$;

CREATE FUNCTION lm.unembed(x public.vector[], model_id integer) RETURNS TABLE(ordinal integer, logits real[])
    LANGUAGE sql STABLE ROWS 100
    SET search_path TO 'lm', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$
    WITH
    -- sixteen rows of x side by side, as in lm.linear_many
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            unembed.x[start + 0] AS x0, unembed.x[start + 1] AS x1,
            unembed.x[start + 2] AS x2, unembed.x[start + 3] AS x3,
            unembed.x[start + 4] AS x4, unembed.x[start + 5] AS x5,
            unembed.x[start + 6] AS x6, unembed.x[start + 7] AS x7,
            unembed.x[start + 8] AS x8, unembed.x[start + 9] AS x9,
            unembed.x[start + 10] AS x10, unembed.x[start + 11] AS x11,
            unembed.x[start + 12] AS x12, unembed.x[start + 13] AS x13,
            unembed.x[start + 14] AS x14, unembed.x[start + 15] AS x15
        FROM generate_series(1, cardinality(unembed.x), 16) AS start
        OFFSET 0
    ),

    -- logits[row, token] = W_U[token] · x[row], and W_U is W_E
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            token.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg((-(u.w <#> t.x0))::real) AS y0, array_agg((-(u.w <#> t.x1))::real) AS y1,
                array_agg((-(u.w <#> t.x2))::real) AS y2, array_agg((-(u.w <#> t.x3))::real) AS y3,
                array_agg((-(u.w <#> t.x4))::real) AS y4, array_agg((-(u.w <#> t.x5))::real) AS y5,
                array_agg((-(u.w <#> t.x6))::real) AS y6, array_agg((-(u.w <#> t.x7))::real) AS y7,
                array_agg((-(u.w <#> t.x8))::real) AS y8, array_agg((-(u.w <#> t.x9))::real) AS y9,
                array_agg((-(u.w <#> t.x10))::real) AS y10, array_agg((-(u.w <#> t.x11))::real) AS y11,
                array_agg((-(u.w <#> t.x12))::real) AS y12, array_agg((-(u.w <#> t.x13))::real) AS y13,
                array_agg((-(u.w <#> t.x14))::real) AS y14, array_agg((-(u.w <#> t.x15))::real) AS y15
            FROM (
                SELECT COALESCE(e.embedding, e.embedding_half::vector) AS w
                FROM lm.token_embedding AS e
                WHERE e.model_id = unembed.model_id
                ORDER BY e.token_id
                OFFSET 0
            ) AS u
        ) AS token
    )

    SELECT
        start + place,
        y
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
        (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15)
    ) AS output (place, y)
    WHERE start + place <= cardinality(unembed.x)
    ORDER BY start, place
$$;

CREATE FUNCTION lm.unicode_letters() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT
        '\u0041-\u005a\u0061-\u007a\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02c1'
        '\u02c6-\u02d1\u02e0-\u02e4\u02ec\u02ee\u0370-\u0374\u0376-\u0377\u037a-\u037d\u037f\u0386'
        '\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u0559'
        '\u0560-\u0588\u05d0-\u05ea\u05ef-\u05f2\u0620-\u064a\u066e-\u066f\u0671-\u06d3\u06d5'
        '\u06e5-\u06e6\u06ee-\u06ef\u06fa-\u06fc\u06ff\u0710\u0712-\u072f\u074d-\u07a5\u07b1'
        '\u07ca-\u07ea\u07f4-\u07f5\u07fa\u0800-\u0815\u081a\u0824\u0828\u0840-\u0858\u0860-\u086a'
        '\u0870-\u0887\u0889-\u088e\u08a0-\u08c9\u0904-\u0939\u093d\u0950\u0958-\u0961\u0971-\u0980'
        '\u0985-\u098c\u098f-\u0990\u0993-\u09a8\u09aa-\u09b0\u09b2\u09b6-\u09b9\u09bd\u09ce'
        '\u09dc-\u09dd\u09df-\u09e1\u09f0-\u09f1\u09fc\u0a05-\u0a0a\u0a0f-\u0a10\u0a13-\u0a28'
        '\u0a2a-\u0a30\u0a32-\u0a33\u0a35-\u0a36\u0a38-\u0a39\u0a59-\u0a5c\u0a5e\u0a72-\u0a74'
        '\u0a85-\u0a8d\u0a8f-\u0a91\u0a93-\u0aa8\u0aaa-\u0ab0\u0ab2-\u0ab3\u0ab5-\u0ab9\u0abd\u0ad0'
        '\u0ae0-\u0ae1\u0af9\u0b05-\u0b0c\u0b0f-\u0b10\u0b13-\u0b28\u0b2a-\u0b30\u0b32-\u0b33'
        '\u0b35-\u0b39\u0b3d\u0b5c-\u0b5d\u0b5f-\u0b61\u0b71\u0b83\u0b85-\u0b8a\u0b8e-\u0b90'
        '\u0b92-\u0b95\u0b99-\u0b9a\u0b9c\u0b9e-\u0b9f\u0ba3-\u0ba4\u0ba8-\u0baa\u0bae-\u0bb9\u0bd0'
        '\u0c05-\u0c0c\u0c0e-\u0c10\u0c12-\u0c28\u0c2a-\u0c39\u0c3d\u0c58-\u0c5a\u0c5d\u0c60-\u0c61'
        '\u0c80\u0c85-\u0c8c\u0c8e-\u0c90\u0c92-\u0ca8\u0caa-\u0cb3\u0cb5-\u0cb9\u0cbd\u0cdd-\u0cde'
        '\u0ce0-\u0ce1\u0cf1-\u0cf2\u0d04-\u0d0c\u0d0e-\u0d10\u0d12-\u0d3a\u0d3d\u0d4e\u0d54-\u0d56'
        '\u0d5f-\u0d61\u0d7a-\u0d7f\u0d85-\u0d96\u0d9a-\u0db1\u0db3-\u0dbb\u0dbd\u0dc0-\u0dc6'
        '\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0e82\u0e84\u0e86-\u0e8a\u0e8c-\u0ea3\u0ea5'
        '\u0ea7-\u0eb0\u0eb2-\u0eb3\u0ebd\u0ec0-\u0ec4\u0ec6\u0edc-\u0edf\u0f00\u0f40-\u0f47'
        '\u0f49-\u0f6c\u0f88-\u0f8c\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065-\u1066'
        '\u106e-\u1070\u1075-\u1081\u108e\u10a0-\u10c5\u10c7\u10cd\u10d0-\u10fa\u10fc-\u1248'
        '\u124a-\u124d\u1250-\u1256\u1258\u125a-\u125d\u1260-\u1288\u128a-\u128d\u1290-\u12b0'
        '\u12b2-\u12b5\u12b8-\u12be\u12c0\u12c2-\u12c5\u12c8-\u12d6\u12d8-\u1310\u1312-\u1315'
        '\u1318-\u135a\u1380-\u138f\u13a0-\u13f5\u13f8-\u13fd\u1401-\u166c\u166f-\u167f'
        '\u1681-\u169a\u16a0-\u16ea\u16f1-\u16f8\u1700-\u1711\u171f-\u1731\u1740-\u1751'
        '\u1760-\u176c\u176e-\u1770\u1780-\u17b3\u17d7\u17dc\u1820-\u1878\u1880-\u1884\u1887-\u18a8'
        '\u18aa\u18b0-\u18f5\u1900-\u191e\u1950-\u196d\u1970-\u1974\u1980-\u19ab\u19b0-\u19c9'
        '\u1a00-\u1a16\u1a20-\u1a54\u1aa7\u1b05-\u1b33\u1b45-\u1b4c\u1b83-\u1ba0\u1bae-\u1baf'
        '\u1bba-\u1be5\u1c00-\u1c23\u1c4d-\u1c4f\u1c5a-\u1c7d\u1c80-\u1c8a\u1c90-\u1cba'
        '\u1cbd-\u1cbf\u1ce9-\u1cec\u1cee-\u1cf3\u1cf5-\u1cf6\u1cfa\u1d00-\u1dbf\u1e00-\u1f15'
        '\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d'
        '\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb'
        '\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2071\u207f\u2090-\u209c\u2102\u2107\u210a-\u2113'
        '\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2139\u213c-\u213f\u2145-\u2149'
        '\u214e\u2183-\u2184\u2c00-\u2ce4\u2ceb-\u2cee\u2cf2-\u2cf3\u2d00-\u2d25\u2d27\u2d2d'
        '\u2d30-\u2d67\u2d6f\u2d80-\u2d96\u2da0-\u2da6\u2da8-\u2dae\u2db0-\u2db6\u2db8-\u2dbe'
        '\u2dc0-\u2dc6\u2dc8-\u2dce\u2dd0-\u2dd6\u2dd8-\u2dde\u2e2f\u3005-\u3006\u3031-\u3035'
        '\u303b-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f'
        '\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua48c\ua4d0-\ua4fd'
        '\ua500-\ua60c\ua610-\ua61f\ua62a-\ua62b\ua640-\ua66e\ua67f-\ua69d\ua6a0-\ua6e5'
        '\ua717-\ua71f\ua722-\ua788\ua78b-\ua7cd\ua7d0-\ua7d1\ua7d3\ua7d5-\ua7dc\ua7f2-\ua801'
        '\ua803-\ua805\ua807-\ua80a\ua80c-\ua822\ua840-\ua873\ua882-\ua8b3\ua8f2-\ua8f7\ua8fb'
        '\ua8fd-\ua8fe\ua90a-\ua925\ua930-\ua946\ua960-\ua97c\ua984-\ua9b2\ua9cf\ua9e0-\ua9e4'
        '\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa00-\uaa28\uaa40-\uaa42\uaa44-\uaa4b\uaa60-\uaa76\uaa7a'
        '\uaa7e-\uaaaf\uaab1\uaab5-\uaab6\uaab9-\uaabd\uaac0\uaac2\uaadb-\uaadd\uaae0-\uaaea'
        '\uaaf2-\uaaf4\uab01-\uab06\uab09-\uab0e\uab11-\uab16\uab20-\uab26\uab28-\uab2e'
        '\uab30-\uab5a\uab5c-\uab69\uab70-\uabe2\uac00-\ud7a3\ud7b0-\ud7c6\ud7cb-\ud7fb'
        '\uf900-\ufa6d\ufa70-\ufad9\ufb00-\ufb06\ufb13-\ufb17\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36'
        '\ufb38-\ufb3c\ufb3e\ufb40-\ufb41\ufb43-\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f'
        '\ufd92-\ufdc7\ufdf0-\ufdfb\ufe70-\ufe74\ufe76-\ufefc\uff21-\uff3a\uff41-\uff5a'
        '\uff66-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc\U00010000-\U0001000b'
        '\U0001000d-\U00010026\U00010028-\U0001003a\U0001003c-\U0001003d\U0001003f-\U0001004d'
        '\U00010050-\U0001005d\U00010080-\U000100fa\U00010280-\U0001029c\U000102a0-\U000102d0'
        '\U00010300-\U0001031f\U0001032d-\U00010340\U00010342-\U00010349\U00010350-\U00010375'
        '\U00010380-\U0001039d\U000103a0-\U000103c3\U000103c8-\U000103cf\U00010400-\U0001049d'
        '\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010500-\U00010527\U00010530-\U00010563'
        '\U00010570-\U0001057a\U0001057c-\U0001058a\U0001058c-\U00010592\U00010594-\U00010595'
        '\U00010597-\U000105a1\U000105a3-\U000105b1\U000105b3-\U000105b9\U000105bb-\U000105bc'
        '\U000105c0-\U000105f3\U00010600-\U00010736\U00010740-\U00010755\U00010760-\U00010767'
        '\U00010780-\U00010785\U00010787-\U000107b0\U000107b2-\U000107ba\U00010800-\U00010805'
        '\U00010808\U0001080a-\U00010835\U00010837-\U00010838\U0001083c\U0001083f-\U00010855'
        '\U00010860-\U00010876\U00010880-\U0001089e\U000108e0-\U000108f2\U000108f4-\U000108f5'
        '\U00010900-\U00010915\U00010920-\U00010939\U00010980-\U000109b7\U000109be-\U000109bf'
        '\U00010a00\U00010a10-\U00010a13\U00010a15-\U00010a17\U00010a19-\U00010a35'
        '\U00010a60-\U00010a7c\U00010a80-\U00010a9c\U00010ac0-\U00010ac7\U00010ac9-\U00010ae4'
        '\U00010b00-\U00010b35\U00010b40-\U00010b55\U00010b60-\U00010b72\U00010b80-\U00010b91'
        '\U00010c00-\U00010c48\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U00010d00-\U00010d23'
        '\U00010d4a-\U00010d65\U00010d6f-\U00010d85\U00010e80-\U00010ea9\U00010eb0-\U00010eb1'
        '\U00010ec2-\U00010ec4\U00010f00-\U00010f1c\U00010f27\U00010f30-\U00010f45'
        '\U00010f70-\U00010f81\U00010fb0-\U00010fc4\U00010fe0-\U00010ff6\U00011003-\U00011037'
        '\U00011071-\U00011072\U00011075\U00011083-\U000110af\U000110d0-\U000110e8'
        '\U00011103-\U00011126\U00011144\U00011147\U00011150-\U00011172\U00011176'
        '\U00011183-\U000111b2\U000111c1-\U000111c4\U000111da\U000111dc\U00011200-\U00011211'
        '\U00011213-\U0001122b\U0001123f-\U00011240\U00011280-\U00011286\U00011288'
        '\U0001128a-\U0001128d\U0001128f-\U0001129d\U0001129f-\U000112a8\U000112b0-\U000112de'
        '\U00011305-\U0001130c\U0001130f-\U00011310\U00011313-\U00011328\U0001132a-\U00011330'
        '\U00011332-\U00011333\U00011335-\U00011339\U0001133d\U00011350\U0001135d-\U00011361'
        '\U00011380-\U00011389\U0001138b\U0001138e\U00011390-\U000113b5\U000113b7\U000113d1'
        '\U000113d3\U00011400-\U00011434\U00011447-\U0001144a\U0001145f-\U00011461'
        '\U00011480-\U000114af\U000114c4-\U000114c5\U000114c7\U00011580-\U000115ae'
        '\U000115d8-\U000115db\U00011600-\U0001162f\U00011644\U00011680-\U000116aa\U000116b8'
        '\U00011700-\U0001171a\U00011740-\U00011746\U00011800-\U0001182b\U000118a0-\U000118df'
        '\U000118ff-\U00011906\U00011909\U0001190c-\U00011913\U00011915-\U00011916'
        '\U00011918-\U0001192f\U0001193f\U00011941\U000119a0-\U000119a7\U000119aa-\U000119d0'
        '\U000119e1\U000119e3\U00011a00\U00011a0b-\U00011a32\U00011a3a\U00011a50'
        '\U00011a5c-\U00011a89\U00011a9d\U00011ab0-\U00011af8\U00011bc0-\U00011be0'
        '\U00011c00-\U00011c08\U00011c0a-\U00011c2e\U00011c40\U00011c72-\U00011c8f'
        '\U00011d00-\U00011d06\U00011d08-\U00011d09\U00011d0b-\U00011d30\U00011d46'
        '\U00011d60-\U00011d65\U00011d67-\U00011d68\U00011d6a-\U00011d89\U00011d98'
        '\U00011ee0-\U00011ef2\U00011f02\U00011f04-\U00011f10\U00011f12-\U00011f33\U00011fb0'
        '\U00012000-\U00012399\U00012480-\U00012543\U00012f90-\U00012ff0\U00013000-\U0001342f'
        '\U00013441-\U00013446\U00013460-\U000143fa\U00014400-\U00014646\U00016100-\U0001611d'
        '\U00016800-\U00016a38\U00016a40-\U00016a5e\U00016a70-\U00016abe\U00016ad0-\U00016aed'
        '\U00016b00-\U00016b2f\U00016b40-\U00016b43\U00016b63-\U00016b77\U00016b7d-\U00016b8f'
        '\U00016d40-\U00016d6c\U00016e40-\U00016e7f\U00016f00-\U00016f4a\U00016f50'
        '\U00016f93-\U00016f9f\U00016fe0-\U00016fe1\U00016fe3\U00017000-\U000187f7'
        '\U00018800-\U00018cd5\U00018cff-\U00018d08\U0001aff0-\U0001aff3\U0001aff5-\U0001affb'
        '\U0001affd-\U0001affe\U0001b000-\U0001b122\U0001b132\U0001b150-\U0001b152\U0001b155'
        '\U0001b164-\U0001b167\U0001b170-\U0001b2fb\U0001bc00-\U0001bc6a\U0001bc70-\U0001bc7c'
        '\U0001bc80-\U0001bc88\U0001bc90-\U0001bc99\U0001d400-\U0001d454\U0001d456-\U0001d49c'
        '\U0001d49e-\U0001d49f\U0001d4a2\U0001d4a5-\U0001d4a6\U0001d4a9-\U0001d4ac'
        '\U0001d4ae-\U0001d4b9\U0001d4bb\U0001d4bd-\U0001d4c3\U0001d4c5-\U0001d505'
        '\U0001d507-\U0001d50a\U0001d50d-\U0001d514\U0001d516-\U0001d51c\U0001d51e-\U0001d539'
        '\U0001d53b-\U0001d53e\U0001d540-\U0001d544\U0001d546\U0001d54a-\U0001d550'
        '\U0001d552-\U0001d6a5\U0001d6a8-\U0001d6c0\U0001d6c2-\U0001d6da\U0001d6dc-\U0001d6fa'
        '\U0001d6fc-\U0001d714\U0001d716-\U0001d734\U0001d736-\U0001d74e\U0001d750-\U0001d76e'
        '\U0001d770-\U0001d788\U0001d78a-\U0001d7a8\U0001d7aa-\U0001d7c2\U0001d7c4-\U0001d7cb'
        '\U0001df00-\U0001df1e\U0001df25-\U0001df2a\U0001e030-\U0001e06d\U0001e100-\U0001e12c'
        '\U0001e137-\U0001e13d\U0001e14e\U0001e290-\U0001e2ad\U0001e2c0-\U0001e2eb'
        '\U0001e4d0-\U0001e4eb\U0001e5d0-\U0001e5ed\U0001e5f0\U0001e7e0-\U0001e7e6'
        '\U0001e7e8-\U0001e7eb\U0001e7ed-\U0001e7ee\U0001e7f0-\U0001e7fe\U0001e800-\U0001e8c4'
        '\U0001e900-\U0001e943\U0001e94b\U0001ee00-\U0001ee03\U0001ee05-\U0001ee1f'
        '\U0001ee21-\U0001ee22\U0001ee24\U0001ee27\U0001ee29-\U0001ee32\U0001ee34-\U0001ee37'
        '\U0001ee39\U0001ee3b\U0001ee42\U0001ee47\U0001ee49\U0001ee4b\U0001ee4d-\U0001ee4f'
        '\U0001ee51-\U0001ee52\U0001ee54\U0001ee57\U0001ee59\U0001ee5b\U0001ee5d\U0001ee5f'
        '\U0001ee61-\U0001ee62\U0001ee64\U0001ee67-\U0001ee6a\U0001ee6c-\U0001ee72'
        '\U0001ee74-\U0001ee77\U0001ee79-\U0001ee7c\U0001ee7e\U0001ee80-\U0001ee89'
        '\U0001ee8b-\U0001ee9b\U0001eea1-\U0001eea3\U0001eea5-\U0001eea9\U0001eeab-\U0001eebb'
        '\U00020000-\U0002a6df\U0002a700-\U0002b739\U0002b740-\U0002b81d\U0002b820-\U0002cea1'
        '\U0002ceb0-\U0002ebe0\U0002ebf0-\U0002ee5d\U0002f800-\U0002fa1d\U00030000-\U0003134a'
        '\U00031350-\U000323af'
$$;

CREATE FUNCTION lm.unicode_numbers() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT
        '\u0030-\u0039\u00b2-\u00b3\u00b9\u00bc-\u00be\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9'
        '\u0966-\u096f\u09e6-\u09ef\u09f4-\u09f9\u0a66-\u0a6f\u0ae6-\u0aef\u0b66-\u0b6f'
        '\u0b72-\u0b77\u0be6-\u0bf2\u0c66-\u0c6f\u0c78-\u0c7e\u0ce6-\u0cef\u0d58-\u0d5e'
        '\u0d66-\u0d78\u0de6-\u0def\u0e50-\u0e59\u0ed0-\u0ed9\u0f20-\u0f33\u1040-\u1049'
        '\u1090-\u1099\u1369-\u137c\u16ee-\u16f0\u17e0-\u17e9\u17f0-\u17f9\u1810-\u1819'
        '\u1946-\u194f\u19d0-\u19da\u1a80-\u1a89\u1a90-\u1a99\u1b50-\u1b59\u1bb0-\u1bb9'
        '\u1c40-\u1c49\u1c50-\u1c59\u2070\u2074-\u2079\u2080-\u2089\u2150-\u2182\u2185-\u2189'
        '\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u2cfd\u3007\u3021-\u3029\u3038-\u303a\u3192-\u3195'
        '\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf\ua620-\ua629'
        '\ua6e6-\ua6ef\ua830-\ua835\ua8d0-\ua8d9\ua900-\ua909\ua9d0-\ua9d9\ua9f0-\ua9f9'
        '\uaa50-\uaa59\uabf0-\uabf9\uff10-\uff19\U00010107-\U00010133\U00010140-\U00010178'
        '\U0001018a-\U0001018b\U000102e1-\U000102fb\U00010320-\U00010323\U00010341\U0001034a'
        '\U000103d1-\U000103d5\U000104a0-\U000104a9\U00010858-\U0001085f\U00010879-\U0001087f'
        '\U000108a7-\U000108af\U000108fb-\U000108ff\U00010916-\U0001091b\U000109bc-\U000109bd'
        '\U000109c0-\U000109cf\U000109d2-\U000109ff\U00010a40-\U00010a48\U00010a7d-\U00010a7e'
        '\U00010a9d-\U00010a9f\U00010aeb-\U00010aef\U00010b58-\U00010b5f\U00010b78-\U00010b7f'
        '\U00010ba9-\U00010baf\U00010cfa-\U00010cff\U00010d30-\U00010d39\U00010d40-\U00010d49'
        '\U00010e60-\U00010e7e\U00010f1d-\U00010f26\U00010f51-\U00010f54\U00010fc5-\U00010fcb'
        '\U00011052-\U0001106f\U000110f0-\U000110f9\U00011136-\U0001113f\U000111d0-\U000111d9'
        '\U000111e1-\U000111f4\U000112f0-\U000112f9\U00011450-\U00011459\U000114d0-\U000114d9'
        '\U00011650-\U00011659\U000116c0-\U000116c9\U000116d0-\U000116e3\U00011730-\U0001173b'
        '\U000118e0-\U000118f2\U00011950-\U00011959\U00011bf0-\U00011bf9\U00011c50-\U00011c6c'
        '\U00011d50-\U00011d59\U00011da0-\U00011da9\U00011f50-\U00011f59\U00011fc0-\U00011fd4'
        '\U00012400-\U0001246e\U00016130-\U00016139\U00016a60-\U00016a69\U00016ac0-\U00016ac9'
        '\U00016b50-\U00016b59\U00016b5b-\U00016b61\U00016d70-\U00016d79\U00016e80-\U00016e96'
        '\U0001ccf0-\U0001ccf9\U0001d2c0-\U0001d2d3\U0001d2e0-\U0001d2f3\U0001d360-\U0001d378'
        '\U0001d7ce-\U0001d7ff\U0001e140-\U0001e149\U0001e2f0-\U0001e2f9\U0001e4f0-\U0001e4f9'
        '\U0001e5f1-\U0001e5fa\U0001e8c7-\U0001e8cf\U0001e950-\U0001e959\U0001ec71-\U0001ecab'
        '\U0001ecad-\U0001ecaf\U0001ecb1-\U0001ecb4\U0001ed01-\U0001ed2d\U0001ed2f-\U0001ed3d'
        '\U0001f100-\U0001f10c\U0001fbf0-\U0001fbf9'
$$;

CREATE FUNCTION lm.unicode_spaces() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT
        '\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028-\u2029\u202f\u205f\u3000'
$$;

CREATE FUNCTION lm.uniform(seed bigint, step integer, token_id integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT NULL';

CREATE FUNCTION lm.vector_at(run_id bigint, site lm.site, layer integer DEFAULT 0, "position" integer DEFAULT '-1'::integer, head integer DEFAULT '-1'::integer) RETURNS public.vector
    LANGUAGE sql STABLE
    SET search_path TO 'lm', 'public', 'pg_temp'
    AS 'SELECT NULL';

CREATE AGGREGATE lm.affine(public.vector, lm.change) (
    SFUNC = lm.affine_step,
    STYPE = public.vector
);

CREATE AGGREGATE lm.concat(public.vector) (
    SFUNC = public.vector_concat,
    STYPE = public.vector,
    PARALLEL = safe
);

CREATE AGGREGATE lm.replace_all(text, text) (
    SFUNC = replace,
    STYPE = text
);

CREATE AGGREGATE lm.total(public.vector) (
    SFUNC = public.vector_add,
    STYPE = public.vector,
    PARALLEL = safe
);

CREATE TABLE lm.activation (
    run_id bigint NOT NULL,
    site lm.site NOT NULL,
    layer integer NOT NULL,
    head integer DEFAULT '-1'::integer NOT NULL,
    "position" integer NOT NULL,
    value public.vector NOT NULL,
    CONSTRAINT activation_site_check CHECK ((site <> ALL (ARRAY['attn_out'::lm.site, 'logits'::lm.site])))
);
ALTER TABLE ONLY lm.activation ALTER COLUMN value SET STORAGE MAIN;

CREATE TABLE lm.attention_adjustment (
    run_id bigint NOT NULL,
    layer integer NOT NULL,
    "position" integer NOT NULL,
    adjustment public.vector NOT NULL,
    norm double precision GENERATED ALWAYS AS (public.vector_norm(adjustment)) STORED NOT NULL
);
ALTER TABLE ONLY lm.attention_adjustment ALTER COLUMN adjustment SET STORAGE PLAIN;

CREATE TABLE lm.run_token (
    run_id bigint NOT NULL,
    "position" integer NOT NULL,
    token_id integer NOT NULL
);

CREATE TABLE lm.vocabulary (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    bytes bytea NOT NULL,
    token text NOT NULL,
    special boolean DEFAULT false NOT NULL,
    CONSTRAINT vocabulary_token_id_check CHECK ((token_id >= 0))
);

CREATE VIEW lm.adjustment_norm AS
 SELECT a.run_id,
    a.layer,
    a."position",
    v.token,
    a.norm,
    ln(NULLIF(a.norm, (0)::double precision)) AS log_norm
   FROM (((lm.attention_adjustment a
     LEFT JOIN lm.run r ON ((a.run_id = r.run_id)))
     LEFT JOIN lm.run_token t ON (((a.run_id = t.run_id) AND (a."position" = t."position"))))
     LEFT JOIN lm.vocabulary v ON (((r.model_id = v.model_id) AND (t.token_id = v.token_id))));

CREATE UNLOGGED TABLE lm.attention_cache (
    generation_id bigint NOT NULL,
    layer integer NOT NULL,
    sequence integer NOT NULL,
    "position" integer NOT NULL,
    key public.vector NOT NULL,
    value public.vector NOT NULL
);
ALTER TABLE ONLY lm.attention_cache ALTER COLUMN key SET STORAGE MAIN;
ALTER TABLE ONLY lm.attention_cache ALTER COLUMN value SET STORAGE MAIN;

CREATE VIEW lm.attention_pattern AS
 SELECT a.run_id,
    a.layer,
    a.head,
    a."position" AS query_position,
    ((k.number)::integer - 1) AS key_position,
    (k.weight)::double precision AS weight,
    vq.token AS query_token,
    vk.token AS key_token
   FROM ((((((lm.activation a
     CROSS JOIN LATERAL unnest((a.value)::real[]) WITH ORDINALITY k(weight, number))
     LEFT JOIN lm.run r ON ((a.run_id = r.run_id)))
     LEFT JOIN lm.run_token tq ON (((a.run_id = tq.run_id) AND (a."position" = tq."position"))))
     LEFT JOIN lm.vocabulary vq ON (((r.model_id = vq.model_id) AND (tq.token_id = vq.token_id))))
     LEFT JOIN lm.run_token tk ON (((a.run_id = tk.run_id) AND (((k.number)::integer - 1) = tk."position"))))
     LEFT JOIN lm.vocabulary vk ON (((r.model_id = vk.model_id) AND (tk.token_id = vk.token_id))))
  WHERE (a.site = 'pattern'::lm.site);

CREATE VIEW lm.captured AS
 SELECT a.run_id,
    a.site,
    a.layer,
    a.head,
    a."position",
    a.value
   FROM lm.activation a
UNION ALL
 SELECT a.run_id,
    'attn_out'::lm.site AS site,
    a.layer,
    '-1'::integer AS head,
    a."position",
    a.adjustment AS value
   FROM lm.attention_adjustment a;

CREATE UNLOGGED TABLE lm.generation (
    generation_id bigint NOT NULL,
    model_id integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    keep boolean NOT NULL
);

ALTER TABLE lm.generation ALTER COLUMN generation_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.generation_generation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.installation (
    digest text NOT NULL,
    installed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE lm.intervention (
    set_name text NOT NULL,
    intervention_id bigint NOT NULL,
    site lm.site NOT NULL,
    layer integer,
    head integer,
    "position" integer,
    key_position integer,
    kind text NOT NULL,
    factor double precision,
    value public.vector,
    from_run bigint,
    CONSTRAINT add_has_a_value CHECK (((kind <> 'add'::text) OR (value IS NOT NULL))),
    CONSTRAINT intervention_kind_check CHECK ((kind = ANY (ARRAY['zero'::text, 'mean'::text, 'scale'::text, 'add'::text, 'replace'::text, 'knockout'::text]))),
    CONSTRAINT intervention_site_check CHECK ((site <> ALL (ARRAY['ln_final'::lm.site, 'logits'::lm.site]))),
    CONSTRAINT knockout_cuts_edges CHECK ((((kind = 'knockout'::text) = (site = 'attn_scores'::lm.site)) AND ((kind = 'knockout'::text) OR (key_position IS NULL)))),
    CONSTRAINT mean_is_of_one_width CHECK (((kind <> 'mean'::text) OR (site <> 'pattern'::lm.site))),
    CONSTRAINT replace_has_a_source CHECK (((kind <> 'replace'::text) OR (num_nonnulls(value, from_run) = 1))),
    CONSTRAINT scale_has_a_factor CHECK (((kind <> 'scale'::text) OR (factor IS NOT NULL))),
    CONSTRAINT site_has_heads CHECK (((head IS NULL) OR (site = ANY (ARRAY['q'::lm.site, 'k'::lm.site, 'v'::lm.site, 'attn_scores'::lm.site, 'pattern'::lm.site, 'z'::lm.site]))))
);

ALTER TABLE lm.intervention ALTER COLUMN intervention_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.intervention_intervention_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW lm.lag_design AS
 SELECT run_id,
    layer,
    "position",
    log_norm,
    lag_1,
    lag_2
   FROM ( SELECT n.run_id,
            n.layer,
            n."position",
            n.log_norm,
            first_value(n.log_norm) OVER (layer RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING) AS lag_1,
            first_value(n.log_norm) OVER (layer RANGE BETWEEN 2 PRECEDING AND 2 PRECEDING) AS lag_2
           FROM lm.adjustment_norm n
          WINDOW layer AS (PARTITION BY n.run_id, n.layer ORDER BY n."position")) lagged
  WHERE ("position" >= 3);

CREATE TABLE lm.layer_norm (
    model_id integer NOT NULL,
    layer integer NOT NULL,
    site lm.site NOT NULL,
    gain public.vector NOT NULL,
    bias public.vector NOT NULL,
    CONSTRAINT layer_norm_site_check CHECK ((site = ANY (ARRAY['ln1'::lm.site, 'ln2'::lm.site, 'ln_final'::lm.site])))
);
ALTER TABLE ONLY lm.layer_norm ALTER COLUMN gain SET STORAGE MAIN;
ALTER TABLE ONLY lm.layer_norm ALTER COLUMN bias SET STORAGE MAIN;

CREATE TABLE lm.linear_1 (
    model_id integer CONSTRAINT linear_model_id_not_null NOT NULL,
    layer integer CONSTRAINT linear_layer_not_null NOT NULL,
    map lm.site CONSTRAINT linear_map_not_null NOT NULL,
    block integer CONSTRAINT linear_block_not_null NOT NULL,
    unit integer CONSTRAINT linear_unit_not_null NOT NULL,
    bias real CONSTRAINT linear_bias_not_null NOT NULL,
    weight public.vector,
    weight_half public.halfvec,
    CONSTRAINT linear_1_model_id_check CHECK ((model_id = 1)),
    CONSTRAINT linear_check CHECK ((num_nonnulls(weight, weight_half) = 1))
);
ALTER TABLE ONLY lm.linear_1 ALTER COLUMN weight SET STORAGE PLAIN;
ALTER TABLE ONLY lm.linear_1 ALTER COLUMN weight_half SET STORAGE PLAIN;

CREATE TABLE lm.logit (
    run_id bigint NOT NULL,
    "position" integer NOT NULL,
    token_id integer NOT NULL,
    logit double precision NOT NULL
);

ALTER TABLE lm.model ALTER COLUMN model_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME lm.model_model_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.patching_effect (
    sweep_id bigint NOT NULL,
    layer integer NOT NULL,
    head integer NOT NULL,
    "position" integer NOT NULL,
    logit_difference double precision NOT NULL
);

CREATE TABLE lm.patching_sweep (
    sweep_id bigint NOT NULL,
    clean_run bigint NOT NULL,
    corrupt_run bigint NOT NULL,
    site lm.site NOT NULL,
    answer integer NOT NULL,
    wrong integer NOT NULL,
    clean_difference double precision NOT NULL,
    corrupt_difference double precision NOT NULL
);

ALTER TABLE lm.patching_sweep ALTER COLUMN sweep_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.patching_sweep_sweep_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.position_embedding (
    model_id integer NOT NULL,
    "position" integer NOT NULL,
    embedding public.vector NOT NULL
);
ALTER TABLE ONLY lm.position_embedding ALTER COLUMN embedding SET STORAGE PLAIN;

CREATE VIEW lm.residual_cosine AS
 SELECT a.run_id,
    a.site,
    a."position",
    a.layer,
    b.layer AS other_layer,
    ((1)::double precision - (a.value OPERATOR(public.<=>) b.value)) AS cosine
   FROM (lm.captured a
     JOIN lm.captured b ON (((a.run_id = b.run_id) AND (a.site = b.site) AND (a.head = b.head) AND (a."position" = b."position"))))
  WHERE ((a.site = ANY (ARRAY['resid_pre'::lm.site, 'resid_mid'::lm.site, 'resid_post'::lm.site])) AND (a.layer < b.layer));

CREATE VIEW lm.residual_norm AS
 SELECT c.run_id,
    c.site,
    c.layer,
    c."position",
    v.token,
    public.vector_norm(c.value) AS norm
   FROM (((lm.captured c
     LEFT JOIN lm.run r ON ((c.run_id = r.run_id)))
     LEFT JOIN lm.run_token t ON (((c.run_id = t.run_id) AND (c."position" = t."position"))))
     LEFT JOIN lm.vocabulary v ON (((r.model_id = v.model_id) AND (t.token_id = v.token_id))))
  WHERE (c.site = ANY (ARRAY['resid_pre'::lm.site, 'resid_mid'::lm.site, 'resid_post'::lm.site]));

ALTER TABLE lm.run ALTER COLUMN run_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.run_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.tag (
    run_id bigint NOT NULL,
    "position" integer,
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT tag_name_check CHECK ((name <> ''::text))
);

CREATE TABLE lm.token_embedding (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    embedding public.vector,
    embedding_half public.halfvec,
    CONSTRAINT token_embedding_check CHECK ((num_nonnulls(embedding, embedding_half) = 1))
)
PARTITION BY LIST (model_id);
ALTER TABLE ONLY lm.token_embedding ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY lm.token_embedding ALTER COLUMN embedding_half SET STORAGE PLAIN;

CREATE TABLE lm.token_embedding_1 (
    model_id integer CONSTRAINT token_embedding_model_id_not_null NOT NULL,
    token_id integer CONSTRAINT token_embedding_token_id_not_null NOT NULL,
    embedding public.vector,
    embedding_half public.halfvec,
    CONSTRAINT token_embedding_1_model_id_check CHECK ((model_id = 1)),
    CONSTRAINT token_embedding_check CHECK ((num_nonnulls(embedding, embedding_half) = 1))
);
ALTER TABLE ONLY lm.token_embedding_1 ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY lm.token_embedding_1 ALTER COLUMN embedding_half SET STORAGE PLAIN;

CREATE VIEW lm.token_tag AS
 SELECT k.run_id,
    k."position",
    t.name,
    t.value
   FROM (lm.run_token k
     JOIN lm.tag t ON ((k.run_id = t.run_id)))
  WHERE ((t."position" = k."position") OR ((t."position" IS NULL) AND (NOT (EXISTS ( SELECT
           FROM lm.tag own
          WHERE ((own.run_id = k.run_id) AND (own."position" = k."position") AND (own.name = t.name)))))));

ALTER TABLE ONLY lm.linear ATTACH PARTITION lm.linear_1 FOR VALUES IN (1);

ALTER TABLE ONLY lm.token_embedding ATTACH PARTITION lm.token_embedding_1 FOR VALUES IN (1);

INSERT INTO lm.activation VALUES
	(1, 'resid_post', 0, -1, 0, '[-0.21294709,-1.7943919,-1.5263692,-0.7838597,-0.7301601,-1.4499326,0.36189765,0.5281881]'),
	(1, 'z', 0, 0, 0, '[-0.65732163,0.7942098,-0.14898041,0.9314389]'),
	(1, 'z', 0, 1, 0, '[1.20107,1.5506252,-0.40692478,-1.7549367]'),
	(1, 'pattern', 0, 0, 0, '[1]'),
	(1, 'pattern', 0, 1, 0, '[1]'),
	(1, 'resid_post', 0, -1, 1, '[0.7845914,-1.3792586,-3.1047063,-1.1259093,-0.81407785,-0.6340558,-1.5076739,0.19565535]'),
	(1, 'z', 0, 0, 1, '[-0.63829756,0.82149416,-0.12203791,0.924625]'),
	(1, 'z', 0, 1, 1, '[1.7429627,1.3990295,0.06417939,-1.8452208]'),
	(1, 'pattern', 0, 0, 1, '[0.97556335,0.024436608]'),
	(1, 'pattern', 0, 1, 1, '[0.45539287,0.54460716]'),
	(1, 'resid_post', 0, -1, 2, '[-0.09526825,-2.8126788,-1.2718297,-1.3374007,-0.31302196,-1.7571336,-0.3244512,0.14385863]'),
	(1, 'z', 0, 0, 2, '[-0.5223593,1.5554197,0.612697,1.3233225]'),
	(1, 'z', 0, 1, 2, '[1.7773082,1.1592796,0.17281844,-1.7564712]'),
	(1, 'pattern', 0, 0, 2, '[0.47035414,0.20769688,0.32194895]'),
	(1, 'pattern', 0, 1, 2, '[0.25908515,0.54573685,0.19517799]'),
	(1, 'resid_post', 0, -1, 3, '[0.6604974,-2.3448126,-2.4979658,-1.7569749,0.6615443,-0.39551538,-0.07540232,0.69246083]'),
	(1, 'z', 0, 0, 3, '[0.10670519,1.5728047,0.7472972,0.831198]'),
	(1, 'z', 0, 1, 3, '[1.5922462,1.1318749,0.1076953,-1.7755431]'),
	(1, 'pattern', 0, 0, 3, '[0.026389372,0.4052666,0.3743733,0.1939707]'),
	(1, 'pattern', 0, 1, 3, '[0.28787673,0.5237964,0.12633507,0.06199186]'),
	(1, 'resid_post', 0, -1, 4, '[0.112570286,-2.991819,-1.7818339,-1.7072865,-0.29217553,-1.8088497,-0.15584439,0.6409034]'),
	(1, 'z', 0, 0, 4, '[-0.3442241,1.7310072,0.90893406,1.4687952]'),
	(1, 'z', 0, 1, 4, '[1.2604893,1.0027452,-0.11366216,-1.7768296]'),
	(1, 'pattern', 0, 0, 4, '[0.23273699,0.20986623,0.46170214,0.023736827,0.07195781]'),
	(1, 'pattern', 0, 1, 4, '[0.36138535,0.38622078,0.045287743,0.10888309,0.09822307]'),
	(1, 'resid_post', 1, -1, 0, '[-0.34906483,-0.3966967,-1.0732586,-1.52863,-1.761888,-0.5546859,1.321995,0.8828838]'),
	(1, 'z', 1, 0, 0, '[0.5448284,-0.49794963,1.1714728,0.7286744]'),
	(1, 'z', 1, 1, 0, '[0.49599025,-0.5813223,-0.5310339,-0.3352444]'),
	(1, 'pattern', 1, 0, 0, '[1]'),
	(1, 'pattern', 1, 1, 0, '[1]'),
	(1, 'resid_post', 1, -1, 1, '[1.5707752,0.011709869,-3.3772216,-0.9323933,-1.9217031,-0.18896131,-0.37579572,0.28393874]'),
	(1, 'z', 1, 0, 1, '[0.20447108,-0.59868675,0.8465717,0.15757616]'),
	(1, 'z', 1, 1, 1, '[0.24972905,-0.3721051,-0.62393844,-1.3967361]'),
	(1, 'pattern', 1, 0, 1, '[0.34193292,0.65806705]'),
	(1, 'pattern', 1, 1, 1, '[0.5632796,0.43672037]'),
	(1, 'resid_post', 1, -1, 2, '[-0.53761137,-0.63230705,-1.2018021,-2.097737,-1.1781783,-0.9610635,0.55477947,0.709518]'),
	(1, 'z', 1, 0, 2, '[0.10156209,-0.23542649,0.7176089,0.7179972]'),
	(1, 'z', 1, 1, 2, '[0.29649088,-0.3489278,-0.8601395,-1.8797846]'),
	(1, 'pattern', 1, 0, 2, '[0.29461345,0.10926433,0.5961222]'),
	(1, 'pattern', 1, 1, 2, '[0.1904858,0.3513551,0.45815903]'),
	(1, 'resid_post', 1, -1, 3, '[0.28018272,0.36004424,-2.8599603,-2.086366,-0.73325384,0.21914037,0.53827477,1.135217]'),
	(1, 'z', 1, 0, 3, '[-0.073835045,-0.13513452,0.6854267,0.6313542]'),
	(1, 'z', 1, 1, 3, '[0.37046713,-0.37489837,-0.9322285,-1.9608469]'),
	(1, 'pattern', 1, 0, 3, '[0.12570678,0.16549926,0.5042428,0.20455125]'),
	(1, 'pattern', 1, 1, 3, '[0.17468643,0.3369399,0.322986,0.16538762]'),
	(1, 'resid_post', 1, -1, 4, '[-0.19546664,-0.6735402,-1.7947049,-2.5206354,-1.2923396,-1.0117769,0.6574072,1.1601524]'),
	(1, 'z', 1, 0, 4, '[-0.020179583,-0.13643485,0.68071425,0.74774516]'),
	(1, 'z', 1, 1, 4, '[0.43434125,-0.42530823,-0.9870727,-1.9054346]'),
	(1, 'pattern', 1, 0, 4, '[0.13211423,0.040420473,0.40249568,0.112960376,0.31200925]'),
	(1, 'pattern', 1, 1, 4, '[0.12596758,0.23265578,0.29361624,0.12791729,0.2198431]'),
	(2, 'ln1', 0, -1, 0, '[0.9088844,0.28050995,1.9872499,-1.1823499,-0.21596017,-0.6059732,-0.013751627,-1.1542605]'),
	(2, 'mlp_post', 0, -1, 0, '[-0.026977897,3.4741879,-0.16142267,0.30336726,0.17305356,1.8195274,-0.14893809,2.3374605,-0.06412029,1.2320409,-0.08329058,-0.09959662,0.0382579,-0.13207102,1.8363566,-0.13363735,0.3335566,1.476474,-0.11538535,2.8080301,0.18652953,0.7358244,0.06902332,0.88297284,1.8411798,0.80297804,-0.16114336,-0.13768953,0.12908153,0.29831678,-0.11789325,-0.0968864]'),
	(2, 'ln1', 0, -1, 1, '[0.16295072,-0.8155246,-1.6984191,0.96585447,-0.7010125,-0.30732787,1.3383868,1.1130708]'),
	(2, 'mlp_post', 0, -1, 1, '[-0.0090174675,4.68696,-0.14094225,0.53540254,0.7288741,0.5250822,-0.041952074,1.1114582,-0.030252934,2.4735684,0.1306252,-0.090146184,0.88523704,-0.07964885,0.42207128,-0.1623901,0.6180091,1.2419817,-0.16942172,0.5607896,-0.15431148,0.9758183,-0.14143394,0.28068912,2.1666698,0.16661474,-0.07144304,-0.15972254,-0.013838403,0.26422542,0.14095184,-0.025440812]'),
	(2, 'ln1', 0, -1, 2, '[0.22524098,0.4337294,0.8426377,-0.24099843,-1.3166661,0.951782,1.0040338,-1.8632054]'),
	(2, 'mlp_post', 0, -1, 2, '[-0.15515119,2.3539352,-0.16950406,0.0492931,-0.10608144,0.66447747,0.7825606,0.23399799,-0.16987474,1.6771839,-0.12981158,-0.041301534,-0.11011386,0.0035130535,-0.14057904,-0.1372503,0.029505149,-0.091404654,0.18307737,-0.16033989,0.45363668,0.87392795,0.051289875,2.2141848,-0.044473954,1.6418834,-0.15914145,-0.020673513,-0.14892876,0.34332138,2.2794423,-0.135007]'),
	(2, 'ln1', 1, -1, 0, '[1.7137967,-0.6265414,-1.7645895,-0.86540884,0.5241843,0.22591393,0.0043564457,0.7497887]'),
	(2, 'mlp_post', 1, -1, 0, '[1.1670371,-0.12821573,1.0605247,-0.05563253,1.1149348,0.8563417,-0.12220633,-0.064884126,-0.17000328,0.37598708,0.2307258,1.6033432,1.1655627,-0.14173847,-0.14932048,0.69062537,-0.036402006,-0.003194213,0.08317922,-0.16105847,0.6526207,1.6997321,2.972086,-0.13298741,1.66856,1.1866693,0.8483627,-0.13447282,-0.16760364,0.9902908,-0.1257899,-0.10470027]'),
	(2, 'ln1', 1, -1, 1, '[1.1540427,-1.8756367,-0.5563777,-0.3031923,0.56853074,-0.7101088,0.42813048,1.2840353]'),
	(2, 'mlp_post', 1, -1, 1, '[0.090889856,0.0004180773,0.8490212,0.36602503,1.9537017,-0.15900187,-0.028733825,-0.16254398,-0.08066642,0.42491114,1.1738695,0.81472373,0.9996604,-0.028233051,-0.1460284,1.5958345,-0.11945951,-9.024143e-05,1.0312593,-0.14501584,-0.1018495,1.3908448,2.8366199,-0.16502336,0.8100006,1.6837581,0.5262757,-0.16692626,-0.053732514,-0.1518817,-0.16766149,-0.0088739395]'),
	(2, 'ln1', 1, -1, 2, '[1.5461513,-1.5480801,1.2415444,0.4689194,-0.72988766,-0.6033991,-0.6248261,0.21596153]'),
	(2, 'mlp_post', 1, -1, 2, '[-0.14908011,0.5022532,0.034743436,0.8851648,-0.11577475,-0.054344773,0.3718171,-0.106458426,-0.10357609,0.3555961,0.88694143,-0.12542957,-0.15187556,-0.007901311,-0.051240794,0.2169659,-0.15584087,-0.023244739,1.0735079,0.21274692,-0.116542876,1.1203219,-0.13806352,0.23905405,-0.072140485,1.7490302,1.299927,0.7441235,-0.15733472,0.041348804,-0.07514393,-0.024111748]');

INSERT INTO lm.attention_adjustment VALUES
	(1, 0, 0, '[0.076993346,-0.99237937,0.21288165,-1.0502456,0.8453934,-0.71353793,-1.1398453,0.80113655]', DEFAULT),
	(1, 0, 1, '[0.19970722,-1.0729692,-0.08409938,-0.9212074,0.74579304,-0.84497535,-1.4647605,0.81797415]', DEFAULT),
	(1, 0, 2, '[0.06837496,-1.4242487,0.13619629,-0.98968524,0.4063227,-0.8617401,-1.502049,1.0193944]', DEFAULT),
	(1, 0, 3, '[-0.083048075,-1.0665158,0.1409519,-1.0837563,0.44839552,-0.953554,-1.4417981,0.88226455]', DEFAULT),
	(1, 0, 4, '[-0.036593884,-1.4349412,0.53706956,-1.1437213,0.32710558,-0.70396423,-1.2960632,1.0229313]', DEFAULT),
	(1, 1, 0, '[0.60158795,1.0658844,0.952263,-0.19431181,0.64819294,0.3063799,0.055159748,0.078721434]', DEFAULT),
	(1, 1, 1, '[0.6031035,1.3211353,0.7709316,-0.18072289,0.50028354,0.20537513,0.124612,-0.22245362]', DEFAULT),
	(1, 1, 2, '[0.68967414,1.3992229,0.8168752,-0.32497236,0.52284646,0.3808002,0.10972445,-0.13045183]', DEFAULT),
	(1, 1, 3, '[0.68147385,1.3934324,0.76616406,-0.35840976,0.55860245,0.40861624,0.1453322,-0.17593235]', DEFAULT),
	(1, 1, 4, '[0.6953465,1.399179,0.77929425,-0.37177026,0.60440236,0.41915494,0.13823678,-0.13882092]', DEFAULT),
	(2, 0, 0, '[-0.43770388,-0.705767,0.15060434,-1.4320648,0.66721773,-1.050763,-2.0799615,0.9293271]', DEFAULT),
	(2, 0, 1, '[0.400429,-1.0776564,0.5996338,-1.005124,0.18294746,-0.49953562,-1.3148735,0.6025086]', DEFAULT),
	(2, 0, 2, '[0.37695342,-1.3233263,0.9975184,-1.0060028,-0.3876713,-0.44481355,-0.4820097,0.3870386]', DEFAULT),
	(2, 1, 0, '[0.51629233,1.4814632,0.6528943,-0.4440725,0.5565968,0.4512608,0.18973817,-0.35117206]', DEFAULT),
	(2, 1, 1, '[0.6824876,1.5325376,0.7183117,-0.38677356,0.5781272,0.38722485,0.15811431,-0.23825863]', DEFAULT),
	(2, 1, 2, '[0.65102434,1.3576832,0.7124835,-0.2951096,0.24223566,0.38406911,0.1957669,-0.34230715]', DEFAULT),
	(3, 0, 0, '[0.076993346,-0.99237937,0.21288165,-1.0502456,0.8453934,-0.71353793,-1.1398453,0.80113655]', DEFAULT),
	(3, 0, 1, '[0.19970722,-1.0729692,-0.08409938,-0.9212074,0.74579304,-0.84497535,-1.4647605,0.81797415]', DEFAULT),
	(3, 0, 2, '[0.06837496,-1.4242487,0.13619629,-0.98968524,0.4063227,-0.8617401,-1.502049,1.0193944]', DEFAULT),
	(3, 0, 3, '[-0.083048075,-1.0665158,0.1409519,-1.0837563,0.44839552,-0.953554,-1.4417981,0.88226455]', DEFAULT),
	(3, 0, 4, '[-0.036593884,-1.4349412,0.53706956,-1.1437213,0.32710558,-0.70396423,-1.2960632,1.0229313]', DEFAULT),
	(3, 1, 0, '[0.30079398,0.5329422,0.4761315,-0.097155906,0.32409647,0.15318996,0.027579874,0.039360717]', DEFAULT),
	(3, 1, 1, '[0.30155176,0.66056764,0.3854658,-0.090361446,0.25014177,0.10268757,0.062306,-0.11122681]', DEFAULT),
	(3, 1, 2, '[0.34483707,0.6996114,0.4084376,-0.16248618,0.26142323,0.1904001,0.054862224,-0.065225914]', DEFAULT),
	(3, 1, 3, '[0.34073693,0.6967162,0.38308203,-0.17920488,0.27930123,0.20430812,0.0726661,-0.087966174]', DEFAULT),
	(3, 1, 4, '[0.34767324,0.6995895,0.38964713,-0.18588513,0.30220118,0.20957747,0.06911839,-0.06941046]', DEFAULT);

INSERT INTO lm.installation VALUES
	('bcb0394bf2f1e824d8dd204992c7afd27aa35d3781a56ce59e4531f310d1b06c', '2026-01-01 00:00:00+00');

INSERT INTO lm.intervention VALUES
	('half', 1, 'attn_out', 1, NULL, NULL, NULL, 'scale', 0.5, NULL, NULL),
	('cut', 2, 'attn_scores', 0, 1, 2, 0, 'knockout', NULL, NULL, NULL),
	('swap', 3, 'attn_out', 0, NULL, 1, NULL, 'replace', NULL, NULL, 2);

INSERT INTO lm.layer_norm VALUES
	(1, 0, 'ln1', '[0.99,0.99,1,1,1.02,1.03,1.01,1.01]', '[0.03,-0.01,-0,0.01,0,0.01,-0.01,0.02]'),
	(1, 0, 'ln2', '[1,1.02,1,1,1.02,0.97,1,1.03]', '[-0.02,0.01,0,0.01,0.01,-0,0.02,-0.01]'),
	(1, 1, 'ln1', '[1,0.98,0.99,1.01,1.02,0.98,1,0.98]', '[-0,-0.03,-0.03,0,0.01,0.01,-0.01,-0]'),
	(1, 1, 'ln2', '[1,1.01,1,1.04,1.01,1.01,1,0.98]', '[0.03,-0.02,-0.01,0,0.02,0,-0.02,-0.04]'),
	(1, 2, 'ln_final', '[1,1.01,0.96,1.04,1,1.02,1.02,1.02]', '[0.03,-0,-0.03,0,-0.03,-0.05,0.01,-0]');

INSERT INTO lm.linear_1 VALUES
	(1, 0, 'q', 0, 0, 0.59, '[0.42,0.72,0.26,1.11,-0.22,0.42,0.08,-0.02]', NULL),
	(1, 0, 'q', 0, 1, -0.31, '[-0.34,-0.86,-0.69,-0.76,0.43,-0.06,-0.2,-0.3]', NULL),
	(1, 0, 'q', 0, 2, 0.48, '[0.43,0.11,0.11,-0.23,0.23,-0.24,0.45,-0.16]', NULL),
	(1, 0, 'q', 0, 3, 0.02, '[-0.04,-0.13,0.46,0.14,-0.59,-0.4,0.18,-0.29]', NULL),
	(1, 0, 'q', 0, 4, 0.48, '[-0.8,-0.05,0.22,-0.18,0.05,0.48,0.44,-0.18]', NULL),
	(1, 0, 'q', 0, 5, 0.17, '[-0,0.17,0.01,-0.71,-0.21,-0.71,-0.11,0.06]', NULL),
	(1, 0, 'q', 0, 6, -0.76, '[-0.65,0.33,0.43,0.49,0.08,0.14,-0.03,0.49]', NULL),
	(1, 0, 'q', 0, 7, 0.18, '[0,-0.48,-0.17,0.12,0.3,-0.49,0.56,0.28]', NULL),
	(1, 0, 'k', 0, 0, 0.43, '[-0.45,-0.05,0.14,0.56,0.28,-0.25,-0.11,0.47]', NULL),
	(1, 0, 'k', 0, 1, -0.28, '[0.19,0.06,-0.81,-0.09,0.46,-0.18,-0.58,-0.17]', NULL),
	(1, 0, 'k', 0, 2, 0.19, '[0.04,-0.19,-0.24,0.47,-0.6,0.57,0.31,0.02]', NULL),
	(1, 0, 'k', 0, 3, -0.05, '[-0.01,-0.11,0.35,0.75,0.21,0.4,0.03,-0.18]', NULL),
	(1, 0, 'k', 0, 4, -0.69, '[-0.23,-0.23,-0.03,0.45,-0.13,0.11,0.21,-0.42]', NULL),
	(1, 0, 'k', 0, 5, -0.5, '[-0.34,0.73,-0.35,-0.19,0.42,-0.27,0.39,-0.12]', NULL),
	(1, 0, 'k', 0, 6, 0.45, '[-0.4,-0.07,-0,-0.61,0.39,-0.23,0.25,-0.13]', NULL),
	(1, 0, 'k', 0, 7, 0.43, '[-0.49,0.08,0.72,-0.16,0.13,0.43,-0.38,0.56]', NULL),
	(1, 0, 'v', 0, 0, 0.56, '[0.63,-0.5,-0.3,-0.41,0.02,-0.11,-0.43,0.34]', NULL),
	(1, 0, 'v', 0, 1, 0.69, '[0.77,0.54,0.28,-0.01,-0.43,0.61,0.32,-0.3]', NULL),
	(1, 0, 'v', 0, 2, 0.12, '[0.77,-0.17,-0.27,0.07,-0.44,-0.34,-0.08,-0.66]', NULL),
	(1, 0, 'v', 0, 3, 0.41, '[-0.02,-0.28,-0.7,-0.08,-0.99,-0.14,0.24,-0.45]', NULL),
	(1, 0, 'v', 0, 4, 0.29, '[0.29,0.17,0.14,0.06,-0.59,-0.45,-0.45,-0.66]', NULL),
	(1, 0, 'v', 0, 5, -0.08, '[-0.43,0.81,0.25,-0.4,-0.25,0.25,-0.14,0.22]', NULL),
	(1, 0, 'v', 0, 6, -0.19, '[-0.3,0.29,-0.01,0.23,0.23,0.13,-0.01,-0.51]', NULL),
	(1, 0, 'v', 0, 7, -0.88, '[-0.17,-0.55,-0.18,0.48,-0.08,0.23,0.28,0.07]', NULL),
	(1, 0, 'attn_out', 0, 0, 0.34, '[-0.01,-0.19,-0.19,0.21,0.02,-0.17,0.21,0.01]', NULL),
	(1, 0, 'attn_out', 0, 1, -0.04, '[0.16,-0.25,0.01,-0.48,-0.12,-0.01,-0.03,0.03]', NULL),
	(1, 0, 'attn_out', 0, 2, 0.09, '[0.06,0.2,-0.03,0.28,-0.44,-0.16,-0.23,-0.24]', NULL),
	(1, 0, 'attn_out', 0, 3, -0.84, '[-0.02,-0.19,0.02,0.08,0.13,0.06,0.19,0.18]', NULL),
	(1, 0, 'attn_out', 0, 4, 0.45, '[-0.16,-0.17,-0.01,-0.29,0.07,0.13,-0.27,-0.17]', NULL),
	(1, 0, 'attn_out', 0, 5, -0.87, '[-0.03,0.01,-0.15,0.22,-0.21,-0.17,-0.12,-0.21]', NULL),
	(1, 0, 'attn_out', 0, 6, -0.24, '[0.02,-0.2,0.17,0.07,-0.39,0.25,-0.08,0.41]', NULL),
	(1, 0, 'attn_out', 0, 7, -0.45, '[-0.01,0.35,-0.11,0.21,0.15,0.13,-0.14,-0.18]', NULL),
	(1, 0, 'mlp_pre', 0, 0, -0.32, '[0.11,0.43,-0.11,0.53,0.06,-0.25,0.48,-0.66]', NULL),
	(1, 0, 'mlp_pre', 0, 1, 0.84, '[0.18,-0.89,0.2,-0.68,0.06,0.28,-0.46,0.85]', NULL),
	(1, 0, 'mlp_pre', 0, 2, -0.49, '[-0.05,0.3,-0.23,-0.18,-0.65,-0.07,-0.24,0.32]', NULL),
	(1, 0, 'mlp_pre', 0, 3, 0.14, '[0.26,0.29,0.22,0.43,-0.48,-0.56,-0.18,0.38]', NULL),
	(1, 0, 'mlp_pre', 0, 4, 0.07, '[0.44,0.14,-0.14,0.33,-0.49,-0.42,-0.43,0.27]', NULL),
	(1, 0, 'mlp_pre', 0, 5, 0.69, '[0.1,0.3,0.06,-0.52,0.32,0.13,-0.23,-0.13]', NULL),
	(1, 0, 'mlp_pre', 0, 6, 0.26, '[-0.26,-0.37,-0.31,-0.46,-0.45,0.15,-0.04,-0.35]', NULL),
	(1, 0, 'mlp_pre', 0, 7, 0.39, '[0.2,0.78,-0.23,-1.03,-0.49,-0.18,-0.58,0.52]', NULL),
	(1, 0, 'mlp_pre', 0, 8, -0.44, '[0.4,0.36,-0.18,0.3,0.08,0.11,0.13,-0.68]', NULL),
	(1, 0, 'mlp_pre', 0, 9, 0.2, '[0.65,-0.77,0.68,0.68,0.16,0.09,-0.47,0.08]', NULL),
	(1, 0, 'mlp_pre', 0, 10, 0.43, '[-0.07,-0.04,-0.54,-0.11,-0.25,-0.32,-0.01,-0.05]', NULL),
	(1, 0, 'mlp_pre', 0, 11, -0.23, '[-0.26,0.54,-0.27,-0.96,-0.24,-0.24,0.24,-0.31]', NULL),
	(1, 0, 'mlp_pre', 0, 12, -0.65, '[-0.17,-0.32,-0.16,0.22,-0.07,0.21,-0.49,0.72]', NULL),
	(1, 0, 'mlp_pre', 0, 13, -0.72, '[-0.19,0.11,0.2,-0.14,-0.23,-0.08,0.29,-0.27]', NULL),
	(1, 0, 'mlp_pre', 0, 14, -0.48, '[-0.09,0.01,0.45,-0.27,0.86,0.3,-0.45,0.14]', NULL),
	(1, 0, 'mlp_pre', 0, 15, -0.51, '[1.08,0.67,-0.17,0.14,0.54,0.23,0.17,0.08]', NULL),
	(1, 0, 'mlp_pre', 0, 16, 0.25, '[0.53,-0.04,-0.61,-0.7,0.35,0.26,0.14,-0.04]', NULL),
	(1, 0, 'mlp_pre', 0, 17, 0.38, '[-0.67,-0.02,0.01,-0.48,0.38,0.61,0.02,0.84]', NULL),
	(1, 0, 'mlp_pre', 0, 18, 0.5, '[-0.12,0.26,-0.22,0.13,-0.48,0.11,0.59,0.07]', NULL),
	(1, 0, 'mlp_pre', 0, 19, -0.16, '[-0.29,0.17,0.7,-0,1.01,-0.17,-0.65,0.07]', NULL),
	(1, 0, 'mlp_pre', 0, 20, 0.6, '[0.35,0.14,-0.31,-0.28,0.36,0.31,-0.49,-1.26]', NULL),
	(1, 0, 'mlp_pre', 0, 21, 0.13, '[0.98,-0.04,0.03,-0.13,0.09,-0.31,-0.12,-0.23]', NULL),
	(1, 0, 'mlp_pre', 0, 22, 0.59, '[-0.54,-0.07,-0.32,-0.35,0.12,0.34,-0.07,-0.34]', NULL),
	(1, 0, 'mlp_pre', 0, 23, 0.62, '[0.36,-0.08,0.68,0.22,0.11,0.16,-0.19,-0.56]', NULL),
	(1, 0, 'mlp_pre', 0, 24, 0.27, '[0.06,-0.27,0.03,-0.06,0.41,0.14,-0.39,0.56]', NULL),
	(1, 0, 'mlp_pre', 0, 25, 0.64, '[0.23,0.1,0.76,0.35,0.45,0.48,0.1,-0.24]', NULL),
	(1, 0, 'mlp_pre', 0, 26, 0.22, '[-0.28,-0.23,-0.44,0.54,-0.38,-0.48,-0.18,-0.1]', NULL),
	(1, 0, 'mlp_pre', 0, 27, 0.33, '[-0.67,0.15,-0.79,0.1,0.48,0.66,-0.48,-0.16]', NULL),
	(1, 0, 'mlp_pre', 0, 28, -0.17, '[0.52,0.4,-0.01,-0,0.27,0,0.1,0.14]', NULL),
	(1, 0, 'mlp_pre', 0, 29, 0.54, '[-0.15,0.57,0.35,0.46,-0.9,-0.42,-0.18,0.55]', NULL),
	(1, 0, 'mlp_pre', 0, 30, 0.71, '[0.36,0.04,-0.06,-0.45,-0.69,0.09,0.42,-0.21]', NULL),
	(1, 0, 'mlp_pre', 0, 31, -0.1, '[-0.12,0.41,0.2,0.37,0.27,-0.05,0.67,-0.47]', NULL),
	(1, 0, 'mlp_out', 0, 0, -0.41, '[0.04,-0.13,0.2,-0.08,-0.32,-0.29,-0.01,0.24]', NULL),
	(1, 0, 'mlp_out', 0, 1, -0.7, '[0.15,-0.43,-0.03,0.15,-0.39,0.16,0.22,-0.17]', NULL),
	(1, 0, 'mlp_out', 0, 2, -0.03, '[0.01,0.18,0.14,-0.25,0.03,-0.21,0.17,-0.29]', NULL),
	(1, 0, 'mlp_out', 0, 3, -0.09, '[0.16,0.09,-0.01,-0.02,-0.13,-0.01,0.26,-0.27]', NULL),
	(1, 0, 'mlp_out', 0, 4, -0.1, '[0.08,0.07,0.04,0.1,-0.45,-0.1,-0.15,-0.19]', NULL),
	(1, 0, 'mlp_out', 0, 5, 0.01, '[0.16,-0.04,-0.08,0.2,0.08,-0.09,-0.19,-0.32]', NULL),
	(1, 0, 'mlp_out', 0, 6, 0.01, '[-0.08,0.08,-0.07,-0.01,0.13,-0.46,-0.05,0.14]', NULL),
	(1, 0, 'mlp_out', 0, 7, 0.09, '[-0.08,-0.23,0.06,-0.08,0.04,0.07,0.06,0.17]', NULL),
	(1, 0, 'mlp_out', 1, 0, 0, '[0.28,0.22,0.04,-0.05,0.05,-0.37,-0.02,0.09]', NULL),
	(1, 0, 'mlp_out', 1, 1, 0, '[-0.21,0.35,-0.01,0.12,0.42,-0.1,-0.12,-0.04]', NULL),
	(1, 0, 'mlp_out', 1, 2, 0, '[0.48,-0.11,0.1,-0.18,-0.02,0.34,-0.55,0.14]', NULL),
	(1, 0, 'mlp_out', 1, 3, 0, '[0.24,-0.01,0.01,0.2,-0.13,0.07,-0.49,0.34]', NULL),
	(1, 0, 'mlp_out', 1, 4, 0, '[0.29,0.17,0.33,0.17,0.12,-0.04,-0.3,-0.18]', NULL),
	(1, 0, 'mlp_out', 1, 5, 0, '[-0.23,-0.31,-0.05,-0.45,-0.37,-0.16,0.14,0.19]', NULL),
	(1, 0, 'mlp_out', 1, 6, 0, '[0.28,-0.13,-0.28,0.27,-0.07,-0.06,-0.16,0.04]', NULL),
	(1, 0, 'mlp_out', 1, 7, 0, '[0.37,0.08,-0.14,-0.09,0.13,-0.13,-0.34,0.02]', NULL),
	(1, 0, 'mlp_out', 2, 0, 0, '[0.02,-0.14,-0.36,0.19,-0,-0.01,-0.08,0.28]', NULL),
	(1, 0, 'mlp_out', 2, 1, 0, '[0.19,-0.07,-0.38,-0.03,-0.03,0.07,0.16,0.18]', NULL),
	(1, 0, 'mlp_out', 2, 2, 0, '[-0.09,-0.34,0.28,-0.33,-0.42,-0.22,0.05,-0.26]', NULL),
	(1, 0, 'mlp_out', 2, 3, 0, '[0.02,0.03,0.18,0.37,-0.08,0,-0.28,-0]', NULL),
	(1, 0, 'mlp_out', 2, 4, 0, '[0.01,-0.12,0.19,0.03,-0.12,0.43,-0.22,-0.12]', NULL),
	(1, 0, 'mlp_out', 2, 5, 0, '[0.14,-0.19,0.14,0.24,-0.07,0.03,0.02,0.07]', NULL),
	(1, 0, 'mlp_out', 2, 6, 0, '[-0.33,0.13,-0.22,0.35,-0.11,-0.06,-0.16,-0.31]', NULL),
	(1, 0, 'mlp_out', 2, 7, 0, '[0.46,0.13,0.15,-0.33,-0.04,-0.04,-0.01,0.26]', NULL),
	(1, 0, 'mlp_out', 3, 0, 0, '[0.26,0.38,0.24,-0.05,-0.16,-0.07,-0.02,-0]', NULL),
	(1, 0, 'mlp_out', 3, 1, 0, '[0.13,0.27,0.07,-0.28,0.02,0.1,-0.36,-0.24]', NULL),
	(1, 0, 'mlp_out', 3, 2, 0, '[-0.01,-0.33,-0.14,0.23,0.33,0.13,0.26,0.32]', NULL),
	(1, 0, 'mlp_out', 3, 3, 0, '[-0.11,0.18,0.01,-0.31,0.01,0.26,0.26,-0.09]', NULL),
	(1, 0, 'mlp_out', 3, 4, 0, '[-0.19,-0.16,0.11,0.16,-0.17,-0.16,0.04,-0.23]', NULL),
	(1, 0, 'mlp_out', 3, 5, 0, '[0.26,0.17,0.14,0.04,0.3,0.02,-0.26,0.03]', NULL),
	(1, 0, 'mlp_out', 3, 6, 0, '[0.35,0.17,0.02,0.06,-0.13,-0.3,-0.01,-0.07]', NULL),
	(1, 0, 'mlp_out', 3, 7, 0, '[0.06,0.04,-0.31,0.33,-0.31,-0.05,-0.04,0.21]', NULL),
	(1, 1, 'q', 0, 0, 0.34, '[0.04,-0.85,-0.17,-0.06,0.2,0.36,-0.44,-0.22]', NULL),
	(1, 1, 'q', 0, 1, -0.56, '[-0.13,-0.4,-0.28,0.1,0.51,0.48,0.61,0.74]', NULL),
	(1, 1, 'q', 0, 2, 0.06, '[-0.03,0.4,-0.61,-0.51,-0.52,0.58,0.04,-0.34]', NULL),
	(1, 1, 'q', 0, 3, -0.15, '[-0.2,-0.09,0.44,1.25,0.71,0.17,-0.91,-0.21]', NULL),
	(1, 1, 'q', 0, 4, -0.29, '[0.54,0.46,-0.38,0.37,-0.21,-0.08,-0.28,-0.06]', NULL),
	(1, 1, 'q', 0, 5, -0.29, '[-0.2,-0.31,-0.4,0.21,0.14,0.62,0.67,0.18]', NULL),
	(1, 1, 'q', 0, 6, 0.33, '[-0.61,0.09,0.15,0.43,-0.08,0.25,-0.89,0.29]', NULL),
	(1, 1, 'q', 0, 7, -0.11, '[0.6,-0.06,0.13,-0.06,0.35,0.19,-0.15,0.29]', NULL),
	(1, 1, 'k', 0, 0, 0.13, '[0.52,0.52,-0.11,0.42,0.13,0.01,-0.21,0.76]', NULL),
	(1, 1, 'k', 0, 1, -0.13, '[0.41,-0.63,0.07,-0.59,0.23,0.58,-0.46,-0.04]', NULL),
	(1, 1, 'k', 0, 2, 0.23, '[0.11,0.43,0.16,0.28,0.25,0.14,-0.67,0.04]', NULL),
	(1, 1, 'k', 0, 3, -0.91, '[0.12,0.69,-0.35,-0.04,-0.05,1.08,0.11,-0.07]', NULL),
	(1, 1, 'k', 0, 4, -0.52, '[-0.74,0.09,-0.28,0.19,-0.5,-0.03,0.11,0.02]', NULL),
	(1, 1, 'k', 0, 5, 0.55, '[-0.52,-0.24,-0.39,0.01,0.2,-0.1,-0.65,-0.01]', NULL),
	(1, 1, 'k', 0, 6, 0.38, '[-0.29,0.07,-0.74,-0.48,-0.08,0.72,0.67,0.55]', NULL),
	(1, 1, 'k', 0, 7, -0.52, '[0.22,0.31,0.02,-0.1,-0.56,0.06,0.07,0.72]', NULL),
	(1, 1, 'v', 0, 0, 0.2, '[-0.51,-0.08,-0.02,0.15,-0.58,-0.01,-0.22,0.54]', NULL),
	(1, 1, 'v', 0, 1, 0.02, '[0.04,-0.17,-0.07,-0.25,0.34,0.02,0.32,-0.85]', NULL),
	(1, 1, 'v', 0, 2, -0.31, '[0.24,-0.12,-0.54,0.11,-0.08,0.02,0.66,-0.14]', NULL),
	(1, 1, 'v', 0, 3, 0.25, '[-0.14,-0.18,0.25,0.27,0.34,0.29,0.31,0.32]', NULL),
	(1, 1, 'v', 0, 4, -0.46, '[-0.2,-0.44,-0.23,-0.25,0.11,0.36,0.33,0.08]', NULL),
	(1, 1, 'v', 0, 5, 0.16, '[0.24,0.23,0.27,0.42,0.11,0.16,-0.05,-0.03]', NULL),
	(1, 1, 'v', 0, 6, 0.15, '[-0.3,0.16,0.1,0.23,-0.58,-0.05,-0.09,-0.07]', NULL),
	(1, 1, 'v', 0, 7, -0.34, '[-1.12,0.06,-0.11,-0.08,-0.9,-0.11,0.75,-0.31]', NULL),
	(1, 1, 'attn_out', 0, 0, 0.69, '[0,-0.03,-0.21,0.15,0.11,-0.14,0.25,-0.09]', NULL),
	(1, 1, 'attn_out', 0, 1, 0.66, '[0.19,-0.24,0.02,0,0.45,0.3,0,-0.33]', NULL),
	(1, 1, 'attn_out', 0, 2, 0.59, '[0.18,0.06,0.26,0.13,-0.01,0.16,0.02,-0.01]', NULL),
	(1, 1, 'attn_out', 0, 3, -0.02, '[0.16,-0.02,-0.11,-0.13,-0.11,-0.2,0.2,0.01]', NULL),
	(1, 1, 'attn_out', 0, 4, 0.17, '[-0.01,-0.11,0.08,0.01,0.44,0.06,-0.31,0.06]', NULL),
	(1, 1, 'attn_out', 0, 5, 0.17, '[-0.28,0.12,0.14,0.24,-0.16,-0.15,-0.01,0.01]', NULL),
	(1, 1, 'attn_out', 0, 6, 0.33, '[-0.32,-0.14,-0.14,0.03,-0.1,-0,-0.11,0.11]', NULL),
	(1, 1, 'attn_out', 0, 7, -0.34, '[0.21,0.13,0.22,0.17,-0.04,0.1,-0.18,0.09]', NULL),
	(1, 1, 'mlp_pre', 0, 0, 0.42, '[0.09,0.55,-0.98,0.36,-0.21,-0.74,-0.19,-0.2]', NULL),
	(1, 1, 'mlp_pre', 0, 1, -0.48, '[0.2,-0.02,0.25,-0.12,-0.14,-0.1,-0.33,0.16]', NULL),
	(1, 1, 'mlp_pre', 0, 2, 0.63, '[0.12,-0.01,-0.5,0.28,0.09,-0.13,-0.34,0.33]', NULL),
	(1, 1, 'mlp_pre', 0, 3, 0.03, '[0.29,0.02,0.21,0.06,-0.37,-0.18,0.01,0.41]', NULL),
	(1, 1, 'mlp_pre', 0, 4, 0.44, '[-0.03,-0.25,-0.37,-0.07,0.59,-0,0.55,0.69]', NULL),
	(1, 1, 'mlp_pre', 0, 5, -0.16, '[-0.25,0.47,-0.45,-0.59,-0.23,0.38,0.55,0.05]', NULL),
	(1, 1, 'mlp_pre', 0, 6, 0.45, '[-0.59,-0.83,0.17,0.05,-0.14,-0.15,-0.2,-0.27]', NULL),
	(1, 1, 'mlp_pre', 0, 7, -0.41, '[-0.25,-0.41,0.13,0.36,0.09,0.23,0.89,-0.04]', NULL),
	(1, 1, 'mlp_pre', 0, 8, -0.77, '[0.2,0.66,0.11,0.33,0.21,-0.16,-0.21,-0.48]', NULL),
	(1, 1, 'mlp_pre', 0, 9, 0.11, '[0.21,0.22,0.14,-0.23,-0.18,-0.07,0.36,0.12]', NULL),
	(1, 1, 'mlp_pre', 0, 10, 0.05, '[0.03,-0.21,-0.17,-0.39,-0.38,-0.97,0.03,-0.27]', NULL),
	(1, 1, 'mlp_pre', 0, 11, 0.52, '[-0.18,0.45,-0.74,0.01,0.42,-0.35,-0.42,0.52]', NULL),
	(1, 1, 'mlp_pre', 0, 12, -0.03, '[0.11,-0.29,-0,-0.34,0.75,0.57,-0.24,0.21]', NULL),
	(1, 1, 'mlp_pre', 0, 13, -0.25, '[-0.56,0.01,-0.16,0.23,-0.03,1.08,0.47,0.29]', NULL),
	(1, 1, 'mlp_pre', 0, 14, -0.79, '[0.16,0.14,0.46,-0.45,-0.03,0.19,0.55,-0.21]', NULL),
	(1, 1, 'mlp_pre', 0, 15, 0.55, '[0.42,-0.54,-0.44,0.49,-0.01,-0.08,0.34,0.32]', NULL),
	(1, 1, 'mlp_pre', 0, 16, 0.03, '[-0.19,0.2,-0.16,0.11,-0.02,0.59,0.21,-0.28]', NULL),
	(1, 1, 'mlp_pre', 0, 17, -0.5, '[-0.68,-0.23,-0.09,0.93,-0.18,0.92,0.12,-0.34]', NULL),
	(1, 1, 'mlp_pre', 0, 18, 0.24, '[0.21,-0.03,0.06,-0.1,-0.53,-0.6,0.16,0.37]', NULL),
	(1, 1, 'mlp_pre', 0, 19, 0.43, '[-0.4,-0.27,0.44,-0.23,-0.18,0.63,-0.1,0.19]', NULL),
	(1, 1, 'mlp_pre', 0, 20, -0.49, '[0.49,-0.01,-0.7,0.44,0.1,0.45,0.2,0.08]', NULL),
	(1, 1, 'mlp_pre', 0, 21, 0, '[0.59,-0.1,-0.03,-0.37,0.1,0.12,-0.22,-0.1]', NULL),
	(1, 1, 'mlp_pre', 0, 22, 0.14, '[0.27,0.12,-0.59,-0.88,0.32,-0.46,0.13,0.3]', NULL),
	(1, 1, 'mlp_pre', 0, 23, 0.37, '[-0.04,0.08,0.17,0.54,-0.56,-0.01,0.59,0.03]', NULL),
	(1, 1, 'mlp_pre', 0, 24, 0.01, '[0.29,-0.1,-0.31,-0.66,-0.48,0.54,0.45,0.26]', NULL),
	(1, 1, 'mlp_pre', 0, 25, 0.41, '[0.31,-0.07,0.07,-0.26,0.13,-0.44,-0.58,-0.02]', NULL),
	(1, 1, 'mlp_pre', 0, 26, 0.5, '[0.16,0.1,0.56,-0.33,0.41,0.5,-0.33,-0.09]', NULL),
	(1, 1, 'mlp_pre', 0, 27, 0.61, '[-0.44,0.02,0.5,0.09,-0.38,0.07,-0.07,-0.02]', NULL),
	(1, 1, 'mlp_pre', 0, 28, 0.07, '[-0.39,0,-0.43,0.39,-0.41,0.02,-0.29,-0.63]', NULL),
	(1, 1, 'mlp_pre', 0, 29, -0.41, '[0.37,0.63,0.14,-0.47,-0.15,0.88,0.1,-0.41]', NULL),
	(1, 1, 'mlp_pre', 0, 30, 0.01, '[-0.23,0,-0.14,0.29,0.37,0.56,0.46,-0]', NULL),
	(1, 1, 'mlp_pre', 0, 31, -0.22, '[-0.93,0.57,-0.58,0.18,-0.47,-0.34,-0.26,-0.12]', NULL),
	(1, 1, 'mlp_out', 0, 0, -0.12, '[0.33,-0.21,0.09,0.22,-0.34,-0.2,-0.12,0.39]', NULL),
	(1, 1, 'mlp_out', 0, 1, -0.74, '[-0.29,-0.13,0.13,0.11,0.44,0.38,0.15,-0.18]', NULL),
	(1, 1, 'mlp_out', 0, 2, -0.96, '[0.03,-0.27,-0.09,0.1,0.07,-0.1,0.18,-0.12]', NULL),
	(1, 1, 'mlp_out', 0, 3, -0.57, '[0.33,0.2,-0.37,-0.19,0.09,0.16,0.12,0.14]', NULL),
	(1, 1, 'mlp_out', 0, 4, -0.1, '[0.12,0.04,-0.11,-0.12,-0.05,-0.2,-0.17,0.37]', NULL),
	(1, 1, 'mlp_out', 0, 5, -0.22, '[0.04,0.47,0.23,0.06,0.06,0.08,0.27,-0.11]', NULL),
	(1, 1, 'mlp_out', 0, 6, 0.42, '[0.01,0.02,0.27,-0.05,-0.08,-0.32,-0.28,0.24]', NULL),
	(1, 1, 'mlp_out', 0, 7, -0.46, '[-0.3,0,0.26,-0.26,0.11,-0.27,-0.18,0.06]', NULL),
	(1, 1, 'mlp_out', 1, 0, 0, '[0.05,-0.48,0.09,-0.15,-0.05,0.13,0.27,-0.04]', NULL),
	(1, 1, 'mlp_out', 1, 1, 0, '[0.15,0.14,0.02,0.05,0.02,0.34,0.01,-0.09]', NULL),
	(1, 1, 'mlp_out', 1, 2, 0, '[-0.09,0.27,0.09,0.11,-0.23,0.27,-0.03,-0.11]', NULL),
	(1, 1, 'mlp_out', 1, 3, 0, '[0.28,0.24,-0.27,0.01,0.1,-0.06,-0.31,0.04]', NULL),
	(1, 1, 'mlp_out', 1, 4, 0, '[0.21,-0.12,-0.57,-0.34,-0.19,0.28,0.09,0.3]', NULL),
	(1, 1, 'mlp_out', 1, 5, 0, '[-0.24,0.02,-0.02,-0.21,0.04,-0.12,0.36,-0.06]', NULL),
	(1, 1, 'mlp_out', 1, 6, 0, '[-0.09,0,0.19,0.01,-0.25,0.02,0.21,-0.2]', NULL),
	(1, 1, 'mlp_out', 1, 7, 0, '[-0.11,-0.14,0.03,-0.02,-0.21,0.23,-0.33,0.05]', NULL),
	(1, 1, 'mlp_out', 2, 0, 0, '[0.39,0.2,0,-0.09,-0.12,0.14,-0.08,-0.08]', NULL),
	(1, 1, 'mlp_out', 2, 1, 0, '[-0.11,0.11,-0.3,0.04,0.02,0.22,0.02,-0.01]', NULL),
	(1, 1, 'mlp_out', 2, 2, 0, '[-0.24,-0.37,-0.17,-0.1,-0.09,-0.1,0.21,-0.01]', NULL),
	(1, 1, 'mlp_out', 2, 3, 0, '[0.06,-0.01,-0.04,0.02,0.25,0.05,0.12,0.07]', NULL),
	(1, 1, 'mlp_out', 2, 4, 0, '[0.08,-0.03,0.25,-0.03,-0.19,0.26,-0.29,-0.17]', NULL),
	(1, 1, 'mlp_out', 2, 5, 0, '[-0.23,-0.08,0.18,-0.23,0.07,-0.28,0.23,-0.12]', NULL),
	(1, 1, 'mlp_out', 2, 6, 0, '[0.23,0.26,0.15,-0.2,0.03,-0.09,0.11,0.16]', NULL),
	(1, 1, 'mlp_out', 2, 7, 0, '[0.15,-0.38,-0.13,-0.16,0.26,-0.05,0.27,0.02]', NULL),
	(1, 1, 'mlp_out', 3, 0, 0, '[0.54,-0.12,-0.32,-0.13,0.18,-0,-0.17,-0.27]', NULL),
	(1, 1, 'mlp_out', 3, 1, 0, '[0.03,0.23,0.13,-0.12,-0.01,0.02,-0.19,0.09]', NULL),
	(1, 1, 'mlp_out', 3, 2, 0, '[-0.16,-0.1,0.06,-0.1,0.31,0.18,-0.16,0.3]', NULL),
	(1, 1, 'mlp_out', 3, 3, 0, '[-0.2,0.22,-0.09,0.04,0.06,0.3,0.29,-0.29]', NULL),
	(1, 1, 'mlp_out', 3, 4, 0, '[-0.12,-0.04,0,0.12,-0.2,-0.31,0.03,0.23]', NULL),
	(1, 1, 'mlp_out', 3, 5, 0, '[-0.05,0.02,0.07,-0,-0.11,0.26,0.16,-0.04]', NULL),
	(1, 1, 'mlp_out', 3, 6, 0, '[0.16,0.03,0.43,-0.03,-0.03,0.15,0.21,0.18]', NULL),
	(1, 1, 'mlp_out', 3, 7, 0, '[-0.15,0.16,0.3,-0.52,0.03,-0.23,-0.22,0.03]', NULL);

INSERT INTO lm.logit VALUES
	(1, 0, 224, 3.193514823913574),
	(1, 0, 92, 3.186441421508789),
	(1, 0, 202, 3.0120484828948975),
	(1, 0, 80, 2.960867166519165),
	(1, 0, 77, 2.9458277225494385),
	(1, 0, 115, 2.5309603214263916),
	(1, 0, 123, 2.4342124462127686),
	(1, 0, 132, 2.3344931602478027),
	(1, 0, 205, 2.2912471294403076),
	(1, 0, 108, 2.25285267829895),
	(1, 1, 106, 3.0355653762817383),
	(1, 1, 232, 3.0176448822021484),
	(1, 1, 77, 2.8673324584960938),
	(1, 1, 56, 2.8008010387420654),
	(1, 1, 199, 2.5290462970733643),
	(1, 1, 126, 2.503267765045166),
	(1, 1, 115, 2.4887306690216064),
	(1, 1, 228, 2.4623231887817383),
	(1, 1, 5, 2.4585418701171875),
	(1, 1, 196, 2.366586208343506),
	(1, 2, 202, 3.411036729812622),
	(1, 2, 77, 2.941722869873047),
	(1, 2, 224, 2.7532405853271484),
	(1, 2, 92, 2.710658550262451),
	(1, 2, 56, 2.667677879333496),
	(1, 2, 146, 2.631852388381958),
	(1, 2, 14, 2.560614585876465),
	(1, 2, 123, 2.526829957962036),
	(1, 2, 80, 2.4608535766601562),
	(1, 2, 115, 2.403200149536133),
	(1, 3, 77, 3.3773880004882812),
	(1, 3, 172, 2.87105131149292),
	(1, 3, 56, 2.849985122680664),
	(1, 3, 247, 2.5134332180023193),
	(1, 3, 106, 2.464378833770752),
	(1, 3, 146, 2.308889389038086),
	(1, 3, 115, 2.2306716442108154),
	(1, 3, 80, 2.0208358764648438),
	(1, 3, 202, 1.9259753227233887),
	(1, 3, 157, 1.907804250717163),
	(1, 4, 77, 3.172637701034546),
	(1, 4, 56, 2.9588258266448975),
	(1, 4, 202, 2.863299608230591),
	(1, 4, 146, 2.6787989139556885),
	(1, 4, 224, 2.6369194984436035),
	(1, 4, 115, 2.537086009979248),
	(1, 4, 92, 2.5113346576690674),
	(1, 4, 80, 2.441279411315918),
	(1, 4, 172, 2.3781073093414307),
	(1, 4, 14, 2.316652297973633);

INSERT INTO lm.merge VALUES
	(1, 0, '\x74', '\x68', 256, 1),
	(1, 1, '\x7468', '\x65', 257, 2),
	(1, 2, '\x20', '\x746865', 258, NULL),
	(1, 3, '\x20', '\x63', 259, NULL),
	(1, 4, '\x61', '\x74', 260, NULL);

INSERT INTO lm.model OVERRIDING SYSTEM VALUE VALUES
	(1, 'tiny', 2, 2, 8, 32, 16, 262, 1e-05, 'float32', 261, false, '/models/tiny', NULL, '1f0f1e8eedfb997786a7ce99567106a52d194a7785b5d11929d7f9e3009b11f4', '2026-01-01 00:00:00+00');

INSERT INTO lm.position_embedding VALUES
	(1, 0, '[0.11,0.26,0.01,-0.16,-0.03,-0.64,0.12,-0.23]'),
	(1, 1, '[0.03,0.11,0.09,0.28,0.06,0.11,0.15,0.41]'),
	(1, 2, '[-0.06,0.75,0.34,-0.4,-0.49,-0.41,0.52,-0.72]'),
	(1, 3, '[0.36,0.32,0.06,-0.18,0.18,0.07,0.01,-0.01]'),
	(1, 4, '[0.07,0.47,0.11,-0.4,0.06,-0.66,-0.11,0.09]'),
	(1, 5, '[0.76,0.6,-0.49,-0.01,0.04,-0.11,0.43,-0.25]'),
	(1, 6, '[-0.67,0.05,0.82,-0.4,0.49,0.84,0.69,-0.17]'),
	(1, 7, '[-0.69,-0.21,0.2,-0.14,0.19,-0.28,0.51,-0.48]'),
	(1, 8, '[-0.43,0.41,-0.56,0.65,-0.37,-0.32,-0.08,0.51]'),
	(1, 9, '[0.29,-0.63,0.49,-0.22,-0.37,0.1,-0.25,0.02]'),
	(1, 10, '[-0.24,0.52,-0.21,0.16,0.39,0.17,0.42,-0.78]'),
	(1, 11, '[0.06,0.09,-0.1,-0.21,0.16,-1.19,0.23,-0.14]'),
	(1, 12, '[-0.14,-0.2,0.01,-0.8,-0.19,0.58,-0.21,-0.27]'),
	(1, 13, '[-0.29,-0.07,0.16,-0.56,0.04,-0.48,0.38,0.12]'),
	(1, 14, '[-0.21,0.03,-0.87,-0.31,0.15,-0.02,0.24,-0.72]'),
	(1, 15, '[0.18,0.53,-0.06,0.23,-0.11,-0.12,0.53,0.14]');

INSERT INTO lm.run VALUES
	(1, 1, 'the cat at', '{257,259,260,220,260}', '{attn_out,resid_post,pattern,logits,z}', NULL, NULL, 10, NULL, '2026-01-01 00:00:00+00', '00:00:00.001'),
	(2, 1, 'that the', '{256,260,258}', '{attn_out,ln1,mlp_post}', NULL, NULL, 10, NULL, '2026-01-01 00:00:00+00', '00:00:00.001'),
	(3, 1, 'the cat at', '{257,259,260,220,260}', '{attn_out}', NULL, NULL, 10, 'half', '2026-01-01 00:00:00+00', '00:00:00.001');

INSERT INTO lm.run_token VALUES
	(1, 0, 257),
	(1, 1, 259),
	(1, 2, 260),
	(1, 3, 220),
	(1, 4, 260),
	(2, 0, 256),
	(2, 1, 260),
	(2, 2, 258),
	(3, 0, 257),
	(3, 1, 259),
	(3, 2, 260),
	(3, 3, 220),
	(3, 4, 260);

INSERT INTO lm.tag VALUES
	(1, NULL, 'source', 'fixture'),
	(1, 1, 'part_of_speech', 'noun');

INSERT INTO lm.token_embedding_1 VALUES
	(1, 0, '[-0.49,-0.86,-0.03,-0.28,-0.38,0.22,0.37,-0.17]', NULL),
	(1, 1, '[1.03,-0.01,0.18,0.24,-0.47,-0.16,-0.11,-0.03]', NULL),
	(1, 2, '[0,0.04,0.1,-0.4,-0.42,0.11,-0.23,-0.08]', NULL),
	(1, 3, '[0.21,0.38,0.08,-0.3,-0.73,0.5,-0.03,-0.34]', NULL),
	(1, 4, '[-0.31,-0.37,-0.41,-0.38,-0.27,0.03,-0.62,0.14]', NULL),
	(1, 5, '[1.17,0.11,-0.25,-0.7,-0.09,-0.04,0.14,-0.31]', NULL),
	(1, 6, '[0.04,0.7,-0.27,-0.33,-0.34,0.57,-0.35,-0.71]', NULL),
	(1, 7, '[-0.14,-0.01,-0.61,-0.79,0.66,-0,-0.02,-0.62]', NULL),
	(1, 8, '[-0.08,-0.25,-0.62,0.16,-0.14,0.35,-0.29,0.65]', NULL),
	(1, 9, '[-0.16,-0.06,0.06,0.09,-0.21,0.45,0.46,-0.2]', NULL),
	(1, 10, '[0.12,0.44,-0.72,0.14,0.01,0.13,-0.16,-0.54]', NULL),
	(1, 11, '[0.12,-0.38,0.1,0.33,-0.87,-0.24,-0.62,0.01]', NULL),
	(1, 12, '[-0.07,1.04,0.49,-0.08,-0.52,-0.49,0.14,0.26]', NULL),
	(1, 13, '[-0.71,-1.15,-0.46,-0.39,-0.14,0.75,0.35,0.42]', NULL),
	(1, 14, '[0.17,0.11,0.33,-0.46,0.13,-0.69,0.67,0.49]', NULL),
	(1, 15, '[0.31,-0.28,-0.3,0.1,-0.08,-0.25,0.41,-0.07]', NULL),
	(1, 16, '[-0.05,0.49,0.76,-0.43,-0.65,-0.44,0.21,0.58]', NULL),
	(1, 17, '[-0.01,-0.1,-0.1,-0.25,0.04,-0.29,0.8,-0.23]', NULL),
	(1, 18, '[-0.01,-0.31,0.04,-0.38,-0.17,0.66,-0.35,0.6]', NULL),
	(1, 19, '[-0.4,0.65,0.31,-0.38,-0.07,-0.1,-0.2,-0.74]', NULL),
	(1, 20, '[-0.28,-0.41,0.76,-0.08,-0.42,-0.31,-0.39,-0.32]', NULL),
	(1, 21, '[0.22,-0.53,-0.65,0.29,-0.25,0.46,-0.06,-0]', NULL),
	(1, 22, '[-0.39,0.32,-0.15,-0.69,0.63,0.39,-0.33,-0.62]', NULL),
	(1, 23, '[-0.47,0.21,-0.26,-0.02,-0.2,0.87,0,0.08]', NULL),
	(1, 24, '[-0.53,-0.28,-0.11,-0.05,-0.06,0.52,-0.27,0.37]', NULL),
	(1, 25, '[0.31,-0.06,-0.23,-0.21,0.61,0.45,-0.17,0.23]', NULL),
	(1, 26, '[0.4,-0.52,-0.06,0.74,-0.54,0.47,0.14,-0.29]', NULL),
	(1, 27, '[0.29,0.24,-0.05,0.24,0,-0.33,-0.11,-0.22]', NULL),
	(1, 28, '[0.18,-0.22,-0.47,0.08,-0.66,0.1,-0.24,-0.07]', NULL),
	(1, 29, '[-0.35,0.01,0.35,0.3,0.52,-0.15,-0.11,0.01]', NULL),
	(1, 30, '[-0.46,-0.34,-0.2,-0.52,0.28,-0.44,0.69,-0.33]', NULL),
	(1, 31, '[0.16,0.07,0.34,-0.29,0.71,0.2,-0,0.68]', NULL),
	(1, 32, '[0.04,0.5,-0.16,0.15,0.18,0.16,-0.1,0.13]', NULL),
	(1, 33, '[0.02,0.97,0.15,0.06,-0.53,0.08,0.47,0.28]', NULL),
	(1, 34, '[0.33,-0.16,0.21,-0.3,0.11,0.2,-0.15,0.12]', NULL),
	(1, 35, '[0.61,0.5,1.3,0.2,0.3,-0.78,-0.43,0.04]', NULL),
	(1, 36, '[-0.23,0.01,0.3,-0.21,0.14,0.41,-0.33,0.03]', NULL),
	(1, 37, '[-0.54,-0.33,-0.44,-0.56,-0.28,-0.29,0.11,0.39]', NULL),
	(1, 38, '[-0.39,-0.57,-0.03,-0.07,-0.03,-0.45,-0.21,-0.09]', NULL),
	(1, 39, '[-0.21,-0.02,0.8,0.46,-0.01,0.59,-0.69,0.1]', NULL),
	(1, 40, '[0.37,-0.42,-0.21,-0.27,0.27,0.17,0.34,-0.46]', NULL),
	(1, 41, '[-0.51,-0.17,0.26,-0.43,0.47,0.71,-0.24,0.32]', NULL),
	(1, 42, '[0.52,-0.35,0.66,0.57,0.1,0.03,0.56,-0.5]', NULL),
	(1, 43, '[-0.77,-0.26,-0.13,-0.24,0.47,-0.37,-0.21,-0.08]', NULL),
	(1, 44, '[-0,-0.02,-0.17,0.11,-0.22,0.28,-0.55,-0.22]', NULL),
	(1, 45, '[0.08,-0.28,-0.34,0.48,-0.23,0.04,-0.02,-0.36]', NULL),
	(1, 46, '[0.14,-0.32,0.51,0.42,0.31,0.03,0.29,0.12]', NULL),
	(1, 47, '[0.57,0.09,0.15,-0.16,-0.11,0.02,-0.97,0.07]', NULL),
	(1, 48, '[-0.21,0.17,0.38,-0.29,0.24,-0.44,0.17,-0.11]', NULL),
	(1, 49, '[-0.34,0.75,0.03,-0.24,0.61,-0.42,-0.41,-0.32]', NULL),
	(1, 50, '[0.12,0.39,0,0.56,-0.03,-0.01,-0.21,0.56]', NULL),
	(1, 51, '[-0.27,0.16,-0.46,-0.02,0.65,-0.29,0.54,0.57]', NULL),
	(1, 52, '[-0.06,0.23,0.39,0.77,0.46,0.08,0.06,-0.24]', NULL),
	(1, 53, '[-0.27,-0.02,0.89,-0.12,0.18,0.33,-0.31,-0.17]', NULL),
	(1, 54, '[0.14,0.81,-0.03,-0.27,-0.73,0.55,-0.42,0.45]', NULL),
	(1, 55, '[-0.18,-0.21,-0.11,0.16,0.52,-0.03,-0.26,0.07]', NULL),
	(1, 56, '[0.81,0.64,-0.2,-0.77,-0.33,-0.24,-0.22,0.67]', NULL),
	(1, 57, '[0.05,-0.26,0.11,-0.51,-0.17,-0.12,0.05,-0.33]', NULL),
	(1, 58, '[0.14,0.41,-0.31,0.23,0,-0.41,0.1,-0.59]', NULL),
	(1, 59, '[0.49,-0.1,-0.05,-0.21,0.14,-0.02,0.37,0.53]', NULL),
	(1, 60, '[0.05,0.36,-0.12,0.04,-0.71,-0.34,-0.01,-0.1]', NULL),
	(1, 61, '[0.05,-0.62,-0.24,0.46,-0.33,0.04,-0.2,-0.22]', NULL),
	(1, 62, '[0.62,-0.07,0.15,0.22,1.15,-0.02,0.26,-0.08]', NULL),
	(1, 63, '[-0.05,-0.63,-0.11,0.16,0.15,0.46,0.17,0.15]', NULL),
	(1, 64, '[-0.32,0.4,0.47,0.24,0.14,0.28,-0.08,-0.01]', NULL),
	(1, 65, '[0.28,-0.19,-0.13,0.18,-0.33,-0.39,-0.67,0.05]', NULL),
	(1, 66, '[-0.18,0.47,-0.18,-0.14,-0.03,-0.49,-0.57,0.26]', NULL),
	(1, 67, '[-0.3,0.34,-0.2,0.56,0.38,-0.58,-0.24,0.46]', NULL),
	(1, 68, '[0.3,0.47,0.53,-0.64,-0.36,-0.03,0.29,0.28]', NULL),
	(1, 69, '[0.68,0.71,-0.26,0.02,0.38,-0.14,0.17,-0.09]', NULL),
	(1, 70, '[0.63,-0.3,-0.28,0.22,-0.54,-0.23,-0.69,0.63]', NULL),
	(1, 71, '[0.08,0.24,-0.22,-0.35,0.11,-0.05,-0.06,0.09]', NULL),
	(1, 72, '[-0.58,-0.63,0.62,-0.16,0.79,0.04,-0.01,-0.03]', NULL),
	(1, 73, '[0.66,-0.03,-0.1,0.15,0.14,-0.7,-0.28,-0.54]', NULL),
	(1, 74, '[0.13,-0.29,-0.43,0.01,-0.02,0.05,0.06,-0.59]', NULL),
	(1, 75, '[0.17,-0.71,0.15,0.45,0.66,-0.37,0.08,0.35]', NULL),
	(1, 76, '[0.29,-0.36,0.01,-0.4,0.02,-0.33,-0.03,0.24]', NULL),
	(1, 77, '[0.58,0.27,-0.54,-0.19,0.01,0.43,0.8,0.74]', NULL),
	(1, 78, '[-0.15,-0.19,-0.09,-0.39,0.44,-0.39,-0.15,-0.51]', NULL),
	(1, 79, '[0.35,-0.06,-0.18,-0.23,-0.21,-0.81,-0.43,0.81]', NULL),
	(1, 80, '[-0.21,-0.78,-0.4,-0.47,-0.94,0.5,0.25,0.46]', NULL),
	(1, 81, '[0.05,0.33,-0.28,0.31,0.7,0.62,-0.09,0.06]', NULL),
	(1, 82, '[0.58,0.21,0.15,-0.49,0.26,-0.03,-0.09,-0.23]', NULL),
	(1, 83, '[0.03,-0.12,-0.38,-0.04,0.11,-0.16,-0.17,0.17]', NULL),
	(1, 84, '[-0.43,-0.25,0.04,-0.02,-0.65,0.54,0.97,-0.8]', NULL),
	(1, 85, '[0.63,0.51,0.59,-0.15,0.41,0.44,0.32,-0.48]', NULL),
	(1, 86, '[0.19,0.02,-0.44,0.61,-0.53,-0.28,-0.02,0.19]', NULL),
	(1, 87, '[-0.26,-0.64,-0.2,0.05,-0.67,-0.08,-0.39,-0.81]', NULL),
	(1, 88, '[0.02,-0.2,-0.33,0.19,-0.31,-0.05,-0.11,-0.2]', NULL),
	(1, 89, '[-0.22,0.38,-0.23,0.01,-0.3,0.15,-0.18,0.06]', NULL),
	(1, 90, '[-0.02,-0.04,0.17,-0.86,0.25,0.42,0.13,-0.56]', NULL),
	(1, 91, '[-0.21,-0.09,-0.1,-0.02,0.17,-0.3,-0.27,-0.24]', NULL),
	(1, 92, '[-0.19,0.41,-0.14,-0.15,-1.02,-0.66,0.37,0.6]', NULL),
	(1, 93, '[0.08,-0.17,0.66,0.4,0.55,0.31,0.05,0.04]', NULL),
	(1, 94, '[-0.39,0.04,0.38,-0.49,-0.4,-0.64,0.07,-0.46]', NULL),
	(1, 95, '[0.01,-0.01,0.18,-0.12,0.75,-0.27,-0.27,0.41]', NULL),
	(1, 96, '[-0.38,-1.14,-0.53,-0.22,-0.85,-0.22,0.06,-0.24]', NULL),
	(1, 97, '[-0.01,-0.18,0.18,0.14,0.04,-0.61,0.46,-0.07]', NULL),
	(1, 98, '[-0.16,0.08,-0.36,0.14,0.3,-0.14,-0.34,-0.26]', NULL),
	(1, 99, '[0.15,0.08,0.21,0.57,-0.42,0.5,-0.22,-0]', NULL),
	(1, 100, '[-0.78,-0.58,0.05,-0.07,-0.21,0.2,0.27,0.17]', NULL),
	(1, 101, '[-0.13,-0.45,-0.32,0.09,0.53,-0.73,0.32,-0.33]', NULL),
	(1, 102, '[0.04,0.21,0.11,-0.04,-0.28,-0.4,-0.1,0.02]', NULL),
	(1, 103, '[0,0.61,0.14,0.69,0.33,-0.24,0.01,-0.38]', NULL),
	(1, 104, '[-0.49,-0.4,-0.12,-0.22,0.63,0.2,0.53,0.06]', NULL),
	(1, 105, '[-0.31,-0.04,-0.35,0.77,0.16,-0.11,0.11,0.63]', NULL),
	(1, 106, '[0.5,0.33,-0.77,-0.45,-0.57,0.58,-0.19,-0.25]', NULL),
	(1, 107, '[0.58,-0.01,-0.31,-0.13,0.01,-0.29,0.31,-0.09]', NULL),
	(1, 108, '[0.4,-0.19,-0.08,-0.25,-0.31,0.14,0.69,0.2]', NULL),
	(1, 109, '[-0.62,0.3,0.3,-0.26,0.05,-0.18,0.15,0.78]', NULL),
	(1, 110, '[-0.06,0.16,0.18,-0.2,0.31,-0.47,0.16,-0.44]', NULL),
	(1, 111, '[0.51,-0.09,0.44,0.13,0.27,0.49,-0.14,-0.43]', NULL),
	(1, 112, '[-0.06,0.43,0.55,0.32,0.16,0.68,-0.14,0]', NULL),
	(1, 113, '[0.02,0.15,-0.36,0.44,0.36,0.26,-0.22,-0.39]', NULL),
	(1, 114, '[0.19,-0.21,-0.47,0.03,-0.47,-0.33,0.14,-0.39]', NULL),
	(1, 115, '[0.74,0.08,-0.45,-0.39,-0.31,-0.37,0.72,-0.03]', NULL),
	(1, 116, '[-0.23,0.03,0.84,0.05,0.02,-0.42,0.1,-0.59]', NULL),
	(1, 117, '[0.18,0.16,0.45,-0.64,0.2,-0.12,0.5,0.46]', NULL),
	(1, 118, '[0.58,0.75,-0.48,-0.08,-0.03,-0.42,0.26,-0.57]', NULL),
	(1, 119, '[0.08,0.17,0.11,0.77,0.13,0.28,-0.31,-0.31]', NULL),
	(1, 120, '[0.09,-0.44,-0.49,0.24,0.21,0.03,-0.27,0.17]', NULL),
	(1, 121, '[-0.11,0.15,0.77,0.27,-0.37,-0.2,0.26,0.13]', NULL),
	(1, 122, '[0.46,-0.25,0.27,-0.48,0.56,-0.38,-0.06,-0.27]', NULL),
	(1, 123, '[-0.11,0.49,0.06,-0.47,0,-0.33,0.91,0.2]', NULL),
	(1, 124, '[0.76,0.08,0.2,0.51,-0.27,0.29,0.36,0.21]', NULL),
	(1, 125, '[0.49,0.66,-0.53,0.24,-0,0.08,-0.64,-0.23]', NULL),
	(1, 126, '[0.88,-0.39,-0.97,0.41,0.11,-0.32,0.1,-0.49]', NULL),
	(1, 127, '[-0.15,0.01,0.06,-0.39,0.05,0.18,-0.34,-0.36]', NULL),
	(1, 128, '[0.19,0.16,-0.41,0.12,-0.42,0.54,0.63,0.05]', NULL),
	(1, 129, '[-0.42,-0.21,-0.65,-0.15,-0.32,-0.23,0.32,-0.05]', NULL),
	(1, 130, '[-0.43,-0.42,-0.06,0.08,-0.32,-0.22,-0.04,-0.13]', NULL),
	(1, 131, '[-0.55,0.26,0.06,-0.21,0.72,-0.01,-0.28,-0.11]', NULL),
	(1, 132, '[-0.09,-0.33,-0.3,-0.28,-0.72,0,0.49,0.01]', NULL),
	(1, 133, '[0.34,-0.36,0.17,0.08,0.59,-0.38,0.17,-0.07]', NULL),
	(1, 134, '[-0.26,-0.22,-0.55,0.61,0.41,0.37,0.78,-0.43]', NULL),
	(1, 135, '[0.37,-0,-0,-0.33,-0.49,-0.34,0.36,-0.61]', NULL),
	(1, 136, '[0.19,-0.88,-0.24,-0.33,-0.31,-0.48,-0.85,-0.01]', NULL),
	(1, 137, '[0.16,-0.48,0.89,0.22,0.24,0.55,0.21,-0.16]', NULL),
	(1, 138, '[-0.05,0.41,-0.34,-0.16,0.29,-0.29,-0.02,-0.05]', NULL),
	(1, 139, '[0.89,-0.64,0.03,0.44,-0.17,0.13,1.66,-0.51]', NULL),
	(1, 140, '[0.31,1.01,-0.57,0.57,-0.38,-0.09,-0.04,-0.16]', NULL),
	(1, 141, '[0.06,0.51,0.75,0.01,0.31,0.05,-0.12,0.56]', NULL),
	(1, 142, '[-0.14,-0.25,-0.14,-0.18,-0.05,-0.08,-0.24,-0.03]', NULL),
	(1, 143, '[-0.91,-0.15,0.56,0.68,0.41,-0.32,0.09,0.24]', NULL),
	(1, 144, '[0.11,-0.29,0.38,-0.03,-0.21,-0.66,-0.33,0.47]', NULL),
	(1, 145, '[0.44,-0.36,0.11,-0.14,-0.32,0.57,-0.45,-0.03]', NULL),
	(1, 146, '[0.39,0.11,-0.09,-0.7,0.06,0.12,0.43,0.48]', NULL),
	(1, 147, '[-0.84,-0.46,0.19,0.03,0.57,-0.64,-0.52,0.06]', NULL),
	(1, 148, '[-0.31,-0.21,-0.01,0.06,0.36,-0.28,0.74,0.26]', NULL),
	(1, 149, '[0.04,0.53,-0.3,-0.37,0.34,0.85,-0.24,-0.07]', NULL),
	(1, 150, '[-0.05,0.19,0.18,-0.02,-0.04,-0.01,0.05,-0.22]', NULL),
	(1, 151, '[-0.16,-0.05,0.11,-0.3,0.27,-0.32,-0.69,0.06]', NULL),
	(1, 152, '[-0.14,0.04,1.01,-0.57,-0.35,0.02,0.26,0.08]', NULL),
	(1, 153, '[0.32,0.16,0.4,0.78,0.52,0.01,-0.65,0.37]', NULL),
	(1, 154, '[-0.06,0.42,0.92,-0.51,-0.08,0.33,-0.29,-0.42]', NULL),
	(1, 155, '[-0.04,0.06,-0.12,0.67,-0.1,0.35,-0.2,1.23]', NULL),
	(1, 156, '[-0.16,0.41,-0.5,0.2,0.1,-0.34,-0.15,0.83]', NULL),
	(1, 157, '[0.65,0.08,-0.37,-0.47,0.41,0.27,0.67,-0.25]', NULL),
	(1, 158, '[1.22,-0.27,0.42,0.05,0.39,-0.38,-0.53,-0.06]', NULL),
	(1, 159, '[-0.35,-0.54,0.14,0.34,0.11,-0.54,-0.74,-0.02]', NULL),
	(1, 160, '[-0.59,-0.05,0.15,-0.24,0.02,0.19,0.28,-0.31]', NULL),
	(1, 161, '[0.8,-0.31,0.6,-0.22,-0.19,0.41,-0.52,0.36]', NULL),
	(1, 162, '[0.06,-0.33,-0.54,0.72,-0.6,-0.67,0.05,0.32]', NULL),
	(1, 163, '[0.03,0.35,0.48,0.09,0.13,0.04,0.38,-0.04]', NULL),
	(1, 164, '[0.43,0.02,-0.53,-0.05,0.01,0.96,0.45,-0.59]', NULL),
	(1, 165, '[0.19,-0.34,-0.46,-0.54,-0.13,-0.12,-0.63,-0.16]', NULL),
	(1, 166, '[-0.44,-0.24,0.65,-0.31,-0.05,0.04,0.05,-0.68]', NULL),
	(1, 167, '[-0.03,-0.59,-0.01,-0.56,0.71,-0.16,0.32,-0.58]', NULL),
	(1, 168, '[-0.11,-0.42,0.83,0.33,-0.03,0.42,0.35,-0.18]', NULL),
	(1, 169, '[-0.59,-0.26,0.17,0.32,0.31,-0.45,0.06,-0.51]', NULL),
	(1, 170, '[-0.48,-0.64,-0.2,0,0.19,-0.34,0.39,-0.4]', NULL),
	(1, 171, '[0.31,0,0.27,-0.33,0.44,-0.63,0.03,-0.38]', NULL),
	(1, 172, '[0.09,0.22,-0.73,-0.84,0.57,0.05,0.41,0.05]', NULL),
	(1, 173, '[0.17,0.09,0.32,-0.04,-0.05,-0.3,-0.39,0.25]', NULL),
	(1, 174, '[0.01,-0.55,-0.03,-0.07,0.14,0.1,-0.15,-0.8]', NULL),
	(1, 175, '[0.49,0.74,-0.38,0.33,-0.08,-0.12,-0.27,0.01]', NULL),
	(1, 176, '[-0.3,0.54,0.44,-0.56,-0.3,-0.42,0.03,-0.19]', NULL),
	(1, 177, '[0.03,0.29,0,0.22,-1.05,0.1,0.17,-0.48]', NULL),
	(1, 178, '[-0.35,-0.37,0.06,0.34,0.14,-0.27,0.26,0.29]', NULL),
	(1, 179, '[-0.46,-0.05,0.04,-0.21,0.02,0.03,0.25,0.31]', NULL),
	(1, 180, '[0.45,0.19,0.72,0.27,-0.1,0.68,-0.51,-0.32]', NULL),
	(1, 181, '[0.2,0.56,0.16,-0.48,0.18,-0.96,0.49,-0.33]', NULL),
	(1, 182, '[-0.16,0.21,0.14,-0.01,0.77,-0.18,0.33,-0.04]', NULL),
	(1, 183, '[-0.11,0.13,-0.09,0.28,-0.39,0.12,0.76,-0.63]', NULL),
	(1, 184, '[0.33,-0.35,0.55,0.34,0.11,-0,-0.16,-0.39]', NULL),
	(1, 185, '[0.09,-0.45,0.41,0,-0.06,-0.3,0.26,-0.85]', NULL),
	(1, 186, '[0.05,0.06,-0.33,0.69,0.13,-0.74,-0.07,-0.64]', NULL),
	(1, 187, '[-0.12,-0.2,0.22,-0.49,-0.03,-0.79,0.92,-0.35]', NULL),
	(1, 188, '[0.27,0.23,0.06,0.6,-0.01,-0.08,-0.39,-0.7]', NULL),
	(1, 189, '[0.07,-0.04,-0.07,-0.22,0.46,0.33,-0.18,0.05]', NULL),
	(1, 190, '[0.01,0.09,0.18,-0.21,0.22,0.29,0,0.46]', NULL),
	(1, 191, '[0.21,0.33,-0.14,0.57,-0.17,0.61,0.53,0.01]', NULL),
	(1, 192, '[0.43,0.34,0.06,0.58,-0.1,0.14,0.29,0.23]', NULL),
	(1, 193, '[0.71,-0.56,-0.55,-0.06,-0.09,-0.22,-0.59,0.13]', NULL),
	(1, 194, '[-0.56,0.27,-0.12,0.67,-0.64,0.37,-0.31,0.04]', NULL),
	(1, 195, '[-0.71,0.5,-0.29,0.21,0.13,0.06,0.41,-0.24]', NULL),
	(1, 196, '[0.22,-0.48,-1.03,0.65,-0.78,-0.49,0.34,-0.43]', NULL),
	(1, 197, '[0.06,0.74,-0.24,0.18,-0.43,0.17,0.47,0.24]', NULL),
	(1, 198, '[-0.14,0.52,-0.02,-0.03,-0.9,0.38,0,-0.35]', NULL),
	(1, 199, '[0.87,0.05,-0.31,0.06,-0.59,-0.62,-0.07,0.22]', NULL),
	(1, 200, '[0.19,0.24,0.64,-0.84,0.21,0.28,-0.58,0.72]', NULL),
	(1, 201, '[-0.2,0.01,-0.42,-0.51,0.54,0.03,0.46,0.16]', NULL),
	(1, 202, '[-0.64,0.48,0.48,-1.06,0.05,0.36,0.89,0.55]', NULL),
	(1, 203, '[0.08,0.01,0.07,0.19,0.25,-0.39,0,0.66]', NULL),
	(1, 204, '[0.04,-0.03,-0.41,0.54,0.09,0.09,0.88,-0.77]', NULL),
	(1, 205, '[-0.14,-0.16,-0.08,-0.36,-0.53,0.65,0.38,0.44]', NULL),
	(1, 206, '[-0.24,0.35,0.49,-0.65,-0.65,-0.14,0.05,0.02]', NULL),
	(1, 207, '[0.34,-0.49,0.33,-0.17,0.83,-0.02,0.25,0.24]', NULL),
	(1, 208, '[-0.37,0.08,-0.18,0.1,-0.21,-0.2,-0.33,0.64]', NULL),
	(1, 209, '[-0.4,0.22,0.38,-0.3,-0.54,0.15,-0.39,-0.4]', NULL),
	(1, 210, '[-0.54,0.2,0.06,-0.24,0.36,-0.11,-0.53,-0.18]', NULL),
	(1, 211, '[0.76,-0.17,0.41,-0.35,-0.44,-0.1,-0.41,0.28]', NULL),
	(1, 212, '[0.86,0.19,0.25,-0.82,0.26,0.38,-0.19,0.49]', NULL),
	(1, 213, '[-0.38,0.05,-0.78,-0.23,-0.42,-0.18,0.47,-0.26]', NULL),
	(1, 214, '[0.05,-0.04,-0.23,0.18,0.12,0.48,0.02,-0.29]', NULL),
	(1, 215, '[-0.37,0.64,-0.72,-0.73,-0.19,-0.11,-0.58,-0.43]', NULL),
	(1, 216, '[0.29,-0.61,0.26,0.13,0.7,-0.46,-1.23,0.07]', NULL),
	(1, 217, '[-0.84,0.89,0.09,0.49,-0.25,-0,0,0]', NULL),
	(1, 218, '[-0.2,-0.17,-0.5,-0.21,-0.38,-0.01,0.28,0.46]', NULL),
	(1, 219, '[-0.87,-0.11,0.54,-0.6,0.21,-0.07,-1.01,-0.55]', NULL),
	(1, 220, '[0.15,-0.06,0.53,0.05,1.06,0.37,0.45,0.64]', NULL),
	(1, 221, '[0.54,-0.42,0.33,0,-0.15,0.04,0.88,0.09]', NULL),
	(1, 222, '[0.28,-0.85,0.13,0.32,0.06,-0.78,-0.95,-0.37]', NULL),
	(1, 223, '[0.15,0.15,-0.14,-0.16,0.17,0.76,0.66,0.22]', NULL),
	(1, 224, '[-0.06,-0.59,-0.02,0.04,-0.85,-0.22,0.4,1.03]', NULL),
	(1, 225, '[0.26,0.06,-0.7,0.07,1.12,-0.21,0.47,0.22]', NULL),
	(1, 226, '[-0.14,0.41,0.27,-0.12,-0.47,0.04,0.58,0.1]', NULL),
	(1, 227, '[0.17,-0.21,0.27,-1.07,-0.15,0.44,0.53,-0.06]', NULL),
	(1, 228, '[0.51,-0.49,-0.45,-0.01,-0.51,-0.09,-0.12,0.85]', NULL),
	(1, 229, '[0.28,0.67,0.64,-0.33,-0.46,0.68,0.41,-0.2]', NULL),
	(1, 230, '[-0.06,0.46,-0.58,0.4,-0.51,-0.59,-0.18,-0.67]', NULL),
	(1, 231, '[-0.03,0.02,0.02,-0.22,1,-0.15,-0.46,-0.11]', NULL),
	(1, 232, '[0.57,0.39,-0.98,1.04,-0.34,0.3,-0.09,-0.15]', NULL),
	(1, 233, '[-0.29,0.08,0.23,-0.03,-0.18,0.27,-0.39,-0.18]', NULL),
	(1, 234, '[0.2,0.53,-0.35,-0.28,-0.79,0.11,0.01,0.01]', NULL),
	(1, 235, '[0.06,0.74,0.27,0.06,-0.27,0.56,0.39,-0.04]', NULL),
	(1, 236, '[0.29,-0.09,0.26,0.44,-0.01,-0.18,-0.22,0.04]', NULL),
	(1, 237, '[0.95,-0.17,-0.02,0.27,-0.21,0.39,-0.41,0.18]', NULL),
	(1, 238, '[0.48,0.54,0.01,0.1,0.17,0.8,0.09,-0.53]', NULL),
	(1, 239, '[0.16,0.07,0.1,-0.57,-0.15,-0.02,0.16,0.15]', NULL),
	(1, 240, '[0.12,0.1,0.06,-0.31,0.16,0.41,0.44,0.18]', NULL),
	(1, 241, '[-0.61,-0.66,-0.16,-0.64,0.2,0.66,-0.61,0.8]', NULL),
	(1, 242, '[0.02,0.3,0.35,0.05,0.34,-0.29,0.31,-0.34]', NULL),
	(1, 243, '[0.01,-0.66,-0.32,-0.3,0.1,0.74,-0.25,0.02]', NULL),
	(1, 244, '[0.14,0.13,0.08,0.61,-0.17,0.38,-0.81,-0.6]', NULL),
	(1, 245, '[0.75,-0.01,0.8,0.34,0.67,-0.02,-0.93,0.2]', NULL),
	(1, 246, '[-0.17,0.04,0.01,-0.09,0.41,0.09,0.1,0.03]', NULL),
	(1, 247, '[0,1.02,-0.37,-0.37,0.3,0.24,-0.28,0.78]', NULL),
	(1, 248, '[0.29,-0.15,-0.12,0.29,-0.03,-0.31,0.32,-0.64]', NULL),
	(1, 249, '[-1.03,-0.37,0.36,0.35,0.09,0.3,0.31,0.1]', NULL),
	(1, 250, '[0.61,0.16,-0.11,-0.48,-0.47,0.11,-0.2,-0.39]', NULL),
	(1, 251, '[-0.66,0.11,-0.31,-0.11,0.34,0.52,-0.14,0.78]', NULL),
	(1, 252, '[0.78,-0.24,-0.08,-0.1,-0.03,-0.21,0.67,0.12]', NULL),
	(1, 253, '[0.11,0.14,0.05,-0.36,-0.11,0.36,0.5,-0.19]', NULL),
	(1, 254, '[0.53,-0.45,0.28,0.48,0.22,-0.16,0,0.6]', NULL),
	(1, 255, '[0.68,0.07,-0.02,-0.72,0.11,-0.14,0.62,-0.13]', NULL),
	(1, 256, '[0.28,-0.07,0.75,-0.15,0.05,0.53,-0.03,-0.07]', NULL),
	(1, 257, '[-0.18,0.82,0.52,0.44,-0.36,0.1,0.45,0.83]', NULL),
	(1, 258, '[0.07,-0.6,0.03,0.16,-0.33,0.82,-0.06,-0.42]', NULL),
	(1, 259, '[0.25,0.9,-0.09,0.23,-0.33,0.04,-0.75,-0.46]', NULL),
	(1, 260, '[0.15,-0.23,-0.49,0.16,-0.14,-0.07,0.41,0.07]', NULL),
	(1, 261, '[0.5,0.3,-0.62,0.29,-0.02,-0.86,-0.46,0.15]', NULL);

INSERT INTO lm.vocabulary VALUES
	(1, 0, '\x21', '!', false),
	(1, 1, '\x22', '"', false),
	(1, 2, '\x23', '#', false),
	(1, 3, '\x24', '$', false),
	(1, 4, '\x25', '%', false),
	(1, 5, '\x26', '&', false),
	(1, 6, '\x27', '''', false),
	(1, 7, '\x28', '(', false),
	(1, 8, '\x29', ')', false),
	(1, 9, '\x2a', '*', false),
	(1, 10, '\x2b', '+', false),
	(1, 11, '\x2c', ',', false),
	(1, 12, '\x2d', '-', false),
	(1, 13, '\x2e', '.', false),
	(1, 14, '\x2f', '/', false),
	(1, 15, '\x30', '0', false),
	(1, 16, '\x31', '1', false),
	(1, 17, '\x32', '2', false),
	(1, 18, '\x33', '3', false),
	(1, 19, '\x34', '4', false),
	(1, 20, '\x35', '5', false),
	(1, 21, '\x36', '6', false),
	(1, 22, '\x37', '7', false),
	(1, 23, '\x38', '8', false),
	(1, 24, '\x39', '9', false),
	(1, 25, '\x3a', ':', false),
	(1, 26, '\x3b', ';', false),
	(1, 27, '\x3c', '<', false),
	(1, 28, '\x3d', '=', false),
	(1, 29, '\x3e', '>', false),
	(1, 30, '\x3f', '?', false),
	(1, 31, '\x40', '@', false),
	(1, 32, '\x41', 'A', false),
	(1, 33, '\x42', 'B', false),
	(1, 34, '\x43', 'C', false),
	(1, 35, '\x44', 'D', false),
	(1, 36, '\x45', 'E', false),
	(1, 37, '\x46', 'F', false),
	(1, 38, '\x47', 'G', false),
	(1, 39, '\x48', 'H', false),
	(1, 40, '\x49', 'I', false),
	(1, 41, '\x4a', 'J', false),
	(1, 42, '\x4b', 'K', false),
	(1, 43, '\x4c', 'L', false),
	(1, 44, '\x4d', 'M', false),
	(1, 45, '\x4e', 'N', false),
	(1, 46, '\x4f', 'O', false),
	(1, 47, '\x50', 'P', false),
	(1, 48, '\x51', 'Q', false),
	(1, 49, '\x52', 'R', false),
	(1, 50, '\x53', 'S', false),
	(1, 51, '\x54', 'T', false),
	(1, 52, '\x55', 'U', false),
	(1, 53, '\x56', 'V', false),
	(1, 54, '\x57', 'W', false),
	(1, 55, '\x58', 'X', false),
	(1, 56, '\x59', 'Y', false),
	(1, 57, '\x5a', 'Z', false),
	(1, 58, '\x5b', '[', false),
	(1, 59, '\x5c', '\', false),
	(1, 60, '\x5d', ']', false),
	(1, 61, '\x5e', '^', false),
	(1, 62, '\x5f', '_', false),
	(1, 63, '\x60', '`', false),
	(1, 64, '\x61', 'a', false),
	(1, 65, '\x62', 'b', false),
	(1, 66, '\x63', 'c', false),
	(1, 67, '\x64', 'd', false),
	(1, 68, '\x65', 'e', false),
	(1, 69, '\x66', 'f', false),
	(1, 70, '\x67', 'g', false),
	(1, 71, '\x68', 'h', false),
	(1, 72, '\x69', 'i', false),
	(1, 73, '\x6a', 'j', false),
	(1, 74, '\x6b', 'k', false),
	(1, 75, '\x6c', 'l', false),
	(1, 76, '\x6d', 'm', false),
	(1, 77, '\x6e', 'n', false),
	(1, 78, '\x6f', 'o', false),
	(1, 79, '\x70', 'p', false),
	(1, 80, '\x71', 'q', false),
	(1, 81, '\x72', 'r', false),
	(1, 82, '\x73', 's', false),
	(1, 83, '\x74', 't', false),
	(1, 84, '\x75', 'u', false),
	(1, 85, '\x76', 'v', false),
	(1, 86, '\x77', 'w', false),
	(1, 87, '\x78', 'x', false),
	(1, 88, '\x79', 'y', false),
	(1, 89, '\x7a', 'z', false),
	(1, 90, '\x7b', '{', false),
	(1, 91, '\x7c', '|', false),
	(1, 92, '\x7d', '}', false),
	(1, 93, '\x7e', '~', false),
	(1, 94, '\xa1', '�', false),
	(1, 95, '\xa2', '�', false),
	(1, 96, '\xa3', '�', false),
	(1, 97, '\xa4', '�', false),
	(1, 98, '\xa5', '�', false),
	(1, 99, '\xa6', '�', false),
	(1, 100, '\xa7', '�', false),
	(1, 101, '\xa8', '�', false),
	(1, 102, '\xa9', '�', false),
	(1, 103, '\xaa', '�', false),
	(1, 104, '\xab', '�', false),
	(1, 105, '\xac', '�', false),
	(1, 106, '\xae', '�', false),
	(1, 107, '\xaf', '�', false),
	(1, 108, '\xb0', '�', false),
	(1, 109, '\xb1', '�', false),
	(1, 110, '\xb2', '�', false),
	(1, 111, '\xb3', '�', false),
	(1, 112, '\xb4', '�', false),
	(1, 113, '\xb5', '�', false),
	(1, 114, '\xb6', '�', false),
	(1, 115, '\xb7', '�', false),
	(1, 116, '\xb8', '�', false),
	(1, 117, '\xb9', '�', false),
	(1, 118, '\xba', '�', false),
	(1, 119, '\xbb', '�', false),
	(1, 120, '\xbc', '�', false),
	(1, 121, '\xbd', '�', false),
	(1, 122, '\xbe', '�', false),
	(1, 123, '\xbf', '�', false),
	(1, 124, '\xc0', '�', false),
	(1, 125, '\xc1', '�', false),
	(1, 126, '\xc2', '�', false),
	(1, 127, '\xc3', '�', false),
	(1, 128, '\xc4', '�', false),
	(1, 129, '\xc5', '�', false),
	(1, 130, '\xc6', '�', false),
	(1, 131, '\xc7', '�', false),
	(1, 132, '\xc8', '�', false),
	(1, 133, '\xc9', '�', false),
	(1, 134, '\xca', '�', false),
	(1, 135, '\xcb', '�', false),
	(1, 136, '\xcc', '�', false),
	(1, 137, '\xcd', '�', false),
	(1, 138, '\xce', '�', false),
	(1, 139, '\xcf', '�', false),
	(1, 140, '\xd0', '�', false),
	(1, 141, '\xd1', '�', false),
	(1, 142, '\xd2', '�', false),
	(1, 143, '\xd3', '�', false),
	(1, 144, '\xd4', '�', false),
	(1, 145, '\xd5', '�', false),
	(1, 146, '\xd6', '�', false),
	(1, 147, '\xd7', '�', false),
	(1, 148, '\xd8', '�', false),
	(1, 149, '\xd9', '�', false),
	(1, 150, '\xda', '�', false),
	(1, 151, '\xdb', '�', false),
	(1, 152, '\xdc', '�', false),
	(1, 153, '\xdd', '�', false),
	(1, 154, '\xde', '�', false),
	(1, 155, '\xdf', '�', false),
	(1, 156, '\xe0', '�', false),
	(1, 157, '\xe1', '�', false),
	(1, 158, '\xe2', '�', false),
	(1, 159, '\xe3', '�', false),
	(1, 160, '\xe4', '�', false),
	(1, 161, '\xe5', '�', false),
	(1, 162, '\xe6', '�', false),
	(1, 163, '\xe7', '�', false),
	(1, 164, '\xe8', '�', false),
	(1, 165, '\xe9', '�', false),
	(1, 166, '\xea', '�', false),
	(1, 167, '\xeb', '�', false),
	(1, 168, '\xec', '�', false),
	(1, 169, '\xed', '�', false),
	(1, 170, '\xee', '�', false),
	(1, 171, '\xef', '�', false),
	(1, 172, '\xf0', '�', false),
	(1, 173, '\xf1', '�', false),
	(1, 174, '\xf2', '�', false),
	(1, 175, '\xf3', '�', false),
	(1, 176, '\xf4', '�', false),
	(1, 177, '\xf5', '�', false),
	(1, 178, '\xf6', '�', false),
	(1, 179, '\xf7', '�', false),
	(1, 180, '\xf8', '�', false),
	(1, 181, '\xf9', '�', false),
	(1, 182, '\xfa', '�', false),
	(1, 183, '\xfb', '�', false),
	(1, 184, '\xfc', '�', false),
	(1, 185, '\xfd', '�', false),
	(1, 186, '\xfe', '�', false),
	(1, 187, '\xff', '�', false),
	(1, 188, '\x00', '�', false),
	(1, 189, '\x01', '', false),
	(1, 190, '\x02', '', false),
	(1, 191, '\x03', '', false),
	(1, 192, '\x04', '', false),
	(1, 193, '\x05', '', false),
	(1, 194, '\x06', '', false),
	(1, 195, '\x07', '', false),
	(1, 196, '\x08', '', false),
	(1, 197, '\x09', '	', false),
	(1, 198, '\x0a', '
', false),
	(1, 199, '\x0b', '
', false),
	(1, 200, '\x0c', '
', false),
	(1, 201, '\x0d', '
', false),
	(1, 202, '\x0e', '', false),
	(1, 203, '\x0f', '', false),
	(1, 204, '\x10', '', false),
	(1, 205, '\x11', '', false),
	(1, 206, '\x12', '', false),
	(1, 207, '\x13', '', false),
	(1, 208, '\x14', '', false),
	(1, 209, '\x15', '', false),
	(1, 210, '\x16', '', false),
	(1, 211, '\x17', '', false),
	(1, 212, '\x18', '', false),
	(1, 213, '\x19', '', false),
	(1, 214, '\x1a', '', false),
	(1, 215, '\x1b', '', false),
	(1, 216, '\x1c', '
', false),
	(1, 217, '\x1d', '
', false),
	(1, 218, '\x1e', '
', false),
	(1, 219, '\x1f', '', false),
	(1, 220, '\x20', ' ', false),
	(1, 221, '\x7f', '', false),
	(1, 222, '\x80', '�', false),
	(1, 223, '\x81', '�', false),
	(1, 224, '\x82', '�', false),
	(1, 225, '\x83', '�', false),
	(1, 226, '\x84', '�', false),
	(1, 227, '\x85', '�', false),
	(1, 228, '\x86', '�', false),
	(1, 229, '\x87', '�', false),
	(1, 230, '\x88', '�', false),
	(1, 231, '\x89', '�', false),
	(1, 232, '\x8a', '�', false),
	(1, 233, '\x8b', '�', false),
	(1, 234, '\x8c', '�', false),
	(1, 235, '\x8d', '�', false),
	(1, 236, '\x8e', '�', false),
	(1, 237, '\x8f', '�', false),
	(1, 238, '\x90', '�', false),
	(1, 239, '\x91', '�', false),
	(1, 240, '\x92', '�', false),
	(1, 241, '\x93', '�', false),
	(1, 242, '\x94', '�', false),
	(1, 243, '\x95', '�', false),
	(1, 244, '\x96', '�', false),
	(1, 245, '\x97', '�', false),
	(1, 246, '\x98', '�', false),
	(1, 247, '\x99', '�', false),
	(1, 248, '\x9a', '�', false),
	(1, 249, '\x9b', '�', false),
	(1, 250, '\x9c', '�', false),
	(1, 251, '\x9d', '�', false),
	(1, 252, '\x9e', '�', false),
	(1, 253, '\x9f', '�', false),
	(1, 254, '\xa0', '�', false),
	(1, 255, '\xad', '�', false),
	(1, 256, '\x7468', 'th', false),
	(1, 257, '\x746865', 'the', false),
	(1, 258, '\x20746865', ' the', false),
	(1, 259, '\x2063', ' c', false),
	(1, 260, '\x6174', 'at', false),
	(1, 261, '\x3c7c656e646f66746578747c3e', '<|endoftext|>', true);

SELECT pg_catalog.setval('lm.generation_generation_id_seq', 2, true);

SELECT pg_catalog.setval('lm.intervention_intervention_id_seq', 3, true);

SELECT pg_catalog.setval('lm.model_model_id_seq', 1, true);

SELECT pg_catalog.setval('lm.patching_sweep_sweep_id_seq', 1, false);

SELECT pg_catalog.setval('lm.run_run_id_seq', 3, true);

ALTER TABLE ONLY lm.activation
    ADD CONSTRAINT activation_pkey PRIMARY KEY (run_id, site, layer, head, "position");

ALTER TABLE ONLY lm.attention_adjustment
    ADD CONSTRAINT attention_adjustment_pkey PRIMARY KEY (run_id, layer, "position");

ALTER TABLE ONLY lm.attention_cache
    ADD CONSTRAINT attention_cache_pkey PRIMARY KEY (generation_id, layer, sequence, "position");

ALTER TABLE ONLY lm.generation
    ADD CONSTRAINT generation_pkey PRIMARY KEY (generation_id);

ALTER TABLE ONLY lm.intervention
    ADD CONSTRAINT intervention_pkey PRIMARY KEY (set_name, intervention_id);

ALTER TABLE ONLY lm.layer_norm
    ADD CONSTRAINT layer_norm_pkey PRIMARY KEY (model_id, layer, site);

ALTER TABLE ONLY lm.linear_1
    ADD CONSTRAINT linear_1_pkey PRIMARY KEY (layer, map, block, unit);

ALTER TABLE ONLY lm.logit
    ADD CONSTRAINT logit_pkey PRIMARY KEY (run_id, "position", token_id);

ALTER TABLE ONLY lm.merge
    ADD CONSTRAINT merge_pkey PRIMARY KEY (model_id, rank);

ALTER TABLE ONLY lm.model
    ADD CONSTRAINT model_name_key UNIQUE (name);

ALTER TABLE ONLY lm.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (model_id);

ALTER TABLE ONLY lm.patching_effect
    ADD CONSTRAINT patching_effect_pkey PRIMARY KEY (sweep_id, layer, head, "position");

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_pkey PRIMARY KEY (sweep_id);

ALTER TABLE ONLY lm.position_embedding
    ADD CONSTRAINT position_embedding_pkey PRIMARY KEY (model_id, "position");

ALTER TABLE ONLY lm.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY lm.run_token
    ADD CONSTRAINT run_token_pkey PRIMARY KEY (run_id, "position");

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_position_name_key UNIQUE NULLS NOT DISTINCT (run_id, "position", name);

ALTER TABLE ONLY lm.token_embedding_1
    ADD CONSTRAINT token_embedding_1_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY lm.vocabulary
    ADD CONSTRAINT vocabulary_pkey PRIMARY KEY (model_id, token_id);

CREATE UNIQUE INDEX merge_pair ON lm.merge USING btree (model_id, left_bytes, right_bytes) INCLUDE (rank, next_rank);

CREATE UNIQUE INDEX model_one_default ON lm.model USING btree (is_default) WHERE is_default;

CREATE INDEX nearest_resid_post_1_width_8 ON lm.activation USING hnsw (((value)::public.vector(8)) public.vector_cosine_ops) WITH (m='32', ef_construction='200') WHERE ((site = 'resid_post'::lm.site) AND (layer = 1) AND (head = '-1'::integer) AND (public.vector_dims(value) = 8));

CREATE INDEX run_model ON lm.run USING btree (model_id);

CREATE INDEX run_prompt ON lm.run USING hash (prompt);

CREATE INDEX tag_value ON lm.tag USING btree (name, value);

CREATE UNIQUE INDEX vocabulary_bytes ON lm.vocabulary USING btree (model_id, bytes, special) INCLUDE (token_id);

CREATE INDEX vocabulary_special ON lm.vocabulary USING btree (model_id) WHERE special;

CREATE CONSTRAINT TRIGGER forget_generation AFTER INSERT ON lm.generation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((NOT new.keep)) EXECUTE FUNCTION lm.forget_generation();

ALTER TABLE ONLY lm.activation
    ADD CONSTRAINT activation_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.attention_adjustment
    ADD CONSTRAINT attention_adjustment_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.attention_cache
    ADD CONSTRAINT attention_cache_generation_id_fkey FOREIGN KEY (generation_id) REFERENCES lm.generation(generation_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.intervention
    ADD CONSTRAINT intervention_from_run_fkey FOREIGN KEY (from_run) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.layer_norm
    ADD CONSTRAINT layer_norm_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.logit
    ADD CONSTRAINT logit_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.merge
    ADD CONSTRAINT merge_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_effect
    ADD CONSTRAINT patching_effect_sweep_id_fkey FOREIGN KEY (sweep_id) REFERENCES lm.patching_sweep(sweep_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_clean_run_fkey FOREIGN KEY (clean_run) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_corrupt_run_fkey FOREIGN KEY (corrupt_run) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.position_embedding
    ADD CONSTRAINT position_embedding_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.run
    ADD CONSTRAINT run_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.run_token
    ADD CONSTRAINT run_token_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_position_fkey FOREIGN KEY (run_id, "position") REFERENCES lm.run_token(run_id, "position") ON DELETE CASCADE;

ALTER TABLE ONLY lm.vocabulary
    ADD CONSTRAINT vocabulary_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

COMMENT ON FUNCTION lm.forget_generation IS 'At commit, deletes a generation that is not to be kept and its cache with it; an error has undone both before.';

COMMENT ON TRIGGER forget_generation ON lm.generation IS 'Leaves no cache behind, however a generation ends: finished, closed half way, or failed.';
