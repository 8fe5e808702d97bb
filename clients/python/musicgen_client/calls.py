"""The calls of the HTTP API, as data: how each is asked, and how its answer is read. Both clients send them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Literal, Required, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from musicgen_client.errors import UnexpectedAnswerError, VerificationPendingError
from musicgen_client.models import (
    ApiKey,
    FactorEnrolment,
    Job,
    JobList,
    JobStatus,
    Model,
    NewApiKey,
    Page,
    RecoveryCodes,
    Session,
    TokenPair,
    Track,
    Usage,
    User,
    Version,
    Waveform,
)
from musicgen_client.tokens import Tokens, TokenStore
from musicgen_client.uploads import FileUpload, Sent

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)

API: Final = "/api/v1"
LONGEST_WAIT_SECONDS: Final = 60.0

AudioFormat = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a"]
LiveFormat = Literal["wav", "mp3", "opus"]
TrackSort = Literal["newest", "oldest", "title", "relevance"]


class Section(TypedDict, total=False):
    """One part of an asked form: its name, and `seconds` or `bars`."""

    section: Required[str]
    seconds: float
    bars: int
    prompt: str


class GenerateOptions(TypedDict, total=False):
    """What may be asked for beside the prompt; what is left out is the model's choice. `duration` is in seconds."""

    duration: float
    model: str
    seed: int
    negative_prompt: str
    guidance_scale: float
    temperature: float
    top_k: int
    top_p: float
    lyrics: str
    structure: Sequence[Section]
    bpm: float
    key: str
    title: str
    public: bool
    spec: Mapping[str, Any]
    melody_id: str
    continue_from_id: str
    continue_at: float
    count: int
    webhook_url: str


class GenerateRequest(GenerateOptions, total=False):
    """One song of a batch."""

    prompt: Required[str]


def _no_effect(_store: TokenStore, _answer: Any) -> None:
    """Most answers change nothing here."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request of the API and the reading of its answer."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str | int | float | Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    upload: FileUpload | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True
    wait_seconds: float = 0.0
    effect: Callable[[TokenStore, T], None] = _no_effect

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no harm."""
        return self.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in self.headers


def _read(model: type[ModelT]) -> Callable[[httpx.Response], ModelT]:
    return _read_adapted(TypeAdapter(model))


def _read_adapted(adapter: TypeAdapter[T]) -> Callable[[httpx.Response], T]:
    def read(response: httpx.Response) -> T:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise UnexpectedAnswerError(
                f"{response.request.url} answered what this client does not understand ({where}: {first['msg']})"
            ) from error

    return read


def _read_models(response: httpx.Response) -> list[Model]:
    return _MODELS(response).items


def _read_nothing(_response: httpx.Response) -> None:
    return None


_MODELS: Final = _read(Page[Model])
_JOB: Final = _read(Job)
_JOBS: Final = _read(Page[Job])
_TRACK: Final = _read(Track)
_TRACKS: Final = _read(Page[Track])
_TOKENS: Final = _read(TokenPair)
_DOCUMENT: Final = _read_adapted(TypeAdapter(dict[str, Any]))


def _read_registration(response: httpx.Response) -> TokenPair:
    if response.status_code == httpx.codes.ACCEPTED:
        raise VerificationPendingError
    return _TOKENS(response)


def _sign_in(store: TokenStore, pair: TokenPair) -> None:
    store.save(Tokens.from_pair(pair))


def _sign_out(store: TokenStore, _answer: None) -> None:
    store.clear()


def _path(*segments: str) -> str:
    return API + "".join("/" + quote(segment, safe="") for segment in segments)


def _given(**values: T | None) -> dict[str, T]:
    return {name: value for name, value in values.items() if value is not None}


def _once(key: str | None) -> dict[str, str]:
    """Makes a POST safe to repeat."""
    return {"Idempotency-Key": key or secrets.token_hex(16)}


# Accounts


def register(username: str, email: str, password: str, full_name: str | None = None) -> Call[TokenPair]:
    """Create an account and sign in; the tokens are kept.

    Raises `VerificationPendingError` where the address has to be verified first.
    """
    body = _given(username=username, email=email, password=password, full_name=full_name)
    return Call("POST", _path("auth", "register"), _read_registration, body=body, signed=False, effect=_sign_in)


