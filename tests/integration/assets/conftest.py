"""A file server on loopback that can misbehave, and stores with a catalogue of their own."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from services.shared.assets.store import AssetStore


class FileServer(ThreadingHTTPServer):
    """Serves `files`. `cut_after` ends so many of the next answers early; `statuses` answers these codes first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.statuses: list[int] = []
        self.cut_after: list[int] = []
        self.ignore_range = False
        self.redirect: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append((self.path, wanted, self.headers.get("Authorization")))
        server.gate.wait(20)
        if server.statuses:
            return self.answer(server.statuses.pop(0), b"not now")
        if self.path in server.redirect:
            return self.answer(302, b"", {"Location": server.redirect[self.path]})
        content = server.files.get(self.path)
        if content is None:
            return self.answer(404, b"no such file")
        headers = {"Content-Type": server.types.get(self.path, "application/octet-stream")}
        if wanted and not server.ignore_range:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.answer(206, content[start:], headers)
        return self.answer(200, content, headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if status in {200, 206} and self.server.cut_after:
            self.wfile.write(body[: self.server.cut_after.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Registries as a fresh machine has them, apart from what a test sets."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., AssetStore]:
    """A store in `folder` with one asset "thing": `make_store(source, content, sha256=…)`."""

    def make(source: str, content: bytes, *, folder: Path | None = None, **changes: object) -> AssetStore:
        entry = {
            "title": "A thing",
            "source": source,
            "file": "thing.bin",
            "size_bytes": len(content),
            "sha256": sha256(content),
            "licence": {"name": "MIT", "commercial_use": True},
            **changes,
        }
        catalogue = tmp_path / "assets.yaml"
        catalogue.write_text(yaml.safe_dump({"assets": {"thing": entry}}))
        return AssetStore(folder or tmp_path / "store", catalogue)

    return make


@pytest.fixture
def tarball() -> Callable[..., bytes]:
    """An npm tarball of members below `package/`."""

    def make(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(f"package/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for name, target in (links or {}).items():
                info = tarfile.TarInfo(f"package/{name}")
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
        return buffer.getvalue()

    return make


@pytest.fixture
def wheel() -> Callable[[dict[str, bytes]], bytes]:
    def make(members: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    return make
