"""Answers the web studio's files: whatever is not the API's own path."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.encodings import takes
from services.gateway.media.conditional import http_date, is_unchanged, range_applies
from services.gateway.media.ranges import ByteRange, parse_range
from services.gateway.ui.site import Site, SiteFile
from services.shared.errors import AppError, ErrorCode

# First segments of paths that are the server's: a wrong path there is a problem document and never a page.
SERVER_PATHS = ("api", "docs", "redoc", "openapi.json", "problems", "health", "version", "metrics", ".well-known")

_CONVERTOR = "studio_path"
_IMMUTABLE_FOLDER = "_next/static/"
_IMMUTABLE = "public, max-age=31536000, immutable"
# A page names the files that belong to it: an old one would ask for what is gone.
_PAGE_CACHE = "no-cache"
_FILE_CACHE = "public, max-age=3600"
# What opens the studio without a connection names the files of its build, as pages do. Its own policy holds for what
# it fetches, whatever the page's says (CSP 3, §4.1): files from here, and nothing else.
_SERVICE_WORKER = "service-worker.js"
_SERVICE_WORKER_POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"


class _StudioPath(Convertor[str]):
    """Every path but the server's own."""

    regex = rf"(?!(?:{'|'.join(re.escape(name) for name in SERVER_PATHS)})(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class StudioPages:
    """The route that answers the files of a `Site`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._modified = datetime.now(UTC)

    def route(self) -> Route:
        """The route, for the end of an application's list."""
        register_url_convertor(_CONVERTOR, _StudioPath())
        return Route(f"/{{path:{_CONVERTOR}}}", self.answer, methods=["GET"], include_in_schema=False)

    async def answer(self, request: Request) -> Response:
        """The file of a path, or the studio's own page for paths that lead nowhere."""
        found = self._site.find(request.path_params["path"])
        if found is not None:
            return self._file_response(request, found)
        page = self._site.not_found_page
        if page is None:
            raise AppError(ErrorCode.NOT_FOUND, "There is no such page.")
        return Response(page.content, 404, headers=_page_headers(page), media_type=page.media_type)

    def _file_response(self, request: Request, found: SiteFile) -> Response:
        encoding = _encoding_of(request.headers.get("accept-encoding", ""), found)
        content = found.variants[encoding] if encoding else found.content
        etag = f'"{found.etag}-{encoding}"' if encoding else f'"{found.etag}"'
        headers = {
            "etag": etag,
            "last-modified": http_date(self._modified),
            "cache-control": _cache_of(found),
            "accept-ranges": "bytes",
        }
        if found.variants:
            headers["vary"] = "Accept-Encoding"
        if found.is_page:
            headers |= _page_headers(found)
        if found.path == _SERVICE_WORKER:
            headers |= {"content-security-policy": _SERVICE_WORKER_POLICY, "cache-control": _PAGE_CACHE}
        asked = request.headers
        if is_unchanged(asked.get("if-none-match"), asked.get("if-modified-since"), etag, self._modified):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["content-encoding"] = encoding
        part: ByteRange | None = None
        if range_applies(asked.get("if-range"), etag, self._modified):
            part = parse_range(asked.get("range"), len(content))
        if part is None:
            return Response(content, headers=headers, media_type=found.media_type)
        headers["content-range"] = part.content_range(len(content))
        return Response(content[part.start : part.end], 206, headers=headers, media_type=found.media_type)


def content_security_policy(script_hashes: tuple[str, ...]) -> str:
    """What a page of the studio may load and run: everything from here, of inline scripts only the known ones."""
    scripts = " ".join(["'self'", *(f"'{item}'" for item in script_hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
        "media-src 'self' blob: data:; connect-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; "
        "manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _page_headers(page: SiteFile) -> dict[str, str]:
    return {
        "content-security-policy": content_security_policy(page.script_hashes),
        # Forms of our own pages say where they come from; other sites learn nothing.
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), payment=(), usb=()",
        "cache-control": _PAGE_CACHE,
    }


def _cache_of(found: SiteFile) -> str:
    if found.is_page:
        return _PAGE_CACHE
    return _IMMUTABLE if found.path.startswith(_IMMUTABLE_FOLDER) else _FILE_CACHE


def _encoding_of(accepted: str, found: SiteFile) -> str:
    """The first of the file's encodings that the client takes; empty: none."""
    return next((name for name in found.variants if takes(accepted, name)), "")
