"""A tiny MusicGen on disk, and a hub on loopback that offers it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.checkpoints import build_reference, write_checkpoint
from tests.support.file_server import FileServer, serving_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "somebody/musicgen-small"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(build_reference("mono"), tmp_path_factory.mktemp("published") / "musicgen-small")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serving_files() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def publish(files: FileServer) -> Callable[[Path], None]:
    """Offer a folder as the hub's repository; weights by SHA-256, the small files by git's SHA-1."""

    def offer(folder: Path) -> None:
        entries = []
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
            entry = {"type": "file", "oid": git, "size": len(content), "path": path.name}
            if path.suffix == ".safetensors":
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            entries.append(entry)
            files.files[f"/{REPOSITORY}/resolve/{COMMIT}/{path.name}"] = content
        entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": "samples"})
        files.files[f"/api/models/{REPOSITORY}/revision/main"] = json.dumps({"sha": COMMIT}).encode()
        files.files[f"/api/models/{REPOSITORY}/tree/{COMMIT}"] = json.dumps(entries).encode()

    return offer
