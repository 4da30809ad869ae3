"""What Spark needs on this machine: pyspark, pyarrow and Java."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import require_pyarrow

PYSPARK = (4, 1)
"""The first that has table functions of Arrow."""

JAVA = 17
"""The first that Spark 4 runs on."""


def require_spark() -> None:
    """Refuse to go on where no Spark can be started.

    Raises:
        PsqlmError: pyspark or Java is missing or too old.
    """
    require_pyspark()
    require_java()


def require_pyspark() -> None:
    """Refuse to go on without pyspark.

    Raises:
        PsqlmError: it is missing or too old.
    """
    require_pyarrow()
    try:
        import pyspark
    except ImportError as error:
        raise PsqlmError(f"this needs Spark ({error}): pip install 'psqlm[spark]'") from error
    if tuple(map(int, pyspark.__version__.split(".")[:2])) < PYSPARK:
        raise PsqlmError(
            f"pyspark {pyspark.__version__} is too old, 4.1 is the first that does: "
            "pip install 'psqlm[spark]'"
        )


def require_java() -> None:
    """Refuse to go on without a Java that Spark runs on.

    Raises:
        PsqlmError: it is missing or too old.
    """
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    advice = "install Java 17 or 21 (apt install openjdk-17-jre-headless), or set JAVA_HOME to one"
    try:
        if program is None:
            raise FileNotFoundError
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise PsqlmError(f"Spark needs Java, and there is none: {advice}") from error
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < JAVA:
        version = "of an unknown version" if found is None else found[1]
        raise PsqlmError(f"Java {version} is too old for Spark 4: {advice}")
