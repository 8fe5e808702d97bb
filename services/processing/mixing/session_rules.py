"""What the fields of a session say about each other: names, routing, effects and automation.

Every violation is found at once, each with a pointer to the field that has to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from services.processing.mixing import limits
from services.processing.mixing.catalogue.channel import CHANNEL, GAIN
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.catalogue.parameter import Parameter
from services.processing.mixing.routing.wiring import Wire, cycle_in, wires_of
from services.processing.mixing.session import (
    MASTER,
    Automation,
    Bus,
    Clip,
    Effect,
    Fade,
    Master,
    MixRequest,
    Point,
    Range,
    Send,
    Source,
    Track,
)
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.findings import json_pointer, sentence_of

_MOST_VIOLATIONS: Final = 50
_OF_THE_CLIP: Final = ("track_id", "stem")
# What lies below a field of this name.
_PARTS: Final[Mapping[str, type[BaseModel]]] = {
    "tracks": Track, "clips": Clip, "buses": Bus, "master": Master, "effects": Effect, "sends": Send,
    "automation": Automation, "points": Point, "fade_in": Fade, "fade_out": Fade, "range": Range,
}  # fmt: skip


def parse(body: Mapping[str, Any]) -> MixRequest:
    """The checked session. Raises VALIDATION with every field that has to change."""
    try:
        request = MixRequest.model_validate_json(orjson.dumps(body), strict=True)
    except TypeError:
        raise refused([FieldViolation("", "Use what JSON knows: names, numbers and lists.")]) from None
    except ValidationError as error:
        raise refused(_violations(error)) from None
    found = list(violations_of(request))
    if found:
        raise refused(found)
    return request


def refused(violations: list[FieldViolation]) -> AppError:
    """The error that says so."""
    return AppError(
        ErrorCode.VALIDATION, "The mix cannot be made as described.", violations=violations[:_MOST_VIOLATIONS]
    )


def _violations(error: ValidationError) -> list[FieldViolation]:
    items = error.errors(include_url=False)
    # A list whose only item is wrong is called too short beside; that would mislead.
    return [
        _violation(item)
        for item in items
        if item["type"] != "too_short" or not any(_lies_in(other["loc"], item["loc"]) for other in items)
    ]


def _lies_in(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _violation(item: Any) -> FieldViolation:
    pointer = json_pointer(item["loc"])
    if item["type"] == "extra_forbidden":
        *above, name = item["loc"]
        part = next((_PARTS[step] for step in reversed(above) if step in _PARTS), MixRequest)
        return FieldViolation(pointer, f"This field is not known{_or_meant(name, part.model_fields)}; leave it out.")
    if item["type"] == "string_pattern_mismatch":
        return FieldViolation(pointer, "A name begins with a letter or digit; then dots, dashes and _ may follow too.")
    return FieldViolation(pointer, sentence_of(item))


def _or_meant(name: object, known: Iterable[str]) -> str:
    """The question whether a known name is meant, where one is much like it; else nothing."""
    near = get_close_matches(str(name)[:64].lower(), list(known), 1)
    return f" (is {near[0]} meant?)" if near else ""


def violations_of(request: MixRequest) -> Iterator[FieldViolation]:
    """Everything that is wrong with a session whose fields are each right."""
    taken = list(_names(request))
    yield from taken
    yield from _sources(request)
    if not taken:
        # Of two channels of one name nobody knows which is meant.
        yield from _routing(request)
    for pointer, strip in _strips(request):
        for number, effect in enumerate(strip.effects):
            yield from _effect(f"{pointer}/effects/{number}", effect)
        seen: set[str] = set()
        for number, lane in enumerate(strip.automation):
            at = f"{pointer}/automation/{number}"
            if lane.target in seen:
                yield FieldViolation(f"{at}/target", "This parameter has automation already.")
            seen.add(lane.target)
            yield from _automation(at, strip, lane)
    points = sum(len(lane.points) for _, strip in _strips(request) for lane in strip.automation)
    if points > limits.ALL_POINTS:
        yield FieldViolation(
            "/tracks", f"A session has at most {limits.ALL_POINTS:,} automation points, not {points:,}."
        )


def _strips(request: MixRequest) -> Iterator[tuple[str, Any]]:
    for number, track in enumerate(request.tracks):
        yield f"/tracks/{number}", track
    for number, bus in enumerate(request.buses):
        yield f"/buses/{number}", bus
    yield "/master", request.master


def _names(request: MixRequest) -> Iterator[FieldViolation]:
    seen = {MASTER}
    names = [(f"/tracks/{number}/id", request.name_of(number)) for number in range(len(request.tracks))]
    names += [(f"/buses/{number}/id", bus.id) for number, bus in enumerate(request.buses)]
    for pointer, name in names:
        if name in seen:
            yield FieldViolation(pointer, f"The name {name} is taken; every track and bus needs its own.")
        seen.add(name)


def _sources(request: MixRequest) -> Iterator[FieldViolation]:
    clips = 0
    for number, track in enumerate(request.tracks):
        pointer = f"/tracks/{number}"
        if track.clips:
            # Defaults count as unsaid: a kept session states every field.
            for name in sorted(set(Source.model_fields) - set(_OF_THE_CLIP)):
                if getattr(track, name) == Source.model_fields[name].default:
                    continue
                yield FieldViolation(f"{pointer}/{name}", "A track with clips says this in each clip.")
        for index, clip in enumerate(request.clips_of(number)):
            clips += 1
            yield from _clip(f"{pointer}/clips/{index}" if track.clips else pointer, clip)
    if clips > limits.ALL_CLIPS:
        yield FieldViolation("/tracks", f"A session has at most {limits.ALL_CLIPS} clips, not {clips}.")


def _clip(pointer: str, clip: Source) -> Iterator[FieldViolation]:
    if clip.track_id is None:
        yield FieldViolation(f"{pointer}/track_id", "Say which track this is taken from.")
    if clip.loop and clip.length is None:
        yield FieldViolation(f"{pointer}/length", "A loop needs a length to fill.")
    if clip.loop_length is not None and not clip.loop:
        yield FieldViolation(f"{pointer}/loop_length", "Only a loop has this; set loop, or leave it out.")
    if clip.length is not None and clip.start + clip.length > limits.LONGEST_SECONDS:
        yield FieldViolation(f"{pointer}/length", f"The song would be longer than {limits.LONGEST_SECONDS:g} s.")


def _routing(request: MixRequest) -> Iterator[FieldViolation]:
    buses = {bus.id for bus in request.buses}
    channels = {request.name_of(number) for number in range(len(request.tracks))} | buses
    wires = list(wires_of(request))
    broken = False
    for wire in wires:
        if wire.kind == "sidechain":
            known, kinds = wire.source in channels, "a track or a bus"
        else:
            known, kinds = wire.target in buses or (wire.kind == "output" and wire.target == MASTER), "a bus"
        if not known:
            broken = True
            name = wire.source if wire.kind == "sidechain" else wire.target
            yield FieldViolation(wire.pointer, f"There is no {name} here; name {kinds} of this session.")
    if not broken:
        yield from _cycle(wires)


def _cycle(wires: list[Wire]) -> Iterator[FieldViolation]:
    wire = cycle_in(wires)
    if wire is not None:
        yield FieldViolation(
            wire.pointer, f"This makes a circle: the sound of {wire.source} would come back to {wire.source}."
        )


def _effect(pointer: str, effect: Effect) -> Iterator[FieldViolation]:
    kind = EFFECTS.get(effect.type)
    if kind is None:
        if effect.type == "time_stretch":
            detail = "Time is stretched at the source: set stretch on the track or the clip."
        else:
            meant = _or_meant(effect.type, EFFECTS)
            detail = f"There is no such effect{meant}; choose one of {', '.join(EFFECTS)}."
        yield FieldViolation(f"{pointer}/type", detail)
        return
    for name, value in effect.parameters.items():
        parameter = kind.parameter(name)
        at = f"{pointer}/parameters{json_pointer([name])}"
        if parameter is None:
            names = [item.name for item in kind.parameters]
            yield FieldViolation(
                at, f"{kind.title} has no such parameter{_or_meant(name, names)}; it has {', '.join(names)}."
            )
        elif detail := parameter.refusal(value):
            yield FieldViolation(at, detail)
    if effect.sidechain is not None and not kind.sidechain:
        yield FieldViolation(f"{pointer}/sidechain", f"{kind.title} cannot be steered by another channel.")


def target_of(strip: Any, target: str) -> Parameter | None:
    """The parameter that an automation's target names in this strip, or None."""
    match target.split("/"):
        case [name]:
            return CHANNEL.get(name)
        case ["effects", index, name] if (effect := _at(strip.effects, index)) is not None:
            kind = EFFECTS.get(effect.type)
            return None if kind is None else kind.parameter(name)
        case ["sends", index, "gain_db"] if _at(getattr(strip, "sends", ()), index) is not None:
            return GAIN
    return None


