"""Completes the OpenAPI document: what the framework cannot know of admission, problems, headers and examples.

Everything that applies to whole families of calls is added here, from the routes' own terms, so that the document
cannot disagree with what the calls do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.admission import GatewayRoute
from services.gateway.errors import MEDIA_TYPE
from services.gateway.openapi_examples import example_of
from services.gateway.openapi_links import add_links
from services.gateway.problems import PROBLEM_KINDS
from services.gateway.schemas.problems import Problem

# Of the contract, not of the program: `/version` tells that.
API_VERSION = "1"

_DESCRIPTION = """Words into finished music.

Errors are problem documents (RFC 9457) whose `type` leads to an explanation. Every answer carries `X-Request-ID`; every
GET takes HEAD too. Lists are paged by `cursor`. POSTs that create jobs take an `Idempotency-Key`.
"""

# In the order in which a reader meets them.
_TAGS = {
    "auth": "Signing up, in and out; second factors, addresses and passwords; sign-in elsewhere; API keys; guests.",
    "users": "One's own account: profile, usage, export, deletion.",
    "generate": "Songs from words, and what is made of songs: variations, longer ones, sections anew, batches.",
    "jobs": "What is being made: status, progress as events, cancel.",
    "models": "What makes music here, under which licence; fetching models.",
    "tracks": "The library: sound in every format, stems, notes, pictures, lineage, trash.",
    "projects": "Folders of the library.",
    "uploads": "Recordings of one's own.",
    "processing": "Separation, mixing, mastering, transcription, analysis, conversion; sessions of mixes as versions.",
    "sharing": "Links that open a track for those who have them.",
    "discovery": "Everybody's public music: trending, new, search, the feed.",
    "people": "Profiles, follows, likes, comments, blocks.",
    "playlists": "Ordered lists, alone or with others.",
    "notifications": "What one was told, and what one wants to be told.",
    "webhooks": "Calls to a server of one's own when something ends.",
    "moderation": "Reports, and what moderators do about them.",
    "admin": "Accounts, tiers, figures and the log, for administrators.",
    "operations": "Health, version, and the keys that verify tokens.",
}

_SECURITY_SCHEMES = {
    "access_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "From `POST /api/v1/auth/login`. Verifiable by `/.well-known/jwks.json`.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "From `POST /api/v1/api-keys`; the scope that an operation needs stands with it.",
    },
    "browser_session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "musicgen_session",
        "description": "From `POST /api/v1/auth/session`; over HTTPS its name is `__Host-musicgen_session`.",
    },
    "csrf_token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The value of the cookie `musicgen_csrf` (over HTTPS `__Host-musicgen_csrf`): unsafe calls by "
        "cookie need it.",
    },
    "signed_link": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "With `expires`, as in the `links` of jobs and tracks: reads one path for a while.",
    },
}

_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "Names the request; a client may choose it.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left (`r`) and the seconds until the window ends (`t`).",
        "schema": {"type": "string"},
        "example": '"read";r=1199;t=42',
    },
    "RateLimit-Policy": {
        "description": "The limit: requests (`q`) in seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"read";q=1200;w=60',
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "example": 2},
    "WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}},
    "Location": {
        "description": "The job, or the page to go on to.",
        "schema": {"type": "string"},
        "example": "/api/v1/jobs/0196f1c2-…",
    },
    "Idempotency-Replayed": {
        "description": "`true` when this is the answer of an earlier request of the same key.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Names this state. That of a file, or of what people edit, is strong: in `If-Match` it keeps "
        "you from undoing what you have not seen. In `If-None-Match` it saves reading the same again.",
        "schema": {"type": "string"},
        "example": '"7-1f0c3b2a9d8e7f605142"',
    },
    "Last-Modified": {"description": "When the track was made.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "`bytes`; `none` while the audio is live.", "schema": {"type": "string"}},
    "Content-Range": {"description": "Which part this is, and of how much.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "The file's name.", "schema": {"type": "string"}},
    "Deprecation": {
        "description": "Since when it is said that the call will go (RFC 9745).",
        "schema": {"type": "string"},
        "example": "@1798761600",
    },
    "Sunset": {
        "description": "When it will be gone (RFC 8594).",
        "schema": {"type": "string"},
        "example": "Sun, 01 Aug 2027 00:00:00 GMT",
    },
}

_BY_STATUS: Mapping[int, tuple[str, ...]] = {
    206: ("Content-Range",),
    303: ("Location",),
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what you have: 304 while it is still that.",
    "schema": {"type": "string"},
    "example": 'W/"1f0c3b2a9d8e7f605142"',
}
_REPRESENTATION = ("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition")
_SUCCESS = {
    201: "Made",
    202: "Taken",
    204: "Done, with nothing to say",
    304: "What the client has is current",
}


def install_openapi(app: FastAPI, routes: Iterable[GatewayRoute]) -> None:
    """Make `app.openapi()` answer the completed document, built once."""
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(build_document(app, routes))
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def build_document(app: FastAPI, routes: Iterable[GatewayRoute]) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title="Music Gen AI",
        version=API_VERSION,
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.setdefault("Problem", Problem.model_json_schema(ref_template="#/components/schemas/{model}"))
    schemas["Problem"].pop("$defs", None)
    components["securitySchemes"] = _SECURITY_SCHEMES
    components["headers"] = _HEADERS
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, method, route, schemas)
    add_links(document)
    return document


def _complete(operation: dict[str, Any], method: str, route: GatewayRoute, schemas: dict[str, Any]) -> None:
    admission = route.admission
    if admission is not None and admission.signed_in:
        browser: dict[str, list[str]] = {"browser_session": []}
        if method != "GET":
            browser["csrf_token"] = []
        operation["security"] = [{"access_token": []}, browser]
        if admission.needed_scope != "account":
            operation["security"].append({"api_key": [admission.needed_scope]})
        if admission.takes_links:
            operation["security"].append({"signed_link": []})
    if route.deprecation is not None:
        operation["deprecated"] = True
        described = (operation.get("description", ""), route.deprecation.notice)
        operation["description"] = "\n\n".join(filter(None, described))
    responses = operation["responses"]
    statuses = _statuses(operation, route)
    if _is_read_by_tag(method, operation, route):
        statuses.add(304)
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    for status in statuses:
        responses.setdefault(str(status), {})
    for key in list(responses):
        status = int(key)
        response = responses[key]
        if status >= 400:
            response.clear()
            response.update(_problem(status, route.path))
        else:
            if response.get("description") in {None, "", "Successful Response"}:
                response["description"] = _SUCCESS.get(status, "Done")
            _add_example(response, schemas)
        _add_headers(response, _header_names(status, operation, route))
    operation["responses"] = dict(sorted(responses.items()))


def _statuses(operation: dict[str, Any], route: GatewayRoute) -> set[int]:
    """The statuses that follow from the route's terms; those of its own are declared with it."""
    statuses = {500}
    if "requestBody" in operation:
        statuses |= {408, 413, 415, 422}
    if "parameters" in operation:
        # Ids are any text: what cannot be one is the id of nothing. Numbers in paths are looked at.
        looked = any(item["in"] != "path" or item["schema"]["type"] != "string" for item in operation["parameters"])
        statuses |= {422} if looked else set()
        statuses |= {404} if any(item["in"] == "path" for item in operation["parameters"]) else set()
    if "422" in operation["responses"] and 422 not in statuses:
        # The framework adds it for every path parameter; ours take any text.
        del operation["responses"]["422"]
    if any(item["name"] == "If-Match" for item in operation.get("parameters", ())):
        statuses |= {412}
    if route.admission is not None:
        statuses |= {429, 503, 504}
        if route.admission.signed_in:
            statuses |= {401, 403}
    return statuses


