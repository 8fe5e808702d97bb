"""Keeps the platform's processes alive: starts them in order, restarts what dies, stops them in reverse.

Policy (when to restart, when to give up) is in `restart_policy`; what runs is in `plan`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from services.standalone.child import Child
from services.standalone.errors import StandaloneError
from services.standalone.log_sink import Console, LogSink
from services.standalone.program import ChildSpec
from services.standalone.restart_policy import Death, RestartPolicy

STOP_SECONDS = 10.0
READY_SECONDS = 180.0
_WATCHER = Path(__file__).with_name("orphan_watcher.py")


class Supervisor:
    """The parent of every process. `lock_descriptor` is inherited by the orphan watcher (see there)."""

    def __init__(self, specs: Sequence[ChildSpec], logs: Path, console: Console, lock_descriptor: int) -> None:
        self._console = console
        self._lock_descriptor = lock_descriptor
        self._children = {
            spec.name: Child(spec, LogSink(spec.name, logs, console), self._register, self._forget) for spec in specs
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starting = True
        self._stopping = asyncio.Event()
        self._watcher: asyncio.subprocess.Process | None = None
        self._watcher_task: asyncio.Task[None] | None = None

    def pid(self, name: str) -> int | None:
        """Process id of a child, None while it is down."""
        return self._children[name].pid

    async def start(self) -> None:
        """Start everything and return when all of it serves. Raises `StandaloneError` when that fails."""
        await self._start_watcher()
        for name, child in self._children.items():
            self._tasks[name] = asyncio.create_task(self._keep(child), name=name)
        ready = asyncio.ensure_future(self._all_ready())
        waited: set[asyncio.Future[None]] = {ready, self._failure}
        await asyncio.wait(waited, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            ready.cancel()
            self._failure.result()
        if not ready.done():
            ready.cancel()
            waiting = self.waiting_for()
            raise self._describe(self._children[waiting[0]], f"{', '.join(waiting)} did not become ready")

    async def _all_ready(self) -> None:
        for child in self._children.values():
            await child.ready.wait()

    def waiting_for(self) -> list[str]:
        """The children that do not serve (yet)."""
        return [name for name, child in self._children.items() if not child.ready.is_set()]

    def mark_started(self) -> None:
        """From now on nothing that dies ends the platform."""
        self._starting = False

    async def failure(self) -> None:
        """Stay until the platform cannot go on; raises why."""
        await self._failure

    async def _keep(self, child: Child) -> None:
        """Run one child, again and again."""
        for name in child.spec.after:
            await self._children[name].ready.wait()
        policy = RestartPolicy()
        while not self._stopping.is_set():
            try:
                status = await child.run_once()
            except (StandaloneError, OSError) as error:
                if self._starting and not policy.failed_starts:
                    # A refusal before anything ran (wrong version, no rights) does not go away by repeating it.
                    self._give_up(StandaloneError(str(error)))
                    return
                child.sink.take(str(error))
                status = 1
            if self._stopping.is_set():
                return
            now = time.monotonic()
            served = now - child.ready_at if child.ready_at is not None else None
            policy = policy.after(Death(now, served))
            if self._starting and policy.exhausted:
                self._give_up(self._describe(child, f"{child.spec.name} fails at every start ({_how(status)})"))
                return
            self._say_death(child, status, policy.delay_seconds)
            if child.spec.on_death is not None:
                child.spec.on_death(child.spec.program)
            await asyncio.sleep(policy.delay_seconds)

    def _say_death(self, child: Child, status: int, delay_seconds: float) -> None:
        self._console.log("standalone", 30, f"{child.spec.name} ended ({_how(status)}); again in {delay_seconds:.1f} s")
        if status > 0:
            child.sink.show_unseen(30)

    def _describe(self, child: Child, what: str) -> StandaloneError:
        tail = "".join(f"\n    {line}" for line in child.sink.tail)
        return StandaloneError(f"{what}. Its last lines (all of them: {child.sink.path}):{tail or ' none'}")

    def _give_up(self, error: StandaloneError) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    async def stop(self) -> None:
        """Stop in reverse order, each stage within ten seconds, by force after that. Idempotent."""
        self._stopping.set()
        for stage in sorted({child.spec.stage for child in self._children.values()}, reverse=True):
            members = [child for child in self._children.values() if child.spec.stage == stage]
            tasks = {self._tasks[child.spec.name] for child in members if child.spec.name in self._tasks}
            for child in members:
                child.ask_to_stop()
                if child.pid is None and child.spec.name in self._tasks:
                    self._tasks[child.spec.name].cancel()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
                for child in members:
                    child.kill()
                if late:
                    await asyncio.wait(late, timeout=2.0)
        for child in self._children.values():
            child.sink.close()
        await self._stop_watcher()
        if not self._failure.done():
            self._failure.cancel()

    def kill(self) -> None:
        """End every process at once."""
        self._stopping.set()
        for child in self._children.values():
            child.kill()

    async def _start_watcher(self) -> None:
        self._watcher = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_WATCHER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock_descriptor,),
        )
        for child in self._children.values():
            if child.pid is not None:
                self._register(child.pid, child.spec)
        self._watcher_task = asyncio.create_task(self._keep_watcher(self._watcher))

    async def _keep_watcher(self, watcher: asyncio.subprocess.Process) -> None:
        await watcher.wait()
        if not self._stopping.is_set():
            await self._start_watcher()

    async def _stop_watcher(self) -> None:
        if self._watcher is None or self._watcher.stdin is None:
            return
        self._watcher.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await self._watcher.wait()

    def _register(self, pid: int, spec: ChildSpec) -> None:
        self._tell_watcher(f"+{pid} {int(spec.program.stop_signal)} {spec.stage}\n")

    def _forget(self, pid: int) -> None:
        self._tell_watcher(f"-{pid}\n")

    def _tell_watcher(self, line: str) -> None:
        if self._watcher is not None and self._watcher.stdin is not None and not self._watcher.stdin.is_closing():
            self._watcher.stdin.write(line.encode())


def _how(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
