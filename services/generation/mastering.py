"""From raw audio to a release: the live limiter, the meter, and the mastered files.

Live audio passes a fixed gain and a causal true-peak limiter (`LiveLimiter`) while it is made. Mastering is one static
gain over that same audio (`write_master`), so a listener's stream and the finished file differ by
`MasteredFile.gain_db` and nothing else. The limiter's gain curve is handed out sample by sample: applied to each stem,
the stems still sum to the mix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.generation.loudness import SILENCE_LUFS, Loudness
from services.generation.true_peak import TruePeakMeter
from services.shared.kernels import kernel

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CEILING_DBTP = -1.0
TARGET_LUFS = -14.0
SILENCE_DBTP = -120.0

# libsndfile has crashed on single writes of a minute and more (Vorbis); blocks cost nothing.
_BLOCK_SAMPLES = 65_536
# Level 4 of 0–8, as libsndfile counts: files 1 % larger than at its default, in an eighth less time.
_FLAC_EFFORT = 0.5
# What a recording holds before it becomes a file: twelve seconds of a stem.
_KEPT_BYTES = 4 * 2**20
_LOOKAHEAD_SECONDS = 0.005
_RELEASE_SECONDS = 0.08
# The gain moves while it is applied and a 4-times grid misses the very top: the limiter aims this far below the
# ceiling.
_MARGIN_DB = 0.3
_PHASES = 4
_HALF_TAPS = 12


def db_to_gain(level_db: float) -> float:
    """Amplitude factor of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def gain_to_db(gain: float) -> float:
    """Level in dB of an amplitude factor; `SILENCE_DBTP` at least."""
    return max(SILENCE_DBTP, 20.0 * math.log10(gain)) if gain > 0.0 else SILENCE_DBTP


def _interpolation_filter() -> Float32:
    """Kaiser-windowed sinc that reads a signal at n + 1/4, n + 2/4 and n + 3/4 from its 24 neighbours; `[3, 24]`.

    Four points a sample is what ITU-R BS.1770-4, annex 2, asks of a true-peak meter at 44.1 and 48 kHz.
    """
    offsets = np.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1, dtype=np.float64)
    rows = []
    for phase in range(1, _PHASES):
        distance = phase / _PHASES - offsets
        window = np.i0(7.0 * np.sqrt(np.maximum(0.0, 1.0 - (distance / _HALF_TAPS) ** 2))) / np.i0(7.0)
        taps = np.sinc(distance) * window
        rows.append(taps / taps.sum())
    return np.asarray(rows, dtype=np.float32)


def _largest_sample_below(peak: float, taps: Float32) -> float:
    """An amplitude: as long as no sample passes it, no point that `taps` read between samples passes `peak`."""
    # Sums of 32-bit products may come out a little larger than they are.
    return peak / max(1.0, float(np.abs(taps.astype(np.float64)).sum(axis=1).max())) * (1.0 - 1e-5)


@kernel(fastmath={"contract", "reassoc"})
def _between_samples(window, taps):  # type: ignore[no-untyped-def]
    """The largest amplitude between the two middle samples of `window [k]`, at the points that `taps [p, k]` read."""
    peak = np.float32(0.0)
    for p in range(taps.shape[0]):
        total = np.float32(0.0)
        for k in range(window.shape[0]):
            total += taps[p, k] * window[k]
        peak = max(peak, abs(total))
    return peak


