"""transformers' MusicGen with random weights at small dimensions, and ours from the same folder on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from services.generation.models.converter import convert
from tests.support.checkpoints import build_reference, write_checkpoint
from tests.support.style_models import write_style_model


@pytest.fixture(scope="package", autouse=True)
def _torch_on_one_thread() -> Iterator[None]:
    """These tensors are small: several threads would only wait for each other, minutes long where cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _torch_on_one_thread_again(_torch_on_one_thread: None) -> Iterator[None]:
    """Runtimes set the number for their process: what one test chose is nothing to the next."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Any]:
    """transformers' models, built once each."""
    built: dict[str, Any] = {}

    def get(kind: str) -> Any:
        if kind not in built:
            built[kind] = build_reference(kind)
        return built[kind]

    return get


@pytest.fixture(scope="session")
def folder(reference: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The same models as transformers writes them to disk, with a tokenizer."""
    written: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in written:
            path = write_checkpoint(reference(kind), tmp_path_factory.mktemp("models") / f"musicgen-{kind}")
            assert json.loads((path / "config.json").read_text())["model_type"].startswith("musicgen")
            written[kind] = path
        return written[kind]

    return get


@pytest.fixture(scope="session")
def style_folder(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A style model as it is kept here: converted from its publishers' layouts, its T5 and MERT inside it."""
    models = tmp_path_factory.mktemp("style")
    published = write_style_model(models / "published", folder("melody"), reference("melody"))
    place = models / "musicgen-style"
    convert(published, place)
    convert(models / "MERT-v1-95M", place / "style_encoder")
    (models / "t5-base").rename(place / "text_encoder")
    return place
