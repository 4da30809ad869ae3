-- What is installed here, so that connecting need not install it again.

CREATE TABLE IF NOT EXISTS lm.installation (
    digest text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE lm.installation IS 'The version of psqlm''s SQL in this database, one row.';
COMMENT ON COLUMN lm.installation.digest IS 'Hash of the SQL files that were run, hexadecimal.';
COMMENT ON COLUMN lm.installation.installed_at IS 'When they were run.';
