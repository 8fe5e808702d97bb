"""M4A, which needs the optional extra: with it files come and go, without it people are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.conversion.job import KIND
from services.processing.importing.mastering_copy import keep
from services.processing.media import aac_extra
from services.processing.media.encoding import encode
from services.processing.media.formats import DERIVATIVES
from services.shared.errors import AppError, ErrorCode

with_extra = pytest.mark.skipif(not aac_extra.available(), reason="the extra aac is not installed")
without_extra = pytest.mark.skipif(aac_extra.available(), reason="the extra aac is installed")

# ISO/IEC 14496-12 §4.3: the beginning of any such file.
M4A = b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00M4A isom" + bytes(64)


@with_extra
def test_file_keeps_its_length_place_and_words(master: Path, tmp_path: Path) -> None:
    for name in ("one.m4a", "two.m4a"):
        made = encode(master, tmp_path / name, DERIVATIVES["m4a"], check=lambda: None, tags={"title": "Töne"})
    assert (tmp_path / "one.m4a").read_bytes() == (tmp_path / "two.m4a").read_bytes()
    kept = keep(tmp_path / "one.m4a", tmp_path / "back.flac", lambda: None, lambda part: None)
    assert (kept.frames, kept.head.codec, kept.head.tags["title"]) == (made.frames, "AAC", "Töne")
    before, after = soundfile.read(master)[0], soundfile.read(kept.path)[0]
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] > 0.99


@without_extra
def test_who_sends_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "song.m4a").write_bytes(M4A)
    with pytest.raises(AppError) as raised:
        keep(tmp_path / "song.m4a", tmp_path / "back.flac", lambda: None, lambda part: None)
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA
    assert "M4A and AAC are not taken by this server" in raised.value.message
    assert raised.value.message.endswith("Send WAV, FLAC, AIFF, MP3, Ogg or Opus audio.")


@without_extra
def test_who_asks_for_one_is_told(master: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError) as raised:
        encode(master, tmp_path / "song.m4a", DERIVATIVES["m4a"], check=lambda: None)
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA


@without_extra
def test_who_sends_something_else_is_not_told_to_send_one(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_text("words " * 100)
    with pytest.raises(AppError) as raised:
        keep(tmp_path / "song.wav", tmp_path / "back.flac", lambda: None, lambda part: None)
    assert raised.value.message == "This is a text document. Send WAV, FLAC, AIFF, MP3, Ogg or Opus audio."


@without_extra
def test_job_for_one_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(AppError) as raised:
        KIND.parse({"track_id": "t1", "format": "m4a"})
    assert [violation.pointer for violation in raised.value.violations] == ["/format"]
    assert "writes no M4A" in raised.value.message
