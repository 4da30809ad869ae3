"""Names mean what psqlm means: nobody's objects take the place of those that its code names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from psqlm import database, loader
from psqlm.database import installation
from psqlm.errors import PsqlmError

# What the names are bound to ----------------------------------------------------------------------

# Each function of ours: bound to objects when it was defined, or pinned to PostgreSQL's own names.
LOOSE = """
    SELECT p.oid::regprocedure::text
    FROM pg_proc AS p
    INNER JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = ANY ('{lm,lm_internal}'::regnamespace[])
        AND p.prokind <> 'a'
        AND NOT (l.lanname = 'sql' AND p.prosqlbody IS NOT NULL)
        AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
"""

# What our code and tables need that is neither PostgreSQL's own, nor ours, nor pgvector's.
STRANGE = """
    WITH
    needed AS (
        SELECT DISTINCT d.refclassid, d.refobjid
        FROM pg_depend AS d
        LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        LEFT JOIN pg_class AS c
            ON c.oid = r.ev_class OR d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE COALESCE(p.pronamespace, c.relnamespace) = ANY ('{lm,lm_internal}'::regnamespace[])
    ),

    identified AS (
        SELECT n.refclassid, n.refobjid, i.schema
        FROM needed AS n
        CROSS JOIN pg_identify_object(n.refclassid, n.refobjid, 0) AS i
    )

    SELECT pg_describe_object(i.refclassid, i.refobjid, 0)
    FROM identified AS i
    WHERE i.refclassid NOT IN ('pg_namespace'::regclass, 'pg_language'::regclass, 'pg_am'::regclass)
        AND COALESCE(i.schema, '') NOT IN ('lm', 'lm_internal', 'pg_catalog')
        AND NOT EXISTS (
            SELECT
            FROM pg_depend AS d
            INNER JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'vector'
            LEFT JOIN pg_type AS t ON t.oid = i.refobjid AND i.refclassid = 'pg_type'::regclass
            WHERE d.deptype = 'e' AND d.classid = i.refclassid
                AND d.objid IN (i.refobjid, t.typelem)
        )
"""


@pytest.mark.parametrize("query", [LOOSE, STRANGE], ids=["loose", "strange"])
def test_the_catalog(connection: psycopg.Connection, query: str) -> None:
    assert connection.execute(query).fetchall() == []


# Whom the schema belongs to -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def mallory(server_dsn: str) -> Iterator[str]:
    """A role that may log in, and is trusted with nothing."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS psqlm_mallory")
        connection.execute("CREATE ROLE psqlm_mallory LOGIN PASSWORD 'mallory'")
        yield "psqlm_mallory"
        connection.execute("DROP OWNED BY psqlm_mallory")


@pytest.fixture
def guarded(
    create_database: Callable[..., str], demo_template: str, mallory: str
) -> Iterator[psycopg.Connection]:
    """A database of its own, and a superuser in it."""
    dsn = create_database("psqlm_guarded", template=demo_template)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
        connection.execute("ALTER DATABASE psqlm_guarded RESET search_path")
        connection.execute("DROP OWNED BY psqlm_mallory CASCADE")


def _as_mallory(connection: psycopg.Connection) -> psycopg.Connection:
    return psycopg.connect(
        make_conninfo(connection.info.dsn, user="psqlm_mallory", password="mallory"),
        autocommit=True,
    )


def _dsn(connection: psycopg.Connection) -> str:
    return make_conninfo(connection.info.dsn, password=connection.info.password)


def test_a_schema_made_beforehand_is_not_trusted(
    create_database: Callable[..., str], mallory: str
) -> None:
    """Not even where it says that today's version is installed."""
    dsn = create_database("psqlm_beforehand")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON DATABASE psqlm_beforehand TO psqlm_mallory")
        with _as_mallory(connection) as theirs:
            theirs.execute("CREATE SCHEMA lm")
            theirs.execute("CREATE TABLE lm.installation (digest text, version int)")
            theirs.execute("INSERT INTO lm.installation VALUES (%s, 1)", (database.digest(),))
            theirs.execute("GRANT USAGE ON SCHEMA lm TO PUBLIC")
            theirs.execute("GRANT SELECT ON lm.installation TO PUBLIC")
        try:
            with pytest.raises(
                PsqlmError,
                match="the role psqlm_mallory owns the schema lm and is not to be trusted",
            ) as caught:
                database.connect(dsn)
            assert "\n" not in str(caught.value)
            # whoever made it may use it
            with _as_mallory(connection) as theirs:
                assert database.install(theirs) is False
        finally:
            connection.execute("DROP OWNED BY psqlm_mallory")


