"""A worker process that knows the tone only: `python -m tests.support.tone_worker`, for tests that kill it."""

import asyncio
from pathlib import Path

from services.generation.backends.protocol import BackendEnvironment
from services.generation.config import GenerationSettings
from services.generation.worker.__main__ import run
from tests.support.backends import ToneBackend

if __name__ == "__main__":
    nowhere = Path("/nonexistent")
    asyncio.run(run(GenerationSettings.load(), [ToneBackend(BackendEnvironment(nowhere, nowhere))]))