def _targets(strip: Any) -> Iterator[str]:
    """What automation may move in this strip."""
    yield from CHANNEL
    for number, effect in enumerate(strip.effects):
        if (kind := EFFECTS.get(effect.type)) is not None:
            yield from (f"effects/{number}/{item.name}" for item in kind.parameters)
    yield from (f"sends/{number}/gain_db" for number in range(len(getattr(strip, "sends", ()))))


def _at(items: tuple[Any, ...], index: str) -> Any | None:
    return items[int(index)] if index.isascii() and index.isdigit() and int(index) < len(items) else None


def _automation(pointer: str, strip: Track | Any, lane: Automation) -> Iterator[FieldViolation]:
    parameter = target_of(strip, lane.target)
    if parameter is None:
        meant = _or_meant(lane.target, _targets(strip))
        yield FieldViolation(f"{pointer}/target", f"There is no such parameter in this channel{meant}.")
        return
    if not (parameter.automatable and parameter.is_number):
        yield FieldViolation(f"{pointer}/target", f"{parameter.title} holds for the whole song and cannot move.")
        return
    before = -1.0
    for number, point in enumerate(lane.points):
        at = f"{pointer}/points/{number}"
        if point.time <= before:
            yield FieldViolation(f"{at}/time", "Points have to follow one another in time.")
        before = point.time
        if detail := parameter.refusal(point.value):
            yield FieldViolation(f"{at}/value", detail)
        if (point.bezier is not None) != (point.curve == "bezier"):
            yield FieldViolation(f"{at}/bezier", "The control points belong to the curve bezier, which needs them.")
        follower = lane.points[number + 1] if number + 1 < len(lane.points) else None
        if point.curve == "exponential" and follower is not None and point.value * follower.value <= 0:
            yield FieldViolation(
                f"{at}/curve", "An exponential curve needs values other than zero and of the same sign; use bezier."
            )
