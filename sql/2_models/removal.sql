-- How models and runs go, with all that belongs to them.

CREATE OR REPLACE FUNCTION lm_internal.require_unused(
    run_ids bigint[]
)
RETURNS boolean
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        CASE
            WHEN count(*) = 0 THEN true
            ELSE lm_internal.fail(
                true,
                format(
                    'run %s is needed by the interventions "%s"',
                    min(i.from_run), min(i.set_name)
                )
                || CASE
                    WHEN count(*) > 1
                        THEN format(
                            ' (in all %s runs, by %s)',
                            count(DISTINCT i.from_run),
                            string_agg(DISTINCT format('"%s"', i.set_name), ', ')
                        )
                    ELSE ''
                END,
                format('SELECT lm.replace_interventions(%L) removes that set', min(i.set_name))
            )
        END
    FROM lm.intervention AS i
    WHERE i.from_run = ANY (require_unused.run_ids);
END;

COMMENT ON FUNCTION lm_internal.require_unused IS
'True where no set of interventions takes vectors from these runs. Errors: one does, which is named.';

CREATE OR REPLACE FUNCTION lm.drop_runs(
    run_ids bigint[]
)
RETURNS bigint
LANGUAGE sql
VOLATILE
SET lock_timeout = '5s'
BEGIN ATOMIC
    SELECT lm_internal.require_right('runner', 'drop runs');

    SELECT
        lm_internal.fail(
            true,
            'no such run: ' || string_agg(COALESCE(d.run_id::text, 'NULL'), ', '),
            'SELECT run_id FROM lm.run lists all runs'
        )
    FROM unnest(drop_runs.run_ids) AS d (run_id)
    WHERE NOT EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = d.run_id)
    HAVING count(*) > 0;

    SELECT
        lm_internal.fail(
            true,
            format('run %s belongs to %s', r.run_id, r.owner),
            format('SELECT run_id FROM lm.run WHERE owner = %L lists your own', current_user)
        )
    FROM lm.run AS r
    WHERE r.run_id = ANY (drop_runs.run_ids)
        AND r.owner <> current_user
        AND row_security_active('lm.run'::regclass)
    ORDER BY r.run_id
    LIMIT 1;

    SELECT lm_internal.require_unused(drop_runs.run_ids);

    WITH
    dropped AS (
        DELETE FROM lm.run AS r
        WHERE r.run_id = ANY (drop_runs.run_ids)
        RETURNING 1
    )

    SELECT count(*)
    FROM dropped;
END;

COMMENT ON FUNCTION lm.drop_runs IS
'Removes runs with all that belongs to them: tokens, captured rows, tags, sweeps. Returns how many. Errors: no such run; a run of another role''s; a run that a set of interventions needs.';

CREATE OR REPLACE FUNCTION lm.drop_leftovers()
RETURNS int
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gives_up_at timestamptz := clock_timestamp() + '2 s'::interval;
    parents text;
    leftovers text;
    n int;
BEGIN
    LOOP
        SELECT
            string_agg(DISTINCT format('ONLY %s', i.inhparent::regclass), ', '),
            string_agg(c.oid::regclass::text, ', '),
            count(*)
        INTO parents, leftovers, n
        FROM pg_class AS c
        INNER JOIN pg_inherits AS i ON i.inhrelid = c.oid
        CROSS JOIN LATERAL (
            SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FOR VALUES IN \((\d+)\)')::int
        ) AS bound (model_id)
        WHERE i.inhparent IN (
            'lm.token_embedding'::regclass, 'lm.unembedding'::regclass, 'lm.linear'::regclass
        )
            AND bound.model_id NOT IN (SELECT m.model_id FROM lm.model AS m)
            AND pg_has_role(c.relowner, 'USAGE');
        IF n = 0 THEN
            RETURN 0;
        END IF;
        BEGIN
            -- a lock that is waited for would make every reader of any model wait behind it
            EXECUTE format('LOCK TABLE %s, %s IN ACCESS EXCLUSIVE MODE NOWAIT', parents, leftovers);
            EXECUTE format('DROP TABLE %s', leftovers);
            RETURN n;
        EXCEPTION
            WHEN lock_not_available OR object_in_use OR undefined_table THEN
                IF clock_timestamp() > gives_up_at THEN
                    RAISE NOTICE 'weights are being read, and a dropped model''s stay on disk: they go with the next load or drop, or with SELECT lm.drop_leftovers()';
                    RETURN 0;
                END IF;
        END;
        PERFORM pg_sleep(0.02);
    END LOOP;
END
$$;

COMMENT ON FUNCTION lm.drop_leftovers IS
'Drops the tables of weights that deleted models left behind, if nobody reads weights for a moment within two seconds. Returns how many. Each load and drop calls it.';

CREATE OR REPLACE FUNCTION lm.drop_model(
    name text
)
RETURNS void
LANGUAGE sql
VOLATILE
SET lock_timeout = '5s'
BEGIN ATOMIC
    SELECT lm_internal.require_right('owner', 'drop models');

    SELECT
        COALESCE(
            lm_internal.lock_model(drop_model.name),
            lm_internal.fail(
                NULL::int,
                format('no model named "%s" is loaded', drop_model.name),
                'SELECT name FROM lm.model lists those that are'
            )
        );

    SELECT
        lm_internal.require_unused(
            ARRAY(
                SELECT r.run_id
                FROM lm.run AS r
                INNER JOIN lm.model AS m ON m.model_id = r.model_id
                WHERE m.name = drop_model.name
            )
        );

    DELETE FROM lm.model AS m
    WHERE m.name = drop_model.name;
END;

COMMENT ON FUNCTION lm.drop_model IS
'Removes a model with all that belongs to it: weights, vocabulary, runs, caches. What runs it at the moment is waited for. Errors: no such model; it stays in use for more than five seconds; a set of interventions takes vectors from its runs.';
