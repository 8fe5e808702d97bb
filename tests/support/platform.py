"""The whole platform as a person starts it: one `python -m services.standalone` with a home of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from services.shared.kernel_cache import folder_of_kernels

ROOT = Path(__file__).resolve().parents[2]
KERNELS = folder_of_kernels(ROOT / "var" / "cache" / "numba")
Found = TypeVar("Found")


def free_port() -> int:
    """A TCP port below the ephemeral range that nobody listens on now."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def eventually(condition: Callable[[], Found], *, within: float, what: str, every: float = 0.05) -> Found:
    """Poll `condition` until it is true (and return what it gave) or fail after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)


@dataclass
class Platform:
    """A running platform; `log` is what it printed."""

    home: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        path = self.home.parent / f"{self.home.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, within: float = 120) -> None:
        """Start and wait until every part is healthy."""
        self.launch()
        try:
            eventually(self.ready, within=within, what="platform ready", every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends:\n{self.log[-3000:]}") from error

    def launch(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MUSICGEN_")},
            "MUSICGEN_HOME": str(self.home),
            "MUSICGEN_PORT": str(self.port),
            "NUMBA_CACHE_DIR": str(KERNELS),  # kernels are compiled once for all tests
            **self.environment,
        }
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.standalone"],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"standalone ended with {self.process.returncode}:\n{self.log[-3000:]}")
        if "Music Gen AI is ready" not in self.log:
            return False  # the gateway serves before the workers have their instruments at hand
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, within: float = 30) -> int:
        """SIGTERM, as Ctrl-C would; returns the exit code. Whatever outlives it is killed."""
        assert self.process is not None
        family = self.descendants()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            for child in family:
                # psutil compares start times: a bare pid may be somebody else's by now.
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def descendants(self) -> list[psutil.Process]:
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def children(self, *words: str) -> list[psutil.Process]:
        """The live processes of this platform whose command line holds every word, oldest first."""
        found = []
        for child in self.descendants():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                line = " ".join(child.cmdline())
                if all(word in line for word in words) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return sorted(found, key=lambda child: (child.create_time(), child.pid))

    def sign_up(self, name: str | None = None) -> "Caller":
        """A new account and a client that is signed in to it."""
        username = name or f"u{uuid.uuid4().hex[:12]}"
        answer = httpx.post(
            f"{self.url}/api/v1/auth/register",
            json={"username": username, "email": f"{username}@example.com", "password": "correct horse battery"},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text
        return Caller(self, username, answer.json()["access_token"])


@dataclass
class Caller:
    """One signed-in person."""

    platform: Platform
    username: str
    access_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request below /api/v1."""
        headers = {**self.headers, **options.pop("headers", {})}
        options.setdefault("timeout", 70)
        return httpx.request(method, f"{self.platform.url}/api/v1{path}", headers=headers, **options)

    def generate(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Ask for a song; the job."""
        answer = self.call("POST", "/generate", json={"prompt": prompt, **fields})
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def job(self, job_id: str, wait: int = 0) -> dict[str, Any]:
        answer = self.call("GET", f"/jobs/{job_id}", params={"wait": wait} if wait else None)
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def finished(self, job_id: str, within: float = 60) -> dict[str, Any]:
        """The job once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.TransportError, AssertionError):
                job = self.job(job_id)
                return job if job["status"] in {"succeeded", "failed", "cancelled"} else None
            return None

        return eventually(ended, within=within, what=f"job {job_id} ended", every=0.1)

    def tracks_of(self, job_id: str) -> list[str]:
        """Ids of the tracks that the library says this job made."""
        tracks = self.call("GET", "/tracks", params={"limit": 100}).json()["items"]
        return [track["id"] for track in tracks if track.get("job_id") == job_id]

    def stream(self, job_id: str, audio_format: str, timeout: float = 120) -> Iterator[bytes]:
        """The live audio in the pieces that arrive."""
        with httpx.stream(
            "GET", f"{self.platform.url}/api/v1/stream/{job_id}", params={"format": audio_format},
            headers=self.headers, timeout=timeout,
        ) as answer:  # fmt: skip
            assert answer.status_code == 200, answer.read()
            yield from answer.iter_raw()
