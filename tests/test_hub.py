"""Loading from a Hugging Face repository, played by a local server in the hub's layout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import family_models
import psycopg
import pytest
from safetensors.numpy import load_file, save_file

from psqlm.bundled_files import DEMO_MODEL

FIRST, SECOND = "1" * 40, "2" * 40
NEEDED = {"config.json", "model.safetensors", "vocab.json", "merges.txt"}


class Hub(ThreadingHTTPServer):
    """Repositories by name, their files by commit; branches that point to commits."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.branches = {"main": FIRST, "other": SECOND}
        self.requests: list[tuple[str, str]] = []
        self.moves_after_config = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def storage(self) -> str:
        """Where large files are: another host, as the client sees it."""
        return f"http://localhost:{self.server_address[1]}/blobs"

    def served(self) -> set[str]:
        """Names of the files whose contents were asked for."""
        return {
            path.rsplit("/", 1)[-1]
            for method, path in self.requests
            if method == "GET" and not path.startswith("/api/")
        }


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.server.requests.append((self.command, self.path))
        match self.path.strip("/").split("/"):
            case ["blobs", commit, name]:
                self._send(200, {}, self._read(commit, name), body)
            case [owner, repository, "resolve", revision, name]:
                self._resolve(f"{owner}/{repository}", revision, name, body)
            case _:
                self._send(200, {}, b"no hub", body)

    def _resolve(self, repository: str, revision: str, name: str, body: bool) -> None:
        if repository == "maker/gated":
            self._send(403, {"X-Error-Code": "GatedRepo"}, b"", body)
            return
        if repository != "maker/tiny":
            self._send(401, {"X-Error-Code": "RepoNotFound"}, b"", body)
            return
        commit = self.server.branches.get(revision, revision)
        if not (self.server.folder / commit).is_dir():
            self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"", body)
            return
        contents = self._read(commit, name)
        if contents is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            self._send(404, headers, b"", body)
            return
        digest = hashlib.sha256(contents).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{digest[:40]}"'}
        if name.endswith(".safetensors"):  # large files lie elsewhere
            headers |= {
                "X-Linked-ETag": f'"{digest}"',
                "X-Linked-Size": str(len(contents)),
                "Location": f"{self.server.storage}/{commit}/{name}",
            }
            self._send(302, headers, b"", body)
        else:
            self._send(200, headers, contents, body)
        if name == "config.json" and body and self.server.moves_after_config:
            self.server.branches["main"] = SECOND

    def _read(self, commit: str, name: str) -> bytes | None:
        path = self.server.folder / commit / name
        return path.read_bytes() if path.is_file() else None

    def _send(
        self, status: int, headers: dict[str, str], contents: bytes | None, body: bool
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(contents or b"")))
        self.end_headers()
        if body:
            self.wfile.write(contents or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Two commits of maker/tiny: the demo model, and one whose final norm is scaled by 2."""
    for commit in (FIRST, SECOND):
        folder = tmp_path / "hub" / commit
        shutil.copytree(DEMO_MODEL, folder)
        (folder / "README.md").write_text("a model card\n")
        (folder / "pytorch_model.bin").write_bytes(b"not needed")
        (folder / "tokenizer.json").unlink(missing_ok=True)
        (folder / "tokenizer_config.json").unlink(missing_ok=True)
    changed = tmp_path / "hub" / SECOND / "model.safetensors"
    tensors = load_file(changed)
    save_file(
        {name: 2 * t if name.endswith("ln_f.weight") else t for name, t in tensors.items()}, changed
    )
    server = Hub(tmp_path / "hub")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


Psqlm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def database(make_database: Callable[[str], str]) -> str:
    return make_database("psqlm_hub")


@pytest.fixture
def psqlm(hub: Hub, tmp_path: Path, database: str) -> Psqlm:
    """Runs the command line with an empty cache of Hugging Face's library."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return subprocess.run(
            [sys.executable, "-m", "psqlm", *arguments],
            env=clean
            | {
                "PSQLM_DSN": database,
                "HF_HOME": str(tmp_path / "huggingface"),
                "HF_ENDPOINT": hub.endpoint,
                "HF_HUB_ETAG_TIMEOUT": "2",
            }
            | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM lm.model")
    return run


def _model(database: str) -> tuple[object, ...]:
    """The loaded model, and its final norm's first gain."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT m.name, m.source, m.revision, m.sha256, (n.gain::real[])[1]::float8 "
            "FROM lm.model AS m JOIN lm.layer_norm AS n USING (model_id) "
            "WHERE n.site = 'ln_final'"
        ).fetchone()
    assert row is not None
    return row


def _expected(hub: Hub, commit: str) -> tuple[object, ...]:
    path = hub.folder / commit / "model.safetensors"
    tensors = load_file(path)
    gain = next(t for name, t in tensors.items() if name.endswith("ln_f.weight"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ("tiny", "maker/tiny", commit, digest, float(gain[0]))


def _one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_repository_is_loaded_and_only_its_needed_files_fetched(
    hub: Hub, psqlm: Psqlm, database: str
) -> None:
    result = psqlm("load", "maker/tiny")
    assert result.returncode == 0, result.stderr
    assert _model(database) == _expected(hub, FIRST)
    assert hub.served() == NEEDED


def test_a_revision_is_loaded_and_recorded(hub: Hub, psqlm: Psqlm, database: str) -> None:
    assert psqlm("load", "maker/tiny", "--revision", "other").returncode == 0
    assert _model(database) == _expected(hub, SECOND)
    assert psqlm("load", "maker/tiny", "--revision", FIRST, "--force").returncode == 0
    assert _model(database) == _expected(hub, FIRST)


def test_all_files_are_of_one_commit(hub: Hub, psqlm: Psqlm, database: str) -> None:
    hub.moves_after_config = True
    assert psqlm("load", "maker/tiny").returncode == 0
    assert hub.branches["main"] == SECOND
    assert _model(database) == _expected(hub, FIRST)


def test_the_cache_serves_offline(hub: Hub, psqlm: Psqlm, database: str) -> None:
    assert psqlm("load", "maker/tiny").returncode == 0
    hub.requests.clear()
    result = psqlm("load", "maker/tiny", "--force", HF_HUB_OFFLINE="1")
    assert result.returncode == 0, result.stderr
    assert hub.requests == []
    assert _model(database) == _expected(hub, FIRST)


def test_the_cache_serves_when_the_hub_is_away(hub: Hub, psqlm: Psqlm, database: str) -> None:
    assert psqlm("load", "maker/tiny").returncode == 0
    hub.shutdown()
    hub.server_close()
    result = psqlm("load", "maker/tiny", "--force")
    assert result.returncode == 0, result.stderr
    assert _model(database) == _expected(hub, FIRST)


def test_shards_are_fetched(hub: Hub, psqlm: Psqlm, database: str) -> None:
    folder = hub.folder / FIRST
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2]} | {
        "model-00002-of-00002.safetensors": names[1::2]
    }
    for shard, members in shards.items():
        save_file({name: tensors[name] for name in members}, folder / shard)
    index = {"weight_map": {name: shard for shard, members in shards.items() for name in members}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    result = psqlm("load", "maker/tiny")
    assert result.returncode == 0, result.stderr
    assert _model(database)[2] == FIRST
    assert hub.served() == (NEEDED - {"model.safetensors"}) | set(shards) | {
        "model.safetensors.index.json"
    }


@pytest.mark.parametrize("tied", [True, False])
def test_shards_and_a_revision_of_another_family(
    hub: Hub, psqlm: Psqlm, database: str, tmp_path: Path, tied: bool
) -> None:
    """A Llama in shards, tied or not, on a branch; its unembedding is there where it is untied."""
    name = "llama, tied, llama3 scaling" if tied else "llama, biased, wide heads"
    folder = hub.folder / SECOND
    shutil.rmtree(folder)
    made = family_models.save(name, tmp_path / "made")
    shutil.copytree(made, folder)
    (folder / "model.safetensors").unlink()
    family_models.reference(made).save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(folder.glob("model-*-of-*.safetensors"))
    assert len(shards) > 1
    result = psqlm("load", "maker/tiny", "--revision", "other")
    assert result.returncode == 0, result.stderr
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(shard.read_bytes())
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "SELECT family, n_head, n_kv_head, revision, sha256,"
            " EXISTS (SELECT FROM lm.unembedding) FROM lm.model"
        ).fetchall() == [
            ("llama", *((4, 4) if tied else (6, 2)), SECOND, digest.hexdigest(), not tied)
        ]
    (row,) = [line.split() for line in psqlm("models").stdout.splitlines() if "float32" in line]
    assert row[:5] == ["tiny", "llama", *(("2", "4", "4") if tied else ("3", "6", "2"))]
    verified = psqlm("verify", "tiny")  # fetches that very commit
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["maker/nothing"], {}, "no folder and no repository maker/nothing"),
        (["maker/gated"], {}, "maker/gated is only for those its owners admit"),
        (["maker/tiny", "--revision", "gone"], {}, "maker/tiny has no revision gone"),
        (
            ["maker/tiny"],
            {"HF_HUB_OFFLINE": "1"},
            "config.json of maker/tiny is not in the cache, and HF_HUB_OFFLINE is set",
        ),
        (["maker/tiny"], {"HF_ENDPOINT": "{hub}/else/where"}, "no hub answers at http://127.0.0.1"),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_line(
    hub: Hub, psqlm: Psqlm, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    environment = {name: value.format(hub=hub.endpoint) for name, value in environment.items()}
    assert message in _one_line(psqlm("load", *arguments, **environment))


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "maker/tiny has no config.json"),
        ("model.safetensors", "maker/tiny has no safetensors weights"),
        ("merges.txt", "has neither vocab.json and merges.txt nor tokenizer.json"),
    ],
)
def test_a_repository_without_a_needed_file(
    hub: Hub, psqlm: Psqlm, missing: str, message: str
) -> None:
    (hub.folder / FIRST / missing).unlink()
    assert message in _one_line(psqlm("load", "maker/tiny"))