@kernel(error_model="numpy")
def _limit(  # type: ignore[no-untyped-def]
    block,
    taps,
    ceiling,
    quiet,
    static_gain,
    release,
    history,
    delay,
    minima,
    positions,
    first,
    second,
    sums,
    cursor,
    state,
    out,
    curve,
):
    """Run the limiter over `block` `[n, channels]`: `out` becomes the delayed, limited audio, `curve` its gain.

    Sample by sample with all state in the arrays, so that the result does not depend on how the audio is cut into
    blocks. Where no sample within reach is above `quiet`, nothing between the samples can be above the ceiling either,
    and nobody looks there.
    """
    samples, channels = block.shape
    width = taps.shape[1]
    latency = delay.shape[0]
    lookahead = latency - width // 2
    time, head, tail, loud = cursor[0], cursor[1], cursor[2], cursor[3]
    reached, last_peak = state[0], state[1]
    first_sum, second_sum = sums[0], sums[1]
    # Every ring has a place of its own that goes round with the time: a division for each would be dear.
    ring = minima.shape[0]
    slot, place = time % width, time % latency
    first_place, second_place = time % first.shape[0], time % second.shape[0]
    head_place, tail_place = head % ring, tail % ring
    for i in range(samples):
        # The history is written twice, one width apart, so that the newest `width` samples are always contiguous.
        peak = np.float32(0.0)
        for c in range(channels):
            sample = block[i, c] * static_gain
            history[c, slot] = sample
            history[c, slot + width] = sample
            if abs(sample) > quiet:
                loud = time
            peak = max(peak, abs(history[c, slot + width // 2]))
        if time - loud < width:
            for c in range(channels):
                peak = max(peak, _between_samples(history[c, slot + 1 : slot + 1 + width], taps))
        slot = slot + 1 if slot + 1 < width else 0
        # An interval's peak binds the gain at both of its ends.
        binding = max(peak, last_peak)
        last_peak = peak
        required = 1.0 if binding <= ceiling else ceiling / binding

        # Sliding minimum over the lookahead (monotone queue in a ring).
        while tail > head:
            before = tail_place - 1 if tail_place > 0 else ring - 1
            if minima[before] < required:
                break
            tail -= 1
            tail_place = before
        minima[tail_place] = required
        positions[tail_place] = time
        tail += 1
        tail_place = tail_place + 1 if tail_place + 1 < ring else 0
        while positions[head_place] < time - lookahead:
            head += 1
            head_place = head_place + 1 if head_place + 1 < ring else 0
        held = minima[head_place]

        # Instant attack, exponential release; then two moving averages within the lookahead turn steps into smooth
        # curves that are never above what any sample requires.
        if held < reached:
            reached = held
        else:
            reached += (held - reached) * release
        first_sum += reached - first[first_place]
        first[first_place] = reached
        first_place = first_place + 1 if first_place + 1 < first.shape[0] else 0
        gain = first_sum / first.shape[0]
        second_sum += gain - second[second_place]
        second[second_place] = gain
        second_place = second_place + 1 if second_place + 1 < second.shape[0] else 0
        gain = min(1.0, second_sum / second.shape[0])

        curve[i] = gain * static_gain
        for c in range(channels):
            out[i, c] = delay[place, c] * curve[i]
            delay[place, c] = block[i, c]
        place = place + 1 if place + 1 < latency else 0
        time += 1
    cursor[0], cursor[1], cursor[2], cursor[3] = time, head, tail, loud
    state[0], state[1] = reached, last_peak
    sums[0], sums[1] = first_sum, second_sum


class LiveLimiter:
    """Fixed gain and causal true-peak limiter over a stream of blocks.

    What goes in comes out, sample for sample and `latency_samples` later: `process` first answers less than it is
    given, and `flush` answers the rest. The curve that comes with each output block is the whole gain (fixed gain
    included) of the same samples, linear, so `stem * curve[:, None]` keeps the stems summing to the limited mix.
    """

    def __init__(
        self, sample_rate: int, channels: int, gain_db: float = 0.0, ceiling_dbtp: float = CEILING_DBTP
    ) -> None:
        self._channels = channels
        self._static_gain = np.float32(db_to_gain(gain_db))
        self._ceiling = db_to_gain(ceiling_dbtp - _MARGIN_DB)
        self._release = 1.0 - math.exp(-1.0 / (_RELEASE_SECONDS * sample_rate))
        self._taps = _interpolation_filter()
        self._quiet = _largest_sample_below(self._ceiling, self._taps)
        lookahead = max(2, round(_LOOKAHEAD_SECONDS * sample_rate))
        self.latency_samples = lookahead + _HALF_TAPS
        width = self._taps.shape[1]
        self._history = np.zeros((channels, 2 * width), np.float32)
        self._delay = np.zeros((self.latency_samples, channels), np.float32)
        self._minima = np.ones(lookahead + 2, np.float64)
        self._positions = np.full(lookahead + 2, -1, np.int64)
        first_box = lookahead // 2
        self._boxes = (np.ones(first_box, np.float64), np.ones(lookahead - first_box, np.float64))
        self._sums = np.array([box.sum() for box in self._boxes])
        # Time, head and tail of the queue, and when a sample was last loud: never.
        self._cursor = np.array([0, 0, 0, -width], np.int64)
        self._state = np.array([1.0, 0.0])
        self._skip = self.latency_samples
        self._flushed = False

    def process(self, block: Float32) -> tuple[Float32, Float32]:
        """Take float32 `[n, channels]`, answer `(audio [m, channels], curve [m])` with m ≤ n.

        ValueError when not finite.
        """
        if self._flushed:
            raise ValueError("The limiter was flushed; a new stream needs a new limiter.")
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"Expected [samples, {self._channels}], got {list(block.shape)}.")
        if not np.isfinite(block).all():
            raise ValueError("The audio holds values that are not finite.")
        return self._run(np.ascontiguousarray(block, dtype=np.float32))

    def flush(self) -> tuple[Float32, Float32]:
        """Answer the samples still held; the stream is over."""
        self._flushed = True
        return self._run(np.zeros((self.latency_samples, self._channels), np.float32))

    def _run(self, block: Float32) -> tuple[Float32, Float32]:
        out, curve = np.empty_like(block), np.empty(len(block), np.float32)
        _limit(
            block,
            self._taps,
            self._ceiling,
            self._quiet,
            self._static_gain,
            self._release,
            self._history,
            self._delay,
            self._minima,
            self._positions,
            *self._boxes,
            self._sums,
            self._cursor,
            self._state,
            out,
            curve,
        )
        held_back = min(self._skip, len(curve))
        self._skip -= held_back
        return out[held_back:], curve[held_back:]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Integrated loudness (ITU-R BS.1770, LUFS) and highest true peak of any channel (dBTP)."""

    loudness_lufs: float
    true_peak_dbtp: float


class LoudnessMeter:
    """Loudness and true peak of a stream of float32 blocks of one or two channels."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._loudness = Loudness(sample_rate)
        self._peak = TruePeakMeter(sample_rate, channels)

    def add(self, block: Float32) -> None:
        """Take the next samples, `[n, channels]`."""
        if len(block):
            block = np.ascontiguousarray(block, dtype=np.float32)
            pair = np.zeros((2, len(block)), np.float32)
            pair[: block.shape[1]] = block.T
            self._loudness.add(pair)
            self._peak.add(block)

    def result(self) -> Measurement:
        """What was measured so far; silence reads `SILENCE_LUFS` and `SILENCE_DBTP`."""
        return Measurement(self._loudness.result(), gain_to_db(self._peak.peak))


def measure(source: Path | Iterable[Float32], sample_rate: int = 0, channels: int = 0) -> Measurement:
    """Measure an audio file, or blocks `[n, channels]` of the given rate and channel count."""
    if isinstance(source, Path):
        with soundfile.SoundFile(source) as file:
            meter = LoudnessMeter(file.samplerate, file.channels)
            for block in file.blocks(_BLOCK_SAMPLES, dtype="float32", always_2d=True):
                meter.add(block)
        return meter.result()
    meter = LoudnessMeter(sample_rate, channels)
    for block in source:
        meter.add(block)
    return meter.result()


class Recording:
    """Audio that grows as raw float32: a little of it in memory, all of it on disk once it is longer, so that a
    ten-minute song needs no memory."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self.path = path
        self.sample_rate = sample_rate
        self.channels = channels
        self.samples = 0
        self._kept: list[Float32] = []
        self._file: BufferedWriter | None = None

    @property
    def duration_seconds(self) -> float:
        """Length so far."""
        return self.samples / self.sample_rate

    def append(self, block: Float32) -> None:
        """Add `[n, channels]` at the end. It may be kept as it is: nobody changes it any more."""
        self._kept.append(np.ascontiguousarray(block, dtype="<f4"))
        self.samples += len(block)
        if self._file is None and self.samples * self.channels * 4 > _KEPT_BYTES:
            self._file = self.path.open("wb")
        if self._file is not None:
            for kept in self._kept:
                self._file.write(kept.data)
            self._kept.clear()

    def blocks(self) -> Iterator[Float32]:
        """Everything recorded so far, from the first sample, in blocks `[n, channels]`."""
        if self._file is None:
            yield from tuple(self._kept)
            return
        if not self._file.closed:
            self._file.flush()
        with self.path.open("rb") as file:
            while data := file.read(_BLOCK_SAMPLES * self.channels * 4):
                yield np.frombuffer(data, dtype="<f4").reshape(-1, self.channels)

    def close(self) -> None:
        """Stop recording. Idempotent; `blocks` still works."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Close it and forget what was recorded."""
        self.close()
        self._kept.clear()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class MasteredFile:
    """A finished master: `gain_db` is the static gain from the live audio to it."""

    path: Path
    duration_seconds: float
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float


def mastering_gain_db(
    live: Measurement, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP, limit_db: float = 12.0
) -> float:
    """The static gain that brings live audio to `target_lufs` without passing `ceiling_dbtp`; 0 for silence."""
    if live.loudness_lufs <= SILENCE_LUFS:
        return 0.0
    wanted = min(target_lufs - live.loudness_lufs, ceiling_dbtp - live.true_peak_dbtp)
    return max(-limit_db, min(limit_db, wanted))


class _UnsyncedFile(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A file that is closed without waiting for the disk, 15 ms and more: what a power cut interrupts is made again."""

    def flush(self) -> None:
        """Leave it to the system; closing hands over all that is held."""


def write_flac(path: Path, blocks: Iterable[Float32], sample_rate: int, channels: int, gain_db: float = 0.0) -> int:
    """Write blocks `[n, channels]` as 24-bit FLAC with a static gain; answers the number of samples."""
    gain = np.float32(db_to_gain(gain_db))
    with _UnsyncedFile(
        path, "w", sample_rate, channels, subtype="PCM_24", format="FLAC", compression_level=_FLAC_EFFORT
    ) as file:
        written = 0
        for block in blocks:
            for start in range(0, len(block), _BLOCK_SAMPLES):
                file.write(block[start : start + _BLOCK_SAMPLES] * gain)
            written += len(block)
    return written


def write_master(
    path: Path,
    live: Recording,
    *,
    target_lufs: float = TARGET_LUFS,
    ceiling_dbtp: float = CEILING_DBTP,
    measured: Measurement | None = None,
) -> MasteredFile:
    """Master recorded live audio: one static gain towards `target_lufs`, true peak at most `ceiling_dbtp`, 24-bit FLAC.

    `measured` saves a pass over the audio when the caller has metered it on the way.
    """
    before = measured or measure(live.blocks(), live.sample_rate, live.channels)
    gain_db = mastering_gain_db(before, target_lufs, ceiling_dbtp)
    samples = write_flac(path, live.blocks(), live.sample_rate, live.channels, gain_db)
    return MasteredFile(
        path=path,
        duration_seconds=samples / live.sample_rate,
        loudness_lufs=max(SILENCE_LUFS, before.loudness_lufs + gain_db),
        true_peak_dbtp=max(SILENCE_DBTP, before.true_peak_dbtp + gain_db),
        gain_db=gain_db,
    )
