"""The Helm charts, rendered by Helm and judged by the schemas of Kubernetes."""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gateway.config import GatewaySettings
from services.generation.config import GenerationSettings
from services.processing.config import ProcessingSettings
from services.user_management.config import UserManagementSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
SETS = ("default", "staging", "guests", "production", "gpu")
SETTINGS = {
    "MUSICGEN_GATEWAY_": GatewaySettings,
    "MUSICGEN_GENERATION_": GenerationSettings,
    "MUSICGEN_PROCESSING_": ProcessingSettings,
    "MUSICGEN_USER_MANAGEMENT_": UserManagementSettings,
}
Object = dict[str, Any]


@pytest.fixture(scope="module")
def rendered(deployment_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    folder = tmp_path_factory.mktemp("rendered")
    result = subprocess.run(
        [deployment_tools / "python", ROOT / "scripts" / "check_charts.py", folder], capture_output=True, text=True
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    return {name: list(yaml.safe_load_all((folder / f"{name}.yaml").read_text())) for name in SETS}


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def container(deployment: Object) -> Object:
    return deployment["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("name", SETS)
def test_every_variable_is_a_setting_that_takes_the_value(
    rendered: dict[str, list[Object]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for deployment in of_kind(rendered[name], "Deployment").values():
        for variable in container(deployment)["env"]:
            prefix = next(prefix for prefix in SETTINGS if variable["name"].startswith(prefix))
            field = variable["name"].removeprefix(prefix).lower()
            assert field in SETTINGS[prefix].model_fields, variable["name"]
            if "value" in variable:
                monkeypatch.setenv(variable["name"], variable["value"])
                SETTINGS[prefix].load()
                monkeypatch.delenv(variable["name"])


def test_guests_are_let_in_by_all_or_by_nobody(rendered: dict[str, list[Object]]) -> None:
    """One value reaches those that ask for it; as delivered nobody is let in."""
    for name in SETS:
        found = {
            deployment: variable["value"]
            for deployment, item in of_kind(rendered[name], "Deployment").items()
            for variable in container(item)["env"]
            if variable["name"].endswith("_GUESTS")
        }
        asking = ("music-gateway", "music-user-management", "music-user-management-background")
        assert found == dict.fromkeys(asking, "true" if name == "guests" else "false")


@pytest.mark.parametrize("name", SETS)
def test_every_process_of_the_platform_has_a_deployment(rendered: dict[str, list[Object]], name: str) -> None:
    deployments = of_kind(rendered[name], "Deployment")
    assert {item.removeprefix("music-") for item in deployments} == {
        "gateway", "user-management", "user-management-background", "generation", "generation-worker", "processing",
        "processing-worker",
    }  # fmt: skip
    for deployment in deployments.values():
        command = container(deployment).get("command")
        assert command is None or importlib.util.find_spec(command[2])


def test_only_those_who_sign_hold_private_keys(rendered: dict[str, list[Object]]) -> None:
    holders: dict[str, set[str]] = {}
    for name, deployment in of_kind(rendered["default"], "Deployment").items():
        keys = next(v for v in deployment["spec"]["template"]["spec"]["volumes"] if v["name"] == "keys")
        for item in keys["secret"]["items"]:
            holders.setdefault(item["key"], set()).add(name)
    assert holders["internal_token.pem"] == {"music-gateway"}
    assert holders["access_token.pem"] == {"music-user-management"}


@pytest.mark.parametrize("name", SETS)
def test_no_container_may_do_more_than_it_has_to(rendered: dict[str, list[Object]], name: str) -> None:
    for deployment in of_kind(rendered[name], "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for each in (*pod["containers"], *pod.get("initContainers", [])):
            assert each["securityContext"]["readOnlyRootFilesystem"]
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in each["resources"]["limits"]


@pytest.mark.parametrize("name", SETS)
def test_selectors_find_exactly_their_own_pods(rendered: dict[str, list[Object]], name: str) -> None:
    pods = {
        key: item["spec"]["template"]["metadata"]["labels"]
        for key, item in of_kind(rendered[name], "Deployment").items()
    }
    selectors = [(key, item["spec"]["selector"]) for key, item in of_kind(rendered[name], "Service").items()]
    for kind in ("PodDisruptionBudget", "Deployment"):
        selectors += [(k, item["spec"]["selector"]["matchLabels"]) for k, item in of_kind(rendered[name], kind).items()]
    selectors += [
        (key, item["spec"]["podSelector"]["matchLabels"])
        for key, item in of_kind(rendered[name], "NetworkPolicy").items()
    ]
    for key, selector in selectors:
        assert [pod for pod, labels in pods.items() if selector.items() <= labels.items()] == [key]


def test_grpc_ports_are_open_to_those_who_call_them_only(rendered: dict[str, list[Object]]) -> None:
    policies = of_kind(rendered["default"], "NetworkPolicy")
    callers = {}
    for name, policy in policies.items():
        for rule in policy["spec"]["ingress"]:
            if rule["ports"][0]["port"] != 9000 and "from" in rule:
                callers[name] = {
                    peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule["from"]
                }
    assert callers["music-generation"] == callers["music-processing"] == {"gateway"}
    assert "gateway" in callers["music-user-management"]
    assert "music-gateway" not in callers


def test_gpu_workers_ask_for_a_gpu_and_follow_the_queue(rendered: dict[str, list[Object]]) -> None:
    worker = of_kind(rendered["gpu"], "Deployment")["music-generation-worker"]
    assert container(worker)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "replicas" not in worker["spec"]
    scaled = of_kind(rendered["gpu"], "ScaledObject")["music-generation-worker"]
    assert scaled["spec"]["scaleTargetRef"] == {"name": "music-generation-worker"}