@pytest.mark.parametrize(
    ("grant", "message"),
    [
        (
            "GRANT CREATE ON SCHEMA lm TO psqlm_mallory",
            "the role psqlm_mallory may create in the schema lm .*: "
            "REVOKE CREATE ON SCHEMA lm FROM psqlm_mallory",
        ),
        (
            "GRANT CREATE ON SCHEMA lm_internal TO psqlm_mallory",
            "the role psqlm_mallory may create in the schema lm_internal .*: "
            "REVOKE CREATE ON SCHEMA lm_internal FROM psqlm_mallory",
        ),
        (
            "ALTER SCHEMA lm_internal OWNER TO psqlm_mallory",
            "the role psqlm_mallory owns the schema lm_internal and is not to be trusted with it",
        ),
        (
            "GRANT CREATE ON SCHEMA lm TO PUBLIC",
            "everyone may create in the schema lm .*: REVOKE CREATE ON SCHEMA lm FROM PUBLIC",
        ),
        (
            "CREATE FUNCTION lm.theirs() RETURNS int LANGUAGE sql RETURN 1; "
            "ALTER FUNCTION lm.theirs() OWNER TO psqlm_mallory",
            r"the role psqlm_mallory owns lm\.theirs\(\) .*: give it to the owner",
        ),
        (
            "CREATE TABLE lm.theirs (); ALTER TABLE lm.theirs OWNER TO psqlm_mallory",
            r"the role psqlm_mallory owns lm\.theirs .*: give it to the owner",
        ),
    ],
)
def test_who_may_create_in_the_schema(
    guarded: psycopg.Connection, grant: str, message: str
) -> None:
    guarded.execute(grant)
    with pytest.raises(PsqlmError, match=message):
        database.connect(_dsn(guarded))


# What is in pgvector's schema before psqlm is -----------------------------------------------------


@pytest.mark.parametrize(
    ("make", "part", "message"),
    [
        (
            "CREATE FUNCTION public.theirs(a float8, b bigint) RETURNS float8 RETURN 1;"
            "CREATE OPERATOR public.*"
            " (FUNCTION = public.theirs, LEFTARG = float8, RIGHTARG = bigint)",
            "OPERATOR public.* (float8, bigint)",
            r"operator public\.\*\(double precision,bigint\) would be part of function lm\.",
        ),
        (
            "CREATE FUNCTION public.cardinality(int[]) RETURNS int LANGUAGE sql RETURN 1",
            "FUNCTION public.cardinality(int[])",
            r"function public\.cardinality\(integer\[\]\) would be part of function lm\.",
        ),
    ],
)
@pytest.mark.parametrize("is_part_of_pgvector", [False, True])
def test_names_beside_pgvector_are_not_taken_for_ours(
    create_database: Callable[..., str],
    mallory: str,
    make: str,
    part: str,
    message: str,
    is_part_of_pgvector: bool,
) -> None:
    dsn = create_database("psqlm_beside")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO psqlm_mallory")
        connection.execute("CREATE EXTENSION vector SCHEMA public")
        with _as_mallory(connection) as theirs:
            theirs.execute(make)
        if is_part_of_pgvector:
            # as the owner of a trusted extension may do it
            connection.execute(f"ALTER EXTENSION vector ADD {part}")
        try:
            with pytest.raises(PsqlmError, match=message) as caught:
                database.connect(dsn)
            assert "\n" not in str(caught.value)
            assert connection.execute("SELECT to_regnamespace('lm')").fetchone() == (None,)
        finally:
            connection.execute("DROP EXTENSION vector CASCADE")
            connection.execute("DROP OWNED BY psqlm_mallory CASCADE")


# What is on the path of a caller ------------------------------------------------------------------

SQL_TEXT = "\n".join(path.read_text() for path in installation.SQL.rglob("*.sql"))
FUNCTIONS = sorted(set(re.findall(r"\b([a-z_0-9]+)\(", SQL_TEXT)))
OPERATORS = sorted(set(re.findall(r"(?<=\s)([-+*/<>=~!@#%^&|?]+)(?=\s)", SQL_TEXT)))

