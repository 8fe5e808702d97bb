"""What the generation server and its workers are configured with: environment variables `MUSICGEN_GENERATION_…`."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.generation.backends.protocol import BackendEnvironment
from services.shared.ids import new_id
from services.shared.settings import ServiceSettings

_WORKER_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EXTRA_BACKEND = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_MODELS_FILE = Path(__file__).resolve().parents[2] / "configs" / "models.yaml"


class GenerationSettings(ServiceSettings):
    """Frozen; read once at the entry point of either process."""

    model_config = SettingsConfigDict(
        env_prefix="MUSICGEN_GENERATION_", frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    address: str = "127.0.0.1:50052"
    # Texts and defaults of the catalogue; the backends' own descriptions serve when the file is missing.
    models_file: Path = _MODELS_FILE
    # Also MUSICGEN_MODELS_DIR: where people put weights is the same for whatever runs.
    models_dir: Path = Field(
        default=Path("/var/lib/musicgen/models"),
        validation_alias=AliasChoices("MUSICGEN_GENERATION_MODELS_DIR", "MUSICGEN_MODELS_DIR", "models_dir"),
    )
    assets_dir: Path = Path("/var/lib/musicgen/assets")
    # Songs in the making and encoded live streams; nothing in it outlives its process.
    scratch_dir: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()))
    # "module:Class" of further backends, separated by commas; only in development.
    extra_backends: str = ""

    # Unique to the process: its leases end by this name when it is known to be dead.
    worker_id: str = Field(default_factory=lambda: f"generation-{new_id()}")
    # Songs that a worker makes at once; a model may cost more than one.
    slots: int = Field(default=2, ge=1, le=64)
    device: str = "auto"
    # Weights of neural models: auto (int8 on a CPU that has OpenVINO), or what the runtimes know by name.
    precision: Literal["auto", "float32", "bfloat16", "int8", "int4"] = "auto"
    # Keys and values of neural models on a CPU: auto (int8 where four songs or more are made at once).
    cache_precision: Literal["auto", "float16", "int8"] = "auto"
    # Threads of the neural engine; 0: all cores, and half of them where its reference runs.
    threads: int = Field(default=0, ge=0, le=256)

    @field_validator("worker_id")
    @classmethod
    def _is_worker_id(cls, value: str) -> str:
        if not _WORKER_ID.fullmatch(value):
            raise ValueError("must be 1 to 100 letters, digits, dots, dashes or underscores")
        return value

    @model_validator(mode="after")
    def _extra_backends_are_for_development(self) -> Self:
        for name in self.extra_backend_names:
            if not _EXTRA_BACKEND.fullmatch(name):
                raise ValueError('EXTRA_BACKENDS must hold names of the form "module:Class"')
        if self.extra_backend_names and self.environment != "development":
            raise ValueError("EXTRA_BACKENDS is only allowed when ENVIRONMENT is development")
        return self

    @property
    def extra_backend_names(self) -> tuple[str, ...]:
        """The further backends, one by one."""
        return tuple(name.strip() for name in self.extra_backends.split(",") if name.strip())

    @property
    def backend_environment(self) -> BackendEnvironment:
        """What every backend is constructed with."""
        return BackendEnvironment(
            self.models_dir,
            self.assets_dir,
            self.device,
            self.threads,
            self.precision,
            self.cache_precision,
            self.slots,
        )
