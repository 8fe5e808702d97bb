"""Tracks between the library's types and `musicgen.users.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from protos.users.v1 import tracks_pb2
from services.shared.errors import AppError
from services.user_management.library.bulk import BulkChange, Outcome
from services.user_management.library.lineage import credit_of
from services.user_management.library.rules import tags
from services.user_management.library.search import LONGEST_QUERY, Order, Wanted, words
from services.user_management.library.track import Stem, Track, TrackContent
from services.user_management.wire import json_text, optional_json_object, parse_id, storable, timestamp

_LONGEST_TEXT = 4000
_LONGEST_NAME = 256
LONGEST_KEY = 1024


def track_content(message: tracks_pb2.TrackContent) -> TrackContent:
    """What a worker says about its audio. Raises `AppError` (VALIDATION)."""
    return TrackContent(
        title=storable(message.title, _LONGEST_TEXT),
        prompt=storable(message.prompt, _LONGEST_TEXT),
        model=storable(message.model, _LONGEST_NAME),
        seed=message.seed,
        duration_seconds=message.duration_seconds,
        sample_rate_hz=message.sample_rate_hz,
        channels=message.channels,
        loudness_lufs=message.loudness_lufs,
        true_peak_dbtp=message.true_peak_dbtp,
        bpm=message.bpm,
        key=storable(message.key, _LONGEST_NAME),
        tags=tuple(storable(tag, _LONGEST_NAME) for tag in message.tags),
        master_object_key=storable(message.master_object_key, LONGEST_KEY),
        midi_object_key=storable(message.midi_object_key, LONGEST_KEY),
        licence_name=storable(message.licence.name, _LONGEST_NAME),
        licence_commercial_use=message.licence.commercial_use,
        licence_attributions=tuple(storable(name, _LONGEST_TEXT) for name in message.licence.attributions),
        model_revision=storable(message.model_revision, _LONGEST_NAME),
        engine_version=storable(message.engine_version, _LONGEST_NAME),
        runtime=storable(message.runtime, _LONGEST_NAME),
        precision=storable(message.precision, _LONGEST_NAME),
        spec=optional_json_object(message.spec_json, "/tracks/spec_json"),
        mastering_gain_db=message.mastering_gain_db,
        master_sha256=storable(message.master_sha256, _LONGEST_NAME),
        public=message.public,
        parent_id=parse_id(message.parent_id),
        stems=tuple(
            Stem(storable(stem.name, _LONGEST_NAME), storable(stem.object_key, LONGEST_KEY)) for stem in message.stems
        ),
    )


_ORDERS = {
    tracks_pb2.TRACK_ORDER_UNSPECIFIED: Order.NEWEST,
    tracks_pb2.TRACK_ORDER_OLDEST: Order.OLDEST,
    tracks_pb2.TRACK_ORDER_TITLE: Order.TITLE,
    tracks_pb2.TRACK_ORDER_RELEVANCE: Order.RELEVANCE,
}


def wanted(request: tracks_pb2.ListTracksRequest) -> Wanted:
    """Which tracks are asked for. Raises `AppError` (VALIDATION)."""
    order = _ORDERS.get(request.order)
    if order is None:
        raise AppError.field("/sort", "There is no such order.")
    parent_id = parse_id(request.parent_id)
    if request.parent_id and parent_id is None:
        raise AppError.field("/parent_id", "There is no such track.")
    return Wanted(
        project_id=project_reference(request.project_id),
        without_project=request.without_project,
        query=storable(request.query, LONGEST_QUERY + 1),
        tags=tags(request.tags),
        model=storable(request.model, _LONGEST_NAME),
        public=request.public if request.HasField("public") else None,
        parent_id=parent_id,
        trashed=request.trashed,
        # Without words nothing matches better than anything else.
        order=Order.NEWEST if order is Order.RELEVANCE and not words(request.query) else order,
    )


def track_message(track: Track, viewer_id: UUID | None = None) -> tracks_pb2.Track:
    """The wire form of a track. Only when the viewer is its owner, what it says of the owner's own order."""
    content = track.content
    return tracks_pb2.Track(
        id=str(track.id),
        owner_id=str(track.owner_id),
        owner_username=track.owner_username,
        job_id=str(track.job_id),
        created_at=timestamp(track.created_at),
        deleted_at=timestamp(track.deleted_at),
        hidden_at=timestamp(track.hidden_at),
        likes=track.likes,
        comments=track.comments,
        liked=track.liked,
        relation=track.relation,
        project_id=str(track.project_id or "") if viewer_id == track.owner_id else "",
        cover_object_key=track.cover_object_key,
        revision=track.revision,
        credit="" if viewer_id == track.owner_id else credit_of(track),
        content=tracks_pb2.TrackContent(
            title=content.title,
            prompt=content.prompt,
            model=content.model,
            seed=content.seed,
            duration_seconds=content.duration_seconds,
            sample_rate_hz=content.sample_rate_hz,
            channels=content.channels,
            loudness_lufs=content.loudness_lufs,
            true_peak_dbtp=content.true_peak_dbtp,
            bpm=content.bpm,
            key=content.key,
            tags=content.tags,
            master_object_key=content.master_object_key,
            stems=[tracks_pb2.Stem(name=stem.name, object_key=stem.object_key) for stem in content.stems],
            midi_object_key=content.midi_object_key,
            licence=tracks_pb2.Licence(
                name=content.licence_name,
                commercial_use=content.licence_commercial_use,
                attributions=content.licence_attributions,
            ),
            model_revision=content.model_revision,
            engine_version=content.engine_version,
            runtime=content.runtime,
            precision=content.precision,
            spec_json=json_text(content.spec),
            mastering_gain_db=content.mastering_gain_db,
            master_sha256=content.master_sha256,
            public=content.public,
            parent_id=str(content.parent_id or ""),
        ),
    )


def project_reference(text: str) -> UUID | None:
    """The project that a request names; None for the empty text: none. Raises `AppError` (VALIDATION)."""
    project_id = parse_id(text)
    if text and project_id is None:
        raise no_such_project()
    return project_id


def no_such_project() -> AppError:
    """What is said of a request that names a project that is none of the caller's."""
    return AppError.field("/project_id", "There is no such project. Choose one of yours.")


def bulk_change(request: tracks_pb2.ChangeTracksRequest) -> BulkChange:
    """What is to become of several tracks. Raises `AppError` (VALIDATION)."""
    change = BulkChange(
        add_tags=_tags_at("/add_tags", request.add_tags),
        remove_tags=_tags_at("/remove_tags", request.remove_tags),
        moves=request.HasField("project_id"),
        project_id=project_reference(request.project_id) if request.HasField("project_id") else None,
        public=request.public if request.HasField("public") else None,
        trashed=request.trashed if request.HasField("trashed") else None,
    )
    change.check()
    return change


def outcome_message(outcome: Outcome) -> tracks_pb2.ChangedTrack:
    """The wire form of an outcome."""
    return tracks_pb2.ChangedTrack(
        track_id=outcome.track_id, done=not outcome.code, code=outcome.code, detail=outcome.detail
    )


def _tags_at(pointer: str, texts: Iterable[str]) -> tuple[str, ...]:
    try:
        return tags(texts)
    except AppError as error:
        raise AppError.field(pointer, error.message) from None