def login(identifier: str, password: str, totp: str | None = None) -> Call[TokenPair]:
    """Sign in by username or e-mail address; the tokens are kept."""
    body = _given(identifier=identifier, password=password, totp=totp)
    return Call("POST", _path("auth", "login"), _TOKENS, body=body, signed=False, effect=_sign_in)


def refresh(refresh_token: str) -> Call[TokenPair]:
    """Exchange a refresh token by hand; the clients do it by themselves."""
    return Call(
        "POST",
        _path("auth", "refresh"),
        _TOKENS,
        body={"refresh_token": refresh_token},
        signed=False,
        effect=_sign_in,
    )


def logout() -> Call[None]:
    """End this session at the server and forget the tokens."""
    return Call("POST", _path("auth", "logout"), _read_nothing, effect=_sign_out)


def sessions() -> Call[Page[Session]]:
    """The devices that are signed in."""
    return Call("GET", _path("auth", "sessions"), _read(Page[Session]))


def revoke_session(session_id: str) -> Call[None]:
    """Sign one device out."""
    return Call("DELETE", _path("auth", "sessions", session_id), _read_nothing)


def verify_email(token: str) -> Call[None]:
    """Prove an e-mail address by the token of the mail that was sent to it."""
    return Call("POST", _path("auth", "email", "verify"), _read_nothing, body={"token": token}, signed=False)


def forgot_password(email: str) -> Call[None]:
    """Have a mail sent with which the owner of the address can choose a new password."""
    return Call("POST", _path("auth", "password", "forgot"), _read_nothing, body={"email": email}, signed=False)


def reset_password(token: str, password: str) -> Call[None]:
    """Choose a new password by the token of a mail. Ends every session and API key."""
    body = {"token": token, "password": password}
    return Call("POST", _path("auth", "password", "reset"), _read_nothing, body=body, signed=False)


def change_password(present_password: str, password: str) -> Call[None]:
    """Choose a new password by the present one. Ends every other session."""
    body = {"present_password": present_password, "password": password}
    return Call("POST", _path("auth", "password", "change"), _read_nothing, body=body)


def enroll_totp(password: str) -> Call[FactorEnrolment]:
    """Set a second factor up; it counts once `confirm_totp` has seen a code of it."""
    return Call("POST", _path("auth", "totp", "enroll"), _read(FactorEnrolment), body={"password": password})


def confirm_totp(code: str) -> Call[RecoveryCodes]:
    """Turn the second factor on by the app's present code."""
    return Call("POST", _path("auth", "totp", "confirm"), _read(RecoveryCodes), body={"code": code})


def disable_totp(password: str, code: str) -> Call[None]:
    """Turn the second factor off, by password and code."""
    body = {"password": password, "code": code}
    return Call("POST", _path("auth", "totp", "disable"), _read_nothing, body=body)


def api_keys() -> Call[Page[ApiKey]]:
    """Your keys for programs, newest first."""
    return Call("GET", _path("api-keys"), _read(Page[ApiKey]))


def create_api_key(name: str, scopes: Sequence[str], expires_in_days: int | None = None) -> Call[NewApiKey]:
    """Make a key. Scopes: read, generate, write, admin. Without `expires_in_days` it does not expire."""
    body = _given(name=name, scopes=list(scopes), expires_in_days=expires_in_days)
    return Call("POST", _path("api-keys"), _read(NewApiKey), body=body)


def revoke_api_key(key_id: str) -> Call[None]:
    """End a key, at once."""
    return Call("DELETE", _path("api-keys", key_id), _read_nothing)


def update_me(full_name: str) -> Call[User]:
    """Change your name."""
    return Call("PATCH", _path("users", "me"), _read(User), body={"full_name": full_name})


def delete_me(password: str) -> Call[User]:
    """Delete the account, at `deletion_due_at` of the answer; signing in before then keeps it."""
    return Call("DELETE", _path("users", "me"), _read(User), body={"password": password})


def me() -> Call[User]:
    """The account that is signed in."""
    return Call("GET", _path("users", "me"), _read(User))


def usage() -> Call[Usage]:
    """How many seconds of audio were made, are held, and may still be asked for."""
    return Call("GET", _path("users", "me", "usage"), _read(Usage))


# Making music


def models() -> Call[list[Model]]:
    """The models of the catalogue."""
    return Call("GET", _path("models"), _read_models)


def model(model_id: str) -> Call[Model]:
    """One model."""
    return Call("GET", _path("models", model_id), _read(Model))


