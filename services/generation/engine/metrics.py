"""What an engine counts (Prometheus), by model."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SLOTS = Gauge("generation_engine_slots", "Songs that the engine makes at once.", ["model"])
_BUSY = Gauge("generation_engine_slots_busy", "Songs that the engine is making.", ["model"])
_WAITING = Gauge("generation_engine_queue_depth", "Songs that wait for a slot of the engine.", ["model"])
_STEP_SECONDS = Histogram(
    "generation_engine_step_seconds",
    "Seconds of one engine step, all its songs together.",
    ["model"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 2),
)
_TOKENS = Counter("generation_engine_tokens_total", "Codec tokens that were drawn.", ["model"])


class EngineMetrics:
    """One model's engine. `codebooks` tokens are drawn in a song's step."""

    def __init__(self, model: str, slots: int, codebooks: int) -> None:
        self._codebooks = codebooks
        self._slots = _SLOTS.labels(model)
        self._slots.set(slots)
        self._busy = _BUSY.labels(model)
        self._waiting = _WAITING.labels(model)
        self._seconds = _STEP_SECONDS.labels(model)
        self._tokens = _TOKENS.labels(model)

    def closed(self) -> None:
        """The engine is gone: it has no slots, and nobody waits for them."""
        for gauge in (self._slots, self._busy, self._waiting):
            gauge.set(0)

    def stepped(self, seconds: float, drawn: int, busy: int, waiting: int) -> None:
        """A step of `drawn` songs took so long; so many songs are in their slots and wait now."""
        self._busy.set(busy)
        self._waiting.set(waiting)
        if drawn:
            self._seconds.observe(seconds)
            self._tokens.inc(drawn * self._codebooks)
