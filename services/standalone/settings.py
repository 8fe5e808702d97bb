"""What a person sets to run the platform on one machine: `MUSICGEN_…`, `DATABASE_URL`, `REDIS_URL`.

Everything that a service knows beside (`MUSICGEN_GATEWAY_CORS_ORIGINS`, …) is handed through to it untouched.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.standalone.errors import StandaloneError

CHECKOUT = Path(__file__).resolve().parents[2]
_CORES_FOR_TWO_WORKERS = 4


def _default_workers() -> int:
    # macOS does not tell which cores a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if cores >= _CORES_FOR_TWO_WORKERS else 1


class StandaloneSettings(BaseSettings):
    """Read once by `load`; frozen."""

    model_config = SettingsConfigDict(
        env_prefix="MUSICGEN_", frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    home: Path = CHECKOUT / "var"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    single_user: bool = False
    # Lets people try the platform without an account.
    guests: bool = False
    environment: Literal["development", "production"] = "production"
    generation_workers: Annotated[int, Field(ge=0, le=64)] = Field(default_factory=_default_workers)
    # Where people put the weights of neural models. Unset: <home>/models.
    models_dir: Path | None = None
    # What reaches the terminal; the files in <home>/logs always hold everything from `info` on.
    log: Literal["debug", "info", "warning", "error"] = "warning"
    # Prometheus ports on loopback, from port + 1001 on, one every ten.
    metrics: bool = False
    # Below this the platform does not start: databases that meet a full disk stop in mid-work.
    min_free_mb: Annotated[int, Field(ge=0)] = 1024
    # Servers of your own instead of the ones that standalone runs. Empty: run them.
    database_url: str = Field(default="", validation_alias=AliasChoices("DATABASE_URL", "database_url"))
    redis_url: str = Field(default="", validation_alias=AliasChoices("REDIS_URL", "redis_url"))

    @field_validator("home", "models_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 — resolve() would follow links into 0700 folders

    @field_validator("log", "environment", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @model_validator(mode="after")
    def _single_user_is_local(self) -> Self:
        if self.single_user and not is_loopback(self.host):
            raise ValueError("SINGLE_USER works without sign-in and so only on loopback: leave HOST at 127.0.0.1")
        return self

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises `StandaloneError` that names each wrong variable, without its value."""
        try:
            return cls()
        except ValidationError as error:
            problems = []
            for item in error.errors(include_url=False, include_input=False):
                field = "_".join(str(part) for part in item["loc"])
                prefix = "" if field.isupper() or not field else "MUSICGEN_"
                problems.append(f"{prefix}{field.upper()}: {item['msg']}" if field else item["msg"])
            raise StandaloneError(f"Settings are wrong: {'; '.join(problems)}.") from None

    @property
    def url(self) -> str:
        """Where a person on this machine reaches the platform."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 — a comparison
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
