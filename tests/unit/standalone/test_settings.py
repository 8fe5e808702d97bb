from pathlib import Path

import pytest

from services.standalone.errors import StandaloneError
from services.standalone.settings import CHECKOUT, StandaloneSettings, is_loopback


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "PORT", "HOST", "SINGLE_USER", "LOG", "METRICS", "GENERATION_WORKERS", "MIN_FREE_MB"):
        monkeypatch.delenv(f"MUSICGEN_{name}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_defaults_are_those_of_the_readme() -> None:
    settings = StandaloneSettings.load()
    assert settings.home == CHECKOUT / "var"
    assert (settings.host, settings.port, settings.single_user) == ("127.0.0.1", 8000, False)
    assert settings.url == "http://127.0.0.1:8000"
    assert (settings.database_url, settings.redis_url) == ("", "")


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSICGEN_HOME", str(tmp_path / "a" / ".." / "b"))
    monkeypatch.setenv("MUSICGEN_PORT", "18000")
    monkeypatch.setenv("MUSICGEN_SINGLE_USER", "1")
    monkeypatch.setenv("MUSICGEN_LOG", "DEBUG")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db/music")
    monkeypatch.setenv("REDIS_URL", "rediss://cache:6379/0")
    settings = StandaloneSettings.load()
    assert settings.home == tmp_path / "b"
    assert settings.port == 18000
    assert settings.single_user
    assert settings.log == "debug"
    assert settings.database_url == "postgresql://u:p@db/music"
    assert settings.redis_url == "rediss://cache:6379/0"


def test_single_user_mode_stays_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_SINGLE_USER", "1")
    for host in ("0.0.0.0", "192.168.1.5", "music.example"):
        monkeypatch.setenv("MUSICGEN_HOST", host)
        with pytest.raises(StandaloneError, match="loopback"):
            StandaloneSettings.load()
    for host in ("127.0.0.1", "::1", "localhost"):
        monkeypatch.setenv("MUSICGEN_HOST", host)
        assert StandaloneSettings.load().single_user


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("music.lan", "http://music.lan:8000")],
)
def test_url_is_one_that_opens_on_this_machine(host: str, url: str) -> None:
    assert StandaloneSettings.model_validate({"host": host}).url == url


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_PORT", "99999")
    monkeypatch.setenv("REDIS_URL", "http://:secret@x")
    with pytest.raises(StandaloneError) as caught:
        StandaloneSettings.load()
    assert "MUSICGEN_PORT" in str(caught.value)
    assert "REDIS_URL" in str(caught.value)
    assert "MUSICGEN_REDIS_URL" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_loopback_is_recognised() -> None:
    assert is_loopback("127.8.9.1")
    assert not is_loopback("10.0.0.1")
