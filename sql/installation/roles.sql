-- Last, for it is given on what is there by now: what the roles psqlm_reader and psqlm_runner may do
-- here. Without them psqlm is its owner's alone.

DO $$
DECLARE
    doubt text := lm.grant_to_roles();
BEGIN
    IF doubt IS NOT NULL THEN
        RAISE WARNING '%, so psqlm_reader and psqlm_runner have no rights in the database %: others may not use psqlm until a superuser calls lm.grant_to_roles()', doubt, current_database();
    END IF;
END
$$;