def _is_read_by_tag(method: str, operation: dict[str, Any], route: GatewayRoute) -> bool:
    """Whether the call reads JSON that has an entity tag; files have theirs by their ranges."""
    answer = operation["responses"].get("200", {})
    return method == "GET" and route.has_tags and "application/json" in answer.get("content", {})


def _problem(status: int, path: str) -> dict[str, Any]:
    kinds = [kind for kind in PROBLEM_KINDS.values() if kind.status == status]
    example = {
        "type": kinds[0].type,
        "title": kinds[0].title,
        "status": status,
        "detail": kinds[0].title + ".",
        "instance": path,
        "request_id": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11",
    }
    if status == 422:
        example |= {"errors": [{"pointer": "/duration", "detail": "Must be greater than 0.", "in": "body"}]}
    return {
        "description": " or ".join(f"{kind.title} (`{kind.type}`)" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def _header_names(status: int, operation: dict[str, Any], route: GatewayRoute) -> list[str]:
    taken = operation.get("parameters", ())
    names = ["X-Request-ID", *_BY_STATUS.get(status, ())]
    if route.deprecation is not None:
        names += ["Deprecation", "Sunset"]
    if route.admission is not None:
        names += ["RateLimit", "RateLimit-Policy"]
    if status in {201, 202} and any(item["name"] == "Idempotency-Key" for item in taken):
        names += ["Idempotency-Replayed"]
        if status == 202 and not route.path.endswith("/batch"):
            names.append("Location")
    if "206" in operation["responses"] and status in {200, 206, 304}:
        names += _REPRESENTATION
    elif status in {200, 304} and any(item["name"] in {"If-Match", "If-None-Match"} for item in taken):
        names += ["ETag"]
    return names


def _add_headers(response: dict[str, Any], names: Iterable[str]) -> None:
    response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _add_example(response: dict[str, Any], schemas: dict[str, Any]) -> None:
    media = response.get("content", {}).get("application/json")
    if media is not None and media.get("schema") and media["schema"].get("format") != "binary":
        media["example"] = example_of(media["schema"], schemas)
