from pathlib import Path

import pytest
import yaml

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
    assert set(limits.classes) == CLASS_NAMES
    assert {name for name, limit in limits.classes.items() if limit.when_unavailable == "refuse"} == {
        "auth",
        "guests",
        "generate",
        "write",
        "comments",
        "shared",
    }


def test_the_shipped_limits_have_figures_for_tiers_that_exist() -> None:
    limits = load_limits(GatewaySettings().rate_limits_file)
    tiers = yaml.safe_load(Path("configs/tiers.yaml").read_text())["tiers"]
    assert limits.by_tier.keys() == tiers.keys() - {"standard"}
    for name, limit in limits.classes.items():
        assert limits.of(name, "standard") is limits.of(name) is limit
        assert limits.of(name, "a tier of yesterday") is limit
        if limit.per == "user":
            trial, pro = limits.of(name, "trial"), limits.of(name, "pro")
            assert trial is not None
            assert pro is not None
            assert trial.quota < limit.quota < pro.quota
            assert (trial.key_quota, pro.key_quota) == (trial.quota // 2, pro.quota // 2)
            assert trial.window_seconds == limit.window_seconds == pro.window_seconds


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


@pytest.mark.parametrize(
    ("tiers", "complaint"),
    [
        ("{pro: {reed: {quota: 5}}}", r"give the tier pro a class 'reed'\. There are "),
        ("{pro: {auth: {quota: 5}}}", r"at tiers\.pro\.auth: this class counts addresses"),
        ("{pro: {read: {quota: 0}}}", r"at tiers\.pro\.read: .*greater than or equal to 1"),
        ("{pro: {read: {quota: .nan}}}", r"at tiers\.pro\.read"),
        ("{pro: {read: {quota: 5, key_quota: 6}}}", r"at tiers\.pro\.read: .*key_quota is a part"),
        ("{pro: {read: {quota: 5, window_seconds: 1}}}", r"at tiers\.pro\.read: .*window_seconds"),
        ("{pro: {read: 5}}", r"at tiers\.pro\.read"),
        ("{pro: 5}", "not as expected"),
        ("{pro: null}", "not as expected"),
        ("[pro]", "not as expected"),
        ("{Pro: {read: {quota: 5}}}", "name the tier 'Pro'"),
        ("{a.b: {read: {quota: 5}}}", r"name the tier 'a\.b'"),
        ("{7: {read: {quota: 5}}}", "name the tier 7"),
    ],
)
def test_figures_of_tiers_that_cannot_be_are_refused_in_words(tmp_path: Path, tiers: str, complaint: str) -> None:
    shipped = yaml.safe_load(GatewaySettings().rate_limits_file.read_text())
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump({"classes": shipped["classes"], "tiers": yaml.safe_load(tiers)}))
    with pytest.raises(AppError, match=complaint) as refused:
        load_limits(path)
    assert str(path) in refused.value.message


def test_a_tiers_keys_have_the_same_part_of_it_as_of_the_class_unless_said(tmp_path: Path) -> None:
    shipped = yaml.safe_load(GatewaySettings().rate_limits_file.read_text())
    classes = {**shipped["classes"]}
    classes["read"] = {**classes["read"], "quota": 100, "key_quota": 10}
    classes["audio"] = {**classes["audio"], "key_quota": None}
    figures = {"read": {"quota": 5}, "write": {"quota": 8, "key_quota": 7}, "audio": {"quota": 9}}
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump({"classes": classes, "tiers": {"small": figures}}))
    limits = load_limits(path)
    found = {name: limits.of(name, "small") for name in figures}
    assert {name: (limit.quota, limit.key_quota) for name, limit in found.items() if limit} == {
        "read": (5, 1),
        "write": (8, 7),
        "audio": (9, None),
    }
    # What it says nothing of is as for everybody.
    assert limits.of("stream", "small") is limits.of("stream")
