"""What the gateway is configured with: the fields of every process and its own, prefix `MUSICGEN_GATEWAY_`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from services.shared.settings import Port, ServiceSettings

_RATE_LIMITS_FILE = Path(__file__).parents[2] / "configs" / "rate_limiting.yaml"


class GatewaySettings(ServiceSettings):
    """The gateway's settings. Lists are comma-separated in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="MUSICGEN_GATEWAY_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Port = 8000

    # Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. None by default.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    # Origins of other sites whose pages may call the API. None by default: CORS is off.
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()

    # Where people reach the server: identity providers send them back to an address below it.
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")] = "http://127.0.0.1:8000"
    # The identity providers that people may sign in with (docs/deployment/single-sign-on.md); None: none.
    oidc_file: Path | None = None

    # The web studio's files (a static export). None: `/` leads to the API's documentation.
    ui_dir: Path | None = None

    # Browsers sign in by HTTPS, or on this machine (localhost). True also lets them sign in by plain HTTP from
    # elsewhere: whoever listens on that network can then take their session.
    plain_http_sessions: bool = False

    rate_limits: Literal["on", "off"] = "on"
    rate_limits_file: Path = _RATE_LIMITS_FILE

    # How many calls are answered at once: more are refused with 503, and no class of calls gets more than half. Files
    # on their way, and live audio, events and calls that wait, last long and are bounded apart.
    most_in_flight: Annotated[int, Field(ge=2)] = 256
    most_transfers: Annotated[int, Field(ge=1)] = 1_000
    most_streams: Annotated[int, Field(ge=1)] = 4_000

    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    # How long a body may take to arrive.
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    # The largest file that may be sent; such a body may take as long as it comes at this pace at least. Pauses of
    # `body_seconds` in all are forgiven, and what comes faster wins them back.
    max_upload_bytes: Annotated[int, Field(ge=1024)] = 2 * 1024**3
    slowest_upload_bytes_per_second: Annotated[int, Field(ge=1)] = 8 * 1024
    # A picture that is to be a track's cover, with the form around it.
    max_cover_bytes: Annotated[int, Field(ge=1024)] = 10 * 1024**2 + 65_536
    # How long a signed link works at least.
    link_lifetime_seconds: Annotated[int, Field(ge=60, le=7 * 86_400)] = 3_600
    # How long a listener waits for the first sound of a job before the answer is "not yet".
    stream_start_seconds: Annotated[float, Field(gt=0)] = 120.0
    # How long a stream of events may be silent; shorter than any proxy's idle timeout.
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 15.0
    # How long running answers may take to end after SIGTERM.
    shutdown_grace_seconds: Annotated[int, Field(ge=0, le=60)] = 8

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("ui_dir", "oidc_file", mode="before")
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("cors_origins")
    @classmethod
    def _names_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, separator, rest = origin.partition("://")
            if scheme not in {"http", "https"} or not separator or not rest or "/" in rest or "*" in rest:
                raise ValueError("each must be an origin such as https://music.example, without a path or *")
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.rate_limits == "off" and self.environment != "development":
            raise ValueError("RATE_LIMITS=off is for load runs and needs ENVIRONMENT=development")
        if self.single_user and not _is_loopback(self.host):
            raise ValueError("SINGLE_USER=true works without sign-in and so only on loopback: set HOST=127.0.0.1")
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
