"""What the server answers, typed. Fields that this version does not know are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, field_validator

from musicgen_client.answer import Answer as Answer
from musicgen_client.answer import Edited as Edited
from musicgen_client.webhook_models import Delivery as Delivery
from musicgen_client.webhook_models import NewWebhook as NewWebhook
from musicgen_client.webhook_models import Webhook as Webhook
from musicgen_client.webhook_models import WebhookSecret as WebhookSecret

ItemT = TypeVar("ItemT")

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class FieldError(Answer):
    """One thing that is wrong with one field of a request."""

    pointer: str = ""
    detail: str = ""


class Dependency(Answer):
    """One thing that the server cannot work without; `detail` says why it is down."""

    name: str
    state: str = ""
    latency_ms: float = 0.0
    detail: str = ""


class Problem(Answer):
    """An RFC 9457 problem document; `dependencies` come with "not-ready"."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    instance: str = ""
    request_id: str = ""
    errors: list[FieldError] = Field(default_factory=list)
    dependencies: list[Dependency] = Field(default_factory=list)


class User(Edited):
    """An account, as its owner sees it."""

    id: str
    username: str
    email: str = ""
    full_name: str | None = None
    display_name: str = ""
    bio: str = ""
    links: list[str] = Field(default_factory=list)
    role: str = "user"
    created_at: datetime | None = None
    email_verified: bool = False
    second_factor: bool = False
    deletion_due_at: datetime | None = None


class ApiKey(Answer):
    """A key for programs, as its owner sees it; `prefix` is how its secret begins."""

    id: str
    name: str = ""
    prefix: str = ""
    scopes: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class NewApiKey(Answer):
    """A key that was made. The secret is shown this once."""

    key: ApiKey
    secret: str


class Export(Answer):
    """An archive of everything of the account: queued, running, ready or failed."""

    id: str
    status: str = ""
    progress: float = 0.0
    size_bytes: int | None = None
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    link: str | None = None


class FactorEnrolment(Answer):
    """What an authenticator app needs: the secret for typing, the URI for a QR code."""

    secret: str
    uri: str


class RecoveryCodes(Answer):
    """For when the phone is lost; each works once."""

    recovery_codes: list[str] = Field(default_factory=list)


