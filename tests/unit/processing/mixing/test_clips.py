"""Clips and sources: where they start, what they repeat, and that reading anywhere gives the same samples."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.mixing import limits
from services.processing.mixing.build import build, place
from services.processing.mixing.session_rules import parse
from services.processing.mixing.timeline.clip import PlacedClip
from services.processing.mixing.timeline.source import ConvertedSource, FileSource, open_source
from services.shared.errors import AppError, ErrorCode
from tests.support.mixing import RATE, ArraySource, Audio, noise, render, renderer

_OPEN = {"ceiling_dbtp": None}


@pytest.fixture(scope="module")
def audio() -> Audio:
    return noise(2 * RATE)


def _mix(audio: Audio, **track: object) -> Audio:
    return render({"tracks": [{"track_id": "a"} | track], "master": _OPEN}, {"a": audio})


def test_clip_starts_where_it_is_put(audio: Audio) -> None:
    out = _mix(audio, start=0.5)
    assert not out[:, : RATE // 2].any()
    assert np.array_equal(out[:, RATE // 2 :], audio)


def test_offset_and_length_cut_a_piece(audio: Audio) -> None:
    out = _mix(audio, offset=0.25, length=1.0)
    assert np.array_equal(out, audio[:, RATE // 4 : RATE // 4 + RATE])


def test_length_beyond_the_source_ends_with_it(audio: Audio) -> None:
    assert _mix(audio, length=60.0).shape[1] == audio.shape[1]


def test_loop_repeats_without_a_seam(audio: Audio) -> None:
    out = _mix(audio, offset=0.5, loop=True, loop_length=0.25, length=3.1)
    piece = audio[:, RATE // 2 : RATE // 2 + RATE // 4]
    expected = np.tile(piece, 13)[:, : round(3.1 * RATE)]
    assert np.array_equal(out, expected)


def test_loop_shorter_than_a_block_repeats_exactly(audio: Audio) -> None:
    out = _mix(audio, offset=0.5, loop=True, loop_length=0.013, length=1.0)
    piece = audio[:, RATE // 2 : RATE // 2 + round(0.013 * RATE)]
    assert np.array_equal(out, np.tile(piece, 77)[:, :RATE])


class _CountingSource(ArraySource):
    reads = 0

    def read(self, start: int, frames: int) -> Audio:
        self.reads += 1
        return super().read(start, frames)


def test_short_loop_is_read_once_a_block_however_often_it_repeats() -> None:
    source = _CountingSource(noise(441))
    clip = PlacedClip(source, start=0, offset=0, length=RATE, loop=441)
    for start in range(0, RATE, 8_192):
        clip.add_to(np.zeros((2, 8_192)), start)
    assert source.reads == 6


@pytest.mark.parametrize(
    ("track", "pointer"),
    [
        ({"offset": 2.0 - 1 / RATE}, "/tracks/0/offset"),
        ({"offset": 2.0 - 1 / RATE, "loop_length": 0.5}, "/tracks/0/offset"),
        ({"stretch": 0.5, "loop_length": 0.01}, "/tracks/0/loop_length"),
    ],
)
def test_loop_too_short_to_be_one_is_refused_where_it_is_made(
    audio: Audio, track: dict[str, object], pointer: str
) -> None:
    with pytest.raises(AppError, match=r"at least 0\.01 s") as caught:
        _mix(audio, loop=True, length=7_200.0, **track)
    assert caught.value.violations[0].pointer == pointer


def test_clips_on_top_of_one_another_cannot_last_longer_than_every_track_full(audio: Audio) -> None:
    clips = [{"loop": True, "length": 7_200.0}] * 64
    tracks = [{"track_id": "a", "clips": clips}, {"track_id": "a", "loop": True, "length": 60.0}]
    with pytest.raises(AppError, match="128 hours") as caught:
        renderer({"tracks": tracks}, {"a": audio})
    assert caught.value.violations[0].pointer == "/tracks/1"


def test_clips_that_sound_at_once_are_refused_before_their_memory_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(48_000), 48_000)
    held = open_source(path, RATE).held_bytes

    def built(start: float) -> None:
        clips = [{"loop": True, "length": 60.0, "start": start * number} for number in range(64)]
        session = parse({"tracks": [{"track_id": "a", "clips": clips} for _ in range(8)]})
        build(place(session, lambda _pointer, _clip: open_source(path, RATE), RATE, 120.0)).close()

    assert 512 * held > limits.HELD_BYTES
    with pytest.raises(AppError, match="same time") as caught:
        built(0.0)
    assert caught.value.violations[0].pointer == "/tracks"
    built(60.1)


def test_what_a_converted_source_says_it_holds_is_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(10 * 48_000).T, 48_000)
    source = open_source(path, RATE)
    assert isinstance(source, ConvertedSource)
    for start in range(0, 9 * RATE, RATE):
        source.read(start, RATE)
    held = sum(segment.nbytes for segment in source._kept.values())
    assert 0 < held <= source.held_bytes <= 2 * held


def test_fades_are_ideal(audio: Audio) -> None:
    out = _mix(audio, fade_in={"seconds": 0.5}, fade_out={"seconds": 1.0, "curve": "equal_power"})
    places = np.arange(2 * RATE)
    gain = np.minimum(places / (RATE / 2), 1) * np.sin(np.pi / 2 * np.minimum((2 * RATE - places) / RATE, 1))
    assert np.abs(out - audio * gain).max() < 1e-15


def test_crossfade_of_the_same_sound_is_seamless(audio: Audio) -> None:
    clips = [{"length": 1.0}, {"start": 0.6, "offset": 0.6}]
    out = _mix(audio, clips=clips, crossfade="linear")
    assert np.abs(out - audio).max() < 1e-12


def test_crossfade_leaves_given_fades_alone(audio: Audio) -> None:
    clips = [{"length": 1.0, "fade_out": {"seconds": 0.1}}, {"start": 0.6, "offset": 0.6}]
    out = _mix(audio, clips=clips, crossfade="linear")
    middle = round(0.7 * RATE)
    assert out[0, middle] == pytest.approx(audio[0, middle] * (1 + 0.1 / 0.4))


def test_clip_gain_and_overlap_add_up(audio: Audio) -> None:
    out = _mix(audio, clips=[{"gain_db": -6.0}, {"gain_db": 6.0}])
    assert np.allclose(out, audio * (10 ** (-6 / 20) + 10 ** (6 / 20)))


def test_offset_behind_the_end_is_an_error_that_says_where(audio: Audio) -> None:
    with pytest.raises(AppError) as caught:
        _mix(audio, offset=3.0)
    assert caught.value.violations[0].pointer == "/tracks/0/offset"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_file_is_read_exactly_from_anywhere(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / ("a.flac" if subtype in ("PCM_16", "PCM_24") else "a.wav")
    samples = noise(100_000).T
    soundfile.write(path, samples, RATE, subtype=subtype)
    expected = soundfile.read(path)[0].T
    source = FileSource(path)
    for start, frames in [(0, 10), (99_000, 5_000), (-50, 100), (32_760, 20), (5, 90_000), (200_000, 4)]:
        out = source.read(start, frames)
        wanted = np.zeros((2, frames))
        first, last = max(start, 0), min(start + frames, 100_000)
        if first < last:
            wanted[:, first - start : last - start] = expected[:, first:last]
        assert np.array_equal(out, wanted)
    source.close()
    assert np.array_equal(source.read(10, 10), expected[:, 10:20])


def test_mono_plays_on_both_sides(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1_000)[0], RATE, subtype="FLOAT")
    out = FileSource(tmp_path / "a.wav").read(0, 1_000)
    assert np.array_equal(out[0], out[1])


@pytest.mark.parametrize("rate", [8_000, 32_000, 44_101, 48_000, 96_000, 192_000])
def test_conversion_is_as_good_as_soxr_at_once_and_the_same_from_anywhere(rate: int) -> None:
    samples = noise(round(9.3 * rate), level=0.2)
    source = ConvertedSource(ArraySource(samples), rate, RATE)
    whole = source.read(0, source.frames)
    at_once = soxr.resample(samples.T, rate, RATE, quality="VHQ").T
    length = min(whole.shape[1], at_once.shape[1])
    assert abs(whole.shape[1] - at_once.shape[1]) <= 1
    # The first samples are soxr's own way to start; rates without a common measure it interpolates between phases.
    worst = np.abs(whole[:, 100 : length - 100] - at_once[:, 100 : length - 100]).max()
    print(f"{rate} Hz: {worst:.1e}")
    assert worst < (1e-5 if rate == 44_101 else 1e-7)
    other = ConvertedSource(ArraySource(samples), rate, RATE)
    for start, frames in [(300_000, 1_000), (0, 77), (170_000, 100_000)]:
        assert np.array_equal(other.read(start, frames), whole[:, start : start + frames])


@settings(max_examples=15)
@given(start=st.integers(-1_000, 500_000), frames=st.integers(1, 60_000))
def test_converted_source_is_silent_outside(start: int, frames: int) -> None:
    source = ConvertedSource(ArraySource(np.full((2, 240_000), 0.5)), 48_000, RATE)
    out = source.read(start, frames)
    places = np.arange(start, start + frames)
    assert not out[:, (places < 0) | (places >= source.frames)].any()
    inside = out[:, (places > 2_000) & (places < source.frames - 2_000)]
    assert np.abs(inside - 0.5).max(initial=0) < 1e-6


def _truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _not_finite(path: Path) -> None:
    samples = noise(5_000).T
    samples[2_000] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT", format="WAV")


def _huge(path: Path) -> None:
    soundfile.write(path, noise(5_000, level=100.0).T, RATE, subtype="FLOAT", format="WAV")


def _surround(path: Path) -> None:
    soundfile.write(path, np.zeros((100, 6)), RATE, subtype="PCM_16", format="WAV")


def _text(path: Path) -> None:
    path.write_text("no audio at all")


@pytest.mark.parametrize("spoil", [_truncated, _not_finite, _huge, _surround, _text])
def test_spoiled_file_is_a_clear_error(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(200_000).T, RATE, subtype="PCM_24")
    spoil(path)
    with pytest.raises(AppError) as caught:
        open_source(path, RATE).read(0, 200_000)
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA
