"""One run of the platform: open the data directory, start, tell the person, supervise, stop."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
import urllib.request
from pathlib import Path

from services.shared.assets.errors import AssetError
from services.shared.assets.reporter import Reporter
from services.shared.assets.store import AssetStore
from services.shared.kernel_cache import folder_of_kernels, forget_other_kernels
from services.shared.secrets import create_missing
from services.standalone.banner import banner, take_first_admin
from services.standalone.child import wait_until
from services.standalone.errors import StandaloneError
from services.standalone.home import DataDirectory, private_run_directory
from services.standalone.leftovers import end_leftovers
from services.standalone.log_sink import Console
from services.standalone.plan import Addresses, compose
from services.standalone.ports import is_free
from services.standalone.postgres import PostgresServer
from services.standalone.program import Program, PythonService
from services.standalone.settings import CHECKOUT, StandaloneSettings
from services.standalone.supervisor import Supervisor
from services.standalone.valkey import ValkeyServer

# In the environment of everything that we start: whose it is.
HOME_MARK = "MUSICGEN_STANDALONE_HOME"
_HEALTHY_SECONDS = 60.0
_SPACE_CHECK_SECONDS = 30.0
_PATIENCE_SECONDS = 10.0
_SECOND_SIGNAL_STATUS = 130
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(settings: StandaloneSettings, console: Console) -> int:
    """Run the platform until SIGINT or SIGTERM. Raises `StandaloneError` when it cannot start or go on."""
    started = time.monotonic()
    directory = DataDirectory(settings.home)
    directory.open(settings.min_free_mb)
    try:
        end_leftovers(lambda process: process.environ().get(HOME_MARK) == str(settings.home))
        if not is_free(settings.port, settings.host):
            raise StandaloneError(
                f"Port {settings.port} on {settings.host} is in use: end the program that listens there, or set "
                "MUSICGEN_PORT to another one."
            )
        fetch_assets(settings.home, console)
        create_missing(directory.folder("secrets"))
        return await Instance(settings, directory, console).serve(started)
    finally:
        directory.close()


def fetch_assets(home: Path, console: Console) -> None:
    """Make sure that the files are there without which nothing can be heard."""
    store = AssetStore(home / "assets")
    try:
        for name in store.names(required=True):
            if not store.has(name):
                console.say(f"Fetching {store.spec(name).title} ({store.spec(name).licence.name})")
                store.fetch(name, Reporter(console.stream))
    except AssetError as error:
        raise StandaloneError(error.message) from error


def client_command() -> str:
    """How the command line tool beside this interpreter is called from the current folder."""
    tool = Path(sys.executable).with_name("musicgen")
    return shlex.quote(os.path.relpath(tool) if tool.is_relative_to(Path.cwd()) else str(tool))


class Instance:
    """The running platform over an opened data directory."""

    def __init__(self, settings: StandaloneSettings, directory: DataDirectory, console: Console) -> None:
        self._settings = settings
        self._directory = directory
        self._console = console
        self._signals = 0
        self._stop_asked = asyncio.Event()
        self._reports: set[asyncio.Task[None]] = set()
        run_directory = private_run_directory(settings.home)
        home = settings.home
        postgres = (
            None if settings.database_url else PostgresServer(home / "postgres" / "data", run_directory / "postgres")
        )
        valkey = None if settings.redis_url else ValkeyServer(home / "valkey")
        self._addresses = Addresses(
            run=run_directory,
            database_url=postgres.url() if postgres else settings.database_url,
            redis_url=valkey.url() if valkey else settings.redis_url,
        )
        # Compiled kernels survive restarts, and a second instance on another home does not wait for the first one's.
        kernels = folder_of_kernels(directory.folder("cache") / "numba")
        forget_other_kernels(kernels)
        specs = compose(
            settings,
            self._addresses,
            {"NUMBA_CACHE_DIR": str(kernels), **os.environ, HOME_MARK: str(home)},
            (postgres, valkey),
            self._report_worker_death,
        )
        self._supervisor = Supervisor(specs, directory.folder("logs"), console, directory.lock_descriptor)

    async def serve(self, started: float) -> int:
        """Start, stay, stop. 0 when somebody asked for the stop, 130 when they had to ask twice."""
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        tasks = {asyncio.create_task(self._start(started)), asyncio.create_task(self._stop_asked.wait())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if not self._stop_asked.is_set():
                await self._stay()
        finally:
            for task in tasks:
                task.cancel()
            if self._stop_asked.is_set():
                self._console.say("\nStopping (once more to stop at once) …")
            await self._supervisor.stop()
            for report in self._reports:
                report.cancel()
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)
        if self._signals > 1:
            return _SECOND_SIGNAL_STATUS
        self._console.say("Stopped.")
        return 0

    def _on_signal(self) -> None:
        self._signals += 1
        self._stop_asked.set()
        if self._signals > 1:
            self._supervisor.kill()

    async def _start(self, started: float) -> None:
        self._console.say(f"Starting on {self._settings.home} …")
        telling = asyncio.create_task(self._tell_what_takes_long())
        try:
            await self._supervisor.start()
        finally:
            telling.cancel()
        if not await wait_until(self._is_healthy, _HEALTHY_SECONDS, 0.1):
            raise StandaloneError(
                f"{self._settings.url}/health/ready does not answer well: see {self._settings.home}/logs."
            )
        self._supervisor.mark_started()
        self._console.say(
            banner(
                self._settings.url,
                seconds=time.monotonic() - started,
                admin=take_first_admin(self._directory.folder("secrets")),
                single_user=self._settings.single_user,
                command=client_command(),
                logs=self._directory.folder("logs"),
            )
        )

    async def _tell_what_takes_long(self) -> None:
        while True:
            await asyncio.sleep(_PATIENCE_SECONDS)
            waiting = ", ".join(self._supervisor.waiting_for())
            self._console.say(f"  still preparing (the first start takes longest): {waiting}")

    def _is_healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self._settings.url}/health/ready", timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, ValueError):
            return False

    async def _stay(self) -> None:
        """Until somebody asks for the stop; look at the disk meanwhile."""
        warned = False
        failure = asyncio.ensure_future(self._supervisor.failure())
        while not self._stop_asked.is_set():
            stop = asyncio.ensure_future(self._stop_asked.wait())
            await asyncio.wait({stop, failure}, timeout=_SPACE_CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if failure.done():
                failure.result()
            low = self._directory.free_mb() < self._settings.min_free_mb
            if low and not warned:
                free = self._directory.free_mb()
                self._console.log("standalone", 30, f"only {free} MB are free below {self._settings.home}: make room")
            warned = low
        failure.cancel()

    def _report_worker_death(self, program: Program) -> None:
        """Tell user_management in the background, so that the dead worker's jobs go on at once."""
        if isinstance(program, PythonService) and program.worker_id:
            report = asyncio.get_running_loop().create_task(self._run_report(program.worker_id))
            self._reports.add(report)
            report.add_done_callback(self._reports.discard)

    async def _run_report(self, worker_id: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.standalone.worker_death",
            worker_id,
            self._addresses.grpc("users"),
            str(self._directory.folder("secrets")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), HOME_MARK: str(self._settings.home)},
        )
        said, _ = await process.communicate()
        level = 20 if process.returncode == 0 else 30
        text = said.decode(errors="replace").strip()
        self._console.log("standalone", level, f"reported the death of {worker_id}: {text}")
