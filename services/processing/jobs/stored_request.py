"""How the ledger keeps a processing job's request: what was asked for, and what it was found to be about.

Keys that begin with an underscore are the platform's own and no part of what the caller asked for. The sources are
written down when the job is created, with the caller's rights: a worker reads objects, not other people's libraries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from protos.users.v1 import tracks_pb2
from services.processing.jobs.kind import LicenceTerms, Wanted
from services.processing.jobs.separated import stem_name
from services.shared.errors import AppError, ErrorCode, FieldViolation

SOURCES_KEY: Final = "_sources"
UPLOAD_KEY: Final = "_upload"
TRACE_KEY: Final = "_trace"


class SourceRecord(BaseModel):
    """A track as it was when the job was created, and where the wanted files lie."""

    model_config = ConfigDict(frozen=True)

    track_id: str
    title: str
    prompt: str
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    bpm: float
    key: str
    tags: tuple[str, ...]
    licence: LicenceTerms
    # Object keys; empty when not wanted (or, for MIDI, not there).
    master: str = ""
    stems: dict[str, str] = {}
    midi: str = ""
    artist: str = ""
    # Not among `object_keys`: a picture may be taken away before the job's turn comes.
    cover: str = ""
    stem: str = ""

    @property
    def object_keys(self) -> tuple[str, ...]:
        """What has to be fetched."""
        return tuple(key for key in (self.master, self.midi, *self.stems.values()) if key)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A job's request. `body` is what the kind's `parse` takes."""

    body: Mapping[str, Any]
    sources: Sequence[SourceRecord] = ()
    # Object key of an uploaded file; empty when the job is about none.
    upload: str = ""
    trace: Mapping[str, str] | None = None

    def to_json(self) -> str:
        """For the ledger."""
        own = {
            SOURCES_KEY: [source.model_dump(mode="json") for source in self.sources],
            TRACE_KEY: dict(self.trace or {}),
        }
        if self.upload:
            own[UPLOAD_KEY] = self.upload
        return orjson.dumps({**self.body, **own}).decode()

    @classmethod
    def from_json(cls, text: str) -> StoredRequest:
        """From the ledger. Raises INTERNAL for what this version never wrote."""
        try:
            body = orjson.loads(text)
            return cls(
                sources=_SOURCES.validate_python(body.pop(SOURCES_KEY)),
                upload=str(body.pop(UPLOAD_KEY, "")),
                trace=dict(body.pop(TRACE_KEY, {})),
                body=body,
            )
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise AppError(ErrorCode.INTERNAL, "The job's request cannot be read by this version.") from error


_SOURCES: Final = TypeAdapter(list[SourceRecord])


def source_record(
    track: tracks_pb2.Track, wanted: Sequence[Wanted], separated: Mapping[str, str] | None = None
) -> SourceRecord:
    """What a job keeps of a track; `wanted` are all the places of the request that name it.

    `separated` are the object keys of stems that it has as tracks of their own; those it has itself come first.
    Raises VALIDATION, by the pointer of the place, when a stem is asked for that the track has not.
    """
    content = track.content
    stems = {**(separated or {}), **{stem.name: stem.object_key for stem in content.stems}}
    names: dict[str, str] = {}
    for place in wanted:
        for name in stems if place.stems is None else place.stems:
            if name not in stems:
                known = ", ".join(stems) or "none"
                raise AppError.field(place.pointer, f"The track has no stem {name!r}. It has: {known}.")
            names[name] = stems[name]
    with_master = any(place.master for place in wanted)
    return SourceRecord(
        track_id=track.id,
        title=content.title,
        prompt=content.prompt,
        duration_seconds=content.duration_seconds,
        sample_rate_hz=content.sample_rate_hz,
        channels=content.channels,
        bpm=content.bpm,
        key=content.key,
        tags=tuple(content.tags),
        licence=_licence(track),
        master=content.master_object_key if with_master else "",
        stems=names,
        midi=content.midi_object_key if with_master else "",
        artist=track.owner_username,
        cover=track.cover_object_key if any(place.cover for place in wanted) else "",
        stem=stem_name(track),
    )


def _licence(track: tracks_pb2.Track) -> LicenceTerms:
    """The track's terms; somebody else's has to be named, too."""
    terms = track.content.licence
    names = (*terms.attributions, track.credit) if track.credit else tuple(terms.attributions)
    return LicenceTerms(terms.name, terms.commercial_use, names)


def at_place(error: AppError, place: Wanted) -> AppError:
    """An error of reading a track, as an error of the request's field that names it."""
    if error.code is not ErrorCode.NOT_FOUND:
        return error
    detail = "There is no such track, or it is somebody else's."
    return AppError(error.code, detail, violations=[FieldViolation(place.pointer, detail)])
