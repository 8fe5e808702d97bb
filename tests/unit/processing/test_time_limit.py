"""How long a job may work, and that it ends when the time is over."""

from __future__ import annotations

import pytest

from services.processing.jobs.kind import LicenceTerms, SourceTrack
from services.processing.mixing.session_rules import parse
from services.processing.worker.time_limit import TimeLimit, allowed_seconds
from services.shared.errors import AppError, ErrorCode


def _source(seconds: float) -> SourceTrack:
    return SourceTrack("t", "", "", seconds, 44_100, 2, 0.0, "", (), LicenceTerms("MIT", True), None, {}, None)


def test_short_audio_has_ten_minutes_and_longer_audio_sixty_times_its_length() -> None:
    assert allowed_seconds(None, [], upload=False) == 600.0
    assert allowed_seconds(None, [_source(5.0), _source(2.0)], upload=False) == 600.0
    assert allowed_seconds(None, [_source(30.0), _source(240.0)], upload=False) == 14_400.0


def test_long_mix_of_a_short_loop_has_the_time_of_the_mix() -> None:
    clips = [{"start": 100.0, "length": 200.0, "loop": True}, {"start": 5.0}]
    session = parse({"tracks": [{"track_id": "t", "clips": clips}]})
    assert allowed_seconds(session, [_source(2.0)], upload=False) == 18_000.0


def test_work_ends_when_its_time_is_over_and_says_why() -> None:
    now = [100.0]
    limit = TimeLimit(600.0, clock=lambda: now[0])
    limit.check()
    now[0] = 700.0
    limit.check()
    now[0] = 700.1
    with pytest.raises(AppError, match="longer than 10 minutes") as caught:
        limit.check()
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
