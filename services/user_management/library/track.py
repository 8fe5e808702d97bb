"""What a track is, apart from how it is stored and sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.shared.errors import AppError


@dataclass(frozen=True, slots=True)
class Stem:
    """One separate part of a track, and where its lossless audio lies."""

    name: str
    object_key: str


@dataclass(frozen=True, slots=True)
class TrackContent:
    """What a worker says about the audio that it made. Field by field the columns of `tracks`; units as on the wire."""

    title: str
    prompt: str
    model: str
    seed: int
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    loudness_lufs: float
    true_peak_dbtp: float
    bpm: float
    key: str
    tags: tuple[str, ...]
    master_object_key: str
    midi_object_key: str
    licence_name: str
    licence_commercial_use: bool
    licence_attributions: tuple[str, ...]
    model_revision: str
    engine_version: str
    runtime: str
    precision: str
    spec: dict[str, Any] | None
    mastering_gain_db: float
    master_sha256: str
    public: bool
    parent_id: UUID | None
    stems: tuple[Stem, ...] = ()

    @property
    def object_keys(self) -> Iterator[str]:
        """Every object that a worker made for the track."""
        yield self.master_object_key
        yield from (stem.object_key for stem in self.stems)
        if self.midi_object_key:
            yield self.midi_object_key

    def check_objects(self, job_id: UUID, fencing_token: int) -> None:
        """Raise `AppError` (VALIDATION) unless every object lies where this run of the job may write.

        Otherwise a track could point to, and its deletion remove, somebody else's audio.
        """
        folder = f"jobs/{job_id}/{fencing_token}/"
        if not all(key.startswith(folder) for key in self.object_keys):
            raise AppError.field("/tracks", f"The objects of a track have to lie below {folder}")


@dataclass(frozen=True, slots=True)
class Track:
    """A track of the library."""

    id: UUID
    owner_id: UUID
    owner_username: str
    job_id: UUID
    created_at: datetime
    content: TrackContent
    # Since when it lies in the trash.
    deleted_at: datetime | None = None
    # Since when moderators keep it from everybody but its owner.
    hidden_at: datetime | None = None
    likes: int = 0
    comments: int = 0
    # Whether whoever asked likes it.
    liked: bool = False
    # How it came from its parent.
    relation: str = ""
    project_id: UUID | None = None
    # The picture that its owner gave it; empty: none.
    cover_object_key: str = ""
    # Counts the edits.
    revision: int = 1

    @property
    def object_keys(self) -> Iterator[str]:
        """Every object that belongs to the track."""
        yield from self.content.object_keys
        if self.cover_object_key:
            yield self.cover_object_key
