-- The rehearsal is over: it steps aside, and what is in use has its name again.

SET LOCAL search_path = pg_catalog, pg_temp;

ALTER SCHEMA lm RENAME TO lm_rehearsal;
ALTER SCHEMA lm_internal RENAME TO lm_internal_rehearsal;
ALTER SCHEMA lm_in_use RENAME TO lm;
ALTER SCHEMA lm_internal_in_use RENAME TO lm_internal;
