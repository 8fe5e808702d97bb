"""What user_management is configured with: environment variables `MUSICGEN_USER_MANAGEMENT_…`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.shared.settings import ServiceSettings

SHORTEST_ADMIN_PASSWORD = 12
SHORTEST_AUDIT_DAYS = 30
_TIERS_FILE = Path(__file__).parents[2] / "configs" / "tiers.yaml"


class UserManagementSettings(ServiceSettings):
    """Frozen; read once at the entry point. Durations are in the unit that the name ends with."""

    model_config = SettingsConfigDict(
        env_prefix="MUSICGEN_USER_MANAGEMENT_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    address: str = "127.0.0.1:50051"
    database_url: str = "postgresql://musicgen@127.0.0.1:5432/musicgen"
    database_connections: int = Field(default=20, ge=2, le=200)
    # How many calls of people may wait for a connection; more are turned away.
    database_line: int = Field(default=256, ge=1)
    # How long a start waits for PostgreSQL.
    database_wait_seconds: float = Field(default=60.0, gt=0)

    # How long a migration waits for a table that is in use, before it gives up and leaves the schema as it was.
    migration_lock_seconds: float = Field(default=10.0, gt=0, le=3_600)

    access_token_seconds: int = Field(default=900, ge=60, le=3600)
    refresh_token_days: int = Field(default=30, ge=1, le=365)
    refresh_grace_seconds: float = Field(default=10.0, ge=0, le=60)
    # Threads that hash passwords, and how many more sign-ins may wait for one before they are turned away.
    password_threads: int = Field(default=2, ge=1, le=32)
    password_queue: int = Field(default=64, ge=1)
    # The same for passwords of share links: apart, so that guessing at links keeps no sign-in waiting.
    link_password_threads: int = Field(default=1, ge=1, le=32)
    link_password_queue: int = Field(default=128, ge=1)

    # Whether an address has to be proven: off (nobody is asked), optional (asked, not waited for), required.
    email_verification: Literal["off", "optional", "required"] = "off"
    # Where people reach the platform: links in mails begin with it.
    public_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    # smtp://user:password@host:587 (STARTTLS) or smtps://host:465; empty: mails are written to `mail_dir`.
    mail_url: SecretStr = SecretStr("")
    mail_sender: str = Field(default="musicgen@localhost", pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    # None: `outbox` beside the secrets.
    mail_dir: Path | None = None
    # How long a deleted account comes back by signing in.
    deletion_grace_days: int = Field(default=14, ge=0, le=365)

    lease_seconds: float = Field(default=10.0, gt=0)
    max_crashes: int = Field(default=3, ge=1)
    queue_limit: int = Field(default=1000, ge=1)
    queue_limit_per_user: int = Field(default=200, ge=1)
    # How often the background worker looks for what has had its time.
    sweep_seconds: float = Field(default=60.0, gt=0)
    # How long the audit log is kept, at least 30 days; 0: for ever.
    audit_kept_days: int = Field(default=365, ge=0, le=36_500)
    # How often it looks whose mail about unread notifications is due.
    digest_seconds: float = Field(default=600.0, gt=0)
    # How often it looks for what webhooks are owed: retries, and what a lost message did not ring for.
    deliver_seconds: float = Field(default=5.0, gt=0)
    # Lets webhooks call private networks, loopback included, by plain HTTP too. For platforms of one household or
    # company only: whoever has an account can then send to what the server reaches.
    webhook_private_networks: bool = False
    # What every new account may make, in seconds of audio.
    quota_grant_seconds: float = Field(default=36_000.0, ge=0)
    # How many guests there may be at once; each goes a day after its last call.
    most_guests: int = Field(default=500, ge=1, le=100_000)
    # What each tier of accounts may make and keep.
    tiers_file: Path = _TIERS_FILE
    # What one account's tracks and files may take in storage, in bytes; 0: any number.
    stored_bytes_per_user: int = Field(default=50 * 1024**3, ge=0)

    # Of the account `admin`, which a first start makes; empty: drawn and written to the secrets folder. Later starts
    # leave the password alone.
    first_admin_password: SecretStr = SecretStr("")

    @field_validator("first_admin_password")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < SHORTEST_ADMIN_PASSWORD:
            raise ValueError(f"must have at least {SHORTEST_ADMIN_PASSWORD} characters")
        return value

    @field_validator("audit_kept_days")
    @classmethod
    def _is_long_enough_to_be_of_use(cls, value: int) -> int:
        if 0 < value < SHORTEST_AUDIT_DAYS:
            raise ValueError(f"must be at least {SHORTEST_AUDIT_DAYS}, or 0 for ever")
        return value

    @property
    def outbox_dir(self) -> Path:
        """Where mails are written when no server takes them."""
        return self.mail_dir or self.secrets_dir.parent / "outbox"

    @field_validator("database_url")
    @classmethod
    def _is_postgres_url(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value
