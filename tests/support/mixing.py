"""Runs single effects and whole sessions of the mixer on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.processing.mixing.build import build, place
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.insert import Insert
from services.processing.mixing.effects.processor import Setting
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.graph import Renderer
from services.processing.mixing.session import Point
from services.processing.mixing.session_rules import parse
from services.processing.mixing.timeline.curve import Curve

Audio = NDArray[np.float64]
RATE = 44_100


class ArraySource:
    """Audio in memory, as the renderer reads it."""

    def __init__(self, samples: Audio) -> None:
        self._samples = samples
        self.frames = samples.shape[1]
        self.held_bytes = 0

    def read(self, start: int, frames: int) -> Audio:
        out = np.zeros((2, frames))
        first, last = max(start, 0), min(start + frames, self.frames)
        if first < last:
            out[:, first - start : last - start] = self._samples[:, first:last]
        return out

    def close(self) -> None:
        pass


def points(*given: tuple[Any, ...]) -> list[Point]:
    """Points from (time, value[, curve[, handles]])."""
    made = []
    for time, value, *rest in given:
        more: dict[str, Any] = dict(zip(("curve", "bezier"), rest, strict=False))
        made.append(Point(time=time, value=value, **more))
    return made


def insert(
    effect: str,
    *,
    rate: int = RATE,
    tempo: float = 120.0,
    automation: Mapping[str, Sequence[Point]] | None = None,
    **parameters: Any,
) -> Insert:
    """One effect in its place."""
    kind = EFFECTS[effect]
    assert not set(parameters) - {item.name for item in kind.parameters}
    values = kind.settings(parameters)
    curves = {item.name: Curve.constant(float(values[item.name])) for item in kind.parameters if item.is_number}
    curves |= {name: Curve(lane, rate) for name, lane in (automation or {}).items()}
    return Insert(PROCESSORS[effect](Setting(values, rate, tempo, frozenset(automation or ()))), curves, 0)


def apply(effect: str, audio: Audio, *, block: int = 4_096, key: Audio | None = None, **rest: Any) -> Audio:
    """What an effect makes of `audio [2, n]`, its latency taken off; `**rest` as for `insert`."""
    unit = insert(effect, **rest)
    late = unit.latency
    padded = np.concatenate((audio, np.zeros((2, late))), axis=1)
    keyed = None if key is None else np.concatenate((key, np.zeros((2, late))), axis=1)
    out = np.empty_like(padded)
    for start in range(0, padded.shape[1], block):
        part = np.ascontiguousarray(padded[:, start : start + block])
        unit.process(part, start, None if keyed is None else np.ascontiguousarray(keyed[:, start : start + block]))
        out[:, start : start + block] = part
    return out[:, late:]


def impulse(frames: int, at: int = 0, height: float = 1.0) -> Audio:
    """A single sample on both sides."""
    audio = np.zeros((2, frames))
    audio[:, at] = height
    return audio


def noise(frames: int, seed: int = 0, level: float = 0.1) -> Audio:
    """White noise, different on both sides."""
    return np.random.default_rng(seed).standard_normal((2, frames)) * level


def sine(hz: float, frames: int, level: float = 0.5, rate: int = RATE) -> Audio:
    """The same sine on both sides."""
    return np.tile(level * np.sin(2 * np.pi * hz * np.arange(frames) / rate), (2, 1))


def renderer(
    session: Mapping[str, Any], sources: Mapping[str, Audio], *, rate: int = RATE, tempo: float = 120.0, **options: Any
) -> Renderer:
    """A renderer for a session whose track ids name arrays; `threads` and the renderer's own options pass through."""
    threads = options.pop("threads", 1)
    request = parse(session)
    plan = place(request, lambda _pointer, clip: ArraySource(sources[str(clip.track_id)]), rate, tempo)
    return Renderer(build(plan, threads=threads), **options)


def render(session: Mapping[str, Any], sources: Mapping[str, Audio], **options: Any) -> Audio:
    """The whole mix, without a tail."""
    made = renderer(session, sources, **options)
    out = made.read(made.frames)
    made.close()
    return out


def level_db(audio: Audio) -> float:
    """RMS in dB."""
    return float(10 * np.log10(np.mean(np.square(audio)) + 1e-300))
