"""Covers of tracks: pictures that people sent, written anew, and those that are drawn from the sound.

A sent picture lies in its track's own folder, `jobs/<job>/cover/<id>.jpg`, in the largest size; smaller ones, and
those that were drawn, lie among the derivatives of the object that they come from and can be made again at any time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from protos.users.v1 import tracks_pb2, tracks_pb2_grpc
from services.processing.analysis.waveforms import Waveforms
from services.processing.covers.decoding import decoded
from services.processing.covers.painting import POINTS, painted
from services.processing.covers.sizes import EMBEDDED, LARGEST, size_for
from services.processing.heavy_work import HeavyWork
from services.processing.media.derivatives import derivative_folder
from services.processing.scratch import Scratch
from services.processing.single_flight import SingleFlight
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.identity import Principal
from services.shared.ids import new_id
from services.shared.storage import ObjectStore

# Folder of files that were sent (contracts.md): `uploads/<user>/<id>`.
_UPLOADS: Final = "uploads"
_ETAG_DIGITS: Final = 32
# Of how covers are drawn: another way of drawing makes other pictures.
_STYLE: Final = 1
_RETRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Cover:
    """A stored JPEG. `etag` stands for its bytes."""

    object_key: str
    size_bytes: int
    etag: str


class Covers:
    """Makes and finds covers; one at a time of each, however many ask."""

    def __init__(
        self,
        store: ObjectStore,
        scratch: Scratch,
        heavy: HeavyWork,
        waveforms: Waveforms,
        tracks: tracks_pb2_grpc.TrackServiceStub,
        *,
        linger_seconds: float,
    ) -> None:
        self._store = store
        self._scratch = scratch
        self._heavy = heavy
        self._waveforms = waveforms
        self._tracks = tracks
        self._flights: SingleFlight[str, None] = SingleFlight(linger_seconds)

    async def take(self, track_id: str, upload_key: str, caller: Principal) -> tracks_pb2.Track:
        """Make a picture that the caller sent the cover of their own track; the track as it is then.

        Raises NOT_FOUND, UNSUPPORTED_MEDIA with what is wrong with the picture, STORAGE_FULL, …
        """
        if not upload_key.startswith(f"{_UPLOADS}/{caller.subject}/"):
            raise AppError.field("/upload_object_key", "The file has to be sent first.")
        asked = tracks_pb2.GetTrackRequest(track_id=track_id)
        found = await call(self._tracks.GetTrack, asked, token=caller.token, retries=_RETRIES)
        if found.track.owner_id != caller.subject:
            # A public track of somebody else's: theirs to see, and nothing to change.
            raise AppError(ErrorCode.NOT_FOUND, "There is no such track.")
        made = await self._decoded(upload_key)
        key = f"jobs/{found.track.job_id}/cover/{new_id()}.jpg"
        # The track's own one last: what is named is there in every size.
        for size, data in made.items():
            await self._store.put(key if size == LARGEST else _sized(key, size), data)
        kept = await call(
            self._tracks.SetCover,
            tracks_pb2.SetCoverRequest(track_id=track_id, object_key=key),
            token=caller.token,
            retries=_RETRIES,
        )
        track: tracks_pb2.Track = kept.track
        return track

    async def ensure(self, source_key: str, cover_key: str, wanted: int) -> Cover:
        """The cover of a track, at least as large as asked where its owner's picture is; drawn where there is none.

        Raises VALIDATION, NOT_FOUND, UNSUPPORTED_MEDIA, …
        """
        size = size_for(wanted)
        if not cover_key:
            key = _drawn(source_key, size)
            if not await self._store.exists(key):
                await self._flights.join(key, lambda: self._draw(source_key, size))
        elif size == LARGEST:
            key = cover_key
        else:
            key = _sized(cover_key, size)
            if not await self._store.exists(key):
                await self._flights.join(cover_key, lambda: self._shrink(cover_key))
        info = await self._store.head(key)
        return Cover(key, info.size_bytes, hashlib.sha256(key.encode()).hexdigest()[:_ETAG_DIGITS])

    async def embedded(self, source_key: str, cover_key: str) -> Cover:
        """The cover as files carry it; drawn where the owner's picture has gone meanwhile. Raises the same."""
        try:
            return await self.ensure(source_key, cover_key, EMBEDDED)
        except AppError as error:
            if error.code is not ErrorCode.NOT_FOUND or not cover_key:
                raise
        return await self.ensure(source_key, "", EMBEDDED)

    async def aclose(self) -> None:
        """Stop what is being made."""
        await self._flights.aclose()

    async def _draw(self, source_key: str, size: int) -> None:
        peaks = await self._waveforms.get(source_key, POINTS)
        async with self._heavy.turn():
            data = await self._heavy.run(lambda _check: painted(peaks.minima, peaks.maxima, size))
        await self._store.put(_drawn(source_key, size), data)

    async def _shrink(self, cover_key: str) -> None:
        """Make the smaller sizes of a cover anew: derivatives may be thrown away at any time."""
        for size, data in (await self._decoded(cover_key)).items():
            if size != LARGEST:
                await self._store.put(_sized(cover_key, size), data)

    async def _decoded(self, key: str) -> dict[int, bytes]:
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                path = folder / "picture"
                await self._store.download(key, path)
                return await self._heavy.run(lambda check: decoded(path, check))


def _sized(cover_key: str, size: int) -> str:
    return f"{derivative_folder(cover_key)}/cover-{size}.jpg"


def _drawn(source_key: str, size: int) -> str:
    return f"{derivative_folder(source_key)}/cover-v{_STYLE}-{size}.jpg"
