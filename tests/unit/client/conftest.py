"""A server that answers as a test scripts it, over real HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What to send. An iterable body is sent as it comes; `cut` closes the connection without an end."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Handler = Callable[[Asked], Answer]


class ScriptedServer:
    """Routes by method and path; keeps every request."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Handler] = {}
        self.asked: list[Asked] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def on(self, method: str, path: str, handler: Handler | Answer) -> None:
        self.routes[method, path] = handler if callable(handler) else lambda _asked: handler

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Serve(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
                owner.asked.append(asked)
                handler = owner.routes.get((asked.method, asked.path))
                missing = {
                    "type": "/problems/not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "no such thing",
                }
                answer = handler(asked) if handler else json_answer(missing, 404)
                self._send(answer)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 — names that http.server looks for

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if isinstance(answer.body, bytes):
                    if "Content-Length" not in answer.headers:
                        self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                else:
                    self.close_connection = True
                    self.send_header("Connection", "close")
                    if not answer.cut and "Content-Length" not in answer.headers:
                        self.send_header("Transfer-Encoding", "chunked")
                        self.end_headers()
                        for data in answer.body:
                            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
                            self.wfile.flush()
                        self.wfile.write(b"0\r\n\r\n")
                    else:
                        self.end_headers()
                        for data in answer.body:
                            self.wfile.write(data)
                            self.wfile.flush()
                if answer.cut:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, ValueError):
                    self.close_connection = True

        return Serve


def json_answer(document: Any, status: int = 200, **headers: str) -> Answer:
    kind = "application/problem+json" if status >= 400 else "application/json"
    return Answer(status, json.dumps(document).encode(), {"Content-Type": kind, **headers})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """Builds a JSON answer: `answer(document, status=200, **headers)`."""
    return json_answer


@pytest.fixture
def raw() -> type[Answer]:
    """Builds any other answer."""
    return Answer


@pytest.fixture
def problem() -> Callable[..., Answer]:
    """Builds a problem document: `problem(429, "quota-exceeded", "You have used …")`."""

    def build(status: int, code: str, detail: str, errors: Any = None, **headers: str) -> Answer:
        document = {
            "type": f"/problems/{code}",
            "title": code.replace("-", " ").capitalize(),
            "status": status,
            "detail": detail,
            "instance": "/somewhere",
            "request_id": "req-1",
            "errors": errors,
        }
        return json_answer(document, status, **headers)

    return build


@pytest.fixture
def token_pair() -> Callable[..., dict[str, Any]]:
    """A sign-in's answer: `token_pair(number, expires_in=900)`."""

    def build(number: int = 1, expires_in: float = 900.0) -> dict[str, Any]:
        return {
            "access_token": f"access-{number}",
            "token_type": "bearer",
            "expires_in": expires_in,
            "refresh_token": f"refresh-{number}",
            "user": {"id": "u1", "username": "ada", "email": "ada@example.org", "role": "user", "new_field": 1},
        }

    return build


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    """A job document: `job("running", progress=0.5)`."""

    def build(status: str = "queued", **fields: Any) -> dict[str, Any]:
        return {
            "id": "j1",
            "kind": "generate",
            "status": status,
            "progress": 1.0 if status == "succeeded" else 0.0,
            "stage": None,
            "attempts": 0,
            "error": None,
            "request": {"prompt": "calm piano"},
            "result": {"track_ids": ["t1"], "other": 1} if status == "succeeded" else None,
            "created_at": "2026-11-21T10:00:00Z",
            **fields,
        }

    return build


@pytest.fixture
def track() -> dict[str, Any]:
    """A track document."""
    return {
        "id": "t1",
        "owner": {"id": "u1", "username": "ada"},
        "title": "Calm piano",
        "prompt": "calm piano",
        "model": "composer",
        "seed": 7,
        "duration": 30.0,
        "sample_rate": 44100,
        "channels": 2,
        "loudness_lufs": -14.0,
        "true_peak_dbtp": -1.0,
        "stems": [{"name": "drums"}, "bass"],
        "has_midi": True,
        "licence": {"name": "CC0-1.0", "commercial_use": True, "attributions": []},
        "created_at": "2026-11-21T10:00:30Z",
        "links": {"audio": "/api/v1/tracks/t1/audio"},
    }


def sse(*events: tuple[str, str, Any]) -> bytes:
    return b"".join(f"id: {i}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode() for i, kind, data in events)


@pytest.fixture
def event_stream() -> Callable[..., bytes]:
    """Server-sent events as bytes: `event_stream(("1", "status", {…}), …)`."""
    return sse


@pytest.fixture
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder, and none of the user's variables."""
    for name in ("MUSICGEN_PASSWORD", "MUSICGEN_API_KEY", "MUSICGEN_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MUSICGEN_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"