class TokenPair(Answer):
    """What signing in answers."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 — the scheme's name, not a secret
    expires_in: float
    refresh_token: str
    user: User


class Usage(Answer):
    """Seconds of audio: what may still be asked for, what is held for running jobs, what was made."""

    balance_seconds: float = 0.0
    reserved_seconds: float = 0.0
    used_seconds: float = 0.0
    stored_bytes: int = 0
    stored_bytes_limit: int | None = None
    tier: str = ""
    day_seconds: float = 0.0
    day_seconds_limit: float | None = None
    month_seconds: float = 0.0
    month_seconds_limit: float | None = None
    jobs: int = 0
    jobs_limit: int | None = None
    longest_seconds_limit: float | None = None


class Session(Answer):
    """A device that is signed in."""

    id: str
    address: str = ""
    user_agent: str = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    current: bool = False


class SignInProvider(Answer):
    """A site that browsers may sign in with; `start_url` is where they begin."""

    id: str
    title: str = ""
    start_url: str = ""


class Model(Answer):
    """A model of the catalogue. `max_duration` is in seconds; `real_time_factor` is how fast it is on the server."""

    id: str
    family: str = ""
    title: str = ""
    description: str = ""
    licence: str = ""
    commercial_use: bool = False
    installed: bool = False
    loaded: bool = False
    size_bytes: int = 0
    sample_rate: int = 0
    channels: int = 0
    max_duration: float = 0.0
    conditioning: list[str] = Field(default_factory=list)
    outputs: list[str] = Field(default_factory=list)
    parameters: list[str] = Field(default_factory=list)
    continues_from: str | None = None
    default: bool = False
    can_pull: bool = False
    can_remove: bool = False
    real_time_factor: float | None = None


class JobFile(Answer):
    """A file that a job left beside tracks. `link` is signed: it needs no header for a while."""

    name: str
    media_type: str = ""
    size_bytes: int = 0
    sha256: str = ""
    link: str = ""


class JobResult(Answer):
    """What a job made; each kind adds what it found out."""

    track_ids: list[str] = Field(default_factory=list)
    files: list[JobFile] = Field(default_factory=list)

    model_config = ConfigDict(extra="allow", frozen=True)


class Job(Answer):
    """A job. `progress` runs from 0 to 1; `eta_seconds` is an estimate."""

    id: str
    kind: str = ""
    status: JobStatus
    progress: float = 0.0
    stage: str | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    attempts: int = 0
    error: Problem | None = None
    request: dict[str, Any] | None = None
    result: JobResult | None = None
    metrics: dict[str, Any] | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def files(self) -> list[JobFile]:
        """The files that it left beside tracks."""
        return self.result.files if self.result else []

    @property
    def track_ids(self) -> list[str]:
        """The tracks that it made."""
        return self.result.track_ids if self.result else []


class JobEvent(Answer):
    """One server-sent event of a job: `status`, `progress`, `preview`, `done` or `error`."""

    id: str
    type: str
    data: dict[str, Any]

    @property
    def last(self) -> bool:
        """Whether no event follows: the job has succeeded, failed or been cancelled."""
        return self.type in ("done", "error") or (self.type == "status" and self.data.get("status") == "cancelled")


class Stem(Answer):
    """A separate part of a track."""

    name: str
    links: dict[str, str] = Field(default_factory=dict)


class Licence(Answer):
    """Who may do what with a track."""

    name: str = ""
    commercial_use: bool = False
    attributions: list[str] = Field(default_factory=list)


class Owner(Answer):
    """Whose track it is."""

    id: str = ""
    username: str = ""


class Track(Edited):
    """A finished piece. `duration` is in seconds."""

    id: str
    owner: Owner | None = None
    title: str = ""
    prompt: str = ""
    model: str = ""
    seed: int | None = None
    duration: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    bpm: float | None = None
    key: str | None = None
    tags: list[str] = Field(default_factory=list)
    public: bool = False
    stems: list[Stem] = Field(default_factory=list)
    has_midi: bool = False
    has_cover: bool = False
    cover_version: str = ""
    parent_id: str | None = None
    relation: str | None = None
    project_id: str | None = None
    licence: Licence = Field(default_factory=Licence)
    model_revision: str = ""
    engine_version: str = ""
    runtime: str = ""
    precision: str = ""
    spec: dict[str, Any] | None = None
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    hidden_at: datetime | None = None
    likes: int = 0
    comments: int = 0
    liked: bool = False
    links: dict[str, Any] = Field(default_factory=dict)

    @field_validator("stems", mode="before")
    @classmethod
    def _stems_may_be_names(cls, value: Any) -> Any:
        return [{"name": item} if isinstance(item, str) else item for item in value] if value else []

    @field_validator("owner", mode="before")
    @classmethod
    def _owner_may_be_a_name(cls, value: Any) -> Any:
        return {"username": value} if isinstance(value, str) else value


class Waveform(Answer):
    """Minimum and maximum, −1 to 1, of each of n equal parts of a track."""

    minima: list[float]
    maxima: list[float]
    duration: float = 0.0


class Profile(Answer):
    """A person, as others see them, and how the caller stands to them."""

    id: str
    username: str
    display_name: str = ""
    bio: str = ""
    links: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    followers: int = 0
    following: int = 0
    tracks: int = 0
    followed: bool = False
    follows_you: bool = False
    blocked: bool = False
    muted: bool = False


class LikeState(Answer):
    """Whether the caller likes a track, and how many people do."""

    liked: bool = False
    likes: int = 0


class Author(Answer):
    """Who said or did something."""

    id: str = ""
    username: str = ""
    display_name: str = ""


class Comment(Answer):
    """What somebody said about a track; `position` is in seconds, None: about all of it."""

    id: str
    track_id: str = ""
    author: Author = Field(default_factory=Author)
    body: str = ""
    position: float | None = None
    created_at: datetime | None = None
    edited_at: datetime | None = None


class TrendingTag(Answer):
    """A tag of what is liked most these days, and how many of the hottest tracks have it."""

    tag: str
    tracks: int = 0


class SearchHit(Answer):
    """One thing that was found: `type` says which of the others is there."""

    type: str
    track: Track | None = None
    user: Profile | None = None


class NotedTrack(Answer):
    """The track that a notification is about."""

    id: str
    title: str = ""


class NotedComment(Answer):
    """The comment that a notification is about, and how it begins."""

    id: str
    excerpt: str = ""


class NotedPlaylist(Answer):
    """The playlist that somebody is invited to."""

    id: str
    title: str = ""


class Notification(Answer):
    """One thing that somebody did; unread without `read_at`."""

    id: str
    kind: str = ""
    actor: Author = Field(default_factory=Author)
    track: NotedTrack | None = None
    comment: NotedComment | None = None
    playlist: NotedPlaylist | None = None
    created_at: datetime | None = None
    read_at: datetime | None = None


class Unread(Answer):
    """How many notifications are unread, counted up to 1,000."""

    unread: int = 0


class NotificationPreferences(Edited):
    """What somebody wants to be told of; `digest` is off, daily or weekly."""

    follow: bool = True
    like: bool = True
    comment: bool = True
    invitation: bool = True
    digest: str = "off"


class Version(Answer):
    """What runs at the other end."""

    version: str
    model_config = ConfigDict(extra="allow", frozen=True)


class Liveness(Answer):
    """The server answers."""

    status: str = ""


class Readiness(Liveness):
    """The server can work: every dependency answers."""

    dependencies: list[Dependency] = Field(default_factory=list)


class KeySet(Answer):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, Any]] = Field(default_factory=list)


class Page(Answer, Generic[ItemT]):
    """One page of a list; `next_cursor` asks for the following one."""

    items: list[ItemT]
    next_cursor: str | None = None


class NotificationPage(Page[Notification]):
    """One page of notifications, and how many are unread at all."""

    unread: int = 0


class JobList(Answer):
    """The jobs of one batch."""

    jobs: list[Job]
