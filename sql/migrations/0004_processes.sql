-- Work is shared among as many processes as the server grants.

CREATE TABLE lm_internal.any_worker (number int) WITH (
    parallel_workers = 16, autovacuum_enabled = false
);
