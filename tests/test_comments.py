"""The catalog is the manual: every object of the schema says what it is."""

import psycopg
import pytest

WITHOUT_COMMENT = {
    "schema": """
        SELECT n.nspname
        FROM pg_namespace AS n
        WHERE n.nspname IN ('lm', 'lm_internal') AND obj_description(n.oid, 'pg_namespace') IS NULL
    """,
    # the partitions are copies for a model each
    "tables and views": """
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND NOT c.relispartition
            AND obj_description(c.oid, 'pg_class') IS NULL
    """,
    "columns": """
        SELECT format('%s.%s', c.oid::regclass, a.attname)
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
            AND NOT c.relispartition
            AND col_description(c.oid, a.attnum) IS NULL
    """,
    "functions, aggregates and procedures": """
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        WHERE p.pronamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND obj_description(p.oid, 'pg_proc') IS NULL
    """,
    # not the row types of tables, nor the arrays that come with each type
    "types": """
        SELECT t.oid::regtype
        FROM pg_type AS t
        LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        WHERE t.typnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND t.typcategory <> 'A'
            AND COALESCE(c.relkind = 'c', true)
            AND obj_description(t.oid, 'pg_type') IS NULL
    """,
    "operators": """
        SELECT o.oid::regoperator
        FROM pg_operator AS o
        WHERE o.oprnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND obj_description(o.oid, 'pg_operator') IS NULL
    """,
    "triggers": """
        SELECT t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
            AND NOT t.tgisinternal
            AND obj_description(t.oid, 'pg_trigger') IS NULL
    """,
}


@pytest.mark.parametrize("query", WITHOUT_COMMENT.values(), ids=WITHOUT_COMMENT)
def test_every_object_has_a_comment(connection: psycopg.Connection, query: str) -> None:
    assert connection.execute(query.encode()).fetchall() == []


def test_comments_are_noun_phrases_that_end(connection: psycopg.Connection) -> None:
    """One line each; a full stop at the end."""
    odd = connection.execute(
        r"""
        SELECT d.description
        FROM pg_description AS d
        LEFT JOIN pg_class AS c ON d.classoid = 'pg_class'::regclass AND c.oid = d.objoid
        LEFT JOIN pg_proc AS p ON d.classoid = 'pg_proc'::regclass AND p.oid = d.objoid
        WHERE COALESCE(c.relnamespace, p.pronamespace) = ANY ('{lm,lm_internal}'::regnamespace[])
            AND (d.description ~ '\n' OR d.description !~ '\.$')
        """
    ).fetchall()
    assert odd == []


def test_the_check_would_notice(connection: psycopg.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE lm.silent (a int);
        CREATE FUNCTION lm.silent() RETURNS int LANGUAGE sql RETURN 1;
        CREATE TYPE lm.silent_type AS ENUM ('a');
        """
    )
    found = {
        what: [str(name) for (name,) in connection.execute(query.encode()) if "silent" in str(name)]
        for what, query in WITHOUT_COMMENT.items()
    }
    assert {what: len(names) for what, names in found.items() if names} == {
        "tables and views": 1,
        "columns": 1,
        "functions, aggregates and procedures": 1,
        "types": 1,
    }
