-- Who may do what: the roles psqlm_reader and psqlm_runner, and what is said to whom a right lacks.

CREATE OR REPLACE FUNCTION lm.require_right(
    needed text,
    doing text
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner oid := (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'lm');
    may boolean := CASE needed
        WHEN 'runner' THEN has_table_privilege('lm.run', 'INSERT')
        ELSE pg_has_role(owner, 'USAGE')
    END;
BEGIN
    IF may THEN
        RETURN true;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('the role %s may not %s', current_user, doing),
        HINT = CASE needed
            WHEN 'runner'
                THEN format(
                    '%s gives that right: psqlm grant %I runner, or GRANT psqlm_runner TO %2$I',
                    owner::regrole, current_user
                )
            ELSE format('that is for %s, who owns the schema lm', owner::regrole)
        END;
END
$$;

COMMENT ON FUNCTION lm.require_right IS
'True where the caller may do what is asked: needed is runner or owner, doing says what it is for. Errors: the caller may not, and who gives that right.';

CREATE OR REPLACE FUNCTION lm.doubt_of_role(
    role name
)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH
    -- whoever is trusted with the schema lm anyway: see sql/installation/trust.sql
    trusted AS (
        SELECT r.oid AS role
        FROM pg_roles AS r
        WHERE r.rolsuper
            OR r.rolname = current_user
            OR r.oid = (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database())
            OR r.oid = (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'lm')
    ),

    doubt AS (
        SELECT
            1 AS rank,
            format(
                'there is no role %s: let a superuser call lm.grant_to_roles()', doubt_of_role.role
            ) AS doubt
        WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = doubt_of_role.role)

        UNION ALL

        SELECT
            2,
            format(
                'the role %s may do more than psqlm gave it: ALTER ROLE %1$s RENAME TO …',
                r.rolname
            )
        FROM pg_roles AS r
        WHERE r.rolname = doubt_of_role.role
            AND (
                r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
                OR r.rolreplication OR r.rolbypassrls
                OR EXISTS (
                    SELECT
                    FROM pg_auth_members AS m
                    WHERE m.member = r.oid
                        AND m.roleid::regrole::text NOT IN ('psqlm_reader', 'psqlm_runner')
                )
            )

        UNION ALL

        -- it is the cluster's: others may have made it, for a database of theirs or for this one
        SELECT
            3,
            format(
                '%s decides who is in the role %s: REVOKE %2$s FROM %1$s CASCADE',
                p.role::regrole, doubt_of_role.role
            )
        FROM pg_roles AS r
        INNER JOIN pg_auth_members AS m ON m.roleid = r.oid
        CROSS JOIN LATERAL (
            VALUES (m.grantor), (CASE WHEN m.admin_option THEN m.member END)
        ) AS p (role)
        WHERE r.rolname = doubt_of_role.role
            AND p.role NOT IN (SELECT t.role FROM trusted AS t)

        UNION ALL

        SELECT
            4,
            format(
                '%I may not decide who is in the role %s: let a superuser'
                ' GRANT %2$s TO %1$I WITH ADMIN OPTION',
                current_user, doubt_of_role.role
            )
        WHERE NOT COALESCE(
            (
                SELECT pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')
                FROM pg_roles AS r
                WHERE r.rolname = doubt_of_role.role
            ),
            true
        )
    )

    SELECT d.doubt
    FROM doubt AS d
    ORDER BY
        d.rank,
        d.doubt
    LIMIT 1;
END;

COMMENT ON FUNCTION lm.doubt_of_role IS
'Why a role is given no rights here: it is not there, it may do more than it should, or others decide who is in it. NULL: it may be given rights.';

CREATE OR REPLACE FUNCTION lm.grant_to_roles()
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    creates boolean := (
        SELECT r.rolsuper OR r.rolcreaterole FROM pg_roles AS r WHERE r.rolname = current_user
    );
    role name;
    doubt text;
    statement text;
