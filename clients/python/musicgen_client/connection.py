"""What both clients know about their server: its address, who is signed in, how calls become requests and answers."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypedDict, TypeVar

import httpx

from musicgen_client.auth import ApiKeyAuth, TokenAuth
from musicgen_client.calls.call import API, Call
from musicgen_client.errors import ApiError, UnexpectedAnswerError, UnsendableError
from musicgen_client.models import Track
from musicgen_client.tokens import MemoryTokenStore, TokenStore
from musicgen_client.uploads import AsyncFileBody, FileBody

T = TypeVar("T")

Received = Callable[[int, int | None], None]

_STEM_NAME: Final = re.compile(r"[\w][\w .+-]{0,63}")


class HttpOptions(TypedDict):
    """The options that the two kinds of httpx client share."""

    base_url: str
    auth: httpx.Auth
    headers: dict[str, str]
    timeout: httpx.Timeout
    follow_redirects: bool


class Connection:
    """Address, credentials and defaults; sends nothing by itself."""

    def __init__(self, url: str, tokens: TokenStore | None, api_key: str | None, timeout_seconds: float) -> None:
        self.url: Final = url.rstrip("/")
        self.tokens: Final[TokenStore] = tokens or MemoryTokenStore()
        self._timeout_seconds = timeout_seconds
        self.auth: Final[ApiKeyAuth | TokenAuth] = (
            ApiKeyAuth(api_key) if api_key else TokenAuth(self.tokens, f"{self.url}{API}/auth/refresh")
        )

    def options(self) -> HttpOptions:
        """What the httpx client is made with. Redirects are not followed: they would carry credentials elsewhere."""
        return HttpOptions(
            base_url=self.url,
            auth=self.auth,
            headers={"User-Agent": self.user_agent, "Accept": "application/json"},
            timeout=httpx.Timeout(self._timeout_seconds, connect=5.0),
            follow_redirects=False,
        )

    @property
    def user_agent(self) -> str:
        """What the client calls itself."""
        return f"musicgen-client/{client_version()}"

    def auth_of(self, call: Call[Any]) -> httpx.Auth | None:
        """Who signs a call."""
        return self.auth if call.signed else None

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
        """A call as a request.

        Raises `UnsendableError` for values that JSON does not know, OSError for a file that cannot be read.
        """
        content: bytes | FileBody | AsyncFileBody | None = None
        headers = dict(call.headers)
        if call.upload is not None:
            body = call.upload.body()
            content = AsyncFileBody(body) if isinstance(http, httpx.AsyncClient) else body
            headers |= {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        elif call.body is not None:
            content = _json(call.body)
            headers["Content-Type"] = "application/json"
        return http.build_request(
            call.method,
            call.path,
            params=call.params or None,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(self._timeout_seconds + call.wait_seconds, connect=5.0),
        )

    def finish(self, call: Call[T], response: httpx.Response) -> T:
        """An answer as a value, or as an exception."""
        self.heed(response)
        if response.is_error:
            raise ApiError.from_response(response)
        if not response.is_success:
            raise UnexpectedAnswerError(
                f"{response.request.url} answered {response.status_code}: is the address right?"
            )
        answer = call.read(response)
        call.effect(self.tokens, answer)
        return answer

    @staticmethod
    def heed(response: httpx.Response) -> None:
        """Warn (`DeprecationWarning`) whoever called this package of a call that will go."""
        if "deprecation" not in response.headers:
            return
        gone = response.headers.get("sunset", "a day that it does not name")
        asked = f"{response.request.method} {response.request.url.path}"
        warnings.warn(
            f"{asked} is deprecated; this server answers it until {gone}.",
            DeprecationWarning,
            stacklevel=_level_of_caller(),
        )

    @staticmethod
    def stem_names(track: Track) -> list[str]:
        """The stems of a track, refused when a name would not be safe as a file's."""
        for stem in track.stems:
            if _STEM_NAME.fullmatch(stem.name) is None:
                raise UnexpectedAnswerError(f"the stem name {stem.name!r} cannot be used as a file name")
        return [stem.name for stem in track.stems]


def _json(body: object) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UnsendableError(f"the request cannot be sent as JSON: {error}") from error


def _level_of_caller() -> int:
    """How far up the stack, from whoever asks, the first function is that is not of this package."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    return level


def client_version() -> str:
    """The version of this package."""
    try:
        return version("music-gen-ai")
    except PackageNotFoundError:
        return "0+unknown"
