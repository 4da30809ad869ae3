"""A PostgreSQL of the test session's own, with the demo model loaded.

PSQLM_TEST_POSTGRES=16 runs the tests on PostgreSQL 16, PSQLM_TEST_DSN on a server that is there
already (as a superuser; databases are made and dropped again). GPT-2's tokenizer comes from the
folder PSQLM_TEST_GPT2_TOKENIZER, from Hugging Face's cache or from the hub; the article's paragraph
from the file PSQLM_TEST_PARAGRAPH.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import differences
import gpt2_files
import psycopg
import pytest
import roles
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tokenized import LOCALES

from psqlm import database, loader
from psqlm.database.server import VERSION, EmbeddedServer
from psqlm.synth import synth

if TYPE_CHECKING:
    from carried import Carried
    from families import Families
    from tokenizers import Tokenizer


class MakeDatabase(Protocol):
    def __call__(
        self,
        name: str,
        locale: str | None = None,
        locale_provider: str | None = None,
        icu_locale: str | None = None,
    ) -> str: ...


def server_folder(prefix: str = "psqlm-test-") -> Path:
    """A folder for a server."""
    # not under pytest's own temporary folder: root's server runs as another user
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """A server's maintenance database."""
    if given := os.environ.get("PSQLM_TEST_DSN"):
        yield given
        return
    folder = server_folder()
    server = EmbeddedServer(folder, int(os.environ.get("PSQLM_TEST_POSTGRES", VERSION)))
    try:
        dsn = server.start()
        # nothing here need outlive the machine
        _administer(dsn, sql.SQL("ALTER SYSTEM SET fsync = off"))
        # when it comes, statistics and so plans change: never in the middle of a test
        _administer(dsn, sql.SQL("ALTER SYSTEM SET autovacuum = off"))
        _administer(dsn, sql.SQL("SELECT pg_reload_conf()"))
        yield dsn
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def create_database(server_dsn: str) -> Iterator[Callable[..., str]]:
    """Makes empty databases, or copies of others; dropped when the session ends."""
    names: list[str] = []

    def create(
        name: str,
        locale: str | None = None,
        locale_provider: str | None = None,
        icu_locale: str | None = None,
        template: str = "template0",
    ) -> str:
        options = {
            "TEMPLATE": template,
            "LOCALE": locale,
            "LOCALE_PROVIDER": locale_provider,
            "ICU_LOCALE": icu_locale,
            "ENCODING": "UTF8" if template == "template0" else None,
        }
        _administer(server_dsn, sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        _administer(
            server_dsn,
            sql.SQL("CREATE DATABASE {} {}").format(
                sql.Identifier(name),
                sql.SQL(" ").join(
                    sql.SQL("{} = {}").format(sql.SQL(option), sql.Literal(value))
                    for option, value in options.items()
                    if value is not None
                ),
            ),
        )
        names.append(name)
        return make_conninfo(server_dsn, dbname=name)

    yield create
    for name in names:
        _administer(
            server_dsn,
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
        )


@pytest.fixture(scope="session")
def make_database(create_database: Callable[..., str]) -> MakeDatabase:
    """Makes empty databases with psqlm's SQL installed; returns a DSN."""

    def make(
        name: str,
        locale: str | None = None,
        locale_provider: str | None = None,
        icu_locale: str | None = None,
    ) -> str:
        dsn = create_database(name, locale, locale_provider, icu_locale)
        database.connect(dsn).close()
        return dsn

    return make


@pytest.fixture(scope="session")
def demo_template(make_database: MakeDatabase) -> str:
    """Name of a database with the demo model; nobody stays connected to it, it is for cloning."""
    name = "psqlm_demo_template"
    with psycopg.connect(make_database(name)) as connection:
        loader.load(connection, "demo")
    return name


@pytest.fixture(scope="session")
def dsn(create_database: Callable[..., str], demo_template: str) -> str:
    """A database with psqlm's SQL and the demo model as `demo`; leave it as it is."""
    return create_database("psqlm_demo", template=demo_template)


_numbers = count()


@pytest.fixture(scope="module")
def scratch_dsn(create_database: Callable[..., str], demo_template: str) -> str:
    """A copy of that database for one module, which may commit to it."""
    name = f"psqlm_scratch_{next(_numbers)}"
    return create_database(name, template=demo_template)


@pytest.fixture(scope="session")
def loading_dsn(make_database: MakeDatabase) -> str:
    """A database without models, as every test must leave it."""
    return make_database("psqlm_loader")


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to `dsn`, rolled back at the end."""
    with psycopg.connect(dsn) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="module")
def captured(scratch_dsn: str) -> Iterator[tuple[psycopg.Connection, int]]:
    """A run of the prompt of tests/lens.py with everything captured."""
    import lens  # torch takes a while

    with psycopg.connect(scratch_dsn) as connection:
        yield connection, lens.run(connection, capture=["all"])


@pytest.fixture(scope="module")
def shared_dsn(create_database: Callable[..., str], demo_template: str) -> Iterator[str]:
    """A database with the roles of tests/roles.py, and what each of them made."""
    yield from roles.shared(create_database("psqlm_rights", template=demo_template))


@pytest.fixture
def shared(shared_dsn: str) -> Iterator[psycopg.Connection]:
    """A superuser there; what a test does is undone."""
    with psycopg.connect(shared_dsn) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="module")
def carried(
    create_database: Callable[..., str],
    demo_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Carried:
    """Runs of every kind, exported."""
    from carried import carry  # pyarrow takes a while

    dsn = create_database("psqlm_export", template=demo_template)
    return carry(dsn, tmp_path_factory.mktemp("export") / "runs")


@pytest.fixture(scope="session")
def gpt2(
    make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[psycopg.Connection, Path]]:
    """A random-weight model of GPT-2 124M's true shape, and its folder; leave it as it is."""
    folder = tmp_path_factory.mktemp("gpt2")
    synth("gpt2", folder, seed=1)
    with psycopg.connect(make_database("psqlm_gpt2")) as connection:
        loader.load(connection, str(folder), name="gpt2")
        yield connection, folder


@pytest.fixture(scope="session")
def family_database(
    make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Families]:
    from families import Families  # torch takes a while

    with psycopg.connect(make_database("psqlm_families")) as connection:
        yield Families(connection, tmp_path_factory.mktemp("families"))
        connection.rollback()


@pytest.fixture
def families(family_database: Families) -> Iterator[Families]:
    """Small random models of every family in one database; a test's changes are undone."""
    yield family_database
    family_database.connection.rollback()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Tokenizer, Path]]:
    """Tokenizers of every kind, and models of next to no weights that have them."""
    import tokenizer_kinds  # torch takes a while

    return {
        kind: tokenizer_kinds.save(kind, tmp_path_factory.mktemp(f"kind{number}"))
        for number, kind in enumerate(tokenizer_kinds.KINDS)
    }


