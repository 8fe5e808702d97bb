"""Settings come from the environment once, checked and frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from services.shared.errors import AppError, ErrorCode
from services.shared.settings import Port, ServiceSettings


class ExampleSettings(ServiceSettings):
    """A service of this test."""

    model_config = SettingsConfigDict(env_prefix="MUSICGEN_EXAMPLE_", frozen=True)

    port: Port = 8000
    origins: tuple[str, ...] = ()


def test_the_environment_wins_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_EXAMPLE_REDIS_URL", "redis://:pw@host:7000/0")
    monkeypatch.setenv("MUSICGEN_EXAMPLE_SECRETS_DIR", "/keys")
    monkeypatch.setenv("MUSICGEN_EXAMPLE_SINGLE_USER", "1")
    monkeypatch.setenv("MUSICGEN_EXAMPLE_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("MUSICGEN_OTHER_PORT", "1")
    settings = ExampleSettings.load()
    assert settings.redis_url == "redis://:pw@host:7000/0"
    assert settings.secrets_dir == Path("/keys")
    assert settings.single_user is True
    assert settings.log_level == "debug"
    assert settings.port == 8000


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        ExampleSettings.load().port = 1  # type: ignore[misc]


def test_wrong_variables_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_EXAMPLE_PORT", "123456")
    monkeypatch.setenv("MUSICGEN_EXAMPLE_REDIS_URL", "http://:hunter2@host")
    with pytest.raises(AppError) as caught:
        ExampleSettings.load()
    assert caught.value.code is ErrorCode.VALIDATION
    assert "MUSICGEN_EXAMPLE_PORT" in caught.value.message
    assert "MUSICGEN_EXAMPLE_REDIS_URL" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_broken_json_in_a_list_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_EXAMPLE_ORIGINS", "[")
    with pytest.raises(AppError, match="origins"):
        ExampleSettings.load()


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://:pw@127.0.0.1:6379/0", "redis://:pw@127.0.0.1:6379/1"),
        ("rediss://host", "rediss://host/1"),
        ("unix:///run/valkey.sock?db=0", "redis+socket:///run/valkey.sock?virtual_host=1"),
        ("unix://:p%40w@/run/valkey.sock", "redis+socket://:p%40w@/run/valkey.sock?virtual_host=1"),
    ],
)
def test_the_broker_is_database_one_of_the_same_server(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, broker_url: str
) -> None:
    monkeypatch.setenv("MUSICGEN_EXAMPLE_REDIS_URL", redis_url)
    assert ExampleSettings.load().broker_url == broker_url
