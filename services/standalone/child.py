"""One running child process: spawn, read its lines, know when it serves, end it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import time
from collections.abc import Callable

from services.standalone.log_sink import LogSink
from services.standalone.program import ChildSpec

_LINE_BYTES = 1 << 20


class Child:
    """A child over its whole life, restarts included; `spec` says what it is.

    `register` and `forget` tell the orphan watcher about its process.
    """

    def __init__(
        self,
        spec: ChildSpec,
        sink: LogSink,
        register: Callable[[int, ChildSpec], None] = lambda pid, spec: None,
        forget: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self.spec = spec
        self.sink = sink
        self.ready = asyncio.Event()
        self.ready_at: float | None = None
        self._register = register
        self._forget = forget
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def run_once(self) -> int:
        """Start it and stay until it ends; return its status (negative: the signal that killed it)."""
        program = self.spec.program
        self.ready.clear()
        self.ready_at = None
        self.sink.begin_run()
        await asyncio.to_thread(program.prepare)
        # A pipe of our own: asyncio's would report the end only when everything that inherited it has ended as well.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                env=dict(program.environment()),
                # A group of its own: Ctrl-C reaches the supervisor alone, and what it forks is not missed at the end.
                start_new_session=True,
                **program.identity.popen_options(),  # type: ignore[arg-type]
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._process = process
        self._register(process.pid, self.spec)
        reader = asyncio.create_task(self._read(read_end))
        asking = None if self.spec.announces_ready else asyncio.create_task(self._ask(process))
        try:
            status = await process.wait()
        finally:
            # What it forked goes with it; nothing of a dead service may keep its port, lease or file.
            kill_group(process.pid)
            self._forget(process.pid)
            self._process = None
            self.ready.clear()
            if asking is not None:
                asking.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await reader
        return status

    async def _read(self, descriptor: int) -> None:
        lines = asyncio.StreamReader(limit=_LINE_BYTES)
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            while True:
                try:
                    raw = await lines.readline()
                except ValueError:
                    # Longer than a line may be; the reader has dropped it.
                    continue
                if not raw:
                    return
                fields = self.sink.take(raw.decode(errors="replace").rstrip())
                if self.spec.announces_ready and fields.get("event") == "ready":
                    self._mark_ready()
        finally:
            pipe.close()

    async def _ask(self, process: asyncio.subprocess.Process) -> None:
        await wait_until(lambda: self.spec.program.is_ready(process.pid))
        self._mark_ready()

    def _mark_ready(self) -> None:
        if not self.ready.is_set():
            self.ready_at = time.monotonic()
            self.ready.set()

    def ask_to_stop(self) -> None:
        """Send its stop signal."""
        self.sink.quiet = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.spec.program.stop_signal)

    def kill(self) -> None:
        """End its whole group as `kill -9` would."""
        if self._process is not None:
            kill_group(self._process.pid)


async def wait_until(condition: Callable[[], bool], seconds: float = math.inf, pause_seconds: float = 0.02) -> bool:
    """Whether `condition` (asked in a thread) came true within the time."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause_seconds)
    return True


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that `pid` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
