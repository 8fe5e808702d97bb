"""The API's own documentation, served from here alone: no page asks another host for anything.

Swagger UI and ReDoc come as files inside the wheel `fastapi-offline` (MIT; the files Apache-2.0 and MIT).
"""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
from collections.abc import Mapping
from html import escape
from pathlib import Path

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.gateway.encodings import takes
from services.gateway.problems import PROBLEM_KINDS
from services.shared.errors import AppError, ErrorCode

router = APIRouter(include_in_schema=False)

# Everything from here; the pages style themselves in line, ReDoc searches in a worker.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; media-src 'self' blob:; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# ReDoc shows its maker's logo from its maker's host.
_REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_ASSET_CACHE = "public, max-age=86400"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
{head}
</head>
<body>
{body}
</body>
</html>
"""

_SWAGGER = _PAGE.format(
    title="Music Gen AI: API",
    head='<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
    body='<div id="swagger-ui"></div>\n<script src="/docs/assets/swagger-ui-bundle.js"></script>\n'
    '<script src="/docs/assets/start.js"></script>',
)
_START_SCRIPT = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  // Its default sends the document's address to another host.
  validatorUrl: null,
});
"""
_REDOC = _PAGE.format(
    title="Music Gen AI: API reference",
    head="",
    body='<redoc spec-url="/openapi.json"></redoc>\n<script src="/docs/assets/redoc.standalone.js"></script>',
)
_ASSET_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "redoc.standalone.js": "text/javascript",
}


def _read_assets() -> Mapping[str, tuple[bytes, str]]:
    # Only the package's files are wanted: importing it would build another FastAPI class.
    package = importlib.util.find_spec("fastapi_offline")
    if package is None or package.origin is None:
        raise AppError(ErrorCode.INTERNAL, "The package fastapi-offline is missing: install music-gen-ai[gateway].")
    folder = Path(package.origin).parent / "static"
    assets = {name: ((folder / name).read_bytes(), media_type) for name, media_type in _ASSET_TYPES.items()}
    redoc, media_type = assets["redoc.standalone.js"]
    assets["redoc.standalone.js"] = (redoc.replace(_REDOC_LOGO, b"data:,"), media_type)
    return {**assets, "start.js": (_START_SCRIPT.encode(), "text/javascript")}


_ASSETS = _read_assets()


@router.get("/")
async def get_root() -> Response:
    """The studio will live here; until then its API's documentation does."""
    return RedirectResponse("/docs", status_code=307)


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """The contract for programs."""
    packs = takes(request.headers.get("accept-encoding", ""), "gzip")

    def document() -> bytes:
        whole = orjson.dumps(request.app.openapi())
        return gzip.compress(whole, 6, mtime=0) if packs else whole

    # Building it takes a third of a second, once; other requests must not wait for that.
    headers = {"vary": "Accept-Encoding"} | ({"content-encoding": "gzip"} if packs else {})
    return Response(await asyncio.to_thread(document), media_type="application/json", headers=headers)


@router.get("/docs")
async def get_docs() -> Response:
    """Swagger UI."""
    return HTMLResponse(_SWAGGER, headers={"content-security-policy": _PAGE_POLICY})


@router.get("/redoc")
async def get_redoc() -> Response:
    """ReDoc."""
    return HTMLResponse(_REDOC, headers={"content-security-policy": _PAGE_POLICY})


@router.get("/docs/assets/{name}")
async def get_asset(name: str) -> Response:
    """A file of the two pages above."""
    if name not in _ASSETS:
        raise AppError(ErrorCode.NOT_FOUND, "There is no such file.")
    content, media_type = _ASSETS[name]
    return Response(content, media_type=media_type, headers={"cache-control": _ASSET_CACHE})


@router.get("/problems/{code}")
async def get_problem(code: str) -> Response:
    """What a problem type means: the page behind the `type` of a problem document."""
    kind = PROBLEM_KINDS.get(code)
    if kind is None:
        known = ", ".join(PROBLEM_KINDS)
        raise AppError(ErrorCode.NOT_FOUND, f"There is no problem type of this name. There are: {known}.")
    page = _PAGE.format(
        title=escape(kind.title),
        head="",
        body=f"<h1>{escape(kind.title)}</h1>\n<p><code>{kind.type}</code>, HTTP status {kind.status}</p>\n"
        f'<p>{escape(kind.explanation)}</p>\n<p><a href="/docs">The API\'s documentation</a></p>',
    )
    return HTMLResponse(page, headers={"content-security-policy": _PAGE_POLICY, "cache-control": _ASSET_CACHE})
