"""The build of the studio: what belongs to a page's policy and budget is read off the page itself."""

import base64
import gzip
import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.instruments import find_instrument
from services.generation.composer.lexicon import MOODS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_frontend", ROOT / "scripts" / "build_frontend.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_inline_script_of_every_page_has_its_hash(build: ModuleType, tmp_path: Path) -> None:
    text = "self.x=1;//ä <b>&amp;"
    others = '<script src="/a.js"></script><script type="application/json">{}</script>'
    page = f"<html><script>{text}</script>{others}</html>"
    (tmp_path / "create").mkdir()
    (tmp_path / "create" / "index.html").write_text(page, encoding="utf-8")
    wanted = "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert build.script_hashes(tmp_path) == {"create/index.html": [wanted]}


def test_budget_counts_what_a_current_browser_loads(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"a" * 5000)
    (tmp_path / "old.js").write_bytes(bytes(range(256)) * 100)
    page = (
        '<script src="/a.js?v=1" async></script><script src="/old.js" nomodule></script><script src="/a.js"></script>'
    )
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    once = len(gzip.compress(b"a" * 5000, 9))
    assert once <= build.script_bytes(tmp_path, "index.html") <= 2 * once


def test_a_browser_keeps_pages_and_named_files_and_no_songs(build: ModuleType, tmp_path: Path) -> None:
    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    for name in ("index.html", "create/index.html", "create/index.txt", "404.html", "icon.svg", "_next/static/a.js"):
        put(name, name)
    for name in ("examples/song.mp3", "csp.json", "service-worker.js", "examples/peaks.json"):
        put(name, name)
    found = build.app_files(tmp_path, "script")
    assert found["pages"] == ["/404.html", "/create/", "/create/index.txt", "/icon.svg", "/"]
    assert found["files"] == ["/_next/static/a.js"]
    assert build.app_files(tmp_path, "script") == found
    builds = {found["build"], build.app_files(tmp_path, "other script")["build"]}
    put("create/index.html", "another page")
    builds.add(build.app_files(tmp_path, "script")["build"])
    put("service-worker.js", "itself")
    assert build.app_files(tmp_path, "script")["build"] in builds
    assert len(builds) == 3


def test_compressed_copies_are_smaller_and_the_same_each_time(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"word " * 1000)
    (tmp_path / "b.mp3").write_bytes(b"word " * 1000)
    (tmp_path / "c.js").write_bytes(b"tiny")
    build.compress(tmp_path)
    first = (tmp_path / "a.js.gz").read_bytes()
    build.compress(tmp_path)
    assert gzip.decompress(first) == b"word " * 1000
    assert (tmp_path / "a.js.gz").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"a.js", "a.js.gz", "b.mp3", "c.js"}


def test_failed_step_names_itself_and_what_the_tool_said(build: ModuleType, tmp_path: Path) -> None:
    builder = build.Builder(tmp_path)
    builder.log.parent.mkdir()
    with pytest.raises(build.BuildError, match=r"(?s)Testing failed:.*the reason"):
        builder._run("testing", [sys.executable, "-c", "import sys; sys.exit('the reason')"])


def test_nothing_is_built_where_node_is_missing_and_the_platform_starts_all_the_same(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    frontend = tmp_path / "frontend"
    document = tmp_path / "docs" / "api-reference"
    for folder in (scripts, frontend, document):
        folder.mkdir(parents=True)
    (document / "openapi.json").write_text("{}", encoding="utf-8")
    (frontend / "package.json").write_text("{}", encoding="utf-8")
    copy = scripts / "build_frontend.py"
    copy.write_bytes((ROOT / "scripts" / "build_frontend.py").read_bytes())
    # An interpreter whose folder holds no node.
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    optional = subprocess.run([python, copy, "--optional"], capture_output=True, text=True, timeout=60, check=False)
    assert optional.returncode == 0
    assert "Node is missing" in optional.stderr
    assert "starts without it" in optional.stderr
    strict = subprocess.run([python, copy], capture_output=True, text=True, timeout=60, check=False)
    assert strict.returncode == 1


def test_composers_words_in_the_studio_are_the_composers() -> None:
    words = json.loads((ROOT / "frontend" / "src" / "lib" / "composer-words.json").read_text(encoding="utf-8"))
    assert words["genres"] == sorted(GENRES)
    assert words["moods"] == list(MOODS)
    unknown = [name for name in words["instruments"] if find_instrument(name) is None]
    assert unknown == []
