"""The calls of the package held against the document of the HTTP API: none is missing, none leads nowhere."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from musicgen_client import Client, NotFoundError
from musicgen_client.collections import SharedTrack

DOCUMENT = Path(__file__).parents[3] / "docs" / "api-reference" / "openapi.json"

COOKIES = "a browser's cookie session; programs hold tokens or a key"
REDIRECT = "a step of a sign-in that leads a browser from site to site"
FOR_BROWSERS_ONLY = {
    ("POST", "/api/v1/auth/guest"): COOKIES,
    ("POST", "/api/v1/auth/guest/register"): COOKIES,
    ("POST", "/api/v1/auth/session"): COOKIES,
    ("DELETE", "/api/v1/auth/session"): COOKIES,
    ("GET", "/api/v1/auth/oidc/{provider}/start"): REDIRECT,
    ("GET", "/api/v1/auth/oidc/{provider}/callback"): REDIRECT,
    ("POST", "/api/v1/auth/oidc/second-factor"): REDIRECT,
    ("GET", "/api/v1/notifications/unsubscribe"): "a page that asks people whether they mean it",
}

LINKS = {name: f"/api/v1/shared/s1/{name}?expires=1&signature=s" for name in ("audio", "cover", "waveform")}

Asked = tuple[str, str, frozenset[str]]


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], frozenset[str]]:
    """Method and path of every operation, and the names of its query."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return {
        (method.upper(), path): frozenset(
            parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Asked]]:
    """What every method of the client asks for, with every argument that it takes."""
    folder = tmp_path_factory.mktemp("files")
    heard: list[Asked] = []

    def hear(request: httpx.Request) -> httpx.Response:
        heard.append((request.method, request.url.path, frozenset(request.url.params)))
        return httpx.Response(404, json={"type": "/problems/not-found", "title": "Not found"})

    asked: dict[str, list[Asked]] = {}
    with Client("http://test", transport=httpx.MockTransport(hear)) as client:
        for name in methods():
            for arguments in arguments_of(getattr(Client, name), folder):
                with pytest.raises(NotFoundError):
                    next(getattr(client, name)(**arguments))  # streams and walks ask when they are begun
            asked[name] = heard.copy()
            heard.clear()
    return asked


def methods() -> list[str]:
    """The methods of the client that ask for something that their names say."""
    # The hub is a WebSocket, which the document has no words for.
    general = {"send", "iterate", "close", "hub"}
    return sorted(name for name in dir(Client) if not name.startswith("_") and name not in general)


def arguments_of(method: Callable[..., Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Arguments for a method: those that it needs, and those with every other one too."""
    parameters = [item for name, item in inspect.signature(method).parameters.items() if name != "self"]
    needed = [item for item in parameters if item.default is item.empty and item.kind is not item.VAR_KEYWORD]
    optional = [item for item in parameters if item.default is not item.empty]
    for chosen, picture in ((needed, folder / "picture.png"), (needed + optional, folder / "picture.svg")):
        picture.write_bytes(b"x")
        yield {item.name: some(item, picture) for item in chosen}


def some(parameter: inspect.Parameter, file: Path) -> Any:
    """A value that a parameter takes."""
    kind = str(parameter.annotation)
    if parameter.name == "timeout_seconds":
        return 0.0
    if parameter.name == "sort":
        return "newest"
    if kind == "Path":
        return file.parent if parameter.name == "folder" else file
    if kind == "SharedTrack":
        return SharedTrack(links=LINKS)
    if "GenerateRequest" in kind:
        return [{"prompt": "rain"}]
    for beginning, value in (("Sequence", ["x1"]), ("Mapping", {}), ("int", 1), ("float", 1.0), ("bool", True)):
        if kind.startswith(beginning):
            return value
    if parameter.name in ("received", "sent"):
        return None
    return "x1"


def operation_of(method: str, path: str, operations: dict[tuple[str, str], frozenset[str]]) -> tuple[str, str] | None:
    """The operation that a request reaches: the one with the fewest parameters in its path."""
    found = [
        (verb, template)
        for verb, template in operations
        if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template.replace(".", r"\.")), path)
    ]
    return min(found, key=lambda operation: operation[1].count("{"), default=None)


def test_every_operation_has_a_call_or_is_for_browsers(
    operations: dict[tuple[str, str], frozenset[str]], requests: dict[str, list[Asked]]
) -> None:
    called = {operation_of(method, path, operations) for asked in requests.values() for method, path, _ in asked}
    assert set(operations) - called == set(FOR_BROWSERS_ONLY)


def test_every_call_is_an_operation_and_asks_in_its_words(
    operations: dict[tuple[str, str], frozenset[str]], requests: dict[str, list[Asked]]
) -> None:
    for name, asked in requests.items():
        assert asked, name
        for method, path, query in asked:
            operation = operation_of(method, path, operations)
            assert operation is not None, f"{name} asks for {method} {path}, which nobody answers"
            assert query <= operations[operation], f"{name} asks {method} {path} for {query - operations[operation]}"


def test_every_word_of_a_query_can_be_asked_for(
    operations: dict[tuple[str, str], frozenset[str]], requests: dict[str, list[Asked]]
) -> None:
    said: dict[tuple[str, str], set[str]] = {}
    for asked in requests.values():
        for method, path, query in asked:
            operation = operation_of(method, path, operations)
            assert operation is not None
            said.setdefault(operation, set()).update(query)
    unsaid = {operation: operations[operation] - words for operation, words in said.items()}
    missing = {operation: words for operation, words in unsaid.items() if words}
    assert missing == {("GET", "/api/v1/tracks/{track_id}/cover"): {"version", "drawn"}}  # for browsers' caches