BEGIN
    PERFORM lm.require_right('owner', 'give rights to roles');
    FOREACH role IN ARRAY '{psqlm_reader,psqlm_runner}'::name[]
    LOOP
        IF creates AND to_regrole(role::text) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                -- in another database, meanwhile
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        doubt := COALESCE(doubt, lm.doubt_of_role(role));
    END LOOP;
    IF doubt IS NOT NULL THEN
        RETURN doubt;
    END IF;

    IF NOT pg_has_role('psqlm_runner', 'psqlm_reader', 'MEMBER') THEN
        GRANT psqlm_reader TO psqlm_runner;
    END IF;

    FOR statement IN
        SELECT format('GRANT USAGE ON SCHEMA %I TO psqlm_reader', n.nspname)
        FROM pg_namespace AS n
        WHERE n.nspname IN ('lm', 'lm_internal')

        UNION ALL

        SELECT format('GRANT SELECT ON lm.%s TO psqlm_reader', i.identity)
        FROM lm.installed_object AS i
        WHERE i.kind IN ('table', 'view')

        UNION ALL

        SELECT format('GRANT %s TO psqlm_runner', g.rights)
        FROM (
            VALUES
            ('INSERT, DELETE, UPDATE (duration) ON lm.run'),
            ('USAGE ON SEQUENCE lm.run_run_id_seq'),
            ('SELECT ON SEQUENCE lm.run_run_id_seq'),
            ('INSERT ON lm.run_token, lm.attention_adjustment, lm.activation, lm.logit'),
            ('INSERT (run_id, position, name, value), UPDATE, DELETE ON lm.tag'),
            ('INSERT (set_name), DELETE ON lm.intervention_set'),
            ('INSERT, UPDATE, DELETE ON lm.intervention'),
            (
                'INSERT (clean_run, corrupt_run, site, answer, wrong, clean_difference,'
                ' corrupt_difference), UPDATE (clean_difference, corrupt_difference), DELETE'
                ' ON lm.patching_sweep'
            ),
            ('SELECT ON SEQUENCE lm.patching_sweep_sweep_id_seq'),
            ('INSERT ON lm.patching_effect'),
            ('INSERT (model_id, keep), DELETE ON lm.generation'),
            ('INSERT ON lm.attention_cache')
        ) AS g (rights)
    LOOP
        EXECUTE statement;
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION lm.grant_to_roles IS
'Makes the roles psqlm_reader and psqlm_runner, where the caller may make roles, and gives them their rights here. Returns NULL, or why not: see lm.doubt_of_role. Each installation calls it. Errors: the caller does not own the schema lm.';

CREATE OR REPLACE FUNCTION lm.keep_runs_private(
    private boolean DEFAULT true
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    statement text;
BEGIN
    PERFORM lm.require_right('owner', 'decide who sees runs');
    FOR statement IN
        SELECT
            format(
                'ALTER POLICY reading ON lm.%s USING (%s)',
                p.name, CASE WHEN COALESCE(private, true) THEN p.condition ELSE 'true' END
            )
        FROM (
            VALUES
            ('run', 'owner = current_user'),
            ('patching_sweep', 'owner = current_user'),
            ('generation', 'owner = current_user'),
            ('run_token', 'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = run_token.run_id)'),
            (
                'attention_adjustment',
                'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = attention_adjustment.run_id)'
            ),
            ('activation', 'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = activation.run_id)'),
            ('logit', 'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = logit.run_id)'),
            ('tag', 'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = tag.run_id)'),
            (
                'patching_effect',
                'EXISTS (SELECT FROM lm.patching_sweep AS s'
                ' WHERE s.sweep_id = patching_effect.sweep_id)'
            ),
            (
                'attention_cache',
                'EXISTS (SELECT FROM lm.generation AS g'
                ' WHERE g.generation_id = attention_cache.generation_id)'
            )
        ) AS p (name, condition)
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

COMMENT ON FUNCTION lm.keep_runs_private IS
'Lets each role see its own runs alone, with all that belongs to them, or (false) all see all, as it is at first. The owner of the schema and superusers see all. Errors: the caller does not own the schema lm.';

CREATE OR REPLACE FUNCTION lm.runs_are_private()
RETURNS boolean
LANGUAGE sql
STABLE
RETURN EXISTS (
    SELECT
    FROM pg_policy AS p
    WHERE p.polrelid = 'lm.run'::regclass
        AND p.polname = 'reading'
        AND pg_get_expr(p.polqual, p.polrelid) <> 'true'
);

COMMENT ON FUNCTION lm.runs_are_private IS
'Whether roles see their own runs alone: lm.keep_runs_private decides.';
