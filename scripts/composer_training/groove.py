"""How drummers play: accents and microtiming by style, limb and place in the bar, learned from Groove MIDI.

Each performance is laid on its grid (sixteenths, or triplets where that fits better), freed of its own delay, and
counted. A cell's mean shrinks towards the style's and that towards everybody's, so that rare cells say little. What is
left over is split into the drummer's common drift and each limb's own error.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np

STYLES = ("rock", "funk", "jazz", "latin", "hiphop", "reggae")
LANES = ("kick", "snare", "rim", "hat", "open", "pedal", "ride", "bell", "crash", "tom")
STEPS = 16

_STYLE_OF = {
    "rock": "rock", "punk": "rock", "pop": "rock", "country": "rock", "gospel": "funk", "funk": "funk", "soul": "funk",
    "afrobeat": "funk", "dance": "funk", "jazz": "jazz", "neworleans": "jazz", "blues": "jazz", "latin": "latin",
    "afrocuban": "latin", "highlife": "latin", "hiphop": "hiphop", "reggae": "reggae",
}  # fmt: skip
# The pads of the Roland TD-11 on which the data were played.
_LANE_OF = {
    36: "kick", 38: "snare", 40: "snare", 37: "rim", 42: "hat", 22: "hat", 46: "open", 26: "open", 44: "pedal",
    51: "ride", 59: "ride", 53: "bell", 49: "crash", 57: "crash", 55: "crash", 52: "crash", 48: "tom", 50: "tom",
    45: "tom", 47: "tom", 43: "tom", 58: "tom",
}  # fmt: skip
# Flams, drags and slips are not timing.
_WIDEST_MS = 60.0
_GHOST_BELOW = 45
_CELL_PRIOR = 60.0
_STYLE_PRIOR = 400.0
_TRIPLET_STEPS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke: where on the grid (bar, sixteenth), which limb, how far off (ms) and how loud (1–127)."""

    style: str
    bar: int
    step: int
    lane: str
    offset_ms: float
    velocity: int
    ghost: bool