# As mallory: every function and operator that the SQL names, and mixes of types that an exact
# operator of theirs would win, each refusing to run.
SHADOWS = """
DO $shadows$
DECLARE
    shadow record;
    schema text := current_setting('shadow.schema');
    functions text[] := current_setting('shadow.functions');
    operators text[] := current_setting('shadow.operators');
    numbers regtype[] := '{int2,int4,int8,float4,float8,numeric}';
BEGIN
    FOR shadow IN
        SELECT
            format(
                'CREATE FUNCTION %1$s.%2$I(%3$s) RETURNS %4$s LANGUAGE plpgsql AS %5$L',
                schema, p.proname,
                pg_get_function_identity_arguments(p.oid),
                CASE WHEN p.prorettype = 'record'::regtype
                    THEN 'SETOF int' ELSE pg_get_function_result(p.oid) END,
                'BEGIN RAISE EXCEPTION ''hijacked by ' || p.proname || '''; END'
            ) AS statement
        FROM pg_proc AS p
        WHERE p.proname = ANY (functions) AND p.pronamespace IN (11, 'public'::regnamespace)
            AND p.prokind IN ('f', 'a', 'w')

        UNION ALL

        SELECT
            format(
                'CREATE FUNCTION %1$s.%2$I(%3$s) RETURNS %4$s LANGUAGE plpgsql AS %5$L',
                schema, f.name, f.arguments, f.result,
                'BEGIN RAISE EXCEPTION ''hijacked by ' || f.name || '''; END'
            )
        FROM (
            VALUES
            ('cardinality', 'int[]', 'int'), ('cardinality', 'real[]', 'int'),
            ('cardinality', 'public.vector[]', 'int'), ('unnest', 'int[]', 'SETOF int'),
            ('array_agg', 'int', 'int[]'), ('format', 'text, text', 'text'),
            ('format', 'text, int', 'text'), ('num_nulls', 'int, int', 'int'),
            ('num_nonnulls', 'int[], int[]', 'int'), ('concat_ws', 'text, text', 'text'),
            ('array_fill', 'float8, int[]', 'float8[]'),
            ('generate_series', 'int, bigint', 'SETOF int')
        ) AS f (name, arguments, result)

        UNION ALL

        SELECT
            format(
                'CREATE FUNCTION %1$s.hijack_%2$s(%3$s, %4$s) RETURNS %5$s'
                ' LANGUAGE plpgsql AS %6$L;'
                'CREATE OPERATOR %1$s.%7$s'
                ' (FUNCTION = %1$s.hijack_%2$s, LEFTARG = %3$s, RIGHTARG = %4$s)',
                schema, row_number() OVER (), o.left_type, o.right_type, o.result,
                'BEGIN RAISE EXCEPTION ''hijacked by an operator''; END', o.name
            )
        FROM (
            SELECT
                o.oprname AS name,
                o.oprleft::regtype AS left_type,
                o.oprright::regtype AS right_type,
                o.oprresult::regtype AS result
            FROM pg_operator AS o
            WHERE o.oprname = ANY (operators) AND o.oprkind = 'b'
                AND o.oprnamespace IN (11, 'public'::regnamespace)

            UNION

            SELECT o.name, l.type, r.type,
                CASE WHEN o.name = ANY ('{+,-,*,/,%,<<}') THEN 'float8' ELSE 'bool' END::regtype
            FROM unnest(operators) AS o (name)
            CROSS JOIN unnest(numbers) AS l (type)
            CROSS JOIN unnest(numbers) AS r (type)
            WHERE o.name NOT IN ('=>', '->')
        ) AS o
    LOOP
        BEGIN
            EXECUTE shadow.statement;
        EXCEPTION
            -- some of C's types are not for other languages
            WHEN OTHERS THEN
                IF SQLSTATE NOT IN ('42P13', '42723', '42883', '42601', '0A000', '42P17') THEN
                    RAISE;
                END IF;
        END;
    END LOOP;
END
$shadows$
"""

