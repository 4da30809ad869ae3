"""What the catalog says of our schemas, to compare one database with another."""

from __future__ import annotations

import psycopg

CATALOG = """
    WITH
    relation AS (
        SELECT c.*, c.oid::regclass::text AS name
        FROM pg_class AS c
        WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
    )

    SELECT 'relation', r.name, concat_ws(
        ' ', r.relkind, r.relpersistence, r.reloptions, r.relacl,
        CASE WHEN r.relrowsecurity THEN 'row security' END
    )
    FROM relation AS r

    UNION ALL

    SELECT
        'column',
        r.name || '.' || a.attname,
        concat_ws(
            ' ',
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN r.relkind IN ('v', 'c') THEN a.attnum END,
            CASE WHEN a.attnotnull THEN 'NOT NULL' END,
            'identity ' || NULLIF(a.attidentity::text, ''),
            'generated ' || NULLIF(a.attgenerated::text, ''),
            'storage ' || a.attstorage::text,
            'compression ' || NULLIF(a.attcompression::text, ''),
            'default ' || pg_get_expr(d.adbin, d.adrelid)
        )
    FROM relation AS r
    INNER JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind <> 'i' AND r.relkind <> 'I'

    UNION ALL

    SELECT 'constraint', r.name || ' ' || c.conname, pg_get_constraintdef(c.oid)
    FROM relation AS r
    INNER JOIN pg_constraint AS c ON c.conrelid = r.oid

    UNION ALL

    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM relation AS r
    INNER JOIN pg_index AS i ON i.indrelid = r.oid

    UNION ALL

    SELECT 'trigger', r.name || ' ' || t.tgname, pg_get_triggerdef(t.oid)
    FROM relation AS r
    INNER JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal

    UNION ALL

    SELECT
        'policy',
        r.name || ' ' || p.polname,
        concat_ws(
            ' ', p.polcmd, p.polpermissive, p.polroles,
            pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid)
        )
    FROM relation AS r
    INNER JOIN pg_policy AS p ON p.polrelid = r.oid

    UNION ALL

    SELECT 'view', r.name, pg_get_viewdef(r.oid)
    FROM relation AS r
    WHERE r.relkind = 'v'

    UNION ALL

    SELECT
        'routine',
        p.oid::regprocedure::text,
        concat_ws(
            ' ',
            CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
            a.aggtransfn, a.aggfinalfn, a.aggtranstype::regtype, a.agginitval,
            p.proacl
        )
    FROM pg_proc AS p
    LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
    WHERE p.pronamespace = ANY ('{lm,lm_internal}'::regnamespace[])

    UNION ALL

    SELECT 'enum', e.enumtypid::regtype::text, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder)
    FROM pg_enum AS e
    GROUP BY e.enumtypid

    UNION ALL

    SELECT
        'comment',
        CASE d.classoid
            WHEN 'pg_class'::regclass
                THEN concat_ws(
                    '.',
                    d.objoid::regclass::text,
                    (
                        SELECT a.attname
                        FROM pg_attribute AS a
                        WHERE a.attrelid = d.objoid AND a.attnum = NULLIF(d.objsubid, 0)
                    )
                )
            ELSE pg_describe_object(d.classoid, d.objoid, 0)
        END,
        d.description
    FROM pg_description AS d
    WHERE COALESCE((pg_identify_object(d.classoid, d.objoid, 0)).schema, 'lm')
        IN ('lm', 'lm_internal')

    UNION ALL

    SELECT 'record', i.kind, i.identity
    FROM lm.installed_object AS i

    UNION ALL

    SELECT 'installation', 'version', i.version::text
    FROM lm.installation AS i
"""


def catalog(connection: psycopg.Connection) -> dict[tuple[str, str], set[str]]:
    """Kind and name of everything in lm, and how it is defined.

    Tables' columns may be in any order, for new ones come last: so may the lines of a routine,
    where PostgreSQL has written out m.* in it.
    """
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog")
        found: dict[tuple[str, str], set[str]] = {}
        for kind, name, definition in connection.execute(CATALOG):
            if kind == "routine":
                definition = "\n".join(sorted(line.strip(" ,") for line in definition.splitlines()))
            found.setdefault((kind, name), set()).add(definition)
        return found
