"""Several files of one package: it is downloaded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.shared.assets.errors import AssetError
from services.shared.assets.store import AssetStore

pytestmark = pytest.mark.integration


@pytest.fixture
def pair(
    files: Any, tarball: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AssetStore]:
    """A store whose assets "one" and "two" lie in one package; `second` replaces what the package holds of "two"."""

    def make(second: bytes = b"two!") -> AssetStore:
        package = tarball({"one": b"one!", "two": second, "LICENSE": b"MIT"})
        files.files["/both/-/both-1.0.0.tgz"] = package
        monkeypatch.setenv("npm_config_registry", files.url)
        entries = {
            name: {
                "title": name,
                "source": f"npm:both@1.0.0/{name}",
                "file": f"{name}.bin",
                "size_bytes": 4,
                "sha256": hashlib.sha256(f"{name}!".encode()).hexdigest(),
                "archive_sha256": hashlib.sha256(package).hexdigest(),
                "licence": {"name": "MIT", "commercial_use": True, "member": "LICENSE"},
            }
            for name in ("one", "two")
        }
        (tmp_path / "assets.yaml").write_text(yaml.safe_dump({"assets": entries}))
        return AssetStore(tmp_path / "store", tmp_path / "assets.yaml")

    return make


def test_package_of_two_assets_is_downloaded_once(files: Any, pair: Callable[..., AssetStore]) -> None:
    store = pair()
    store.fetch("one")
    assert store.has("two")
    assert store.fetch("two").read_bytes() == b"two!"
    assert store.path("two").with_name("LICENCE").read_bytes() == b"MIT"
    assert len(files.requests) == 1


def test_sibling_that_is_not_as_pinned_is_not_taken(pair: Callable[..., AssetStore], tmp_path: Path) -> None:
    store = pair(second=b"evil")
    with pytest.raises(AssetError, match="SHA-256"):
        store.fetch("one")
    assert not store.has("two")
    assert not (tmp_path / "store" / "two").exists()
