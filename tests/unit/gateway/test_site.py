from pathlib import Path

import pytest

from services.gateway.main import API_ROUTERS
from services.gateway.routes import reference
from services.gateway.ui.pages import SERVER_PATHS, content_security_policy
from services.gateway.ui.site import Site
from services.shared.errors import AppError

HASH = "sha256-" + "A" * 43 + "="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "out"
    files = {
        "index.html": b"home",
        "create/index.html": b"create",
        "about.html": b"about",
        "_next/static/a.js": b"x" * 100,
        "_next/static/a.js.gz": b"small",
        "_next/static/a.js.br": b"x" * 200,
        "lonely.gz": b"an archive",
        ".env": b"SECRET=1",
        ".git/config": b"secret",
        "csp.json": f'{{"create/index.html": ["{HASH}", "\'unsafe-inline\'", 7]}}'.encode(),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (tmp_path / "outside.txt").write_bytes(b"secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    return root


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("", b"home"),
        ("index.html", b"home"),
        ("create", b"create"),
        ("create/", b"create"),
        ("create/index.html", b"create"),
        ("about", b"about"),
        ("lonely.gz", b"an archive"),
    ],
)
def test_path_leads_to_its_page(folder: Path, path: str, content: bytes) -> None:
    found = Site.read(folder).find(path)
    assert found is not None
    assert found.content == content


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        "csp.json",
        "link.txt",
        "../outside.txt",
        "create/../../outside.txt",
        "/etc/passwd",
        "create//index.html",
        "create\\index.html",
        "_next/static/a.js.gz",
        "_next/static/a.js/",
        "nowhere",
        "\0",
    ],
)
def test_nothing_else_is_found(folder: Path, path: str) -> None:
    assert Site.read(folder).find(path) is None


def test_smaller_variants_belong_to_their_file(folder: Path) -> None:
    found = Site.read(folder).find("_next/static/a.js")
    assert found is not None
    assert dict(found.variants) == {"gzip": b"small"}


def test_policy_takes_hashes_and_nothing_that_loosens_it(folder: Path) -> None:
    site = Site.read(folder)
    page, other = site.find("create"), site.find("")
    assert page is not None
    assert other is not None
    assert page.script_hashes == (HASH,)
    scripts = content_security_policy(page.script_hashes).split("; ")[1]
    assert scripts == f"script-src 'self' '{HASH}'"
    assert other.script_hashes == ()


@pytest.mark.parametrize("document", [b"{", b"[]", b'{"index.html": 1}'])
def test_broken_policy_file_allows_no_inline_script(folder: Path, document: bytes) -> None:
    (folder / "csp.json").write_bytes(document)
    found = Site.read(folder).find("create")
    assert found is not None
    assert found.script_hashes == ()


def test_folder_without_start_page_is_no_studio(tmp_path: Path) -> None:
    with pytest.raises(AppError):
        Site.read(tmp_path)


def test_every_path_of_the_server_is_kept_from_the_studio() -> None:
    paths = [route.path for router in (*API_ROUTERS, reference.router) for route in router.routes]
    assert {path.split("/")[1] for path in paths if path != "/"} <= set(SERVER_PATHS)
