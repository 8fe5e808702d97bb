"""What the processing server and its worker are configured with: environment variables `MUSICGEN_PROCESSING_…`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.shared.settings import ServiceSettings


class ProcessingSettings(ServiceSettings):
    """Frozen; read once at the entry point of either process."""

    model_config = SettingsConfigDict(
        env_prefix="MUSICGEN_PROCESSING_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    address: str = "127.0.0.1:50053"
    # Networks of separation and transcription: those that are fetched, and checkpoints that an operator put there.
    assets_dir: Path = Path("/var/lib/musicgen/assets")
    models_dir: Path = Path("/var/lib/musicgen/models")
    # "auto": a GPU when there is one. Threads of the networks; 0: the library's choice.
    device: str = "auto"
    threads: int = Field(default=0, ge=0, le=256)
    # Files in the making; nothing in it outlives its process.
    scratch_dir: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()))
    # Files that the server makes at once while somebody waits.
    encoders: int = Field(default=2, ge=1, le=64)
    # How long work that nobody waits for any more goes on, so that a repeated request finds it.
    linger_seconds: float = Field(default=30.0, ge=0)
    # Celery children, each with one job at a time. Child n serves metrics at metrics_port + n.
    concurrency: int = Field(default=1, ge=1, le=64)
