-- How each transaction of the installation begins: names that mean what they say, checks, and what
-- is there already.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

-- the newest version of the tables and the code; a release that changes either raises it
SET LOCAL psqlm.version = 4;

\ir requirements.sql
\ir trust.sql
\ir version.sql
