"""Masters in every format: as long, as fast and as they sounded, in the same bytes each time and in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.processing.media import encoding
from services.processing.media.cancellation import Cancellation, WorkCancelled
from services.processing.media.encoding import encode
from services.processing.media.formats import (
    DERIVATIVES,
    FORMATS,
    BitDepth,
    Target,
    compression_level,
    format_of,
    output_rate_hz,
    violations_of,
)
from services.processing.media.ogg_serial import SERIAL, checksum, fix_serial
from services.processing.media.quantization import Dither16, to_int16, to_int24
from services.processing.media.reading import BLOCK_FRAMES, blocks, inspect
from services.shared.errors import AppError, ErrorCode

RATE = 44_100


def never() -> None:
    """A check that lets everything through."""


def spectral_similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Cosine of the magnitude spectra (1: the same), averaged over frames and channels."""

    def frames(samples: NDArray[np.float32]) -> NDArray[np.float64]:
        size = len(samples) // 2048 * 2048
        return np.abs(np.fft.rfft(samples[:size].T.reshape(-1, 2048) * np.hanning(2048)))

    a, b = frames(one), frames(other)
    return float(np.mean(np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-12)))


# M4A needs an extra (test_m4a).
WRITTEN_EVERYWHERE = [name for name in FORMATS if name != "m4a"]


@pytest.mark.parametrize("name", WRITTEN_EVERYWHERE)
def test_every_format_decodes_to_the_same_music(name: str, master: Path, music: Any, tmp_path: Path) -> None:
    made = tmp_path / f"made.{name}"
    encoded = encode(master, made, DERIVATIVES[name], check=never)
    samples, rate = soundfile.read(made, dtype="float32", always_2d=True)
    expected_rate = 48_000 if name == "opus" else RATE
    assert rate == expected_rate == encoded.sample_rate_hz
    assert len(samples) == encoded.frames == round(len(music) * expected_rate / RATE)
    if expected_rate == RATE:
        assert spectral_similarity(samples, music) > 0.98
    else:
        again = tmp_path / "again.wav"
        encode_wav = Target(FORMATS["wav"], sample_rate_hz=RATE, bit_depth=24)
        soundfile.write(tmp_path / "decoded.wav", samples, rate, subtype="FLOAT")
        encode(tmp_path / "decoded.wav", again, encode_wav, check=never)
        assert spectral_similarity(soundfile.read(again, dtype="float32")[0], music) > 0.98


@pytest.mark.parametrize("name", WRITTEN_EVERYWHERE)
def test_same_master_makes_the_same_bytes(name: str, master: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        encode(master, path, DERIVATIVES[name], check=never)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("name", "kbps"), [("mp3", 192), ("ogg", 192), ("opus", 160)])
def test_lossy_formats_come_near_their_bit_rate(name: str, kbps: int, write_master: Any, tmp_path: Path) -> None:
    noise = 0.3 * np.random.default_rng(1).standard_normal((5 * RATE, 2)).astype(np.float32)
    made = tmp_path / "made"
    encode(write_master(np.clip(noise, -1, 1)), made, DERIVATIVES[name], check=never)
    measured = made.stat().st_size * 8 / 5 / 1000
    # White noise is the hardest that a variable rate meets.
    tolerance = 0.02 if name == "mp3" else 0.5
    assert measured == pytest.approx(kbps, rel=tolerance)


