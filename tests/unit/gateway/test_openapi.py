import json
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS, build_api
from services.gateway.openapi_examples import example_of
from services.gateway.openapi_links import LEADS
from services.gateway.schemas.problems import Problem

DOCUMENT = build_api().openapi()
OPERATIONS = [
    (method, path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_an_operation_is_told_in_full(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert operation["tags"]
    assert re.fullmatch(r"[a-z_]+", operation["operationId"])
    responses = operation["responses"]
    assert any(int(status) < 400 for status in responses)
    assert "500" in responses
    for status, response in responses.items():
        assert response["description"], status
        assert "X-Request-ID" in response["headers"], status
        if int(status) >= 400:
            media = response["content"]["application/problem+json"]
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert Problem.model_validate(media["example"]).status == int(status)
    if "security" in operation:
        assert {"401", "429", "503"} <= responses.keys()
    if "requestBody" in operation:
        assert {"413", "415", "422"} <= responses.keys()
    if "{" in path:
        assert "404" in responses


# What a repeated call would make twice: docs/api-reference/README.md promises a key for each. Links are left out, since
# their answer holds a secret.
MADE_ONCE = {"Job", "JobBatch", "Comment", "Playlist", "Project", "Mix", "NewWebhook"}


def test_whatever_makes_something_can_be_repeated_by_a_key() -> None:
    keyed, keyless = set(), set()
    for method, path, operation in OPERATIONS:
        made = {
            response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            for status, response in operation["responses"].items()
            if status in {"201", "202"}
        }
        if method == "post" and made & MADE_ONCE:
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            (keyed if "Idempotency-Key" in names else keyless).add(path)
    # Asked for again, a cancelled job is cancelled and a version restored is the newest already.
    assert keyless == {"/api/v1/jobs/{job_id}/cancel"}
    assert len(keyed) >= 16


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_body_has_an_example_that_fits(method: str, path: str, operation: dict[str, Any]) -> None:
    if "requestBody" in operation and "application/json" in operation["requestBody"]["content"]:
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert DOCUMENT["components"]["schemas"][name]["examples"]
    for status, response in operation["responses"].items():
        if int(status) < 300:
            for media_type, media in response.get("content", {}).items():
                if media_type == "application/json" and media.get("schema", {}).get("format") != "binary":
                    assert "example" in media
                if "example" in media:
                    assert '"…"' not in json.dumps(media["example"], ensure_ascii=False), "that shows nothing"


def test_the_examples_of_bodies_are_taken_by_their_schemas() -> None:
    checked = 0
    for route in (route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)):
        model = route.body_field.field_info.annotation if route.body_field else None
        for example in (getattr(model, "model_config", {}).get("json_schema_extra") or {}).get("examples", []):
            TypeAdapter(model).validate_python(example)
            checked += 1
    assert checked >= 7


def test_the_examples_of_answers_are_taken_by_their_schemas() -> None:
    for route in (route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)):
        if route.response_model is None or not hasattr(route.response_model, "model_validate"):
            continue
        schemas = DOCUMENT["components"]["schemas"]
        example = example_of(schemas[route.response_model.__name__], schemas)
        route.response_model.model_validate(example)


def test_every_group_of_calls_is_described() -> None:
    described = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert set(described) == {tag for _, _, operation in OPERATIONS for tag in operation["tags"]}
    assert all(text.endswith(".") for text in described.values())


def test_every_reference_leads_somewhere() -> None:
    text = str(DOCUMENT)
    for kind, name in set(re.findall(r"#/components/(\w+)/([\w-]+)", text)):
        assert name in DOCUMENT["components"][kind]


def test_operations_have_names_of_their_own() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_the_committed_document_is_fresh() -> None:
    outcome = subprocess.run(
        [sys.executable, "scripts/export_openapi.py", "--check"], capture_output=True, text=True, timeout=60
    )
    assert outcome.returncode == 0, outcome.stderr


def test_links_lead_from_answers_to_calls_that_take_what_stands_in_them() -> None:
    by_id = {operation["operationId"]: (path, operation) for _, path, operation in OPERATIONS}
    begun = [(lead.source, lead.status, target) for lead in LEADS for target in lead.targets]
    assert len(begun) == len(set(begun)), "a lead that another one overwrites"
    for lead in LEADS:
        path, source = by_id[lead.source]
        answer = source["responses"][str(lead.status)]
        assert set(lead.targets) <= answer["links"].keys()
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        for name, expression in lead.parameters.items():
            place, _, rest = expression.partition("#" if "#" in expression else ".path.")
            if place == "$request":
                assert f"{{{rest}}}" in path, (lead.source, expression)
                continue
            assert place == "$response.body"
            found: Any = example_of(schema, DOCUMENT["components"]["schemas"])
            for step in rest.strip("/").split("/"):
                found = found[int(step)] if step.isdigit() else found[step]
            for target in lead.targets:
                taken = {item["name"]: item for item in by_id[target][1]["parameters"]}
                assert taken[name]["in"] == "path" or target == "list_tracks", (target, name)
        for target in lead.targets:
            needed = {item["name"] for item in by_id[target][1]["parameters"] if item["in"] == "path"}
            assert needed <= lead.parameters.keys(), (lead.source, target)


def test_things_that_are_made_can_be_followed_to_their_end() -> None:
    leads = {(lead.source, target) for lead in LEADS for target in lead.targets}
    for noun in ("playlist", "project", "mix", "webhook"):
        assert {(f"create_{noun}", f"get_{noun}"), (f"get_{noun}", f"delete_{noun}")} <= leads
    assert {("get_track", "update_track"), ("update_track", "delete_track"), ("get_job", "get_track")} <= leads
    assert {("generate", "get_job"), ("create_share", "revoke_share"), ("create_api_key", "revoke_api_key")} <= leads
