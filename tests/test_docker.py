"""Docker Compose: the file says what it should, its settings start a server, its image runs us."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from conftest import server_folder
from psycopg import sql
from psycopg.conninfo import make_conninfo

from psqlm import database
from psqlm.database import rights
from psqlm.database.server import EmbeddedServer

CHECKOUT = Path(__file__).parents[1]
COMPOSE = CHECKOUT / "docker-compose.yml"
PASSWORD = "a password"


def interpolated(text: str, environment: dict[str, str]) -> str:
    """The file as Compose reads it: ${NAME:-default}, and ${NAME:?error} that must be set."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        if environment.get(name):
            return environment[name]
        assert operator == ":-", f"{name} is not set: {rest}"
        return rest

    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = interpolated(COMPOSE.read_text(), {"PSQLM_PASSWORD": PASSWORD})
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


@pytest.fixture(scope="module")
def roles() -> str:
    """The script that the database service runs in a new database."""
    compose = yaml.safe_load(COMPOSE.read_text())
    (mounted,) = compose["services"]["database"]["configs"]
    assert mounted["target"].startswith("/docker-entrypoint-initdb.d/")
    content: str = compose["configs"][mounted["source"]]["content"]
    assert "$" not in content  # which Compose would take for a variable
    return content


def _dsn(server: EmbeddedServer, user: str = "postgres") -> str:
    return make_conninfo(server.dsn, dbname="psqlm", user=user)


def settings(service: dict[str, Any]) -> dict[str, str]:
    """What the server is told on its command line."""
    program, *options = service["command"]
    assert program == "postgres"
    assert set(options[::2]) == {"-c"}
    return dict(option.split("=", 1) for option in options[1::2])


def test_compose_accepts_the_file() -> None:
    environment = os.environ | {"PSQLM_PASSWORD": PASSWORD}
    command = ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"]
    if (
        shutil.which("docker") is None
        or subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("there is no docker compose here")
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    environment.pop("PSQLM_PASSWORD")
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "PSQLM_PASSWORD" in refused.stderr


def test_the_password_is_the_users() -> None:
    with pytest.raises(AssertionError, match="PSQLM_PASSWORD is not set"):
        interpolated(COMPOSE.read_text(), {})


def test_the_database_service(services: dict[str, Any]) -> None:
    database = services["database"]
    assert re.fullmatch(r"pgvector/pgvector:\d+\.\d+\.\d+-pg18-\w+", database["image"])
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:5432", port) for port in database["ports"])
    # PostgreSQL 18's image keeps its data one folder higher than those before
    assert database["volumes"] == ["data:/var/lib/postgresql"]
    assert database["environment"]["POSTGRES_PASSWORD"] == PASSWORD
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert database["shm_size"] == "1gb"


def test_the_load_service(services: dict[str, Any]) -> None:
    load, database = services["load"], services["database"]
    assert load["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert load["restart"] == "no"
    assert load["command"] == ["load", "demo", "--if-missing"]
    environment = database["environment"]
    assert load["environment"]["PSQLM_DSN"] == (
        f"postgresql://psqlm@database/{environment['POSTGRES_DB']}"
    )
    assert load["environment"]["PGPASSWORD"] == PASSWORD


def test_the_image_of_the_load_service_takes_all_that_a_build_needs() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    sent = re.findall(r"^!(.*)$", (CHECKOUT / ".dockerignore").read_text(), re.MULTILINE)
    assert sources == set(sent)
    pyproject = (CHECKOUT / "pyproject.toml").read_text()
    folders = re.findall(r'^"?psqlm[.\w]*"? = "([\w/]+)"$', pyproject, re.MULTILINE)
    assert {*folders, "pyproject.toml", "README.md", "LICENSE"} == sources


def test_its_settings_start_a_server_for_a_role_that_is_no_superuser(
    services: dict[str, Any], roles: str
) -> None:
    folder = server_folder()
    server = EmbeddedServer(folder)
    try:
        with psycopg.connect(server.start(), autocommit=True) as connection:
            for name, value in settings(services["database"]).items():
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(
                        sql.Identifier(name), sql.Literal(value)
                    )
                )
        server.stop()
        with psycopg.connect(server.start()) as connection:
            for name, value in settings(services["database"]).items():
                row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                assert row == (value,)
        environment = services["database"]["environment"]
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            assert connection.info.user == environment["POSTGRES_USER"]
            connection.execute(f"CREATE DATABASE {environment['POSTGRES_DB']}")
        # as the image's entry point does
        subprocess.run(
            [server.binaries / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", _dsn(server)],
            input=roles,
            env=os.environ | {"POSTGRES_PASSWORD": environment["POSTGRES_PASSWORD"]},
            text=True,
            check=True,
        )
        told: list[str] = []
        with database.connect(_dsn(server, user="psqlm"), told.append) as connection:
            assert told == []
            rights.grant(connection, "psqlm", "reader")
            rows = connection.execute(
                "SELECT rolname, rolsuper, rolcreaterole, rolbypassrls FROM pg_roles"
                " WHERE rolcanlogin ORDER BY rolname"
            ).fetchall()
        assert rows == [("postgres", True, True, True), ("psqlm", False, False, False)]
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute(
                "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256%'"
            ).fetchall() == [("psqlm",)]
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_the_suite_passes_on_the_image(services: dict[str, Any]) -> None:
    containers = pytest.importorskip("testcontainers.postgres")
    docker = pytest.importorskip("docker")
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    service = services["database"]
    container = containers.PostgresContainer(service["image"], driver=None)
    with container.with_command(service["command"]) as running:
        files = ["comments", "database", "forward", "generate", "loader", "tokenizer"]
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(str(CHECKOUT / "tests" / f"test_{name}.py") for name in files),
            ],
            env=os.environ | {"PSQLM_TEST_DSN": running.get_connection_url()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stdout[-4000:]
