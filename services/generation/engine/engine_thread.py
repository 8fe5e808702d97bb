"""The thread that steps an engine while it has work, and hands every request's frames to whoever asked for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from services.generation.engine.engine import Engine, Refusal, StepOutput
from services.generation.engine.metrics import EngineMetrics
from services.generation.engine.request import EngineRequest

_log = structlog.get_logger(__name__)

FrameSink = Callable[[StepOutput | Exception], None]


class EngineThread:
    """Owns an engine. Sinks are called from the thread and have to be quick: they only pass frames on."""

    def __init__(self, engine: Engine, metrics: EngineMetrics | None = None) -> None:
        self._engine = engine
        self._metrics = metrics
        self._sinks: dict[str, FrameSink] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> int:
        """How many songs are being made."""
        return self._engine.busy

    def submit(self, request: EngineRequest, sink: FrameSink) -> None:
        """Run a request.

        `sink` gets every step's output; an exception instead when it was refused (QueueFull, TooLate, ValueError), what
        it alone needs failed, or the engine did.
        """
        with self._wake:
            if self._closed:
                raise RuntimeError("The engine is closed.")
            self._sinks[request.id] = sink
            self._engine.add(request)
            self._wake.notify_all()

    def cancel(self, request_id: str) -> None:
        """Let a request leave; its sink is not called again. Harmless when it is over."""
        with self._wake:
            if self._sinks.pop(request_id, None) is not None:
                self._engine.cancel(request_id)
                self._wake.notify_all()

    def close(self) -> None:
        """Stop stepping and end the thread; sinks that still wait hear of it. Idempotent."""
        with self._wake:
            self._closed = True
            waiting, self._sinks = self._sinks, {}
            self._wake.notify_all()
        self._thread.join()
        if self._metrics:
            self._metrics.closed()
        for request_id, sink in waiting.items():
            self._hand_over(request_id, sink, RuntimeError("The engine was closed."))

    def _run(self) -> None:
        while self._wait_for_work():
            began = time.perf_counter()
            try:
                outputs = self._engine.step()
            except Exception as error:
                _log.exception("engine_step_failed")
                self._fail_all(error)
                continue
            if self._metrics:
                # Before anybody hears of it: who has a song can count on its steps being counted.
                drawn = sum(isinstance(output, StepOutput) for output in outputs)
                self._metrics.stepped(time.perf_counter() - began, drawn, self._engine.busy, self._engine.waiting)
            for output in outputs:
                if isinstance(output, Refusal):
                    self._tell(output.request_id, output.reason, last=True)
                else:
                    self._tell(output.request_id, output, last=output.finished)

    def _tell(self, request_id: str, message: StepOutput | Exception, last: bool) -> None:
        with self._wake:
            sink = self._sinks.pop(request_id, None)
            if sink is not None and not last:
                self._sinks[request_id] = sink
        if sink is not None:
            self._hand_over(request_id, sink, message)

    def _hand_over(self, request_id: str, sink: FrameSink, message: StepOutput | Exception) -> None:
        """A sink that fails loses its own song only: the thread is everybody's."""
        try:
            sink(message)
        except Exception:
            _log.exception("engine_sink_failed", request_id=request_id)
            self.cancel(request_id)

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._closed or not self._engine.idle)
            return not self._closed

    def _fail_all(self, error: Exception) -> None:
        with self._wake:
            failed, self._sinks = self._sinks, {}
            for request_id in failed:
                self._engine.cancel(request_id)
        for request_id, sink in failed.items():
            self._hand_over(request_id, sink, error)
