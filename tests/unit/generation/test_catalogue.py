"""The model catalogue and the file that words it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment
from services.generation.backends.registry import find_backends
from services.generation.catalogue import CatalogueTexts, ModelCatalogue
from services.generation.worker.models import WorkerModels
from services.shared.errors import AppError, ErrorCode

ENVIRONMENT = BackendEnvironment(Path("/nonexistent"), Path("/nonexistent"))
BACKEND = MusicGenBackend(ENVIRONMENT)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return path


def test_file_words_models_and_names_the_default(tmp_path: Path) -> None:
    path = written(
        tmp_path, "default: musicgen-debug\nmodels:\n  musicgen-debug: {title: Noise, default_duration: 5}\n"
    )
    catalogue = ModelCatalogue.of([BACKEND], CatalogueTexts.read(path))
    model = catalogue.get("musicgen-debug")
    assert (model.title, model.default_duration_seconds) == ("Noise", 5.0)
    assert catalogue.find("") == model
    assert catalogue.default_id == "musicgen-debug"


def test_catalogue_without_a_file_uses_the_backends_own_words(tmp_path: Path) -> None:
    catalogue = ModelCatalogue.of([BACKEND], CatalogueTexts.read(tmp_path / "missing.yaml"))
    assert list(catalogue) == list(BACKEND.describe())


def test_the_projects_own_file_is_sound() -> None:
    texts = CatalogueTexts.read(Path(__file__).parents[3] / "configs" / "models.yaml")
    assert texts.default == "composer"


@pytest.mark.parametrize(
    "text", ["- list", "surprise: 1", "models: {a: {sze: 1}}", "models: {a: 3}", "a: [", "models: 3"]
)
def test_broken_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(AppError, match=r"models\.yaml"):
        CatalogueTexts.read(written(tmp_path, text))


def test_first_of_two_models_with_one_id_stands() -> None:
    ids = ModelCatalogue.of([BACKEND, BACKEND]).ids()
    assert len(ids) == len(set(ids))


def test_model_that_was_installed_meanwhile_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = False
    catalogue = ModelCatalogue(lambda: [replace(BACKEND.describe()[0], installed=installed)])
    assert not catalogue.get("musicgen-debug").installed
    installed = True
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert catalogue.get("musicgen-debug").installed


def test_model_that_nobody_knew_is_looked_for_at_once() -> None:
    known = list(BACKEND.describe())
    catalogue = ModelCatalogue(lambda: known)
    known.append(replace(known[0], id="musicgen-mine"))
    assert catalogue.get("musicgen-mine").id == "musicgen-mine"


def test_unknown_model_is_not_found() -> None:
    catalogue = ModelCatalogue.of([BACKEND])
    assert catalogue.find("nope") is None
    with pytest.raises(AppError) as caught:
        catalogue.get("nope")
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_catalogue_without_models_is_an_error() -> None:
    with pytest.raises(AppError):
        ModelCatalogue(tuple)


def test_our_own_backends_are_found_even_in_a_tree_that_is_not_installed() -> None:
    found = {model.family for backend in find_backends(ENVIRONMENT) for model in backend.describe()}
    assert {"composer", "musicgen"} <= found


def test_extra_backend_is_added_by_name() -> None:
    found = find_backends(ENVIRONMENT, ["tests.support.backends:ToneBackend"])
    assert found[-1].describe()[0].id == "tone"


@pytest.mark.parametrize("name", ["no.such.module:Backend", "tests.support.backends:Nobody"])
def test_extra_backend_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(AppError, match=name):
        find_backends(ENVIRONMENT, [name])


async def test_worker_knows_which_models_it_has_in_memory() -> None:
    models = WorkerModels([MusicGenBackend(ENVIRONMENT)])
    try:
        assert models.resident == ()
        await models.load("musicgen-debug")
        assert models.resident == ("musicgen-debug",)
        assert (models.cost("musicgen-debug"), models.cost("unknown")) == (1, 1)
        with pytest.raises(AppError) as caught:
            await models.load("unknown")
        assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    finally:
        models.close()
