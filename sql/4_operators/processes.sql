-- Processes to share work among, and what is to be weighed before it is shared.

-- The planner gives the branches of a UNION ALL to parallel workers, each branch to one of them.
CREATE OR REPLACE VIEW lm_internal.process WITH (security_invoker = true) AS
SELECT p.number
FROM (
    SELECT 1 AS number
    UNION ALL
    SELECT 2
    UNION ALL
    SELECT 3
    UNION ALL
    SELECT 4
    UNION ALL
    SELECT 5
    UNION ALL
    SELECT 6
    UNION ALL
    SELECT 7
    UNION ALL
    SELECT 8
    UNION ALL
    SELECT 9
    UNION ALL
    SELECT 10
    UNION ALL
    SELECT 11
    UNION ALL
    SELECT 12
    UNION ALL
    SELECT 13
    UNION ALL
    SELECT 14
    UNION ALL
    SELECT 15
    UNION ALL
    SELECT 16
    UNION ALL
    SELECT w.number FROM lm_internal.any_worker AS w
) AS p;

COMMENT ON VIEW lm_internal.process IS
'The processes that work may be shared among, sixteen at most: a function that is called for each row is called by as many workers as there are, and by this process. It has to be costly and parallel safe, and the settings of its caller have to make a worker cheap: parallel_setup_cost, parallel_tuple_cost and min_parallel_table_scan_size 0. Where no worker is free, this process does it all.';
COMMENT ON COLUMN lm_internal.process.number IS 'Its number, from 1.';

CREATE OR REPLACE FUNCTION lm_internal.n_processes()
RETURNS int
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN greatest(least(current_setting('max_parallel_workers_per_gather')::int, 16), 1);

COMMENT ON FUNCTION lm_internal.n_processes IS
'How many processes work is shared among: max_parallel_workers_per_gather, this one included.';

CREATE OR REPLACE FUNCTION lm_internal.has_huge_pages()
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN COALESCE(current_setting('huge_pages_status', true) = 'on', false);

COMMENT ON FUNCTION lm_internal.has_huge_pages IS
'Whether the server''s shared memory lies in huge pages (PostgreSQL 17 and later say so). Where it does not, a worker that starts takes a page fault for each 64 kB of weights that it reads.';

CREATE OR REPLACE AGGREGATE lm_internal.joined(anycompatiblearray) (
    SFUNC = array_cat,
    STYPE = anycompatiblearray,
    PARALLEL = safe
);

COMMENT ON AGGREGATE lm_internal.joined(anycompatiblearray) IS
'The arrays joined end to end, in the order given: what each process has made of its part.';
