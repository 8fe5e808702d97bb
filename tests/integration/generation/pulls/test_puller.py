"""Models from a hub: whole or not at all, each byte as its publisher states it."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.generation.models.shelf import ModelShelf
from services.generation.pulls import puller as pulling
from services.generation.pulls.puller import ModelPuller
from services.shared.errors import AppError, ErrorCode
from tests.support.file_server import FileServer

from .conftest import COMMIT, REPOSITORY

pytestmark = pytest.mark.integration

MODEL = "musicgen-small"
WEIGHTS = f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def puller(models: Path) -> ModelPuller:
    return ModelPuller(models, {MODEL: f"hf:{REPOSITORY}@main"})


class StopNowError(Exception):
    """Somebody gave the pull up."""


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child process that judges the model: it takes seconds, and is another test's."""
    monkeypatch.setattr(pulling, "_check", lambda gathering, models_dir, progress: None)


def quietly(fraction: float, stage: str) -> None:
    """Nobody listens."""


def refused(puller: ModelPuller, progress: Callable[[float, str], None] = quietly) -> AppError:
    with pytest.raises(AppError) as caught:
        puller.pull(MODEL, progress)
    return caught.value


def test_model_is_fetched_checked_and_on_the_shelf(
    puller: ModelPuller,
    models: Path,
    checkpoint: Path,
    publish: Any,
    files: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    publish(checkpoint)
    told: list[tuple[float, str]] = []
    pulled = puller.pull(MODEL, lambda fraction, stage: told.append((fraction, stage)))
    size = sum(path.stat().st_size for path in checkpoint.iterdir())
    assert (pulled.model_id, pulled.revision, pulled.size_bytes) == (MODEL, COMMIT, size)
    assert {path.name: path.read_bytes() for path in (models / MODEL).iterdir()} == {
        path.name: path.read_bytes() for path in checkpoint.iterdir()
    }
    assert ModelShelf(models).find(MODEL) == models / MODEL
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert {stage for _, stage in told} >= {
        "asking what there is",
        "fetching model.safetensors",
        "checking the model",
    }
    assert {authorization for _, _, authorization in files.requests} == {"Bearer hf_secret"}
    # Once more is as good as once, and asks nobody.
    files.requests.clear()
    assert puller.pull(MODEL, quietly).model_id == MODEL
    assert files.requests == []


@pytest.mark.usefixtures("unchecked")
def test_pull_that_broke_off_goes_on_where_it_was(
    puller: ModelPuller, models: Path, checkpoint: Path, publish: Any, files: FileServer
) -> None:
    publish(checkpoint)
    whole = files.files.pop(WEIGHTS)
    files.redirect[WEIGHTS] = "/cdn"
    files.files["/cdn"] = whole

    def stop_half_way(fraction: float, stage: str) -> None:
        if "model.safetensors" in stage and fraction > 0.3:
            raise StopNowError

    with pytest.raises(StopNowError):
        puller.pull(MODEL, stop_half_way)
    part = models / ".pulling" / MODEL / "model.safetensors.part"
    begun = part.stat().st_size
    assert 0 < begun < len(whole)
    assert ModelShelf(models).find(MODEL) is None
    files.requests.clear()
    puller.pull(MODEL, quietly)
    assert ("/cdn", f"bytes={begun}-", None) in files.requests
    assert not any(path.endswith("tokenizer.json") for path, _, _ in files.requests), "what is here stays"
    assert (models / MODEL / "model.safetensors").read_bytes() == whole


def test_given_up_pull_leaves_nothing(
    puller: ModelPuller, models: Path, checkpoint: Path, publish: Any, files: FileServer
) -> None:
    publish(checkpoint)

    def stop(fraction: float, stage: str) -> None:
        if "model.safetensors" in stage:
            raise StopNowError

    with pytest.raises(StopNowError):
        puller.pull(MODEL, stop)
    puller.forget(MODEL)
    assert not (models / ".pulling" / MODEL).exists()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_damaged_file_is_thrown_away(
    puller: ModelPuller, models: Path, checkpoint: Path, publish: Any, files: FileServer, name: str
) -> None:
    publish(checkpoint)
    path = f"/{REPOSITORY}/resolve/{COMMIT}/{name}"
    content = files.files[path]
    files.files[path] = content[:-1] + bytes([content[-1] ^ 1])
    error = refused(puller)
    assert error.code is ErrorCode.UNAVAILABLE
    assert f"{name} was damaged" in error.message
    assert not list((models / ".pulling" / MODEL).glob(f"{name}*"))
    files.files[path] = content
    puller.pull(MODEL, quietly)


@pytest.mark.slow
def test_what_is_no_model_is_refused_with_the_reason(
    puller: ModelPuller, models: Path, checkpoint: Path, publish: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    settings = json.loads((broken / "config.json").read_text())
    settings["decoder"]["hidden_size"] = 64
    (broken / "config.json").write_text(json.dumps(settings))
    publish(broken)
    error = refused(puller)
    assert error.code is ErrorCode.MODEL_NOT_INSTALLED
    assert "no model that can be used" in error.message
    assert ModelShelf(models).find(MODEL) is None


def test_full_disk_is_said_before_anything_is_fetched(
    puller: ModelPuller, checkpoint: Path, publish: Any, files: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(checkpoint)
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    error = refused(puller)
    assert error.code is ErrorCode.STORAGE_FULL
    assert "MiB" in error.message
    assert not any("/resolve/" in path for path, _, _ in files.requests)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("revision/main", b"[]"),
        ("revision/main", b'{"sha": "main"}'),
        ("revision/main", b"<html>"),
        (f"tree/{COMMIT}", b"{}"),
        (f"tree/{COMMIT}", b'[{"type": "file"}]'),
        (f"tree/{COMMIT}", b'[{"type": "file", "path": "a", "size": -1, "oid": "x"}]'),
    ],
)
def test_hub_that_answers_strangely_is_not_trusted(
    puller: ModelPuller, checkpoint: Path, publish: Any, files: FileServer, path: str, answer: bytes
) -> None:
    publish(checkpoint)
    files.files[f"/api/models/{REPOSITORY}/{path}"] = answer
    error = refused(puller)
    assert error.code is ErrorCode.UNAVAILABLE
    assert "cannot be read" in error.message


def test_hub_that_does_not_know_the_model_is_said(puller: ModelPuller, files: FileServer) -> None:
    error = refused(puller)
    assert error.code is ErrorCode.UNAVAILABLE
    assert "404" in error.message


@pytest.mark.usefixtures("unchecked")
def test_two_pulls_of_one_model_fetch_it_once(
    puller: ModelPuller, models: Path, checkpoint: Path, publish: Any, files: FileServer
) -> None:
    publish(checkpoint)
    waiting = threading.Event()
    files.gate.clear()

    def notice(fraction: float, stage: str) -> None:
        if stage.startswith("waiting"):
            waiting.set()

    other = ModelPuller(models, {MODEL: f"hf:{REPOSITORY}@main"})
    first = threading.Thread(target=puller.pull, args=(MODEL, notice))
    second = threading.Thread(target=other.pull, args=(MODEL, notice))
    first.start()
    second.start()
    assert waiting.wait(60)
    files.gate.set()
    first.join(60)
    second.join(60)
    assert ModelShelf(models).find(MODEL) == models / MODEL
    assert len([path for path, _, _ in files.requests if path == WEIGHTS]) == 1


@pytest.mark.usefixtures("unchecked")
def test_removing_takes_the_folder_and_of_a_link_only_the_link(models: Path, checkpoint: Path, tmp_path: Path) -> None:
    puller = ModelPuller(models, {MODEL: f"file:{checkpoint}"})
    assert puller.pull(MODEL, quietly).revision == ""
    assert puller.can_remove(MODEL)
    puller.remove(MODEL)
    assert not puller.can_remove(MODEL)
    assert [path.name for path in (models / ".pulling").iterdir()] == [f"{MODEL}.lock"]
    (models / "musicgen-mine").symlink_to(checkpoint, target_is_directory=True)
    puller.remove("musicgen-mine")
    assert (checkpoint / "config.json").is_file()
    with pytest.raises(AppError) as caught:
        puller.remove("musicgen-mine")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_source_that_cannot_be_read_is_refused_at_the_start(models: Path) -> None:
    with pytest.raises(ValueError, match="not a model's source"):
        ModelPuller(models, {MODEL: "ftp://somewhere"})
