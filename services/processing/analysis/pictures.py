"""Pictures of a song: its spectrogram as PNG, its waveform as PNG or SVG, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from services.processing.analysis.colours import DEFAULT, Scheme, as_hex, scheme_named
from services.processing.analysis.png import encode_png
from services.processing.analysis.spectrum import frame_samples
from services.processing.media.reading import SourceInfo, blocks, inspect
from services.shared.errors import AppError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Check = Callable[[], None]

FEWEST_PIXELS: Final = 16
MOST_WIDTH: Final = 8_192
MOST_HEIGHT: Final = 2_048

# Spectrograms show that much below a full-scale sine.
_RANGE_DB: Final = 96.0
_LOWEST_HZ: Final = 30.0
_HIGHEST_HZ: Final = 20_000.0
# So many frames a column are looked at: a song of hours takes no longer to draw than to read.
_FRAMES_A_COLUMN: Final = 4
_BATCH: Final = 64


def spectrogram_png(
    path: Path, width: int = 1_200, height: int = 400, scheme: str = DEFAULT, check: Check = lambda: None
) -> bytes:
    """A spectrogram, time to the right, frequency upwards (logarithmic, 30 Hz to 20 kHz), 96 dB deep.

    `width` 16–8,192 and `height` 16–2,048 pixels. Raises VALIDATION for other sizes and schemes, UNSUPPORTED_MEDIA for
    what cannot be read; `check` may raise.
    """
    _check_size(width, height)
    scheme_named(scheme)
    canvas = SpectrogramCanvas(inspect(path), width)
    for block in blocks(path, check):
        canvas.add(block)
    return canvas.png(height, scheme)


def waveform_png(
    path: Path, width: int = 1_200, height: int = 200, scheme: str = DEFAULT, check: Check = lambda: None
) -> bytes:
    """A waveform: the extremes of each column as its body, ±RMS as its core. Sizes and errors as for spectrograms."""
    return _waveform(path, width, height, scheme, check).png(height, scheme)


def waveform_svg(
    path: Path, width: int = 1_200, height: int = 200, scheme: str = DEFAULT, check: Check = lambda: None
) -> bytes:
    """The same waveform as SVG. Sizes and errors as for spectrograms."""
    return _waveform(path, width, height, scheme, check).svg(height, scheme)


def _waveform(path: Path, width: int, height: int, scheme: str, check: Check) -> WaveformCanvas:
    _check_size(width, height)
    scheme_named(scheme)
    canvas = WaveformCanvas(inspect(path), width)
    for block in blocks(path, check):
        canvas.add(block)
    return canvas


def _check_size(width: int, height: int) -> None:
    for name, value, most in (("width", width, MOST_WIDTH), ("height", height, MOST_HEIGHT)):
        if not FEWEST_PIXELS <= value <= most:
            raise AppError.field(f"/{name}", f"Must be between {FEWEST_PIXELS} and {most:,} pixels.")


class SpectrogramCanvas:
    """Gathers a spectrogram of so many columns from a stream of blocks `[n, channels]`."""

    def __init__(self, info: SourceInfo, width: int) -> None:
        self._info = info
        self._size = frame_samples(info.sample_rate_hz)
        window = np.hanning(self._size + 1)[:-1]
        self._window = (window * 2.0 / window.sum()).astype(np.float32)
        self._hop = max(self._size // 4, info.frames // (width * _FRAMES_A_COLUMN))
        self._power: Float32 = np.zeros((width, self._size // 2 + 1), dtype=np.float32)
        self._drawn = np.zeros(width, dtype=np.bool_)
        # Frames are centred: half of the first one lies before the song.
        self._signal: Float32 = np.zeros(self._size // 2, dtype=np.float32)
        self._start = 0

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        self._signal = np.concatenate([self._signal, block.mean(axis=1)])
        # Both a frame and the step after it have to be there.
        count = max(0, (len(self._signal) - max(self._size, self._hop)) // self._hop + 1)
        if not count:
            return
        width = len(self._power)
        views = np.lib.stride_tricks.sliding_window_view(self._signal, self._size)[:: self._hop][:count]
        places = self._start + np.arange(count) * self._hop
        columns = np.minimum(places * width // max(1, self._info.frames), width - 1)
        for first in range(0, count, _BATCH):
            batch = slice(first, min(count, first + _BATCH))
            spectra = scipy.fft.rfft(views[batch] * self._window, axis=1)
            starts = np.flatnonzero(np.diff(columns[batch], prepend=-1))
            highest = np.maximum.reduceat(spectra.real**2 + spectra.imag**2, starts, axis=0)
            names = columns[batch][starts]
            self._power[names] = np.maximum(self._power[names], highest)
            self._drawn[names] = True
        self._signal = self._signal[count * self._hop :]
        self._start += count * self._hop

    def png(self, height: int, scheme: str) -> bytes:
        """The picture; the stream is over. Raises VALIDATION for an unknown scheme."""
        colours = scheme_named(scheme)
        self.add(np.zeros((max(self._size, self._hop), 1), dtype=np.float32))
        _fill_gaps(self._power, self._drawn)
        levels = np.asarray(10.0 * np.log10(np.maximum(self._power, 1e-20)), dtype=np.float32)
        rows = _rows(levels, self._info.sample_rate_hz, height)
        indices = np.clip((rows / _RANGE_DB + 1.0) * 255.0, 0.0, 255.0)
        return encode_png(np.rint(indices).astype(np.uint8), colours.palette())


class WaveformCanvas:
    """Gathers minimum, maximum and RMS over all channels of so many columns from a stream of blocks."""

    def __init__(self, info: SourceInfo, width: int) -> None:
        self._info = info
        self._low, self._high = np.zeros(width), np.zeros(width)
        self._squares, self._counts = np.zeros(width), np.zeros(width)
        self._position = 0

    def add(self, block: Float32) -> None:
        """Take the next samples `[n, channels]`."""
        if not len(block):
            return
        width, frames = len(self._low), max(1, self._info.frames)
        first = min(self._position * width // frames, width - 1)
        last = min((self._position + len(block) - 1) * width // frames, width - 1)
        edges = -(-np.arange(first, last + 1) * frames // width) - self._position
        # In a song of fewer samples than columns some columns begin together: the last of them gets the sample.
        starts = np.maximum(edges, 0)
        keep = np.diff(starts, append=len(block)) > 0
        names, starts = np.arange(first, last + 1)[keep], starts[keep]
        self._low[names] = np.minimum(self._low[names], np.minimum.reduceat(block, starts, axis=0).min(axis=1))
        self._high[names] = np.maximum(self._high[names], np.maximum.reduceat(block, starts, axis=0).max(axis=1))
        power = np.einsum("ij,ij->i", block, block) / block.shape[1]
        self._squares[names] += np.add.reduceat(power, starts, dtype=np.float64)
        self._counts[names] += np.diff(np.append(starts, len(block)))
        self._position += len(block)

    def png(self, height: int, scheme: str) -> bytes:
        """The picture so far. Raises VALIDATION for an unknown scheme."""
        colours = scheme_named(scheme)
        low, high, rms = self._columns()
        # Share of each pixel that the body and the core cover: smooth edges without oversampling.
        top = np.arange(height)[:, None]

        def cover(lower: Float64, upper: Float64) -> Float64:
            upper_edge, lower_edge = (1.0 - upper) * height / 2.0, (1.0 - lower) * height / 2.0
            # A line of at least one pixel, so that silence is seen to be there.
            lower_edge = np.maximum(lower_edge, upper_edge + 1.0)
            inside = np.minimum(lower_edge, top + 1.0) - np.maximum(upper_edge, top)
            return np.asarray(np.clip(inside, 0.0, 1.0))

        body, core = cover(low, high), cover(-rms, rms) * (rms > 0)
        pixels = np.rint(body * 15.0) * 16.0 + np.rint(core * 15.0)
        return encode_png(pixels.astype(np.uint8), _waveform_palette(colours))

    def svg(self, height: int, scheme: str) -> bytes:
        """The same as two shapes that scale to any size. Raises VALIDATION for an unknown scheme."""
        colours = scheme_named(scheme)
        low, high, rms = self._columns()
        width = len(low)

        def shape(lower: Float64, upper: Float64, colour: str) -> str:
            there, back = (
                [f"{column + 0.5:g},{(1.0 - value) * height / 2.0:.2f}" for column, value in enumerate(values)]
                for values in (upper, lower)
            )
            return f'<polygon fill="{colour}" points="{" ".join((*there, *reversed(back)))}"/>'

        parts = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" preserveAspectRatio="none" role="img">',
            "<title>Waveform</title>",
            f'<rect width="{width}" height="{height}" fill="{as_hex(colours.background)}"/>',
            shape(low, high, as_hex(colours.wave)),
            shape(-rms, rms, as_hex(colours.core)),
            "</svg>\n",
        )
        return "".join(parts).encode()

    def _columns(self) -> tuple[Float64, Float64, Float64]:
        low, high = self._low, self._high
        rms = np.sqrt(self._squares / np.maximum(self._counts, 1.0))
        filled = self._counts > 0
        if filled.any() and not filled.all():
            places = np.arange(len(low))
            low, high, rms = (np.interp(places, places[filled], values[filled]) for values in (low, high, rms))
        return np.clip(low, -1.0, 1.0), np.clip(high, -1.0, 1.0), np.clip(rms, 0.0, 1.0)


def _fill_gaps(power: Float32, filled: NDArray[np.bool_]) -> None:
    """Columns that no frame fell into (songs shorter than the picture is wide) show what their left neighbour does."""
    if filled.any():
        source = np.maximum.accumulate(np.where(filled, np.arange(len(power)), int(np.argmax(filled))))
        power[:] = power[source]


def _rows(levels: Float32, sample_rate_hz: int, height: int) -> Float32:
    """Bins to rows of a logarithmic axis, highest first, `[height, width]`."""
    step = sample_rate_hz / 2.0 / (levels.shape[1] - 1)
    highest = min(_HIGHEST_HZ, sample_rate_hz / 2.0)
    edges = np.geomspace(_LOWEST_HZ, highest, height + 1)[::-1] / step
    rows = np.empty((height, len(levels)), dtype=np.float32)
    for row in range(height):
        low, high = edges[row + 1], edges[row]
        first, last = int(np.ceil(low)), int(np.floor(high))
        if last > first:
            rows[row] = levels[:, first : last + 1].max(axis=1)
        else:
            # Between two bins: a straight line.
            place = min((low + high) / 2.0, levels.shape[1] - 1.001)
            left, share = int(place), place - int(place)
            rows[row] = levels[:, left] * (1.0 - share) + levels[:, left + 1] * share
    return rows


def _waveform_palette(scheme: Scheme) -> NDArray[np.uint8]:
    """256 colours: 16 shares of the body over the background, times 16 shares of the core over that."""
    background, wave, core = (
        np.array(part, dtype=np.float64) for part in (scheme.background, scheme.wave, scheme.core)
    )
    body_share, core_share = (np.repeat(np.arange(16), 16) / 15.0, np.tile(np.arange(16), 16) / 15.0)
    under = background + (wave - background) * body_share[:, None]
    return np.rint(under + (core - under) * core_share[:, None]).astype(np.uint8)
