"""The installer against a package index on loopback: which build of torch, and what it says when a step fails."""

import base64
import hashlib
import http.server
import importlib
import io
import socket
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.timing import promised

pytestmark = pytest.mark.integration
SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def make_wheel(name: str, version: str) -> bytes:
    """The smallest wheel that pip installs."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"__version__ = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in members.items()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in {**members, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return buffer.getvalue()


# A build backend without needs, so that nothing outside loopback is asked for.
BACKEND = """
import base64, hashlib, pathlib, zipfile

def _write(directory, requires):
    info = "thing-1.0.dist-info"
    name = "thing-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0\\nProvides-Extra: standalone\\n" + requires
    members = {f"{info}/METADATA": metadata,
               f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\\n" for path in members))
    return name

def build_editable(directory, config_settings=None, metadata_directory=None):
    needs = ("torch", "sounds")
    return _write(directory, "".join(f"Requires-Dist: {need} ; extra == 'standalone'\\n" for need in needs))

build_wheel = build_editable
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """Two indexes under one address: /cpu has the CPU build of torch alone, /simple has CUDA's and the rest."""
    for path, name, version in (
        ("cpu/torch", "torch", "2.13.0+cpu"),
        ("simple/torch", "torch", "2.13.0"),
        ("simple/sounds", "sounds", "1.5"),
    ):
        folder = tmp_path / "served" / path
        folder.mkdir(parents=True)
        wheel = folder / f"{name}-{version}-py3-none-any.whl"
        wheel.write_bytes(make_wheel(name, version))
        (folder / "index.html").write_text(f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture
def checkout(tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs torch and one more package, installed by pip with nothing but the local index."""
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "thing"\nversion = "1.0"\n'
    )
    (place / "backend.py").write_text(BACKEND)
    (place / "constraints.txt").write_text("torch==2.13.0\nsounds==1.5\n")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "MUSICGEN_TORCH_INDEX", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    # The empty file keeps pip from reading any other configuration; the index is pip's own variable.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{index}/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return place


def install(scripts: Any, checkout: Path, cpu_index: str) -> Any:
    module = scripts("bootstrap")
    bootstrap = module.Bootstrap(checkout, "run", cpu_index)
    progress = module.Progress()
    try:
        bootstrap.install(progress)
    finally:
        progress.close()
    return bootstrap


def version(bootstrap: Any, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version('{package}'))"
    return subprocess.run([bootstrap.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_laptop_gets_the_cpu_build_of_torch_and_all_else_from_the_default_index(
    scripts: Any, checkout: Path, index: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scripts("bootstrap"), "has_nvidia_driver", lambda: False)
    bootstrap = install(scripts, checkout, f"{index}/cpu")
    assert version(bootstrap, "torch") == "2.13.0+cpu"
    assert version(bootstrap, "sounds") == "1.5"
    said = capsys.readouterr().out
    assert "making the environment .venv" in said
    assert f"installing torch from {index}/cpu" in said


def test_failed_step_names_itself_shows_the_log_and_how_to_go_on(
    scripts: Any, checkout: Path, index: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap_module = scripts("bootstrap")
    monkeypatch.setattr(bootstrap_module, "ROOT", checkout)
    monkeypatch.setattr(bootstrap_module, "has_nvidia_driver", lambda: True)
    (checkout / "constraints.txt").write_text("torch==9.9\nsounds==1.5\n")
    assert bootstrap_module.main(["run"]) == 1
    said = capsys.readouterr().err
    assert "Installing everything (standalone) failed" in said
    assert "torch==9.9" in said
    assert "Run the same command again" in said or "run the same command again" in said
    # The cause is gone: the same command goes on, with CUDA's build, because there is a driver.
    (checkout / "constraints.txt").write_text("torch==2.13.0\nsounds==1.5\n")
    assert bootstrap_module.main(["run"]) == 0
    bootstrap = bootstrap_module.Bootstrap(checkout, "run")
    assert version(bootstrap, "torch") == "2.13.0"
    assert bootstrap.stamp.matches("run", bootstrap.state())
    assert "Installed in" in capsys.readouterr().out


class TestIndexOfTorch:
    def test_answering_cpu_index_is_taken_without_a_driver(self, scripts: Any, index: str) -> None:
        choose = scripts("torch_index").choose_index
        assert choose(nvidia=False, platform="linux", cpu_index=f"{index}/cpu") == f"{index}/cpu"

    def test_index_without_torch_is_not_taken(self, scripts: Any, index: str) -> None:
        choose = scripts("torch_index").choose_index
        assert choose(nvidia=False, platform="linux", cpu_index=f"{index}/empty") is None

    def test_driver_means_the_default_index_unasked(self, scripts: Any) -> None:
        choose = scripts("torch_index").choose_index
        assert choose(nvidia=True, platform="linux", cpu_index="http://127.0.0.1:9/never-asked") is None

    def test_macos_takes_the_default_index(self, scripts: Any, index: str) -> None:
        choose = scripts("torch_index").choose_index
        assert choose(nvidia=False, platform="darwin", cpu_index=f"{index}/cpu") is None

    def test_a_persons_wish_wins_and_empty_means_the_default(self, scripts: Any, index: str) -> None:
        choose = scripts("torch_index").choose_index
        assert (
            choose(nvidia=False, platform="linux", wished="https://x.example", cpu_index=index) == "https://x.example"
        )
        assert choose(nvidia=False, platform="linux", wished="", cpu_index=f"{index}/cpu") is None

    def test_index_that_hangs_is_given_up_in_time(self, scripts: Any) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            with promised(2, "giving up"):
                address = f"http://127.0.0.1:{silent.getsockname()[1]}"
                assert not scripts("torch_index").index_answers(address, seconds=0.3)

    def test_closed_port_is_no_answer(self, scripts: Any) -> None:
        assert not scripts("torch_index").index_answers("http://127.0.0.1:9")

    def test_driver_is_seen_in_proc_or_by_its_tool(self, scripts: Any, tmp_path: Path) -> None:
        has = scripts("torch_index").has_nvidia_driver
        assert not has(proc=tmp_path, path=str(tmp_path))
        (tmp_path / "version").touch()
        assert has(proc=tmp_path, path=str(tmp_path))
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
        assert has(proc=tmp_path / "none", path=str(tool.parent))