def test_mp3_has_a_constant_bit_rate(master: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp3"
    encode(master, made, DERIVATIVES["mp3"], check=never)
    data = made.read_bytes()
    # The fourth bit field of each frame header is the bit-rate index; 11 is 192 kbit/s (ISO/IEC 11172-3 §2.4.2.3).
    assert data[0] == 0xFF
    assert data[2] >> 4 == 11
    assert b"Info" in data[:200], "the tag that says constant, and without which players cannot cut the padding"


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
def test_lossless_copy_without_resampling_is_exact(
    bit_depth: Any, music: Any, write_master: Callable[..., Path], tmp_path: Path
) -> None:
    subtype = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[bit_depth]
    source = write_master(music, subtype=subtype, name="source.wav")
    made = tmp_path / "made.wav"
    encode(source, made, Target(FORMATS["wav"], bit_depth=bit_depth), check=never)
    expected, _ = soundfile.read(source, dtype="float64")
    copied, _ = soundfile.read(made, dtype="float64")
    assert np.array_equal(copied, expected)


@pytest.mark.parametrize(("subtype", "kept"), [("PCM_16", "PCM_16"), ("PCM_24", "PCM_24")])
def test_wav_keeps_the_master_s_own_depth_bit_for_bit(
    subtype: str, kept: str, music: Any, write_master: Callable[..., Path], tmp_path: Path
) -> None:
    source, made = write_master(music, subtype=subtype), tmp_path / "made.wav"
    encode(source, made, DERIVATIVES["wav"], check=never)
    assert soundfile.info(made).subtype == kept
    assert np.array_equal(soundfile.read(made, dtype="float64")[0], soundfile.read(source, dtype="float64")[0])


def test_full_scale_survives_24_bits_exactly(write_master: Callable[..., Path], tmp_path: Path) -> None:
    extremes = np.array([[-1.0], [1.0 - 2.0**-23], [5_000_001 / 2**23], [0.0]], dtype=np.float32)
    source = write_master(extremes, subtype="FLOAT", name="source.wav")
    made = tmp_path / "made.flac"
    encode(source, made, Target(FORMATS["flac"], bit_depth=24), check=never)
    assert np.array_equal(soundfile.read(made, dtype="float64", always_2d=True)[0], extremes.astype(np.float64))


@pytest.mark.parametrize(("source_rate", "target_rate"), [(44_100, 48_000), (48_000, 44_100), (32_000, 96_000)])
def test_resampled_file_has_the_exact_length_and_keeps_the_tone(
    source_rate: int, target_rate: int, write_master: Callable[..., Path], tmp_path: Path
) -> None:
    frames = source_rate * 2 + 17
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(frames) / source_rate)
    source = write_master(tone.astype(np.float32)[:, None], rate=source_rate)
    made = tmp_path / "made.wav"
    encode(source, made, Target(FORMATS["wav"], sample_rate_hz=target_rate, bit_depth=24), check=never)
    samples, rate = soundfile.read(made, dtype="float64")
    assert rate == target_rate
    assert len(samples) == round(frames * target_rate / source_rate)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(len(samples)) / target_rate)
    middle = slice(2000, -2000)
    assert np.max(np.abs(samples[middle] - expected[middle])) < 1e-4


def test_values_beyond_full_scale_are_clipped_not_wrapped(write_master: Callable[..., Path], tmp_path: Path) -> None:
    loud = np.array([[1.5], [-1.5], [0.25]] * 100, dtype=np.float32)
    source = write_master(loud, subtype="FLOAT", name="loud.wav")
    for depth in (16, 24):
        made = tmp_path / f"made{depth}.wav"
        encode(source, made, Target(FORMATS["wav"], bit_depth=depth), check=never)
        samples, _ = soundfile.read(made)
        assert samples[0::3].min() > 0.999
        assert samples[1::3].max() < -0.999


def test_lossy_formats_take_at_most_two_channels(write_master: Callable[..., Path], tmp_path: Path) -> None:
    source = write_master(np.zeros((100, 3), dtype=np.float32))
    with pytest.raises(AppError, match="one or two channels"):
        encode(source, tmp_path / "made.mp3", DERIVATIVES["mp3"], check=never)


def test_empty_master_makes_an_empty_file(write_master: Callable[..., Path], tmp_path: Path) -> None:
    source = write_master(np.zeros((0, 2), dtype=np.float32), name="empty.wav")
    assert encode(source, tmp_path / "made.wav", DERIVATIVES["wav"], check=never).frames == 0


def test_progress_runs_to_the_end(master: Path, tmp_path: Path) -> None:
    heard: list[float] = []
    encode(master, tmp_path / "made.wav", DERIVATIVES["wav"], check=never, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_encoding_stops_within_a_block_when_told(write_master: Callable[..., Path], tmp_path: Path) -> None:
    source = write_master(np.zeros((BLOCK_FRAMES * 4, 1), dtype=np.float32))
    cancellation = Cancellation()
    heard: list[float] = []

    def progress(fraction: float) -> None:
        heard.append(fraction)
        cancellation.cancel()

    with pytest.raises(WorkCancelled):
        encode(source, tmp_path / "made", DERIVATIVES["wav"], check=cancellation.check, progress=progress)
    assert len(heard) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 8.1, -46_000.0])
