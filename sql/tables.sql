-- What holds data: made once; sql/migrations/ brings what exists up to date.

\ir installation/path.sql
\ir 1_tables/schema.sql
\ir 1_tables/models.sql
\ir 1_tables/weights.sql
\ir 1_tables/runs.sql
\ir 1_tables/interventions.sql
\ir 1_tables/generation.sql
\ir 1_tables/verification.sql
\ir 1_tables/processes.sql
\ir 1_tables/installation.sql
\ir 1_tables/policies.sql
