"""Listening by numbers: decode what arrived so far and measure it."""

import io

import numpy as np
import pyebur128
import soundfile
from numpy.typing import NDArray

SILENCE = 10 ** (-60 / 20)


def decode(data: bytes, audio_format: str) -> tuple[NDArray[np.float32], int]:
    """`[samples, channels]` and sample rate of a file or of the beginning of one; empty when nothing decodes yet."""
    if audio_format == "wav":
        return decode_wav_beginning(data)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            blocks = list(file.blocks(blocksize=65536, dtype="float32", always_2d=True))
            return (np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)), file.samplerate
    except soundfile.LibsndfileError:
        return np.zeros((0, 2), np.float32), 0


def decode_wav_beginning(data: bytes) -> tuple[NDArray[np.float32], int]:
    """16-bit PCM WAV that may be cut anywhere and whose header may not know its size."""
    start = data.find(b"data")
    if start < 0 or len(data) < start + 8:
        return np.zeros((0, 2), np.float32), 0
    channels = int.from_bytes(data[22:24], "little")
    rate = int.from_bytes(data[24:28], "little")
    body = data[start + 8 :]
    frames = len(body) // (2 * channels)
    samples = np.frombuffer(body[: frames * 2 * channels], "<i2").reshape(frames, channels)
    return samples.astype(np.float32) / 32768.0, rate


def sounding_seconds(audio: NDArray[np.float32], rate: int) -> float:
    """Seconds of 10 ms windows whose peak is above −60 dBFS."""
    if rate == 0:
        return 0.0
    window = rate // 100
    count = len(audio) // window
    peaks = np.abs(audio[: count * window]).reshape(count, -1).max(axis=1) if count else np.zeros(0)
    return float((peaks > SILENCE).sum()) / 100


def loudness(audio: NDArray[np.float32], rate: int) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBTP)."""
    meter = pyebur128.R128State(
        audio.shape[1], rate, pyebur128.MeasurementMode.MODE_I | pyebur128.MeasurementMode.MODE_TRUE_PEAK
    )
    meter.add_frames(np.ascontiguousarray(audio, np.float32).reshape(-1), len(audio))
    peak = max(pyebur128.get_true_peak(meter, channel) for channel in range(audio.shape[1]))
    return float(pyebur128.get_loudness_global(meter)), float(20 * np.log10(max(peak, 1e-9)))
