"""A tiny MusicGen on disk, and a hub on loopback that offers it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import model_hub
from tests.support.checkpoints import build_reference, write_checkpoint
from tests.support.file_server import FileServer, serving_files

COMMIT = model_hub.COMMIT
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
    """Offer a folder as the hub's repository."""

    def offer(folder: Path) -> None:
        model_hub.publish(files, REPOSITORY, folder)

    return offer