def generate(prompt: str, *, idempotency_key: str | None = None, **options: Unpack[GenerateOptions]) -> Call[Job]:
    """Ask for a song. The same `idempotency_key` again answers the first job; one is drawn when none is given."""
    return Call(
        "POST", _path("generate"), _JOB, body={"prompt": prompt, **_set(options)}, headers=_once(idempotency_key)
    )


def vary(
    track_id: str,
    *,
    section: str | None = None,
    occurrence: int = 0,
    seed: int | None = None,
    title: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a variation of a song of the composer: its form and harmony stay.

    With `section`, only that one is played anew (`occurrence`: which of several, from 1 on; 0: each).
    """
    body: dict[str, Any] = {"variation_of": track_id, **_given(title=title)}
    if seed is not None:
        body["seed"] = seed
    if section is not None:
        body["regenerate"] = {"section": section, "occurrence": occurrence}
    return Call("POST", _path("generate"), _JOB, body=body, headers=_once(idempotency_key))


def _set(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def generate_batch(requests: Sequence[GenerateRequest], *, idempotency_key: str | None = None) -> Call[list[Job]]:
    """Ask for up to 32 songs at once."""
    reader = _read(JobList)
    return Call(
        "POST",
        _path("generate", "batch"),
        lambda response: reader(response).jobs,
        body={"requests": [_set(request) for request in requests]},
        headers=_once(idempotency_key),
    )


def jobs(*, limit: int = 20, cursor: str | None = None, status: JobStatus | None = None) -> Call[Page[Job]]:
    """The caller's jobs, newest first."""
    params = _given(limit=str(limit), cursor=cursor, status=status)
    return Call("GET", _path("jobs"), _JOBS, params=params)


def job(job_id: str, *, wait_seconds: float = 0.0) -> Call[Job]:
    """One job; with `wait_seconds` (at most 60) the answer comes when the job ends, or at that time."""
    wait = max(0.0, min(LONGEST_WAIT_SECONDS, wait_seconds))
    params = {"wait": f"{wait:g}"} if wait else {}
    return Call("GET", _path("jobs", job_id), _JOB, params=params, wait_seconds=wait)


def cancel(job_id: str) -> Call[Job]:
    """Ask for the end of a job."""
    return Call("POST", _path("jobs", job_id, "cancel"), _JOB, headers=_once(None))


def events_path(job_id: str) -> str:
    """Where a job's server-sent events are."""
    return _path("jobs", job_id, "events")


def live_path(job_id: str) -> str:
    """Where a job's audio is while it is made."""
    return _path("stream", job_id)


# The library


def tracks(
    *,
    limit: int = 20,
    cursor: str | None = None,
    query: str | None = None,
    tags: Sequence[str] = (),
    model: str | None = None,
    public: bool | None = None,
    parent_id: str | None = None,
    trashed: bool = False,
    sort: TrackSort | None = None,
) -> Call[Page[Track]]:
    """The caller's tracks that match, newest first unless sorted otherwise; every word of `query` is a beginning."""
    params: dict[str, Any] = _given(
        limit=str(limit), cursor=cursor, q=query, model=model, parent_id=parent_id, sort=sort
    )
    if tags:
        params["tag"] = list(tags)
    if public is not None:
        params["public"] = str(public).lower()
    if trashed:
        params["trashed"] = "true"
    return Call("GET", _path("tracks"), _TRACKS, params=params)


def versions(track_id: str) -> Call[Page[Track]]:
    """Every track that this one came from and that came from it, oldest first."""
    return Call("GET", _path("tracks", track_id, "versions"), _TRACKS)


def restore_track(track_id: str) -> Call[Track]:
    """Take a track out of the trash."""
    return Call("POST", _path("tracks", track_id, "restore"), _TRACK)


def track(track_id: str) -> Call[Track]:
    """One track."""
    return Call("GET", _path("tracks", track_id), _TRACK)


def update_track(
    track_id: str, *, title: str | None = None, tags: Sequence[str] | None = None, public: bool | None = None
) -> Call[Track]:
    """Change a track's title, tags or publicity."""
    body: dict[str, Any] = _set({"title": title, "tags": tags, "public": public})
    return Call("PATCH", _path("tracks", track_id), _TRACK, body=body)


def delete_track(track_id: str, *, forever: bool = False) -> Call[None]:
    """Put a track into the trash, from which it goes after 30 days; with `forever`, remove it at once."""
    params = {"forever": "true"} if forever else {}
    return Call("DELETE", _path("tracks", track_id), _read_nothing, params=params)


def waveform(track_id: str, *, points: int = 1000) -> Call[Waveform]:
    """The outline of a track, for drawing; 16 to 8,192 points."""
    return Call("GET", _path("tracks", track_id, "waveform"), _read(Waveform), params={"points": points})


def audio_path(track_id: str) -> str:
    """Where a track's audio is."""
    return _path("tracks", track_id, "audio")


def stem_path(track_id: str, name: str) -> str:
    """Where the audio of one stem is."""
    return _path("tracks", track_id, "stems", name, "audio")


def midi_path(track_id: str) -> str:
    """Where a track's MIDI file is."""
    return _path("tracks", track_id, "midi")


# Shaping audio


def _process(kind: str, idempotency_key: str | None, body: Mapping[str, Any], **given: Any) -> Call[Job]:
    return Call("POST", _path("processing", kind), _JOB, body={**body, **_set(given)}, headers=_once(idempotency_key))


def upload(
    path: Path, *, title: str | None = None, sent: Sent | None = None, idempotency_key: str | None = None
) -> Call[Job]:
    """Send an audio file; the job's track is a lossless copy. `sent` is told bytes so far, and bytes in all."""
    return Call("POST", _path("uploads"), _JOB, upload=FileUpload(path, title, sent), headers=_once(idempotency_key))


def separate(
    track_id: str,
    *,
    model: str | None = None,
    stems: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Take a track apart into stems. `options` are further fields of the request."""
    body = {"track_id": track_id, **(options or {})}
    return _process("separate", idempotency_key, body, model=model, stems=list(stems) if stems else None)


def mix(session: Mapping[str, Any], *, idempotency_key: str | None = None) -> Call[Job]:
    """Render a session: `tracks`, `buses`, `master`, … as `effects` describes them."""
    return _process("mix", idempotency_key, session)


def master(
    track_id: str,
    *,
    preset: str | None = None,
    target_lufs: float | None = None,
    true_peak_dbtp: float | None = None,
    reference_track_id: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Bring a track to a loudness (LUFS) below a true peak (dBTP), by a preset or near a reference."""
    return _process(
        "master",
        idempotency_key,
        {"track_id": track_id},
        preset=preset,
        target_lufs=target_lufs,
        true_peak_dbtp=true_peak_dbtp,
        reference_track_id=reference_track_id,
    )


def transcribe(
    track_id: str,
    *,
    stem: str | None = None,
    quantize: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Write a track's notes down as MIDI. `options` are further fields of the request."""
    body = {"track_id": track_id, **(options or {})}
    return _process("transcribe", idempotency_key, body, stem=stem, quantize=quantize)


def analyze(track_id: str, *, features: Sequence[str] | None = None, idempotency_key: str | None = None) -> Call[Job]:
    """Find a track's tempo, beats, key, chords, sections, loudness and spectrum; the job's `result` holds them."""
    return _process("analyze", idempotency_key, {"track_id": track_id}, features=list(features) if features else None)


def effects() -> Call[dict[str, Any]]:
    """The mixer's effects, with the units, ranges and defaults of their parameters."""
    return Call("GET", _path("processing", "effects"), _DOCUMENT)


def presets() -> Call[dict[str, Any]]:
    """The presets of the mastering chain."""
    return Call("GET", _path("processing", "presets"), _DOCUMENT)


def convert(
    track_id: str,
    format: AudioFormat,  # noqa: A002 — the API's word
    *,
    sample_rate: int | None = None,
    bit_depth: int | None = None,
    bitrate: int | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a track in another form; `download_file` fetches it when the job has succeeded."""
    body = {"track_id": track_id, "format": format}
    return _process("convert", idempotency_key, body, sample_rate=sample_rate, bit_depth=bit_depth, bitrate=bitrate)


def file_path(job_id: str, name: str | None = None) -> str:
    """Where a job's file is; without a name the only one."""
    return _path("jobs", job_id, "file") if name is None else _path("jobs", job_id, "files", name)


def spectrogram_path(track_id: str) -> str:
    """Where the picture of a track is."""
    return _path("tracks", track_id, "spectrogram.png")


# Operations


def version() -> Call[Version]:
    """What the server runs."""
    return Call("GET", "/version", _read(Version), signed=False)
