-- What psqlm made here, and of which version it is.

CREATE TABLE lm.installation (
    digest text,
    installed_at timestamptz NOT NULL DEFAULT now(),
    version int NOT NULL
);

COMMENT ON TABLE lm.installation IS 'The version of psqlm''s SQL in this database, one row.';
COMMENT ON COLUMN lm.installation.digest IS
'Hash of the SQL files that were run, hexadecimal; NULL where psql ran them.';
COMMENT ON COLUMN lm.installation.installed_at IS 'When they were run.';
COMMENT ON COLUMN lm.installation.version IS
'Version of the tables and the code: a psqlm of an older one leaves this database alone.';

CREATE TABLE lm.installed_object (
    kind text NOT NULL CHECK (kind IN ('table', 'view', 'routine', 'type', 'enum')),
    identity text NOT NULL,
    PRIMARY KEY (kind, identity)
);

COMMENT ON TABLE lm.installed_object IS
'What psqlm made in the schema lm. Everything else there is a user''s, and is never replaced or dropped.';
COMMENT ON COLUMN lm.installed_object.kind IS 'table, view, routine, type (of rows) or enum.';
COMMENT ON COLUMN lm.installed_object.identity IS 'Its name; of a routine the types of its arguments as well.';
