"""What a worker counts (Prometheus)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

JOBS = Counter("generation_jobs_total", "Ended runs of jobs.", ["model", "outcome"])
AUDIO_SECONDS = Counter("generation_audio_seconds_total", "Seconds of finished audio.", ["model"])
REAL_TIME_FACTOR = Histogram(
    "generation_real_time_factor",
    "Seconds of audio per second of work, from claim to completion.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
)
FIRST_AUDIO_SECONDS = Histogram(
    "generation_first_audio_seconds",
    "Seconds from submission to the first published audio, queue included.",
    ["model"],
    buckets=(0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 300),
)
SLOTS = Gauge("generation_slots", "Slots of this worker.")
SLOTS_BUSY = Gauge("generation_slots_busy", "Slots of this worker that are taken.")