@pytest.fixture(scope="session")
def kind_databases(
    make_database: MakeDatabase, kinds: dict[str, tuple[Tokenizer, Path]]
) -> Iterator[dict[str, psycopg.Connection]]:
    """Databases of each locale with all of them."""
    opened: dict[str, psycopg.Connection] = {}
    for number, (locale, options) in enumerate(LOCALES.items()):
        try:
            dsn = make_database(f"psqlm_kinds_{number}", **options)
        except psycopg.Error:
            continue  # not every server has ICU, and the builtin provider came with PostgreSQL 17
        opened[locale] = psycopg.connect(dsn)
        for kind, (_, folder) in kinds.items():
            loader.load(opened[locale], str(folder), kind)
        opened[locale].commit()
    yield opened
    for connection in opened.values():
        connection.close()


@pytest.fixture(scope="session")
def gpt2_tokenizer() -> Path:
    """A folder with GPT-2's vocab.json and merges.txt."""
    return gpt2_files.tokenizer_folder()


@pytest.fixture(scope="session")
def paragraph() -> str:
    """The paragraph of the article that the project started from."""
    return gpt2_files.paragraph()


def _administer(dsn: str, statement: sql.Composable) -> None:
    with psycopg.connect(dsn, autocommit=True) as administrator:
        administrator.execute(statement)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where several processes share the tests, each hands over how far it was from references."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["differences"] = differences.SEEN


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what one of these processes has handed over."""
    differences.SEEN.extend(getattr(node, "workeroutput", {}).get("differences", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how far from the references we were."""
    if differences.SEEN:
        terminalreporter.section("largest differences from the references")
        for line in differences.SEEN:
            terminalreporter.write_line(line)