def test_what_is_no_sound_is_refused(value: float, write_master: Callable[..., Path], tmp_path: Path) -> None:
    samples = np.zeros((BLOCK_FRAMES + 5, 2), dtype=np.float32)
    samples[-1, 1] = value
    source = write_master(samples, subtype="FLOAT", name="bad.wav")
    with pytest.raises(AppError) as raised:
        encode(source, tmp_path / "made.flac", DERIVATIVES["flac"], check=never)
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA


def test_file_that_ends_early_is_refused(master: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.flac"
    cut.write_bytes(master.read_bytes()[: master.stat().st_size // 2])
    with pytest.raises(AppError) as raised:
        list(blocks(cut, never))
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA


def test_only_lossless_audio_is_a_source(master: Path, tmp_path: Path) -> None:
    encode(master, tmp_path / "lossy.mp3", DERIVATIVES["mp3"], check=never)
    (tmp_path / "text").write_bytes(b"not audio at all")
    for path in (tmp_path / "lossy.mp3", tmp_path / "text"):
        with pytest.raises(AppError) as raised:
            inspect(path)
        assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA
    soundfile.write(tmp_path / "many.wav", np.zeros((10, 9), dtype=np.float32), RATE)
    with pytest.raises(AppError, match="channels"):
        inspect(tmp_path / "many.wav")


def test_unwritable_target_is_named(master: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError) as raised:
        encode(master, tmp_path / "missing" / "made.wav", DERIVATIVES["wav"], check=never)
    assert raised.value.code is ErrorCode.STORAGE_FULL


def test_dither_spreads_the_error_instead_of_bending_the_tone() -> None:
    quiet = (0.4 / 32_768) * np.sin(2 * np.pi * 441 * np.arange(4 * RATE) / RATE).astype(np.float32)[:, None]
    dithered = Dither16().convert(quiet).astype(np.float64)[:, 0]
    spectrum = np.abs(np.fft.rfft(dithered)) / len(dithered) * 2
    tone = spectrum[441 * 4]
    assert tone == pytest.approx(0.4, abs=0.05), "a tone below one step survives"
    assert spectrum[441 * 4 * 3] < 0.02, "without dither its third harmonic would stand out"
    assert not to_int16(quiet).any()


def test_digital_silence_stays_silent() -> None:
    assert not Dither16().convert(np.zeros((100, 2), dtype=np.float32)).any()


def test_integers_reach_both_ends() -> None:
    ends = np.array([[-1.0, 1.0, -2.0, 2.0]], dtype=np.float32)
    assert to_int16(ends).tolist() == [[-32_768, 32_767, -32_768, 32_767]]
    assert to_int24(ends).tolist() == [[-(2**31), (2**23 - 1) << 8, -(2**31), (2**23 - 1) << 8]]


def test_ogg_pages_keep_valid_checksums(master: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.ogg"
    encode(master, made, DERIVATIVES["ogg"], check=never)
    data, at, pages = bytearray(made.read_bytes()), 0, 0
    while at < len(data):
        length = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
        page = data[at : at + length]
        stored = int.from_bytes(page[22:26], "little")
        page[22:26] = bytes(4)
        assert stored == checksum(page) == slow_crc(page)
        assert int.from_bytes(page[14:18], "little") == SERIAL
        at, pages = at + length, pages + 1
    assert pages > 2


def slow_crc(data: bytes | bytearray) -> int:
    """Ogg's checksum bit by bit, as RFC 3533 §6 describes it."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = ((value << 1) ^ 0x04C11DB7 if value & 0x8000_0000 else value << 1) & 0xFFFF_FFFF
    return value


@pytest.mark.parametrize("data", [b"RIFF" + bytes(40), b"OggS", b"OggS" + bytes(22) + b"\x02\x05\x05"])
def test_what_is_no_ogg_file_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="Ogg"):
        fix_serial(path)


MEMORY_PROGRAM = """
import resource, sys
from pathlib import Path
from services.processing.analysis.waveforms import _peaks_of
from services.processing.media.encoding import encode
from services.processing.media.formats import DERIVATIVES
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[3:]:
    encode(source, folder / name, DERIVATIVES[name], check=lambda: None)
_peaks_of(source, lambda: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024)
"""


def test_ten_minutes_take_little_memory(tmp_path: Path) -> None:
    source = tmp_path / "long.flac"
    block = 0.1 * np.sin(2 * np.pi * 441 * np.arange(RATE * 10) / RATE)
    with soundfile.SoundFile(source, "w", RATE, 1, subtype="PCM_24") as file:
        for _ in range(60):
            file.write(block)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, str(source), str(tmp_path), "wav", "ogg"],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 60, "megabytes; the decoded song would take 106"
    assert soundfile.info(tmp_path / "ogg").frames == 600 * RATE


@pytest.mark.parametrize(
    ("target", "pointer"),
    [
        (Target(FORMATS["mp3"], bit_depth=16), "/bit_depth"),
        (Target(FORMATS["flac"], bit_depth=32), "/bit_depth"),
        (Target(FORMATS["wav"], bitrate=128_000), "/bitrate"),
        (Target(FORMATS["mp3"], sample_rate_hz=96_000), "/sample_rate"),
        (Target(FORMATS["opus"], sample_rate_hz=44_100), "/sample_rate"),
        (Target(FORMATS["mp3"], bitrate=100_000), "/bitrate"),
        (Target(FORMATS["mp3"], sample_rate_hz=22_050, bitrate=320_000), "/bitrate"),
    ],
)
def test_what_a_format_lacks_is_said_by_field(target: Target, pointer: str) -> None:
    assert [violation.pointer for violation in violations_of(target)] == [pointer]


@pytest.mark.parametrize(
    "target",
    [
        Target(FORMATS["wav"], 8_000, 32),
        Target(FORMATS["flac"], 192_000, 24),
        Target(FORMATS["mp3"], 22_050, None, 160_000),
        Target(FORMATS["mp3"], 48_000, None, 320_000),
        Target(FORMATS["ogg"], 96_000, None, 500_000),
        Target(FORMATS["ogg"], 44_100, None, 45_000),
        Target(FORMATS["opus"], 24_000, None, 32_000),
    ],
)
def test_offered_targets_are_written(target: Target, master: Path, tmp_path: Path) -> None:
    assert violations_of(target) == []
    encoded = encode(master, tmp_path / "made", target, check=never)
    info = soundfile.info(tmp_path / "made")
    assert encoded.sample_rate_hz == target.sample_rate_hz
    # Opus decodes at 48 kHz whatever its input was (RFC 7845 §5.1).
    assert info.samplerate in (target.sample_rate_hz, 48_000)


@pytest.mark.parametrize(("name", "source", "written"), [("mp3", 96_000, 48_000), ("mp3", 30_000, 32_000)])
def test_rate_that_a_format_lacks_becomes_the_nearest_that_loses_least(name: str, source: int, written: int) -> None:
    assert output_rate_hz(DERIVATIVES[name], source) == written


def test_unknown_wire_format_is_refused() -> None:
    with pytest.raises(AppError, match="wav, flac, mp3, ogg, opus"):
        format_of(0)


def test_compression_level_stays_in_its_range() -> None:
    for name in ("mp3", "ogg", "opus"):
        for bitrate in (1, 45_000, 64_000, 100_000, 320_000, 500_000, 10**7):
            level = compression_level(Target(FORMATS[name], bitrate=bitrate), 44_100, 2)
            assert level is not None
            assert 0.0 <= level < 1.0
    assert compression_level(DERIVATIVES["wav"], 44_100, 2) is None


@pytest.mark.parametrize("depth", [16, 24, 32])
def test_wav_that_outgrows_32_bits_is_rf64_with_the_same_samples(
    depth: BitDepth, master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(FORMATS["wav"], bit_depth=depth)
    tags = {"title": "Rain"}
    encode(master, tmp_path / "small.wav", target, check=lambda: None, tags=tags)
    monkeypatch.setattr(encoding, "LARGEST_RIFF_BYTES", 100_000)
    encode(master, tmp_path / "large.wav", target, check=lambda: None, tags=tags)
    assert (tmp_path / "small.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "large.wav").read_bytes()[:4] == b"RF64"
    small, large = (soundfile.read(tmp_path / name, dtype="float32")[0] for name in ("small.wav", "large.wav"))
    assert np.array_equal(small, large)
    assert inspect(tmp_path / "large.wav").frames == len(small)


def test_only_what_may_not_fit_is_rf64() -> None:
    frames = encoding.LARGEST_RIFF_BYTES // 4
    assert encoding.container_of(Target(FORMATS["wav"], bit_depth=16), 2 * frames) == "WAV"
    assert encoding.container_of(Target(FORMATS["wav"], bit_depth=16), 2 * frames + 1) == "RF64"
    assert encoding.container_of(Target(FORMATS["wav"], bit_depth=32), frames + 1) == "RF64"
    assert encoding.container_of(Target(FORMATS["flac"]), 100 * frames) == "FLAC"
