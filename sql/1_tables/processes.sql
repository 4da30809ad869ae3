-- A table for the planner.

CREATE TABLE lm_internal.any_worker (number int) WITH (
    parallel_workers = 16, autovacuum_enabled = false
);

COMMENT ON TABLE lm_internal.any_worker IS
'Holds nothing. The planner gives a UNION ALL few workers by itself, and as many as this table asks for where it is part of it (up to max_parallel_workers_per_gather): see lm_internal.process.';
COMMENT ON COLUMN lm_internal.any_worker.number IS 'Never filled.';
