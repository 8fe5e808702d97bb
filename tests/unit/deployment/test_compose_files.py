"""The compose files name processes, settings and folders that exist."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from services.gateway.config import GatewaySettings
from services.generation.config import GenerationSettings
from services.processing.config import ProcessingSettings
from services.user_management.config import UserManagementSettings

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(ROOT.glob("docker-compose*.yml"))
SETTINGS = {
    "MUSICGEN_GATEWAY_": GatewaySettings,
    "MUSICGEN_GENERATION_": GenerationSettings,
    "MUSICGEN_PROCESSING_": ProcessingSettings,
    "MUSICGEN_USER_MANAGEMENT_": UserManagementSettings,
}


def services(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(path.read_text())["services"]


def substituted(value: str, **environment: str) -> str:
    """What Compose makes of a value: `${NAME}`, with a default behind `:-`."""

    def text(match: re.Match[str]) -> str:
        return environment.get(match[1]) or match[2] or ""

    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", text, value)


@pytest.mark.parametrize(("asked", "expected"), [({}, False), ({"MUSICGEN_GUESTS": "true"}, True)])
def test_one_variable_lets_guests_in_everywhere(asked: dict[str, str], expected: bool) -> None:
    found = {
        name: TypeAdapter(bool).validate_python(substituted(value, **asked))
        for name, service in services(ROOT / "docker-compose.yml").items()
        for variable, value in service.get("environment", {}).items()
        if variable.endswith("_GUESTS")
    }
    assert found == dict.fromkeys(("gateway", "user-management", "user-management-background"), expected)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting_that_takes_the_value(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, service in services(path).items():
        for variable, value in service.get("environment", {}).items():
            if not variable.startswith("MUSICGEN_"):
                continue
            prefix = next(prefix for prefix in SETTINGS if variable.startswith(prefix))
            field = variable.removeprefix(prefix).lower()
            assert field in SETTINGS[prefix].model_fields, f"{path.name}: {name}: {variable}"
            monkeypatch.setenv(variable, substituted(value))
            SETTINGS[prefix].load()
            monkeypatch.delenv(variable)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_is_a_module_of_its_image(path: Path) -> None:
    for service in services(path).values():
        command = service.get("command", [])
        if command[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(command[2])
        elif command[:1] == ["python"]:
            assert (ROOT / command[1]).is_file()


def test_dependencies_are_services_and_builds_have_a_dockerfile() -> None:
    all_services = services(ROOT / "docker-compose.yml")
    for service in all_services.values():
        assert set(service.get("depends_on", {})) <= set(all_services)
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", sorted(ROOT.glob("services/*/Dockerfile")), ids=lambda path: path.parent.name)
def test_images_copy_what_exists_and_run_as_an_ordinary_user(path: Path) -> None:
    text = path.read_text()
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split()), sources
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert importlib.util.find_spec(re.search(r'CMD \["python", "-m", "([\w.]+)"\]', text)[1])
