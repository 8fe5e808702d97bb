# ruff: noqa: N802 — the methods are named as in the protos
"""A library in a dictionary; over real gRPC."""

import asyncio

from protos.users.v1 import accounts_pb2, playlists_pb2_grpc, sharing_pb2_grpc, tracks_pb2, tracks_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.shared.ids import new_id


def not_found(noun: str) -> AppError:
    return AppError(ErrorCode.NOT_FOUND, f"There is no {noun} of this id.")


class Tracks(tracks_pb2_grpc.TrackServiceServicer):
    """A library."""

    def __init__(self) -> None:
        self.tracks: dict[str, tracks_pb2.Track] = {}
        self.asked: list[tracks_pb2.ListTracksRequest] = []
        # Cleared by a test that lets calls for one track pile up, of which it counts those that arrived.
        self.answering = asyncio.Event()
        self.answering.set()
        self.arrived = 0

    def add(self, owner: accounts_pb2.User, **content: object) -> tracks_pb2.Track:
        track = tracks_pb2.Track(id=new_id(), owner_id=owner.id, owner_username=owner.username, job_id=new_id())
        track.content.MergeFrom(
            tracks_pb2.TrackContent(
                **{
                    "title": "Rain on tin",
                    "prompt": "rain",
                    "model": "composer",
                    "seed": 7,
                    "duration_seconds": 30.0,
                    "sample_rate_hz": 44_100,
                    "channels": 2,
                    "licence": tracks_pb2.Licence(name="MIT", commercial_use=True),
                    "master_object_key": f"jobs/{track.job_id}/1/master.flac",
                    "midi_object_key": f"jobs/{track.job_id}/1/song.mid",
                    "stems": [tracks_pb2.Stem(name="drums", object_key=f"jobs/{track.job_id}/1/stems/drums.flac")],
                    "spec_json": '{"genre": "lofi"}',
                    **content,
                }
            )
        )
        track.created_at.GetCurrentTime()
        self.tracks[track.id] = track
        return track

    def readable(self, track_id: str) -> tracks_pb2.Track:
        track = self.tracks.get(track_id)
        if track is None or track.HasField("deleted_at"):
            raise not_found("track")
        if track.owner_id != require_user().subject and not track.content.public:
            raise not_found("track")
        return track

    def own(self, track_id: str) -> tracks_pb2.Track:
        track = self.tracks.get(track_id)
        if track is None or track.owner_id != require_user().subject:
            raise not_found("track")
        return track

    async def GetTrack(self, request, context):
        self.arrived += 1
        await self.answering.wait()
        return tracks_pb2.GetTrackResponse(track=self.readable(request.track_id))

    async def ListTracks(self, request, context):
        caller = require_user()
        self.asked.append(request)
        found = [
            track
            for track in self.tracks.values()
            if track.owner_id == caller.subject and track.HasField("deleted_at") == request.trashed
        ]
        start = int(request.page.cursor or 0)
        end = start + (request.page.limit or 20)
        return tracks_pb2.ListTracksResponse(tracks=found[start:end], next_cursor=str(end) if end < len(found) else "")

    async def ChangeTracks(self, request, context):
        return tracks_pb2.ChangeTracksResponse(
            tracks=[tracks_pb2.ChangedTrack(track_id=track_id, done=True) for track_id in request.track_ids]
        )

    async def UpdateTrack(self, request, context):
        content = self.own(request.track_id).content
        if request.HasField("title"):
            content.title = request.title
        if request.HasField("public"):
            content.public = request.public
        if request.set_tags:
            content.tags[:] = request.tags
        return tracks_pb2.UpdateTrackResponse(track=self.tracks[request.track_id])

    async def SetCover(self, request, context):
        track = self.own(request.track_id)
        track.cover_object_key = request.object_key
        return tracks_pb2.SetCoverResponse(track=track)

    async def DeleteTrack(self, request, context):
        self.own(request.track_id).deleted_at.GetCurrentTime()
        if request.forever:
            del self.tracks[request.track_id]
        return tracks_pb2.DeleteTrackResponse()

    async def RestoreTrack(self, request, context):
        track = self.own(request.track_id)
        track.ClearField("deleted_at")
        return tracks_pb2.RestoreTrackResponse(track=track)

    async def ListVersions(self, request, context):
        track = self.own(request.track_id)
        root = track.content.parent_id or track.id
        tree = [each for each in self.tracks.values() if root in (each.id, each.content.parent_id)]
        return tracks_pb2.ListVersionsResponse(tracks=tree)


class Playlists(playlists_pb2_grpc.PlaylistServiceServicer):
    """No playlist at all: the real ones are tested with the real user_management."""

    def __init__(self) -> None:
        for name in ("PutPlaylistTrack", "RemovePlaylistTrack"):
            setattr(self, name, self._nothing)

    async def _nothing(self, request, context):
        raise not_found("playlist")


class Sharing(sharing_pb2_grpc.SharingServiceServicer):
    """No links and nobody's tracks: the real ones are tested with the real user_management."""

    def __init__(self) -> None:
        for name in ("CreateShare", "ListShares", "RevokeShare"):
            setattr(self, name, self._nothing)

    async def _nothing(self, request, context):
        raise not_found("track")
