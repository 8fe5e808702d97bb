"""Stores with a catalogue of their own, beside a file server that can misbehave."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from services.shared.assets.store import AssetStore
from tests.support.file_server import FileServer, serving_files


@pytest.fixture
def files() -> Iterator[FileServer]:
    with serving_files() as server:
        yield server


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
