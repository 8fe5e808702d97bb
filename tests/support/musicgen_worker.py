"""A worker process that knows MusicGen only: `python -m tests.support.musicgen_worker`, for tests that kill it."""

import asyncio
from pathlib import Path

from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment
from services.generation.config import GenerationSettings
from services.generation.worker.__main__ import run

if __name__ == "__main__":
    nowhere = Path("/nonexistent")
    asyncio.run(run(GenerationSettings.load(), [MusicGenBackend(BackendEnvironment(nowhere, nowhere))]))