# Every function that a user calls, each with what it needs.
CALLS = (
    "lm.tokenize('Once upon a time')",
    "lm.merge_steps('wolf')",
    "lm.next_token('Once upon a', 3)",
    "lm.generate_tokens('Once upon', 3, 0.8, 20, 0.9, 7)",
    "lm.generate('Once upon', 3)",
    "lm.forward('Once upon a time', capture => '{all}')",
    "lm.forward('Once upon a time', interventions => 'half')",
    "lm.forward_many('{Once upon,A wolf was}')",
    "lm.forward_rows('{Once upon,A}', capture => '{all}')",
    "lm.find_runs('{Once upon}')",
    "lm.lag_ols('{1}')",
    "lm.ols(ARRAY(SELECT ROW('g', n.y, ARRAY[n.x])::lm.observation FROM lm.numbers AS n))",
    "lm.logit_lens(1, 2)",
    "lm.lens_trajectory(1, ' the', 2)",
    "lm.logit_attribution(1, ' the', ' a', 2)",
    "lm.surprise(1)",
    "lm.perplexity(1)",
    "lm.perplexity(ARRAY[1::bigint])",
    "lm.attention_share(ARRAY[1::bigint], 'a')",
    "lm.unit_effects('z', 'kind', 'first')",
    "lm.help('attention')",
    "lm.latest_run('z')",
    "lm.named_runs('all')",
    "lm.capture_bytes('{9}', capture => '{all}')",
    "lm.run_summary",
    "lm.head_results(1)",
    "lm.head_scores(1)",
    "lm.nearest_tokens((SELECT x FROM lm.sample))",
    "lm.nearest_activations((SELECT x FROM lm.sample), 'attn_out', 1)",
    "lm.index_activations('attn_out', 1)",
    "lm.patching_sweep('The wolf ran', 'The cat ran', 'attn_out', ' to', ' and')",
    "lm.adjustment_norm",
    "lm.lag_design",
    "lm.attention_pattern",
    "lm.residual_norm",
    "lm.captured",
)


def test_nothing_of_theirs_runs(guarded: psycopg.Connection) -> None:
    """The exploit: a superuser whose path starts in a hostile schema calls everything."""
    dsn = _dsn(guarded)
    guarded.execute(
        """
        SELECT lm.forward('Once upon a time there was a wolf', capture => '{all}');
        INSERT INTO lm.intervention (set_name, site, kind, factor)
        VALUES ('half', 'attn_out', 'scale', 0.5);
        CREATE TABLE lm.numbers AS
        SELECT i::float8 AS x, sin(i) AS y FROM generate_series(1, 9) AS i;
        CREATE TABLE lm.sample AS SELECT adjustment AS x FROM lm.attention_adjustment LIMIT 1;
        INSERT INTO lm.tag (run_id, position, name, value)
        SELECT run_id, position, 'kind', CASE position WHEN 0 THEN 'first' ELSE 'later' END
        FROM lm.run_token;
        CREATE SCHEMA evil;
        GRANT ALL ON SCHEMA evil, public TO psqlm_mallory;
        """
    )
    # sums are taken in the plan's order, which is not to hang on the rows that the calls add
    guarded.execute("ANALYZE lm.stored_activation")
    expected = {call: _answer(guarded, call) for call in CALLS}
    with _as_mallory(guarded) as theirs:
        for schema in ("evil", "public"):
            for name, value in (
                ("schema", schema),
                ("functions", "{" + ",".join(FUNCTIONS) + "}"),
                ("operators", "{" + ",".join(OPERATORS) + "}"),
            ):
                theirs.execute("SELECT set_config(%s, %s, false)", (f"shadow.{name}", value))
            theirs.execute(SHADOWS)
        for relation in ("pg_extension", "pg_class", "model", "run", "vocabulary"):
            theirs.execute(f"CREATE TABLE evil.{relation} (hijacked int)")
        for kind in ("text", "int4", "regnamespace", "vector"):
            theirs.execute(f"CREATE DOMAIN evil.{kind} AS bool CHECK (false)")
    counted = guarded.execute(
        "SELECT count(*) > 500 FROM pg_proc WHERE pronamespace = 'evil'::regnamespace"
    ).fetchone()
    assert counted == (True,)

    guarded.execute("ALTER DATABASE psqlm_guarded SET search_path = evil, pg_catalog, public")
    with psycopg.connect(dsn, autocommit=True) as victim:
        for trap in ("cardinality('{1}'::int[])", "random()", "1 + 1", "2::float8 * 3::bigint"):
            with pytest.raises(psycopg.errors.RaiseException, match="hijacked"):
                victim.execute(f"SELECT {trap}")
        for call in CALLS:
            assert _answer(victim, call) == expected[call], call
    # and Python's own statements
    with database.connect(dsn) as connection:
        loader.load(connection, "demo", name="another")
        loader.drop(connection, "another")


def _answer(connection: psycopg.Connection, call: str) -> object:
    """What a call returns but for the keys it makes, in a transaction that is undone."""
    with connection.transaction(force_rollback=True):
        cursor = connection.execute(f"SELECT * FROM {call}")
        names = [column.name for column in cursor.description or ()]
        makes = ("forward", "forward_many", "patching_sweep")
        keys = {"forward", "run_id", "sweep_id"} if call[3:].partition("(")[0] in makes else set()
        rows = [
            [value for name, value in zip(names, row, strict=True) if name not in keys]
            for row in cursor
        ]
        # a view has its rows in no order
        return rows if "(" in call else sorted(rows, key=str)
