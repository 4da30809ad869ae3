"""Write the bodies of SQL functions to files of their own: to the linter they are mere text.

python tools/sql_bodies.py FOLDER
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

SQL = Path(__file__).parents[1] / "sql"
FUNCTION = re.compile(
    r"^CREATE OR REPLACE FUNCTION lm\.(?P<name>\w+)\((?P<head>.*?)^AS \$\$\n(?P<body>.*?)^\$\$;",
    re.MULTILINE | re.DOTALL,
)


def main(folder: Path) -> None:
    """Write FOLDER/<file>/<function>.sql."""
    for path in sorted(SQL.rglob("*.sql")):
        text = path.read_text()
        for function in FUNCTION.finditer(text):
            if "LANGUAGE sql" not in function["head"]:
                continue
            body = folder / path.stem / f"{function['name']}.sql"
            body.parent.mkdir(parents=True, exist_ok=True)
            body.write_text(textwrap.dedent(function["body"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
