"""From a session to a graph that can be rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from services.processing.jobs.kind import Check
from services.processing.mixing import limits
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.fader import Fader, Gain
from services.processing.mixing.effects.insert import Insert, footprint
from services.processing.mixing.effects.processor import Delay, Processor, Setting
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.graph import Channel, Feed, Graph, SongFade
from services.processing.mixing.routing.audibility import audible_wires
from services.processing.mixing.routing.latency import Alignment, align
from services.processing.mixing.routing.wiring import Wire, order_of, wires_of
from services.processing.mixing.session import MASTER, Clip, Effect, Fade, MixRequest
from services.processing.mixing.timeline.clip import FadeFrames, PlacedClip
from services.processing.mixing.timeline.curve import Curve
from services.processing.mixing.timeline.source import Source
from services.shared.errors import AppError

Opener = Callable[[str, Clip], Source]
"""Opens what the clip at a pointer plays, at the session's rate and warped; each call makes a reader of its own."""

DEFAULT_TEMPO: Final = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A session with its clips placed. `frames` is the length up to the end of the last clip, without a tail."""

    request: MixRequest
    rate_hz: int
    tempo_bpm: float
    clips: dict[str, list[PlacedClip]]
    frames: int


def place(request: MixRequest, open_source: Opener, rate_hz: int, tempo_bpm: float) -> Plan:
    """Put every clip into its place.

    Raises VALIDATION for what lies behind the end of its source, loops that are too short, and too much of everything.
    """
    placed: dict[str, list[PlacedClip]] = {}
    seconds = 0.0
    for number in range(len(request.tracks)):
        track = request.tracks[number]
        pointers = [
            f"/tracks/{number}/clips/{index}" if track.clips else f"/tracks/{number}"
            for index in range(len(request.clips_of(number)))
        ]
        spans = []
        for pointer, clip in zip(pointers, request.clips_of(number), strict=True):
            spans.append(_span(pointer, clip, open_source(pointer, clip), rate_hz))
            seconds += spans[-1].length / rate_hz
            if seconds > limits.ALL_CLIP_SECONDS:
                hours = limits.ALL_CLIP_SECONDS / 3_600.0
                raise AppError.field(pointer, f"All clips together may last {hours:g} hours; shorten or remove some.")
        placed[request.name_of(number)] = _placed(spans, track.crossfade, rate_hz)
    frames = max(clip.end for clips in placed.values() for clip in clips)
    if frames > limits.LONGEST_SECONDS * rate_hz:
        raise AppError.field("/tracks", f"The song would be longer than {limits.LONGEST_SECONDS:g} s.")
    return Plan(request, rate_hz, tempo_bpm, placed, frames)


@dataclass(slots=True)
class _Span:
    clip: Clip
    source: Source
    start: int
    offset: int
    length: int
    loop: int
    fade_in: FadeFrames | None
    fade_out: FadeFrames | None


def _span(pointer: str, clip: Clip, source: Source, rate_hz: int) -> _Span:
    # A stretched source begins at its offset already: it was cut before it was stretched.
    offset = 0 if is_warped(clip) else round(clip.offset * rate_hz)
    left = source.frames - offset
    if left <= 0:
        raise AppError.field(f"{pointer}/offset", "This lies behind the end of the source.")
    loop = 0
    length = left if clip.length is None else round(clip.length * rate_hz)
    if clip.loop:
        wanted = left if clip.loop_length is None else round(clip.loop_length * clip.stretch * rate_hz)
        loop = min(left, wanted)
        if loop < limits.SHORTEST_LOOP_SECONDS * rate_hz:
            field = "offset" if left <= wanted else "loop_length"
            shortest = f"{limits.SHORTEST_LOOP_SECONDS:g} s"
            raise AppError.field(f"{pointer}/{field}", f"What repeats has to be at least {shortest} long.")
    else:
        length = min(length, left)
    return _Span(
        clip,
        source,
        round(clip.start * rate_hz),
        offset,
        max(length, 1),
        loop,
        _fade(clip.fade_in, rate_hz),
        _fade(clip.fade_out, rate_hz),
    )


def is_warped(clip: Clip) -> bool:
    """Whether a clip is stretched or pitched."""
    return clip.stretch != 1.0 or clip.pitch_semitones != 0.0


def _fade(fade: Fade | None, rate_hz: int) -> FadeFrames | None:
    return None if fade is None or fade.seconds == 0 else FadeFrames(fade.seconds * rate_hz, fade.curve)


def _placed(spans: list[_Span], crossfade: Any, rate_hz: int) -> list[PlacedClip]:
    if crossfade is not None:
        ordered = sorted(spans, key=lambda span: span.start)
        for early, late in pairwise(ordered):
            overlap = min(early.start + early.length, late.start + late.length) - late.start
            if overlap > 0:
                early.fade_out = early.fade_out or FadeFrames(overlap, crossfade)
                late.fade_in = late.fade_in or FadeFrames(overlap, crossfade)
    return [
        PlacedClip(
            span.source,
            start=span.start,
            offset=span.offset,
            length=span.length,
            loop=span.loop,
            gain_db=span.clip.gain_db,
            fade_in=span.fade_in,
            fade_out=span.fade_out,
        )
        for span in spans
    ]


def _held_at_once(clips: list[PlacedClip]) -> int:
    """Bytes that the sources of clips hold where the most of them sound together."""
    changes = [(clip.start, clip.held_bytes) for clip in clips] + [(clip.end, -clip.held_bytes) for clip in clips]
    most = held = 0
    # At one sample, what begins counts before what ends: a source is let go of a block later.
    for _, change in sorted(changes, key=lambda item: (item[0], -item[1])):
        held += change
        most = max(most, held)
    return most


def build(plan: Plan, *, end_frames: int | None = None, threads: int = 1, check: Check = lambda: None) -> Graph:
    """The graph of a plan. `end_frames` is where the song ends, for its fade-out; by default with the last clip.

    `check` runs before each channel of each block, in whichever thread makes it. Raises VALIDATION when clips and
    effects would need too much memory.
    """
    return _Builder(plan, plan.frames if end_frames is None else end_frames, threads, check).graph()


class _Builder:
    def __init__(self, plan: Plan, end_frames: int, threads: int, check: Check) -> None:
        request = plan.request
        self._plan = plan
        self._end = end_frames
        self._threads = threads
        self._check = check
        self._strips: dict[str, Any] = {request.name_of(n): track for n, track in enumerate(request.tracks)}
        self._strips |= {bus.id: bus for bus in request.buses}
        self._strips[MASTER] = request.master
        pointers = [f"/tracks/{n}" for n in range(len(request.tracks))]
        pointers += [*(f"/buses/{n}" for n in range(len(request.buses))), "/master"]
        self._bytes = _held_at_once([clip for clips in plan.clips.values() for clip in clips])
        if self._bytes > limits.HELD_BYTES:
            raise AppError.field("/tracks", "Too many clips sound at the same time; mix some of them first.")
        self._effects: dict[str, list[tuple[int, Effect, Processor]]] = {
            name: self._processors(pointer, strip)
            for pointer, (name, strip) in zip(pointers, self._strips.items(), strict=True)
        }

    def graph(self) -> Graph:
        request, rate = self._plan.request, self._plan.rate_hz
        known = list(wires_of(request))
        audible = audible_wires(request, known)
        # A wire's index counts effects as they were written; bypassed ones are gone from the chain.
        wires = [wire for wire in known if wire in audible and self._kept(wire)]
        latencies = {
            name: [processor.latency for _, _, processor in effects] for name, effects in self._effects.items()
        }
        moved = {wire: self._moved(wire) for wire in wires}
        alignment = align(latencies, list(moved.values()))
        channels: dict[str, Channel] = {}
        levels = order_of(self._strips, wires)
        for level in levels:
            for name in level:
                own = [wire for wire in wires if wire.target == name]
                channels[name] = self._channel(name, own, moved, alignment, channels)
        master = request.master
        fades = []
        if master.fade_in is not None:
            fades.append(SongFade(0, round(master.fade_in.seconds * rate), master.fade_in.curve, True))
        if master.fade_out is not None:
            length = round(master.fade_out.seconds * rate)
            fades.append(SongFade(self._end - length, self._end, master.fade_out.curve, False))
        safety = self._safety(alignment.exit[MASTER]) if master.ceiling_dbtp is not None else None
        # The master hears only what was made before it; what nobody hears need not be made.
        heard = {wire.source for wire in wires}
        ordered = [[channels[name] for name in level if name in heard] for level in levels]
        return Graph(
            [level for level in [*ordered, [channels[MASTER]]] if level],
            fades,
            safety,
            frames=self._end,
            threads=self._threads,
            check=self._check,
        )

    def _processors(self, pointer: str, strip: Any) -> list[tuple[int, Effect, Processor]]:
        built = []
        for number, effect in enumerate(strip.effects):
            if not effect.bypass:
                values = EFFECTS[effect.type].settings(effect.parameters)
                start = f"effects/{number}/"
                moving = frozenset(lane.target.removeprefix(start) for lane in strip.automation)
                setting = Setting(values, self._plan.rate_hz, self._plan.tempo_bpm, moving)
                processor = PROCESSORS[effect.type](setting)
                self._bytes += footprint(processor, sum(item.is_number for item in EFFECTS[effect.type].parameters))
                if self._bytes > limits.HELD_BYTES:
                    raise AppError.field(
                        f"{pointer}/effects/{number}",
                        "All effects together need too much memory; share long reverbs and echoes on a bus.",
                    )
                built.append((number, effect, processor))
        return built

    def _kept(self, wire: Wire) -> bool:
        return wire.kind != "sidechain" or any(number == wire.index for number, _, _ in self._effects[wire.target])

    def _moved(self, wire: Wire) -> Wire:
        if wire.kind != "sidechain":
            return wire
        numbers = [number for number, _, _ in self._effects[wire.target]]
        return Wire(wire.source, wire.target, wire.kind, numbers.index(wire.index), wire.pointer)

    def _channel(
        self, name: str, wires: list[Wire], moved: dict[Wire, Wire], alignment: Alignment, made: dict[str, Channel]
    ) -> Channel:
        strip = self._strips[name]
        feeds, keys = [], {}
        for wire in wires:
            source = self._strips[wire.source]
            wait = Delay(alignment.waits[moved[wire]])
            behind = alignment.exit[wire.source]
            if wire.kind == "sidechain":
                keys[moved[wire].index] = Feed(made[wire.source], wait, pre_fader=True)
            elif wire.kind == "send":
                send = source.sends[wire.index]
                gain = Gain(self._curve(source, f"sends/{wire.index}/gain_db", send.gain_db), behind)
                feeds.append(Feed(made[wire.source], wait, pre_fader=send.pre_fader, gain=gain))
            else:
                feeds.append(Feed(made[wire.source], wait))
        inserts, behind = [], alignment.entry[name]
        for number, effect, processor in self._effects[name]:
            values = EFFECTS[effect.type].settings(effect.parameters)
            curves = {
                parameter.name: self._curve(strip, f"effects/{number}/{parameter.name}", values[parameter.name])
                for parameter in EFFECTS[effect.type].parameters
                if parameter.is_number
            }
            inserts.append(Insert(processor, curves, behind))
            behind += processor.latency
        fader = Fader(
            self._curve(strip, "gain_db", strip.gain_db),
            self._curve(strip, "pan", strip.pan),
            self._curve(strip, "width", strip.width),
            strip.pan_law,
            behind,
        )
        clips = self._plan.clips.get(name, [])
        return Channel(name, fader, alignment.entry[name], clips, feeds, inserts, keys)

    def _curve(self, strip: Any, target: str, value: Any) -> Curve:
        lane = next((lane for lane in strip.automation if lane.target == target), None)
        return Curve.constant(float(value)) if lane is None else Curve(lane.points, self._plan.rate_hz)

    def _safety(self, behind: int) -> Insert:
        ceiling = self._plan.request.master.ceiling_dbtp
        values = EFFECTS["limiter"].settings({"ceiling_dbtp": float(ceiling or 0.0)})
        processor = PROCESSORS["limiter"](Setting(values, self._plan.rate_hz, self._plan.tempo_bpm))
        curves = {name: Curve.constant(float(values[name])) for name in processor.PARAMETERS}
        return Insert(processor, curves, behind)
