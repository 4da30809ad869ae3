-- Who may do what, and who sees what: the policies of sql/1_tables/policies.sql say the rest.

CREATE OR REPLACE FUNCTION lm_internal.require_right(
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

COMMENT ON FUNCTION lm_internal.require_right IS
'True where the caller may do what is asked: needed is runner or owner, doing says what it is for. Errors: the caller may not, and who gives that right.';

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
    PERFORM lm_internal.require_right('owner', 'decide who sees runs');
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
                'stored_adjustment',
                'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = stored_adjustment.run_id)'
            ),
            (
                'stored_activation',
                'EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = stored_activation.run_id)'
            ),
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
