"""MusicSpec: what was understood of a request, and what was assumed; home of the API's `spec` object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.instruments import find_instrument
from services.generation.composer.lexicon import MOODS
from services.generation.composer.pitch import Key, parse_key
from services.shared.errors import AppError

METERS: dict[str, tuple[int, tuple[int, int]]] = {
    "2/4": (2, (2, 4)),
    "3/4": (3, (3, 4)),
    "4/4": (4, (4, 4)),
    "5/4": (5, (5, 4)),
    "6/4": (6, (6, 4)),
    "7/4": (7, (7, 4)),
    "6/8": (3, (6, 8)),
    "12/8": (4, (4, 4)),
}
"""Meters that can be asked for: quarter-note beats per bar, and the time signature. 12/8 is 4/4 with a triplet feel."""

LOWEST_BPM, HIGHEST_BPM = 30.0, 300.0
ROLES = ("drums", "bass", "chords", "melody", "pad")
"""Roles that `without` may name beside instruments."""

MOST_INSTRUMENTS = 12
MOST_SECTIONS = 64
LONGEST_NAME = 60

CURVES = ("", "build", "fade")
FIELDS = (
    "genre",
    "mood",
    "energy",
    "bpm",
    "key",
    "meter",
    "instruments",
    "only",
    "without",
    "curve",
    "structure",
    "understood",
    "recipe",
)
"""Fields of the API's `spec`. `understood` and `recipe` are only shown; they are ignored when a returned spec is sent
back."""


@dataclass(frozen=True, slots=True)
class AskedSection:
    """A section that the caller asked for; exactly one of `seconds` and `bars` is set."""

    name: str
    seconds: float | None = None
    bars: int | None = None
    prompt: str = ""
    energy: float | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MusicSpec:
    """A request in a musician's terms. What is unset the genre chooses; `explicit` names what was asked for."""

    genre: str
    mood: str = ""
    energy: float = 0.6
    bpm: float | None = None
    tempo_hint: float = 0.0
    key: Key | None = None
    mode: str = ""
    meter: str = ""
    instruments: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    only: bool = False
    """Whether `instruments` are the whole line-up."""
    curve: str = ""
    structure: tuple[AskedSection, ...] = ()
    explicit: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())
    open_styles: tuple[str, ...] = ()
    """Where nothing says a style: those that may be guessed."""

    def noted(self, sentence: str) -> MusicSpec:
        """The same spec with one more remark for the listener."""
        return replace(self, notes=(*self.notes, sentence))

    def asked(self, name: str, **changes: Any) -> MusicSpec:
        """The same spec with a field set because somebody asked for it."""
        return replace(self, explicit=self.explicit | {name}, **changes)


def checked_bpm(value: object, pointer: str) -> float:
    """A tempo, or a validation error at this pointer."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise AppError.field(pointer, "must be a number of beats a minute")
    if not LOWEST_BPM <= value <= HIGHEST_BPM:
        raise AppError.field(pointer, f"must lie between {LOWEST_BPM:g} and {HIGHEST_BPM:g} beats a minute")
    return float(value)


def checked_key(value: object, pointer: str) -> Key:
    """A key, or a validation error at this pointer."""
    key = parse_key(value) if isinstance(value, str) else None
    if key is None:
        raise AppError.field(pointer, 'must be a key such as "A minor", "F# dorian" or "Eb major"')
    return key


def checked_structure(sections: Sequence[AskedSection], pointer: str) -> tuple[AskedSection, ...]:
    """Asked sections that are sound: each has one positive, finite length."""
    if len(sections) > MOST_SECTIONS:
        raise AppError.field(pointer, f"must have at most {MOST_SECTIONS} sections")
    for index, section in enumerate(sections):
        at = f"{pointer}/{index}"
        if not section.name.strip():
            raise AppError.field(f"{at}/section", 'must name a section such as "verse" or "chorus"')
        if len(section.name) > LONGEST_NAME:
            raise AppError.field(f"{at}/section", f"must have at most {LONGEST_NAME} characters")
        if (section.seconds is None) == (section.bars is None):
            raise AppError.field(at, "must have exactly one of seconds and bars")
        length = section.seconds if section.seconds is not None else section.bars
        if length is None or not math.isfinite(length) or length <= 0:
            raise AppError.field(f"{at}/{'bars' if section.seconds is None else 'seconds'}", "must be more than 0")
    return tuple(sections)


def apply_overrides(spec: MusicSpec, overrides: Mapping[str, Any]) -> MusicSpec:
    """The spec with the API's `spec` fields on top. Unknown fields and values are refused by name (`AppError`)."""
    for name, value in overrides.items():
        if name not in FIELDS:
            raise AppError.field(f"/spec/{name}", f"is not a field of spec; the fields are {', '.join(_OVERRIDES)}")
        if name in _OVERRIDES and value is not None:
            spec = _OVERRIDES[name](spec, value)
    if spec.only and not spec.instruments:
        if overrides.get("only") and "instruments" not in overrides:
            raise AppError.field("/spec/only", "needs instruments: nobody was named to play alone")
        spec = replace(spec, only=False)
    return spec


