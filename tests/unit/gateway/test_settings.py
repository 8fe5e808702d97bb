from pathlib import Path

import pytest

from services.gateway.config import GatewaySettings
from services.gateway.rate_limit.policy import CLASS_NAMES, load_limits
from services.shared.errors import AppError

PREFIX = "MUSICGEN_GATEWAY_"


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> GatewaySettings:
    for name, value in environment.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    return GatewaySettings.load()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch, cors_origins="https://a.example, http://localhost:3000", trusted_proxies="10.0.0.0/8,127.0.0.1"
    )
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


@pytest.mark.parametrize("origin", ["*", "https://*", "a.example", "https://a.example/path", "ftp://a.example"])
def test_a_cors_origin_is_an_origin(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    with pytest.raises(AppError, match="CORS_ORIGINS"):
        load(monkeypatch, cors_origins=origin)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_single_user_mode_runs_on_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert load(monkeypatch, single_user="true", host=host).single_user


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "music.example"])
def test_single_user_mode_runs_nowhere_else(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(AppError, match=r"HOST=127\.0\.0\.1"):
        load(monkeypatch, single_user="true", host=host)


def test_limits_are_lifted_in_development_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AppError, match="RATE_LIMITS=off"):
        load(monkeypatch, rate_limits="off")
    assert load(monkeypatch, rate_limits="off", environment="development").rate_limits == "off"


def test_the_shipped_limits_name_every_class() -> None:
    limits = load_limits(GatewaySettings().rate_limits_file)
    assert set(limits) == CLASS_NAMES
    assert {name for name, limit in limits.items() if limit.when_unavailable == "refuse"} == {
        "auth",
        "generate",
        "write",
        "comments",
        "shared",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("classes: {}", "lack the classes"),
        ("classes: {read: {per: moon, quota: 1, window_seconds: 1, when_unavailable: allow}}", "per"),
        ("[]", "not as expected"),
        ("{", "not as expected"),
        ("", "not as expected"),
    ],
)
def test_a_broken_file_of_limits_is_explained(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(text)
    with pytest.raises(AppError, match=complaint):
        load_limits(path)
