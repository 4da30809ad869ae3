-- Installs psqlm in a database, or brings it up to date: psql -f sql/install.sql. It needs
-- PostgreSQL 16 or later with pgvector and a role that may create schemas, and is all or nothing.
-- psqlm, the command, runs this file too (psqlm/database/script.py reads the few commands of psql
-- that are used here).

\set ON_ERROR_STOP on
\set SHOW_CONTEXT never
\set QUIET on

-- A name added to an enum may be used once it is committed; by itself it changes nothing.
BEGIN;
\ir installation/begin.sql
SELECT
    current_setting('psqlm.found') <> '' AS is_there
\gset
\if :is_there
\ir migrations/sites.sql
\endif
COMMIT;

BEGIN;
\ir installation/begin.sql
\ir installation/prepare.sql
SELECT
    current_setting('psqlm.found') <> '' AS is_there,
    NULLIF(current_setting('psqlm.found'), '')::int < 1 AS before_1,
    NULLIF(current_setting('psqlm.found'), '')::int < 2 AS before_2,
    NULLIF(current_setting('psqlm.found'), '')::int < 3 AS before_3,
    NULLIF(current_setting('psqlm.found'), '')::int < 4 AS before_4,
    COALESCE(current_setting('psqlm.found_digest') = current_setting('psqlm.digest', true), false)
        AS is_current
\gset
\if :is_current
\else
\ir installation/catalog.sql
\if :is_there
\ir installation/rehearse.sql
\ir tables.sql
\ir code.sql
\ir installation/rehearsed.sql
\if :before_1
\ir migrations/0000_objects.sql
\endif
\if :before_2
\ir migrations/0002_internal.sql
\endif
\ir installation/lock.sql
\if :before_3
\ir migrations/0003_stored.sql
\endif
\ir installation/make_room.sql
\ir installation/path.sql
\if :before_1
\ir migrations/0001_families.sql
\endif
\if :before_2
\ir migrations/0002_rights.sql
\endif
\if :before_3
\ir migrations/0003_float16.sql
\endif
\if :before_4
\ir migrations/0004_processes.sql
\endif
\ir installation/compare_tables.sql
\else
\ir tables.sql
\endif
\ir code.sql
\ir installation/finish.sql
\endif
COMMIT;
