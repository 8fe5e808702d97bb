"""The other tracks that a request names: looked up with the caller's own rights, before the job is made."""

from __future__ import annotations

from protos.users.v1 import tracks_pb2, tracks_pb2_grpc
from services.generation.backends.protocol import GenerationRequest
from services.generation.job_request import SourceTrack
from services.generation.musicgen.style_limits import require_long_enough
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call

_RETRIES = 3
_UNKNOWN = {ErrorCode.NOT_FOUND, ErrorCode.VALIDATION}


class TrackSources:
    """Resolves `melody_id`, `style_id`, `continue_from_id` and `variation_of_id`."""

    def __init__(self, tracks: tracks_pb2_grpc.TrackServiceStub) -> None:
        self._tracks = tracks

    async def resolve(
        self, request: GenerationRequest, token: str, *, with_sound: bool = True
    ) -> dict[str, SourceTrack]:
        """The tracks that a request names, by their ids; without sound only their terms.

        Raises VALIDATION with the field when the caller has no such track, it ends before `continue_at`, or is shorter
        than a style.
        """
        found: dict[str, SourceTrack] = {}
        for pointer, track_id in (
            ("/melody_id", request.melody_id),
            ("/style_id", request.style_id),
            ("/continue_from_id", request.continue_from_id),
            ("/variation_of", request.variation_of_id),
        ):
            if not track_id:
                continue
            track = await self._track(pointer, track_id, token)
            content, licence = track.content, track.content.licence
            found[track_id] = SourceTrack(
                content.master_object_key if with_sound else "",
                licence.name,
                licence.commercial_use,
                (*licence.attributions, track.credit) if track.credit else tuple(licence.attributions),
            )
            if pointer == "/continue_from_id" and (request.continue_at or 0.0) > content.duration_seconds:
                raise AppError.field(
                    "/continue_at", f"The track is {content.duration_seconds:.1f} seconds long. Choose an earlier one."
                )
            if pointer == "/style_id":
                require_long_enough(content.duration_seconds)
        return found

    async def content(self, pointer: str, track_id: str, token: str) -> tracks_pb2.TrackContent:
        """A track that the caller may hear. Raises VALIDATION at `pointer` when there is none."""
        return (await self._track(pointer, track_id, token)).content

    async def _track(self, pointer: str, track_id: str, token: str) -> tracks_pb2.Track:
        try:
            answer: tracks_pb2.GetTrackResponse = await call(
                self._tracks.GetTrack, tracks_pb2.GetTrackRequest(track_id=track_id), token=token, retries=_RETRIES
            )
        except AppError as error:
            if error.code in _UNKNOWN:
                raise AppError.field(pointer, "There is no such track. Choose one of your library.") from error
            raise
        return answer.track