def _genre(spec: MusicSpec, value: object) -> MusicSpec:
    if not isinstance(value, str) or value not in GENRES:
        raise AppError.field("/spec/genre", f"must be one of {', '.join(sorted(GENRES))}")
    energy = GENRES[value].energy if "energy" not in spec.explicit else spec.energy
    if "energy" not in spec.explicit and spec.mood:
        energy = min(1.0, max(0.1, energy + MOODS[spec.mood].energy))
    notes = tuple(note for note in spec.notes if not note.startswith("No style was recognised"))
    return replace(spec, notes=notes, open_styles=()).asked("genre", genre=value, energy=energy)


def _mood(spec: MusicSpec, value: object) -> MusicSpec:
    if value == "":
        return spec
    if not isinstance(value, str) or value not in MOODS:
        raise AppError.field("/spec/mood", f"must be one of {', '.join(sorted(MOODS))}")
    mood = MOODS[value]
    mode = spec.mode if "mode" in spec.explicit else mood.mode
    energy = spec.energy
    if "energy" not in spec.explicit:
        energy = min(1.0, max(0.1, GENRES[spec.genre].energy + mood.energy))
    return spec.asked("mood", mood=value, mode=mode, energy=energy, tempo_hint=spec.tempo_hint or mood.tempo)


def _energy(spec: MusicSpec, value: object) -> MusicSpec:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise AppError.field("/spec/energy", "must be a number between 0 and 1")
    return spec.asked("energy", energy=float(value))


def _bpm(spec: MusicSpec, value: object) -> MusicSpec:
    return spec.asked("bpm", bpm=checked_bpm(value, "/spec/bpm"))


def _key(spec: MusicSpec, value: object) -> MusicSpec:
    key = checked_key(value, "/spec/key")
    return spec.asked("key", key=key, mode=key.mode)


def _meter(spec: MusicSpec, value: object) -> MusicSpec:
    if not isinstance(value, str) or value not in METERS:
        raise AppError.field("/spec/meter", f"must be one of {', '.join(METERS)}")
    return spec.asked("meter", meter=value)


def _instruments(spec: MusicSpec, value: object) -> MusicSpec:
    names = []
    for index, name in enumerate(_names(value, "/spec/instruments")):
        instrument = find_instrument(name)
        if instrument is None:
            raise AppError.field(f"/spec/instruments/{index}", f"{name!r} is not an instrument that the composer knows")
        names.append(instrument.name)
    if len(set(names)) > MOST_INSTRUMENTS:
        raise AppError.field("/spec/instruments", f"must name at most {MOST_INSTRUMENTS} instruments")
    return spec.asked("instruments", instruments=tuple(dict.fromkeys(names)))


def _only(spec: MusicSpec, value: object) -> MusicSpec:
    if not isinstance(value, bool):
        raise AppError.field("/spec/only", "must be true (nobody but instruments plays) or false")
    return spec.asked("only", only=value)


def _without(spec: MusicSpec, value: object) -> MusicSpec:
    names = []
    for index, name in enumerate(_names(value, "/spec/without")):
        word = name.strip().lower()
        instrument = find_instrument(word)
        if word not in ROLES and instrument is None:
            detail = f"{name!r} is neither an instrument that the composer knows nor one of {', '.join(ROLES)}"
            raise AppError.field(f"/spec/without/{index}", detail)
        names.append(word if word in ROLES or instrument is None else instrument.name)
    kept = tuple(name for name in spec.instruments if name not in names)
    return spec.asked("without", without=tuple(dict.fromkeys(names)), instruments=kept)


def _curve(spec: MusicSpec, value: object) -> MusicSpec:
    if not isinstance(value, str) or value not in CURVES:
        raise AppError.field("/spec/curve", 'must be "build", "fade" or empty')
    return spec.asked("curve", curve=value)


def _structure(spec: MusicSpec, value: object) -> MusicSpec:
    if not isinstance(value, list):
        raise AppError.field("/spec/structure", "must be a list of sections")
    sections = []
    for index, item in enumerate(value):
        pointer = f"/spec/structure/{index}"
        if not isinstance(item, Mapping) or not isinstance(item.get("section"), str):
            raise AppError.field(pointer, "must be an object with section, and seconds or bars")
        for name in item:
            if name not in {"section", "seconds", "bars", "prompt"}:
                raise AppError.field(f"{pointer}/{name}", "is not a field of a section")
        seconds, bars = item.get("seconds"), item.get("bars")
        for name, number, kinds in (("seconds", seconds, (int, float)), ("bars", bars, (int,))):
            if number is not None and (isinstance(number, bool) or not isinstance(number, kinds)):
                raise AppError.field(f"{pointer}/{name}", "must be a number")
        sections.append(AskedSection(item["section"], seconds, bars, str(item.get("prompt") or "")))
    return spec.asked("structure", structure=checked_structure(sections, "/spec/structure")) if sections else spec


def _names(value: object, pointer: str) -> list[str]:
    if not isinstance(value, list | tuple):
        raise AppError.field(pointer, "must be a list of names")
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise AppError.field(f"{pointer}/{index}", "must be a name")
    return list(value)


_OVERRIDES = {
    "genre": _genre,
    "mood": _mood,
    "energy": _energy,
    "bpm": _bpm,
    "key": _key,
    "meter": _meter,
    "instruments": _instruments,
    "only": _only,
    "without": _without,
    "curve": _curve,
    "structure": _structure,
}
