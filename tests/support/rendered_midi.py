"""Audio with known notes: parts rendered with the composer's sampler, whose SoundFont comes from the asset store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.controls import Controls
from services.generation.composer.sampler.kernel import TICK
from services.generation.composer.sampler.player import NoteEvent, Player
from services.shared.assets.store import AssetStore

ASSETS = Path(__file__).resolve().parents[2] / "var" / "assets"
RATE_HZ = 44_100
_BLOCK = 64 * TICK


@dataclass(frozen=True, slots=True, order=True)
class KnownNote:
    """A note in seconds, as it was played."""

    start: float
    end: float
    pitch: int
    velocity: int


def sound_bank() -> SoundBank:
    """The composer's SoundFont, fetched if it is not there."""
    return SoundBank(AssetStore(ASSETS).fetch("soundfont.musescore-general-lite"), RATE_HZ)


def render(
    bank: SoundBank, notes: Sequence[KnownNote], program: int, *, drums: bool = False, tail_seconds: float = 1.0
) -> NDArray[np.float32]:
    """`[frames, 2]` at 44.1 kHz, with a peak of 0.5."""
    frames = int((max(note.end for note in notes) + tail_seconds) * RATE_HZ)
    events = [
        NoteEvent(round(note.start * RATE_HZ), note.pitch, note.velocity, round(note.end * RATE_HZ)) for note in notes
    ]
    instrument = bank.instrument(128 if drums else 0, program)
    player = Player(instrument, events, Controls(RATE_HZ), percussion=drums)
    blocks = [player.render(_BLOCK) for _ in range(-(-frames // _BLOCK))]
    audio = np.concatenate(blocks, axis=1)[:, :frames].T
    return np.ascontiguousarray(audio * np.float32(0.5 / max(1e-9, float(np.abs(audio).max()))))
