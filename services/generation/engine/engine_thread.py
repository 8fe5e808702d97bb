"""The thread that steps an engine while it has work, and hands every request's tokens to whoever asked for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from services.generation.engine.engine import Engine, StepOutput
from services.generation.engine.request import EngineRequest

_log = structlog.get_logger(__name__)

TokenSink = Callable[[StepOutput | Exception], None]


class EngineThread:
    """Owns an engine. Sinks are called from the thread and have to be quick: they only pass tokens on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sinks: dict[str, TokenSink] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, request: EngineRequest, sink: TokenSink) -> None:
        """Run a request. `sink` gets every step's output; an exception instead when the engine failed."""
        with self._wake:
            if self._closed:
                raise RuntimeError("The engine is closed.")
            self._sinks[request.id] = sink
            self._engine.add(request)
            self._wake.notify()

    def cancel(self, request_id: str) -> None:
        """Let a request leave; its sink is not called again. Harmless when it is over."""
        with self._wake:
            if self._sinks.pop(request_id, None) is not None:
                self._engine.cancel(request_id)
                self._wake.notify()

    def close(self) -> None:
        """Stop stepping and end the thread; sinks that still wait hear of it. Idempotent."""
        with self._wake:
            self._closed = True
            waiting, self._sinks = self._sinks, {}
            self._wake.notify()
        self._thread.join()
        for sink in waiting.values():
            sink(RuntimeError("The engine was closed."))

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                outputs = self._engine.step()
            except Exception as error:
                _log.exception("engine_step_failed")
                self._fail_all(error)
                continue
            for output in outputs:
                with self._wake:
                    sink = self._sinks.pop(output.request_id, None)
                    if sink is not None and not output.finished:
                        self._sinks[output.request_id] = sink
                if sink is not None:
                    sink(output)

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._closed or not self._engine.idle)
            return not self._closed

    def _fail_all(self, error: Exception) -> None:
        with self._wake:
            failed, self._sinks = self._sinks, {}
            for request_id in failed:
                self._engine.cancel(request_id)
        for sink in failed.values():
            sink(error)
