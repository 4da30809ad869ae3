-- What a second process would find, to be weighed before work is cut in two.

CREATE OR REPLACE FUNCTION lm_internal.has_second_process()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
-- the planner counts on a process beside its own from two on
RETURN current_setting('max_parallel_workers_per_gather')::int >= 2;

COMMENT ON FUNCTION lm_internal.has_second_process IS
'Whether the planner may give half of a query to a parallel worker.';

CREATE OR REPLACE FUNCTION lm_internal.has_huge_pages()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN COALESCE(current_setting('huge_pages_status', true) = 'on', false);

COMMENT ON FUNCTION lm_internal.has_huge_pages IS
'Whether the server''s shared memory lies in huge pages (PostgreSQL 17 and later say so). Where it does not, a worker that starts takes a page fault for each 64 kB of weights that it reads.';
