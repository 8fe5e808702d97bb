"""What of an analysis goes into the job's result: short enough for the ledger, however long the track is."""

from __future__ import annotations

from typing import Any

import orjson

from services.processing.analysis.job import shortened
from services.user_management.wire import LARGEST_JSON_BYTES


def _whole(beats: int) -> dict[str, Any]:
    times = [round(number * 0.499, 3) for number in range(beats)]
    chords = [{"start": time, "end": time + 0.499, "chord": "F#maj7"} for time in times]
    return {
        "duration": beats * 0.5,
        "beats": {"times": times, "downbeats": times[::4], "beats_per_bar": 4, "confidence": 0.9},
        "chords": chords,
        "sections": [{"start": 0.0, "end": 1.0, "label": "A", "energy": 1.0}] * (beats // 16),
    }


def test_short_analysis_is_the_result_as_it_is() -> None:
    whole = _whole(500)
    assert shortened(whole) == whole
    nothing = {"beats": None, "chords": [], "sections": []}
    assert shortened(nothing) == nothing


def test_three_hours_of_beats_fit_the_ledger_and_say_what_is_left_out() -> None:
    whole = _whole(3 * 7_200)
    result = shortened(whole)
    assert len(orjson.dumps(whole)) > LARGEST_JSON_BYTES > 2 * len(orjson.dumps(result))
    assert result["truncated"] is True
    assert result["counts"] == {"chords": 21_600, "sections": 1_350, "beats": 21_600, "downbeats": 5_400}
    assert result["beats"]["times"] == whole["beats"]["times"][:500]
    assert result["beats"]["beats_per_bar"] == 4
    assert [len(result[name]) for name in ("chords", "sections")] == [500, 500]
