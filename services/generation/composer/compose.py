"""Prompt in, score out: the composer's one entry point.

`compose` reads the request (`prompt`), sizes the song (`form`), lays its harmony, casts its players and lets each of
them write. The same request and seed give the same score on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.generation.backends.protocol import GenerationRequest, Retake
from services.generation.composer.arrangement import Arrangement, arrange
from services.generation.composer.bass import final_bass, write_bass
from services.generation.composer.cast import Cast, choose_cast
from services.generation.composer.comping import final_chord, write_chords, write_counter, write_pad, write_riser
from services.generation.composer.continuation import continued_plan, joined
from services.generation.composer.drums import write_drums
from services.generation.composer.expression import express
from services.generation.composer.form import Sizing, in_bars, plan_form, size_song
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.genres.profile import Genre, Layer, Swing
from services.generation.composer.harmony import plan_harmony
from services.generation.composer.instruments import SUSTAINING, honest_name
from services.generation.composer.melody import MelodyWriter, final_melody, write_double
from services.generation.composer.patterns import Meter
from services.generation.composer.performance import Event, Touch, perform
from services.generation.composer.pitch import MINOR_LIKE, Key, make_key
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import read_request
from services.generation.composer.recipe import recipe_of
from services.generation.composer.retakes import spliced
from services.generation.composer.score import DRUM_BANK, TICKS_PER_BEAT, Note, Part, Score
from services.generation.composer.section_levels import section_levels
from services.generation.composer.spec import METERS, MusicSpec
from services.generation.composer.streams import Stream
from services.generation.composer.summary import describe_spec, make_title

_MONOPHONIC = frozenset({"bass", "melody", "double", "counter"})
_SHORTEST_SECONDS = 0.5
_TEMPO_DRAWS = 3


def compose(request: GenerationRequest) -> Score:
    """Write a song. Raises `AppError` for fields of the request that make no sense; everything else has an answer."""
    spec = read_request(request)
    genre = GENRES[spec.genre]
    frame_seed = request.seed if request.frame_seed is None else request.frame_seed
    lengths = [
        max(_SHORTEST_SECONDS, seconds)
        for seconds in (*(extension.from_seconds for extension in request.extensions), request.duration_seconds)
    ]
    plan = replace(make_plan(genre, spec, lengths[0], frame_seed), seed=request.seed)
    if request.extensions:
        # What goes on does not slow down to an end.
        plan = replace(plan, ritardando_ticks=0)
    cast = choose_cast(plan.genre, spec, plan.stream("cast"))
    parts = _write_parts(plan, cast, arrange(plan, cast))
    if not parts:
        # Every section asked for silence: then the sections' own wishes give way.
        plan = replace(plan, sections=tuple(replace(section, asked=None) for section in plan.sections))
        parts = _write_parts(plan, cast, arrange(plan, cast))
    parts = _retaken(plan, cast, parts, [retake for retake in request.retakes if not retake.after])
    for number, extension in enumerate(request.extensions, 1):
        longer = continued_plan(plan, extension, lengths[number], frame_seed)
        if number < len(request.extensions):
            longer = replace(longer, spec=plan.spec, ritardando_ticks=0)
        parts = joined(longer, parts, _write_parts(longer, cast, arrange(longer, cast)), extension.bar)
        plan = longer
        parts = _retaken(plan, cast, parts, [retake for retake in request.retakes if retake.after == number])
    return Score(
        title=request.title or make_title(request.prompt, genre),
        bpm=plan.bpm,
        beats_per_bar=plan.meter.beats,
        key=plan.key.name,
        bars=plan.bars + 1,
        sections=section_levels(plan, parts),
        parts=parts,
        duration_seconds=max(_SHORTEST_SECONDS, request.duration_seconds),
        vinyl_noise_db=genre.vinyl_noise_db,
        tags=tuple(dict.fromkeys((*genre.tags, *((spec.mood,) if spec.mood else ())))),
        genre=genre.id,
        time_signature=METERS[_meter_name(plan)][1] if spec.meter != "12/8" else (4, 4),
        mix=genre.mix,
        seed=request.seed,
        spec={**describe_spec(plan, parts), "recipe": recipe_of(request)},
    )


def _retaken(plan: Plan, cast: Cast, parts: tuple[Part, ...], retakes: Sequence[Retake]) -> tuple[Part, ...]:
    """The parts with some sections played anew, one after the other."""
    for retake in retakes:
        other = replace(plan, seed=retake.seed)
        parts = spliced(plan, parts, _write_parts(other, cast, arrange(other, cast)), retake)
    return parts


def make_plan(genre: Genre, spec: MusicSpec, duration_seconds: float, seed: int) -> Plan:
    """Tempo, key, meter, form and harmony."""
    root = Stream(seed, genre.id)
    key = _choose_key(genre, spec, root.child("key"))
    meter_name = spec.meter or root.child("meter").weighted(genre.meters)
    if meter_name == "12/8":
        genre = replace(genre, swing=Swing(TICKS_PER_BEAT // 2, 0.6667))
    meter = Meter(METERS[meter_name][0], compound=meter_name == "6/8")
    spec = replace(spec, meter=meter_name)
    sizing, spec = _size(genre, spec, meter, duration_seconds, root.child("tempo"))
    final_tick = sizing.final_beat * TICKS_PER_BEAT
    slower = round(genre.ritardando * meter.bar_ticks) if sizing.bars > 2 else 0
    sections = plan_form(genre, spec, sizing.bars, root.child("form"))
    end_tick = int(duration_seconds * sizing.bpm * TICKS_PER_BEAT / 60.0)
    harmony = plan_harmony(genre, key, sections, meter, final_tick, end_tick, root.child("harmony"))
    return Plan(seed, genre, spec, key, meter, sizing.bpm, sections, harmony, sizing.bars, final_tick, end_tick, slower)


def _meter_name(plan: Plan) -> str:
    return plan.spec.meter or "4/4"


def _choose_key(genre: Genre, spec: MusicSpec, stream: Stream) -> Key:
    if spec.key is not None:
        return spec.key
    mode = stream.child("mode").weighted(genre.modes)
    if "mode" in spec.explicit and spec.mode:
        mode = spec.mode
    elif spec.mode:
        minor = spec.mode == "minor"
        suited = [(name, weight) for name, weight in genre.modes if (name in MINOR_LIKE) == minor]
        mode = stream.child("mood").weighted(suited) if suited else spec.mode
    return make_key(stream.child("tonic").choose(genre.tonics), mode)


def _size(
    genre: Genre, spec: MusicSpec, meter: Meter, duration_seconds: float, stream: Stream
) -> tuple[Sizing, MusicSpec]:
    """The best grid among a few tempi that the genre might have; a tempo that was asked for is the only candidate."""
    tempi = [spec.bpm] if spec.bpm is not None else [_draw_bpm(genre, spec, stream) for _ in range(_TEMPO_DRAWS)]
    asked = sum(section.bars or 0 for section in spec.structure)
    if spec.bpm is None and asked and all(section.bars is not None for section in spec.structure):
        # A form in bars and a length in seconds: the tempo may serve both as long as the genre can live with it.
        fitting = asked * meter.beats * 60.0 / max(1.0, duration_seconds - genre.ring_seconds[1])
        if genre.tempo.low * 0.85 <= fitting <= genre.tempo.high * 1.15:
            tempi = [round(fitting, 2)]
    best: tuple[Sizing, MusicSpec] | None = None
    for bpm in tempi:
        sized = replace(spec, structure=in_bars(spec.structure, meter.beats * 60.0 / bpm))
        sizing = size_song(genre, sized, bpm, meter.beats, duration_seconds, stream.child("taste"))
        if best is None or sizing.cost < best[0].cost:
            best = sizing, sized
    if best is None:
        raise AssertionError("no tempo was tried")
    return best


def _draw_bpm(genre: Genre, spec: MusicSpec, stream: Stream) -> float:
    tempo = genre.tempo
    hint = spec.tempo_hint
    room = tempo.high - tempo.typical if hint > 0.0 else tempo.typical - tempo.low
    centre = tempo.typical + room * max(-1.0, min(1.0, hint))
    if abs(hint) > 1.0:
        centre *= 1.0 + 0.12 * (abs(hint) - 1.0) * (1.0 if hint > 0.0 else -1.0)
    spread = (tempo.high - tempo.low) * (0.16 if hint else 0.24)
    bpm = centre + (stream.below(2001) - 1000) / 1000.0 * spread
    low = tempo.low * (0.86 if hint < -1.0 else 1.0)
    high = tempo.high * (1.14 if hint > 1.0 else 1.0)
    return float(round(min(max(bpm, low), high)))


def _write_parts(plan: Plan, cast: Cast, arrangement: Arrangement) -> tuple[Part, ...]:
    parts: list[Part] = []
    melody_events: list[Event] = []
    drums = cast.drums
    if drums is not None:
        notes = write_drums(plan, drums, cast.extra, arrangement.silent_drums)
        if notes:
            parts.append(
                Part(
                    "drums",
                    "drums",
                    drums.kits[0],
                    DRUM_BANK,
                    True,
                    tuple(notes),
                    gain_db=drums.gain_db,
                    reverb_send_db=drums.reverb_db,
                    low_cut_hz=drums.low_cut_hz,
                    high_cut_hz=drums.high_cut_hz,
                )
            )
    closing = _closing_layers(plan, cast, arrangement)
    for layer in sorted(cast.layers, key=lambda layer: layer.role == "double"):
        bars = list(arrangement.bars[layer.name])
        events = _write_layer(plan, layer, bars, melody_events)
        if layer.role == "melody" and not melody_events:
            melody_events = events
        if layer.name in closing:
            events = [*events, *_write_final(plan, layer, events)]
        notes = _play(plan, layer, events)
        if notes:
            parts.append(_part(layer, _free_name(layer, parts), notes))
    return tuple(parts)


def _free_name(layer: Layer, parts: Sequence[Part]) -> str:
    name = honest_name(layer.name, layer.programs[0])
    taken = {part.name for part in parts}
    return next(free for free in (name, *(f"{name} {number}" for number in range(2, 99))) if free not in taken)


def _write_layer(plan: Plan, layer: Layer, bars: list[int], melody: Sequence[Event]) -> list[Event]:
    if layer.role == "melody":
        return MelodyWriter(plan, layer, plan.genre.melody).write(bars)
    if layer.role == "double":
        return write_double(plan, layer, melody, bars)
    if layer.role == "riser":
        return write_riser(plan, layer)
    writers: dict[str, Callable[[Plan, Layer, list[int]], list[Event]]] = {
        "bass": write_bass,
        "chords": write_chords,
        "pad": write_pad,
        "counter": write_counter,
    }
    return writers[layer.role](plan, layer, bars)


def _closing_layers(plan: Plan, cast: Cast, arrangement: Arrangement) -> frozenset[str]:
    """Who plays the last chord: whoever played in the last two bars; at least one layer with chords or a bass."""
    recent = set(range(max(0, plan.bars - 2), max(1, plan.bars)))
    names = {
        layer.name
        for layer in cast.layers
        if layer.role not in {"double", "riser"} and recent & set(arrangement.bars[layer.name])
    }
    if not any(layer.name in names and layer.role in {"chords", "pad"} for layer in cast.layers):
        names.update([layer.name for layer in cast.layers if layer.role in {"chords", "pad"}][:1])
    if not names:
        names.update(layer.name for layer in cast.layers[:1])
    return frozenset(names)


def _write_final(plan: Plan, layer: Layer, events: Sequence[Event]) -> list[Event]:
    ring = plan.end_tick - plan.final_tick - plan.ritardando_ticks
    length = max(60, int(ring * (0.70 if layer.programs[0] in SUSTAINING else 0.96)))
    if layer.role == "bass":
        return final_bass(plan, layer, length)
    if layer.role == "melody":
        last = events[-1].pitch if events else None
        return _flourish(plan, layer, length) if plan.bars == 0 else final_melody(plan, layer, last, length)
    if layer.role == "counter":
        return final_melody(plan, layer, events[-1].pitch if events else None, length)
    return final_chord(plan, layer, length)


def _flourish(plan: Plan, layer: Layer, length: int) -> list[Event]:
    """For songs shorter than a bar: a run up the final chord, so that even a second of music says something."""
    chord = plan.harmony.at(plan.final_tick).chord
    classes = [(chord.root + tone) % 12 for tone in chord.tones[:3]]
    pitches = [pitch for pitch in range(layer.low, layer.high + 1) if pitch % 12 in classes][-5:-1]
    while pitches and pitches[-1] % 12 != chord.root:
        pitches.pop()
    step = max(40, min(TICKS_PER_BEAT // 4, length // 8))
    return [
        Event(
            plan.final_tick + index * step,
            length - index * step if index == len(pitches) - 1 else step,
            pitch,
            84,
            0,
            False,
        )
        for index, pitch in enumerate(pitches)
    ]


def _play(plan: Plan, layer: Layer, events: Sequence[Event]) -> list[Note]:
    touch = Touch(layer.timing_ms, layer.velocity_sd, layer.late_ms)
    return perform(plan, events, touch, plan.stream("touch", layer.name), monophonic=layer.role in _MONOPHONIC)


def _part(layer: Layer, name: str, notes: Sequence[Note]) -> Part:
    return Part(
        name,
        layer.stem,
        layer.programs[0],
        0,
        False,
        tuple(notes),
        gain_db=layer.gain_db,
        pan=layer.pan,
        reverb_send_db=layer.reverb_db,
        delay_send_db=layer.delay_db,
        low_cut_hz=layer.low_cut_hz,
        high_cut_hz=layer.high_cut_hz,
        sidechain=layer.sidechain,
        controls=express(layer.programs[0], notes),
        width=layer.width,
        air_db=layer.air_db,
    )
