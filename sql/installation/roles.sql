-- Last, for rights are given on what is there by now: what the roles psqlm_reader and psqlm_runner
-- may do here. Without them psqlm is its owner's alone.

DO $$
DECLARE
    doubt text := lm.grant_to_roles();
BEGIN
    IF doubt IS NOT NULL THEN
        RAISE WARNING 'the database % is its owner''s alone, for %', current_database(), doubt;
    END IF;
END
$$;
