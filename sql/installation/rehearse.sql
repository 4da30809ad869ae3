-- A rehearsal: this version is made in full, tables and code, in schemas lm and lm_internal of its
-- own, where it locks nobody out. What is in use waits aside meanwhile. make_room.sql compares the
-- two, so that only what really differs is dropped; finish.sql drops the rehearsal.

ALTER SCHEMA lm RENAME TO lm_in_use;
ALTER SCHEMA lm_internal RENAME TO lm_internal_in_use;
CREATE SCHEMA lm;
CREATE SCHEMA lm_internal;
