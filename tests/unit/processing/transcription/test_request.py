"""What a transcription may be asked for."""

from __future__ import annotations

import pytest

from services.processing.transcription.job import KIND
from services.shared.errors import AppError


def test_only_the_track_has_to_be_said_and_all_its_stems_are_read() -> None:
    song, stems = KIND.wanted(KIND.parse({"track_id": "t"}))
    assert (song.track_id, song.master, song.stems) == ("t", True, ())
    assert (stems.track_id, stems.stems, stems.separated) == ("t", None, True)


def test_one_stem_is_read_when_one_is_named() -> None:
    _, stems = KIND.wanted(KIND.parse({"track_id": "t", "stem": "bass"}))
    assert (stems.stems, stems.pointer, stems.separated) == (("bass",), "/stem", True)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"quantize": {"grid": "1/7"}}, "/quantize/grid"),
        ({"quantize": {"strength": 2}}, "/quantize/strength"),
        ({"quantize": {"swing": float("nan")}}, "/quantize/swing"),
        ({"quantize": {"groove": "mpc"}}, "/quantize/groove"),
        ({"bpm": 0}, "/bpm"),
        ({"instrument": "kazoo"}, "/instrument"),
        ({"stem": ""}, "/stem"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_done_is_refused_where_it_stands(body: dict[str, object], pointer: str) -> None:
    with pytest.raises(AppError) as caught:
        KIND.parse({"track_id": "t", **body})
    assert pointer in [violation.pointer for violation in caught.value.violations]
