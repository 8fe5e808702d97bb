"""Settings of the generation processes."""

from __future__ import annotations

import pytest

from services.generation.config import GenerationSettings
from services.shared.errors import AppError

PREFIX = "MUSICGEN_GENERATION_"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKER_ID", "EXTRA_BACKENDS", "ENVIRONMENT", "SLOTS"):
        monkeypatch.delenv(f"{PREFIX}{name}", raising=False)


def test_worker_id_is_drawn_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GenerationSettings.load().worker_id != GenerationSettings.load().worker_id
    monkeypatch.setenv(f"{PREFIX}WORKER_ID", "gpu-7")
    assert GenerationSettings.load().worker_id == "gpu-7"


def test_extra_backends_need_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}EXTRA_BACKENDS", "a.b:C, d:E")
    with pytest.raises(AppError, match="development"):
        GenerationSettings.load()
    monkeypatch.setenv(f"{PREFIX}ENVIRONMENT", "development")
    assert GenerationSettings.load().extra_backend_names == ("a.b:C", "d:E")


@pytest.mark.parametrize(("name", "value"), [("WORKER_ID", "a b"), ("SLOTS", "0"), ("EXTRA_BACKENDS", "os.system")])
def test_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"{PREFIX}ENVIRONMENT", "development")
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(AppError, match=name):
        GenerationSettings.load()
