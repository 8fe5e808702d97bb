"""Pattern strings to timed steps, fitted to the song's meter. The notation is described in `genres.profile`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from services.generation.composer.score import TICKS_PER_BEAT

_BEATS_OF_METER: dict[int, tuple[int, ...]] = {
    3: (0, 1, 3),
    5: (0, 1, 2, 0, 3),
    6: (0, 1, 2, 3, 2, 3),
    7: (0, 1, 2, 3, 0, 1, 3),
}
"""Which beats of a 4/4 bar make up a bar of another meter: back beats stay back beats."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Beats (quarters) per bar; `compound` bars of three quarters are felt as two dotted quarters (6/8)."""

    beats: int
    compound: bool = False

    @property
    def bar_ticks(self) -> int:
        """Length of a bar."""
        return self.beats * TICKS_PER_BEAT

    def is_strong(self, tick_in_bar: int) -> bool:
        """Whether a place in the bar carries weight: the first beat, and the middle of the bar."""
        if tick_in_bar == 0:
            return True
        if self.compound:
            return tick_in_bar == self.bar_ticks // 2
        middle = {4: 2, 6: 3, 5: 3, 7: 4}.get(self.beats)
        return middle is not None and tick_in_bar == middle * TICKS_PER_BEAT


@dataclass(frozen=True, slots=True)
class Step:
    """One sounding step of a pattern: its place in the bar, how long it is held, what it says."""

    tick: int
    length: int
    symbol: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: one tuple of steps per bar. `swings` is False for patterns that are written in triplets."""

    bars: tuple[tuple[Step, ...], ...]
    swings: bool

    def bar(self, index: int) -> tuple[Step, ...]:
        """The steps of a bar; the pattern repeats."""
        return self.bars[index % len(self.bars)]


@lru_cache(maxsize=4096)
def compile_pattern(text: str, meter: Meter) -> Pattern:
    """Read a pattern for a meter. Raises `ValueError` when its steps do not divide into beats."""
    written = 4
    body = text
    if text[:2] in {"3:", "6:"}:
        written = int(text[0])
        body = text[2:]
    bars = [_strip(bar) for bar in body.split("|")]
    native = (written == 6 and meter.compound) or (written == 3 and meter.beats == 3 and not meter.compound)
    triplets = written == 4 and len(bars[0]) in {12, 24}
    beats = 3 if written in {3, 6} else 4
    for bar in bars:
        if not bar or len(bar) % beats:
            raise ValueError(f"pattern {text!r} does not divide into {beats} beats")
    if not native:
        bars = [fitted for bar in bars for fitted in _fit(bar, beats, meter)]
    return Pattern(tuple(_steps(bar, meter.bar_ticks) for bar in bars), not triplets and written != 6)


def _strip(bar: str) -> str:
    return bar.replace(" ", "")


def _fit(bar: str, beats: int, meter: Meter) -> list[str]:
    per_beat = len(bar) // beats
    chunks = [bar[index : index + per_beat] for index in range(0, len(bar), per_beat)]
    if meter.compound:
        return ["".join(_to_compound(chunk) for chunk in (chunks[0], chunks[min(1, beats - 1)]))]
    if meter.beats == beats:
        return [bar]
    if beats == 4 and meter.beats == 2:
        return ["".join(chunks[:2]), "".join(chunks[2:])]
    if beats == 4:
        return ["".join(chunks[index] for index in _BEATS_OF_METER[meter.beats])]
    return ["".join(chunks[min(index, beats - 1) if index < 3 else 1 + index % 2] for index in range(meter.beats))]


def _to_compound(chunk: str) -> str:
    """One beat of two or four steps as three eighths."""
    if len(chunk) % 3 == 0:
        return chunk[:: len(chunk) // 3]
    first, second = chunk[0], chunk[len(chunk) // 2]
    last = chunk[-1]
    if last in ".-":
        even = first not in ".-" and second not in ".-"
        last = second if even else "-" if second != "." else "."
    return first + second + last


def _steps(bar: str, bar_ticks: int) -> tuple[Step, ...]:
    step_ticks = bar_ticks // len(bar)
    steps = []
    for index, symbol in enumerate(bar):
        if symbol in ".-":
            continue
        held = 1
        while index + held < len(bar) and bar[index + held] == "-":
            held += 1
        steps.append(Step(index * step_ticks, held * step_ticks, symbol))
    return tuple(steps)
