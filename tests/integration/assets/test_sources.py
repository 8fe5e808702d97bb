import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.shared.assets.errors import AssetError
from services.shared.assets.registries import npm_registry, python_indexes
from services.shared.assets.store import AssetStore
from services.shared.errors import ErrorCode

pytestmark = pytest.mark.integration
CONTENT = b"RIFF" + bytes(5000)
LICENCE = b"Do as you like."
MakeStore = Callable[..., AssetStore]
Archive = Callable[..., bytes]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_npm_file_comes_out_of_its_tarball_with_its_licence(
    files: Any, make_store: MakeStore, tarball: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tarball({"sounds/thing.sf3": CONTENT, "LICENSE": LICENCE, "other": b"x"})
    files.files["/@scope/sounds/-/sounds-1.2.3.tgz"] = package
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", files.url + "/")
    store = make_store(
        "npm:@scope/sounds@1.2.3/sounds/thing.sf3",
        CONTENT,
        archive_sha256=digest(package),
        licence={"name": "MIT", "commercial_use": True, "member": "LICENSE"},
    )
    path = store.fetch("thing")
    assert path.read_bytes() == CONTENT
    assert path.with_name("LICENCE").read_bytes() == LICENCE
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["LICENCE", "asset.json", "thing.bin"]


def test_tarball_that_was_changed_is_not_opened(
    files: Any, make_store: MakeStore, tarball: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.files["/sounds/-/sounds-1.0.0.tgz"] = tarball({"thing": CONTENT, "evil": b"!"})
    monkeypatch.setenv("npm_config_registry", files.url)
    store = make_store("npm:sounds@1.0.0/thing", CONTENT, archive_sha256=digest(b"the pinned one"))
    with pytest.raises(AssetError, match="SHA-256"):
        store.fetch("thing")


@pytest.mark.parametrize(
    ("members", "links", "code"),
    [
        ({"other": b"x"}, {}, ErrorCode.NOT_FOUND),
        ({}, {"thing": "/etc/passwd"}, ErrorCode.NOT_FOUND),
        ({"thing": CONTENT + b"!"}, {}, ErrorCode.PAYLOAD_TOO_LARGE),
        ({"thing": bytes(len(CONTENT))}, {}, ErrorCode.INTERNAL),
    ],
    ids=["missing", "a link", "too large", "other content"],
)
def test_member_that_is_not_the_pinned_file_is_refused(
    files: Any,
    make_store: MakeStore,
    tarball: Archive,
    monkeypatch: pytest.MonkeyPatch,
    members: dict[str, bytes],
    links: dict[str, str],
    code: ErrorCode,
) -> None:
    files.files["/sounds/-/sounds-1.0.0.tgz"] = tarball(members, links)
    monkeypatch.setenv("npm_config_registry", files.url)
    store = make_store("npm:sounds@1.0.0/thing", CONTENT)
    with pytest.raises(AssetError) as caught:
        store.fetch("thing")
    assert caught.value.code is code
    assert not store.has("thing")


def test_archive_that_is_none_is_refused(files: Any, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    files.files["/sounds/-/sounds-1.0.0.tgz"] = b"<html>please sign in</html>"
    monkeypatch.setenv("npm_config_registry", files.url)
    with pytest.raises(AssetError, match="no readable archive"):
        make_store("npm:sounds@1.0.0/thing", CONTENT).fetch("thing")


@pytest.mark.parametrize("form", ["json", "html"])
def test_pypi_file_comes_out_of_the_wheel_that_the_index_names(
    files: Any, make_store: MakeStore, wheel: Archive, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    archive = wheel({"my_sounds/thing.bin": CONTENT})
    name = "my_sounds-1.0-py3-none-any.whl"
    files.files[f"/files/{name}"] = archive
    if form == "json":
        page = {"files": [{"url": f"../../files/{name}", "hashes": {"sha256": digest(archive)}}]}
        files.files["/simple/my-sounds/"] = json.dumps(page).encode()
        files.types["/simple/my-sounds/"] = "application/vnd.pypi.simple.v1+json"
    else:
        files.files["/simple/my-sounds/"] = (
            '<a href="/files/my_sounds-0.9-py3-none-any.whl">old</a>'
            f'<a href="/files/{name}#sha256={digest(archive)}">x</a>'
        ).encode()
        files.types["/simple/my-sounds/"] = "text/html"
    monkeypatch.setenv("PIP_INDEX_URL", f"{files.url}/simple")
    store = make_store("pypi:My.Sounds==1.0/my_sounds/thing.bin", CONTENT, archive_sha256=digest(archive))
    assert store.fetch("thing").read_bytes() == CONTENT


def test_extra_index_is_asked_when_the_first_has_nothing(
    files: Any, make_store: MakeStore, wheel: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.files["/more/sounds-1.0-py3-none-any.whl"] = wheel({"thing": CONTENT})
    files.files["/second/sounds/"] = b'<a href="/more/sounds-1.0-py3-none-any.whl">x</a>'
    files.files["/first/sounds/"] = b"<html></html>"
    monkeypatch.setenv("PIP_INDEX_URL", f"{files.url}/first")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{files.url}/second")
    assert make_store("pypi:sounds==1.0/thing", CONTENT).fetch("thing").read_bytes() == CONTENT


def test_version_that_no_index_has_is_said(files: Any, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    files.files["/simple/sounds/"] = b"<html></html>"
    monkeypatch.setenv("PIP_INDEX_URL", f"{files.url}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{files.url}/gone")
    with pytest.raises(AssetError, match=r"no wheel of sounds 1\.0"):
        make_store("pypi:sounds==1.0/thing", CONTENT).fetch("thing")


def test_hub_file_is_asked_for_with_the_token_and_the_token_stays_with_the_hub(
    files: Any, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.redirect["/owner/model/resolve/abc123/weights/thing.bin"] = "/cdn/thing.bin"
    files.files["/cdn/thing.bin"] = CONTENT
    monkeypatch.setenv("HF_ENDPOINT", files.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert make_store("hf:owner/model@abc123/weights/thing.bin", CONTENT).fetch("thing").read_bytes() == CONTENT
    assert [authorization for _, _, authorization in files.requests] == ["Bearer hf_secret", None]


def test_password_in_an_address_is_sent_and_not_shown(
    files: Any, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.statuses = [403]
    monkeypatch.setenv("npm_config_registry", files.url.replace("//", "//me:secret@"))
    with pytest.raises(AssetError, match="403") as caught:
        make_store("npm:sounds@1.0.0/thing", CONTENT).fetch("thing")
    assert "secret" not in caught.value.message
    assert (files.requests[0][2] or "").startswith("Basic ")


def test_local_file_is_copied(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "mine.bin").write_bytes(CONTENT)
    assert make_store(f"file:{tmp_path}/mine.bin", CONTENT).fetch("thing").read_bytes() == CONTENT
    assert (tmp_path / "mine.bin").exists()


def test_npm_registry_follows_environment_and_npmrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npmrc = tmp_path / "npmrc"
    npmrc.write_text("registry = https://mirror.example/npm/\n@scope:registry=https://scope.example\n; comment\n")
    assert npm_registry("sounds") == "https://registry.npmjs.org"
    monkeypatch.setenv("npm_config_userconfig", str(npmrc))
    assert npm_registry("sounds") == "https://mirror.example/npm"
    assert npm_registry("@scope/sounds") == "https://scope.example"
    monkeypatch.setenv("npm_config_registry", "https://other.example/")
    assert npm_registry("sounds") == "https://other.example"


def test_python_indexes_follow_environment_and_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://mirror.example/simple/\nextra-index-url = https://a.example https://b.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    assert python_indexes() == ["https://mirror.example/simple", "https://a.example", "https://b.example"]
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert python_indexes()[0] == "https://other.example/simple"
