"""The audio path of one song: constant part out, fixed gain, limiter, live channel, recording, meter."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from services.generation.backends.protocol import GenerationContext
from services.generation.dc_blocker import DcBlocker
from services.generation.mastering import LiveLimiter, LoudnessMeter, Recording


class LiveSong:
    """`skipped_samples` of what the codec gives are left out in front, and what lies beyond `total_samples` behind.

    `first_audio_at` is the `time.monotonic` of the first published samples; None before.
    """

    def __init__(
        self,
        context: GenerationContext,
        sample_rate: int,
        channels: int,
        total_samples: int,
        gain_db: float,
        skipped_samples: int = 0,
    ) -> None:
        self._context = context
        self._skip = skipped_samples
        self._left = total_samples
        self._blocker = DcBlocker(sample_rate, channels)
        self._limiter = LiveLimiter(sample_rate, channels, gain_db)
        self._recording = Recording(context.scratch / "live.f32", sample_rate, channels)
        self._block = sample_rate // 2
        self.meter = LoudnessMeter(sample_rate, channels)
        self.first_audio_at: float | None = None

    def play(self, audio: NDArray[np.float32]) -> None:
        """Take what the codec gave, `[n, channels]`."""
        skipped = min(self._skip, len(audio))
        self._skip -= skipped
        audio = audio[skipped : skipped + self._left]
        self._left -= len(audio)
        self._publish(self._limiter.process(self._blocker.process(audio))[0])

    def finish(self) -> Recording:
        """Let the limiter's last samples out; the whole live audio."""
        self._publish(self._limiter.flush()[0])
        self._recording.close()
        return self._recording

    def _publish(self, audio: NDArray[np.float32]) -> None:
        self._recording.append(audio)
        self.meter.add(audio)
        for start in range(0, len(audio), self._block):
            self._context.audio(audio[start : start + self._block])
            if self.first_audio_at is None:
                self.first_audio_at = time.monotonic()
