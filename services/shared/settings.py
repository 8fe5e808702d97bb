"""What every process is configured with. Each process subclasses `ServiceSettings` with a prefix of its own.

The environment is read once, at the entry point, by `load`; collaborators get values as constructor arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.shared.errors import AppError, ErrorCode, FieldViolation

Port = Annotated[int, Field(ge=0, le=65535)]


class ServiceSettings(BaseSettings):
    """The fields that every process knows (docs/architecture/contracts.md). Frozen.

    Subclasses set `model_config = SettingsConfigDict(env_prefix="MUSICGEN_<SERVICE>_", frozen=True)`.
    """

    model_config = SettingsConfigDict(env_prefix="MUSICGEN_", frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "production"
    single_user: bool = False
    # Whether people may try the platform without an account.
    guests: bool = False

    redis_url: str = "redis://127.0.0.1:6379/0"
    storage_url: str = "file:///var/lib/musicgen/objects"
    secrets_dir: Path = Path("/run/secrets/musicgen")

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "pretty", "auto"] = "auto"
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 0
    otlp_endpoint: str = ""

    users_address: str = "127.0.0.1:50051"
    generation_address: str = "127.0.0.1:50052"
    processing_address: str = "127.0.0.1:50053"

    @field_validator("log_level", "log_format", "environment", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @property
    def broker_url(self) -> str:
        """Celery's broker: database 1 of the same Valkey, in the form that Celery reads."""
        parts = urlsplit(self.redis_url)
        if parts.scheme != "unix":
            return urlunsplit(parts._replace(path="/1"))
        credentials = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
        return f"redis+socket://{credentials}{parts.path}?virtual_host=1"

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises `AppError` (VALIDATION) that names each wrong variable, without its value."""
        try:
            return cls()
        except ValidationError as error:
            prefix = str(cls.model_config.get("env_prefix", ""))
            violations = tuple(
                FieldViolation(f"{prefix}{'_'.join(str(part) for part in item['loc'])}".upper(), item["msg"])
                for item in error.errors(include_url=False, include_input=False)
            )
            sentence = "; ".join(f"{violation.pointer}: {violation.detail}" for violation in violations)
            raise AppError(ErrorCode.VALIDATION, f"Settings are wrong: {sentence}", violations=violations) from None
        except SettingsError as error:
            raise AppError(ErrorCode.VALIDATION, f"Settings are wrong: {error}") from None
