"""What a request's other tracks must be, before there is a job."""

from __future__ import annotations

from typing import Any

import pytest

from protos.users.v1 import tracks_pb2
from services.generation.backends.protocol import GenerationRequest
from services.generation.sources import TrackSources
from services.shared.errors import AppError


class OneTrack:
    """A library with a track of so many seconds under every id."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def GetTrack(self, request: tracks_pb2.GetTrackRequest, **_: Any) -> tracks_pb2.GetTrackResponse:  # noqa: N802
        content = tracks_pb2.TrackContent(duration_seconds=self._seconds, master_object_key=f"m/{request.track_id}")
        return tracks_pb2.GetTrackResponse(track=tracks_pb2.Track(content=content))


async def test_a_style_is_fetched_like_any_other_source() -> None:
    request = GenerationRequest("x", 3.0, "musicgen-style", 1, style_id="s", continue_from_id="c")
    found = await TrackSources(OneTrack(1.5)).resolve(request, "token")
    assert {track_id: source.object_key for track_id, source in found.items()} == {"s": "m/s", "c": "m/c"}


async def test_a_track_that_is_too_short_for_a_style_is_refused_before_there_is_a_job() -> None:
    request = GenerationRequest("x", 3.0, "musicgen-style", 1, style_id="s")
    with pytest.raises(AppError) as caught:
        await TrackSources(OneTrack(1.4)).resolve(request, "token")
    assert [violation.pointer for violation in caught.value.violations] == ["/style_id"]
    assert "1.4 seconds long" in caught.value.violations[0].detail