def performances(folder: Path, split: str) -> Iterator[list[Hit]]:
    """The beats in four-four of one split, each as its hits in order."""
    with (folder / "info.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    for row in rows:
        style = _STYLE_OF.get(row["style"].split("/")[0])
        if style is None or row["time_signature"] != "4-4" or row["beat_type"] != "beat":
            continue
        hits = _hits(folder / row["midi_filename"], style, float(row["bpm"]))
        if len(hits) >= 2 * STEPS:
            yield hits


def _hits(path: Path, style: str, bpm: float) -> list[Hit]:
    midi = mido.MidiFile(path)
    beats, lanes, velocities = [], [], []
    ticks = 0
    for message in mido.merge_tracks(midi.tracks):
        ticks += message.time
        if message.type == "note_on" and message.velocity and message.note in _LANE_OF:
            beats.append(ticks / midi.ticks_per_beat)
            lanes.append(_LANE_OF[message.note])
            velocities.append(message.velocity)
    times = np.array(beats)
    beat_ms = 60_000.0 / bpm
    straight, triplet = np.round(times * 4) / 4, np.round(times * 3) / 3
    swings = np.std(times - triplet) < np.std(times - straight)
    grid = triplet if swings else straight
    offsets = (times - grid) * beat_ms
    offsets -= np.median(offsets)
    found = []
    for place, offset, lane, velocity in zip(grid, offsets, lanes, velocities, strict=True):
        if abs(offset) > _WIDEST_MS:
            continue
        beat = round(place * (3 if swings else 4))
        bar, inside = divmod(beat, 12 if swings else STEPS)
        # The last third of a swung beat is the eighth that a chart writes.
        step = inside // 3 * 4 + (0, 1, 2)[inside % 3] if swings else inside
        ghost = lane == "snare" and velocity < _GHOST_BELOW
        found.append(Hit(style, bar, step, lane, float(offset), velocity, ghost))
    return found


class GrooveTables:
    """What is learned. Offsets in ms, velocities in MIDI units, relative to the lane's own mean loudness."""

    def __init__(self, training: list[list[Hit]]) -> None:
        shape = (len(STYLES), len(LANES), STEPS)
        self.accent, self.accent_sd = np.zeros(shape), np.zeros(shape)
        self.offset, self.offset_sd = np.zeros(shape), np.zeros(shape)
        residuals: dict[str, list[tuple[int, int, float, float]]] = defaultdict(list)
        rows = [(hit, hit.velocity - mean) for hits in training for hit, mean in _with_means(hits)]
        self._fit(rows, 0, self.accent, self.accent_sd)
        self._fit(rows, 1, self.offset, self.offset_sd)
        del residuals
        self.drift, self.drift_share, self.touch_memory = self._memory(training)

    def _fit(self, rows: list[tuple[Hit, float]], what: int, mean: Any, deviation: Any) -> None:
        cells: dict[tuple[int, int, int], list[float]] = defaultdict(list)
        for hit, loudness in rows:
            place = (STYLES.index(hit.style), LANES.index(hit.lane), hit.step)
            cells[place].append((loudness, hit.offset_ms)[what])
        for lane in range(len(LANES)):
            everybody = _pooled(cells, lane, None, None, 0.0, 1.0, _STYLE_PRIOR)
            for step in range(STEPS):
                here = _pooled(cells, lane, step, None, *everybody, _STYLE_PRIOR)
                for style in range(len(STYLES)):
                    own = _pooled(cells, lane, step, style, *here, _CELL_PRIOR)
                    mean[style, lane, step], deviation[style, lane, step] = own

    def _memory(self, performances_: list[list[Hit]]) -> tuple[float, float, float]:
        """Lag-one correlation of the common drift, its share of the variance, and how long a touch lasts."""
        before, after, both = [], [], []
        touch_before, touch_after = [], []
        for hits in performances_:
            slots: dict[int, list[float]] = defaultdict(list)
            last: dict[str, float] = {}
            for hit, mean in _with_means(hits):
                place = (STYLES.index(hit.style), LANES.index(hit.lane), hit.step)
                error = (hit.offset_ms - self.offset[place]) / self.offset_sd[place]
                slots[hit.bar * STEPS + hit.step].append(error)
                touch = (hit.velocity - mean - self.accent[place]) / self.accent_sd[place]
                if hit.lane in last:
                    touch_before.append(last[hit.lane])
                    touch_after.append(touch)
                last[hit.lane] = touch
            order = sorted(slots)
            means = [float(np.mean(slots[slot])) for slot in order]
            before += means[:-1]
            after += means[1:]
            both += [(errors[0], errors[1]) for errors in slots.values() if len(errors) >= 2]
        share = float(np.corrcoef(np.array(both).T)[0, 1])
        drift = float(np.corrcoef(before, after)[0, 1]) / max(share, 1e-6)
        return min(0.95, drift), share, float(np.corrcoef(touch_before, touch_after)[0, 1])

    def losses(self, held_out: list[list[Hit]]) -> dict[str, float]:
        """Nats per hit of timing and touch, beside those of one bell curve for everything."""
        rows = [(hit, hit.velocity - mean) for hits in held_out for hit, mean in _with_means(hits)]
        offsets = np.array([hit.offset_ms for hit, _ in rows])
        touches = np.array([loudness for _, loudness in rows])
        places = tuple(
            np.array(index)
            for index in zip(
                *((STYLES.index(hit.style), LANES.index(hit.lane), hit.step) for hit, _ in rows), strict=True
            )
        )
        return {
            "timing": _nats(offsets, self.offset[places], self.offset_sd[places]),
            "timing_plain": _nats(offsets, 0.0, float(np.std(offsets))),
            "touch": _nats(touches, self.accent[places], self.accent_sd[places]),
            "touch_plain": _nats(touches, 0.0, float(np.std(touches))),
            "hits": float(len(rows)),
        }

    def tensors(self) -> dict[str, Any]:
        """Integers: offsets in 10 µs, velocities in sixteenths, memory in thousandths."""
        return {
            "accent": np.round(self.accent * 16).astype(np.int16),
            "accent_sd": np.round(self.accent_sd * 16).astype(np.int16),
            "offset": np.round(self.offset * 100).astype(np.int16),
            "offset_sd": np.round(self.offset_sd * 100).astype(np.int16),
            "memory": np.round(np.array([self.drift, self.drift_share, self.touch_memory]) * 1000).astype(np.int16),
        }


def _with_means(hits: list[Hit]) -> Iterator[tuple[Hit, float]]:
    """Each hit with the mean loudness of its limb (ghost notes apart) in this performance."""
    loudness: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for hit in hits:
        loudness[hit.lane, hit.ghost].append(hit.velocity)
    means = {key: float(np.mean(values)) for key, values in loudness.items()}
    for hit in hits:
        yield hit, means[hit.lane, hit.ghost]


def _pooled(
    cells: dict[tuple[int, int, int], list[float]],
    lane: int,
    step: int | None,
    style: int | None,
    mean: float,
    deviation: float,
    prior: float,
) -> tuple[float, float]:
    """Mean and deviation of the cells that match, drawn towards what is known before by `prior` counts."""
    values = [
        value
        for (one_style, one_lane, one_step), found in cells.items()
        if one_lane == lane and step in (None, one_step) and style in (None, one_style)
        for value in found
    ]
    count = len(values)
    if not count:
        return mean, deviation
    own_mean = float(np.mean(values))
    own_variance = float(np.var(values))
    weight = count / (count + prior)
    variance = weight * own_variance + (1 - weight) * deviation**2
    return weight * own_mean + (1 - weight) * mean, float(np.sqrt(max(variance, 1e-3)))


def _nats(values: Any, mean: Any, deviation: Any) -> float:
    """Mean negative log-likelihood under bell curves."""
    return float(np.mean(0.5 * ((values - mean) / deviation) ** 2 + np.log(deviation) + 0.5 * np.log(2 * np.pi)))
