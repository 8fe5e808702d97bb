"""A stem: the parts that share it, with their own share of the room and of the echo.

Reverb and echo are linear, so a room for each stem sounds exactly as one room for all, and the stems still sum to the
mix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.biquad import FilterChain, bell, high_cut, low_cut, low_shelf
from services.generation.composer.mix.echo import Echo
from services.generation.composer.mix.reverb import Reverb
from services.generation.composer.mix.saturation import Saturator
from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

_SEND_LOW_CUT_HZ = 190.0
_AUDIBLE_SEND_DB = -60.0
_OPEN_HIGH_CUT_HZ = 19_000.0
_OPEN_LOW_CUT_HZ = 15.0
_BUS_LEVEL = 0.5
_WEIGHT_HZ = 110.0
_BODY_HZ, _BODY_Q = 300.0, 0.7


@dataclass(frozen=True, slots=True)
class Sends:
    """Levels of one part's sends relative to its dry sound, in dB."""

    reverb_db: float
    delay_db: float

    @property
    def gains(self) -> tuple[np.float32, np.float32]:
        """Linear gains; inaudible sends are zero."""
        reverb, delay = (
            np.float32(math.pow(10.0, level / 20.0) if level > _AUDIBLE_SEND_DB else 0.0)
            for level in (self.reverb_db, self.delay_db)
        )
        return reverb, delay


@dataclass(frozen=True, slots=True)
class BusSettings:
    """What all stems of a song have in common."""

    reverb_seconds: float = 1.4
    reverb_dark_hz: float = 6_000.0
    delay_seconds: float = 0.4
    delay_feedback: float = 0.3
    drive_db: float = 0.0
    low_cut_hz: float = 0.0
    weight_db: float = 0.0
    body_db: float = 0.0
    high_cut_hz: float = 20_000.0
    width_db: float = 0.0


class Stem:
    """Sums its parts, adds room and echo, and colours the whole."""

    def __init__(self, sends: Sequence[Sends], settings: BusSettings, rate_hz: int) -> None:
        self._sends = [send.gains for send in sends]
        self._reverb = None
        if any(reverb for reverb, _ in self._sends):
            self._reverb = Reverb(settings.reverb_seconds, settings.reverb_dark_hz, rate_hz)
            self._reverb_cut = FilterChain([low_cut(_SEND_LOW_CUT_HZ, rate_hz)])
        self._echo = None
        if any(delay for _, delay in self._sends):
            self._echo = Echo(settings.delay_seconds, settings.delay_feedback, rate_hz)
        sections = []
        if settings.low_cut_hz > _OPEN_LOW_CUT_HZ:
            sections.append(low_cut(settings.low_cut_hz, rate_hz))
        if settings.weight_db:
            sections.append(low_shelf(_WEIGHT_HZ, settings.weight_db, rate_hz))
        if settings.body_db:
            sections.append(bell(_BODY_HZ, settings.body_db, _BODY_Q, rate_hz))
        if settings.high_cut_hz < _OPEN_HIGH_CUT_HZ:
            sections.append(high_cut(settings.high_cut_hz, rate_hz))
        # Half of what is added to the side, as each channel gets it.
        self._side = np.float32((math.pow(10.0, settings.width_db / 20.0) - 1.0) / 2.0)
        self._filters = FilterChain(sections)
        self._drive = Saturator(settings.drive_db, _BUS_LEVEL) if settings.drive_db > 0.0 else None
        self._moved = False

    def process(
        self, parts: Sequence[Float32 | None], gain: Float32 | None = None, *, frames: int | None = None
    ) -> Float32:
        """One block of the stem from one block `[2, n]` of each part, None for a part that is silent; `gain [n]` is the
        song's automation. `frames` says how long the block is where every part is silent.
        """
        frames = next((part.shape[1] for part in parts if part is not None), frames or 0)
        out = np.zeros((2, frames), np.float32)
        playing = [(part, sends) for part, sends in zip(parts, self._sends, strict=True) if part is not None]
        for part, _ in playing:
            out += part
        moving = bool(playing)
        if self._echo:
            moving |= self._return(self._echo, None, _mix(playing, 1, frames), out)
        if self._reverb:
            moving |= self._return(self._reverb, self._reverb_cut, _mix(playing, 0, frames), out)
        # Once more after the last sound, for what the filters still hold.
        if not moving and not self._moved:
            self._filters.reset()
            return out
        self._moved = moving
        if gain is not None:
            out *= gain
        if self._drive:
            self._drive.process(out)
        self._filters.process(out)
        if self._side:
            side = (out[0] - out[1]) * self._side
            out[0] += side
            out[1] -= side
        return out

    @staticmethod
    def _return(effect: Echo | Reverb, cut: FilterChain | None, send: Float32 | None, out: Float32) -> bool:
        """Add an effect's answer to a send, None for silence; False when it had nothing to say."""
        if send is None:
            if effect.is_still():
                effect.rest(out.shape[1])
                return False
            send = np.zeros_like(out)
        if cut:
            cut.process(send)
        effect.process(send, out)
        return True


@kernel
def _add(total, audio, gain):  # type: ignore[no-untyped-def]
    left, right, a, b = total[0], total[1], audio[0], audio[1]
    for i in range(left.shape[0]):
        left[i] += a[i] * gain
    for i in range(right.shape[0]):
        right[i] += b[i] * gain


def _mix(parts: Sequence[tuple[Float32, tuple[np.float32, np.float32]]], bus: int, frames: int) -> Float32 | None:
    """What the parts send to a bus; None where nobody sends anything."""
    sending = [(audio, gains[bus]) for audio, gains in parts if gains[bus]]
    if not sending:
        return None
    total = np.zeros((2, frames), np.float32)
    for audio, gain in sending:
        _add(total, audio, gain)
    return total
