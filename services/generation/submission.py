"""From a wire request to a checked one: every field that is wrong is named, with what to change."""

from __future__ import annotations

import math
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from protos.generation.v1.generation_pb2 import GenerateRequest
from services.generation.backends.protocol import (
    Backend,
    CheckingBackend,
    GenerationRequest,
    ModelDescription,
    Section,
)
from services.generation.catalogue import ModelCatalogue
from services.generation.musicgen.style_limits import fewer_codebooks
from services.shared.errors import AppError, ErrorCode, FieldViolation

LONGEST_PROMPT = 2_000
LONGEST_LYRICS = 10_000
LONGEST_TITLE = 200
LONGEST_KEY = 40
LONGEST_ID = 100
LONGEST_SPEC_BYTES = 16_384
MOST_SECTIONS = 64
SHORTEST_SECONDS = 1.0
# Short enough for JavaScript and for people to copy.
DRAWN_SEEDS = 2**32

# Field, lowest, highest, unit or nature in words.
_NUMBERS: tuple[tuple[str, float, float], ...] = (
    ("guidance_scale", 0.0, 20.0),
    ("guidance_beta", 0.0, 20.0),
    ("style_codebooks", 1, 6),
    ("temperature", 0.0, 5.0),
    ("top_k", 0, 100_000),
    ("top_p", 0.0, 1.0),
    ("bpm", 20.0, 400.0),
    ("continue_at", 0.0, 36_000.0),
)
_SOURCES = ("melody_id", "style_id", "continue_from_id")
# What says how another track is listened to means nothing without one.
_OF_THE_STYLE = ("guidance_beta", "style_codebooks")
_OPTIONAL = (
    "negative_prompt",
    "lyrics",
    "structure",
    "key",
    "spec_json",
    *_SOURCES,
    *(name for name, _, _ in _NUMBERS),
)


class RequestChecker:
    """Checks requests against the catalogue. `draw_seed` gives a seed to requests that name none."""

    def __init__(
        self,
        catalogue: ModelCatalogue,
        backends: Iterable[Backend] = (),
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(DRAWN_SEEDS),
    ) -> None:
        self._catalogue = catalogue
        self._draw_seed = draw_seed
        self._backends = tuple(backends)
        self._closer = self._read_closer()

    def check(self, wire: GenerateRequest) -> tuple[GenerationRequest, ModelDescription]:
        """The request with every default filled in, and its model.

        Raises VALIDATION with one violation for each wrong field (pointers use the API's names), MODEL_NOT_INSTALLED.
        """
        found = _Violations()
        prompt = found.text("prompt", wire.prompt, LONGEST_PROMPT)
        if not _says_something(prompt):
            found.add("/prompt", f"Say in 1 to {LONGEST_PROMPT:,} characters what the music should be like.")
        negative_prompt = found.text("negative_prompt", wire.negative_prompt, LONGEST_PROMPT)
        lyrics = found.text("lyrics", wire.lyrics, LONGEST_LYRICS)
        title = found.text("title", wire.title, LONGEST_TITLE)
        key = found.text("key", wire.key, LONGEST_KEY)
        for name, lowest, highest in _NUMBERS:
            if wire.HasField(name):  # type: ignore[arg-type]
                found.number(name, getattr(wire, name), lowest, highest)
        if wire.HasField("seed") and wire.seed < 0:
            found.add("/seed", f"The seed must lie between 0 and {2**63 - 1}. Leave it out to have one drawn.")
        for name in _SOURCES:
            if len(getattr(wire, name)) > LONGEST_ID:
                found.add(f"/{name}", "There is no such track.")
        if wire.HasField("continue_at") and not wire.continue_from_id:
            found.add("/continue_at", "Name the track to go on from (continue_from_id), or leave this out.")
        for name in _OF_THE_STYLE:
            if wire.HasField(name) and not wire.style_id:  # type: ignore[arg-type]
                found.add(f"/{name}", "Name the track in whose manner the song is (style_id), or leave this out.")
        if wire.HasField("regenerate"):
            found.add(
                "/regenerate", "Name the track whose section is to be played anew (variation_of), or leave this out."
            )
        structure = _structure(wire, found)
        spec = _spec(wire, found)
        model = self._model(wire, found)
        duration = _duration(wire, model, structure, found)
        found.raise_if_any()
        if model is None:
            raise AssertionError("A missing model is a violation.")
        require_installed(model)
        request = GenerationRequest(
            prompt=prompt,
            duration_seconds=duration,
            model=model.id,
            seed=wire.seed if wire.HasField("seed") else self._draw_seed(),
            negative_prompt=negative_prompt,
            guidance_scale=_optional(wire, "guidance_scale"),
            temperature=_optional(wire, "temperature"),
            top_k=_optional(wire, "top_k"),
            top_p=_optional(wire, "top_p"),
            lyrics=lyrics,
            structure=structure,
            bpm=_optional(wire, "bpm"),
            key=key,
            title=title,
            public=wire.public,
            spec=spec,
            melody_id=wire.melody_id,
            style_id=wire.style_id,
            guidance_beta=_optional(wire, "guidance_beta"),
            style_codebooks=_optional(wire, "style_codebooks"),
            continue_from_id=wire.continue_from_id,
            continue_at=_optional(wire, "continue_at"),
        )
        if (closer := self._closer_look(model.id)) is not None:
            closer.check(request)
        return request, model

    def _closer_look(self, model_id: str) -> CheckingBackend | None:
        """Who looks closer at a model's requests; one that was installed after the start is looked for again."""
        if model_id not in self._closer:
            self._closer = self._read_closer()
        return self._closer.get(model_id)

    def _read_closer(self) -> dict[str, CheckingBackend | None]:
        return {
            model.id: backend if isinstance(backend, CheckingBackend) else None
            for backend in reversed(self._backends)
            for model in backend.describe()
        }

    def _model(self, wire: GenerateRequest, found: _Violations) -> ModelDescription | None:
        model = self._catalogue.find(wire.model)
        if model is None:
            found.add("/model", f"There is no such model. Choose one of: {', '.join(self._catalogue.ids())}.")
            return None
        for field in _OPTIONAL:
            name = field.removesuffix("_json")
            if name not in model.parameters and _is_set(wire, field):
                takers = [other.id for other in self._catalogue if name in other.parameters and other.installed]
                instead = f", or choose a model that does: {', '.join(takers)}" if takers else ""
                found.add(f"/{name}", f"The model {model.id} does not take {name}. Leave it out{instead}.")
        if wire.style_codebooks > model.style_codebooks > 0:
            found.add("/style_codebooks", fewer_codebooks(model.style_codebooks))
        return model


class _Violations:
    """Gathers what is wrong, so that a caller hears of everything at once."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, pointer: str, detail: str) -> None:
        self._found.append(FieldViolation(pointer, detail))

    def text(self, name: str, value: str, longest: int) -> str:
        """The text without surrounding space; notes what is wrong with it."""
        text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
        if len(text) > longest:
            self.add(f"/{name}", f"This is {len(text):,} characters long; {longest:,} are allowed. Shorten it.")
        if any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
            self.add(f"/{name}", "This holds control characters. Remove them; line breaks and tabs are fine.")
        return text

    def number(self, name: str, value: float, lowest: float, highest: float) -> None:
        if not math.isfinite(value) or not lowest <= value <= highest:
            self.add(f"/{name}", f"This must be a number between {lowest:g} and {highest:g}.")

    def raise_if_any(self) -> None:
        if self._found:
            sentence = self._found[0].detail if len(self._found) == 1 else "Some fields of the request are wrong."
            raise AppError(ErrorCode.VALIDATION, sentence, violations=self._found)


def _says_something(prompt: str) -> bool:
    """Whether there is anything but space and invisible signs."""
    return any(unicodedata.category(sign)[0] not in "ZC" for sign in prompt)


def _is_set(wire: GenerateRequest, field: str) -> bool:
    if field == "structure":
        return len(wire.structure) > 0
    if wire.DESCRIPTOR.fields_by_name[field].has_presence:
        return wire.HasField(field)  # type: ignore[arg-type]
    return bool(getattr(wire, field))


def _optional(wire: GenerateRequest, field: str) -> Any:
    return getattr(wire, field) if wire.HasField(field) else None  # type: ignore[arg-type]


def _structure(wire: GenerateRequest, found: _Violations) -> tuple[Section, ...]:
    if len(wire.structure) > MOST_SECTIONS:
        found.add("/structure", f"These are {len(wire.structure)} sections; {MOST_SECTIONS} are allowed.")
        return ()
    sections = []
    for index, section in enumerate(wire.structure):
        at = f"structure/{index}"
        name = found.text(f"{at}/section", section.section, LONGEST_KEY)
        if not name:
            found.add(f"/{at}/section", "Name the section, for example “verse” or “chorus”.")
        if section.HasField("seconds") == section.HasField("bars"):
            found.add(f"/{at}", "Give the section's length either in seconds or in bars.")
        elif section.HasField("seconds"):
            found.number(f"{at}/seconds", section.seconds, 0.5, 3_600)
        else:
            found.number(f"{at}/bars", section.bars, 1, 1_000)
        sections.append(
            Section(
                section=name,
                seconds=section.seconds if section.HasField("seconds") else None,
                bars=section.bars if section.HasField("bars") else None,
                prompt=found.text(f"{at}/prompt", section.prompt, LONGEST_PROMPT),
            )
        )
    return tuple(sections)


def require_installed(model: ModelDescription) -> None:
    """Raise MODEL_NOT_INSTALLED for a model that cannot be used yet."""
    if not model.installed:
        raise AppError(
            ErrorCode.MODEL_NOT_INSTALLED,
            f"The model {model.id} is not installed here. Install it, or choose another one.",
        )


def asked_addition(wire: GenerateRequest) -> tuple[str, tuple[Section, ...]]:
    """Prompt and form of what is added to a song; both may be empty. Raises VALIDATION with all that is wrong."""
    found = _Violations()
    prompt = found.text("prompt", wire.prompt, LONGEST_PROMPT)
    structure = _structure(wire, found)
    found.raise_if_any()
    return prompt, structure


def _spec(wire: GenerateRequest, found: _Violations) -> dict[str, Any]:
    if not wire.spec_json:
        return {}
    if len(wire.spec_json.encode()) > LONGEST_SPEC_BYTES:
        found.add("/spec", f"The spec is larger than {LONGEST_SPEC_BYTES:,} bytes. Shorten it.")
        return {}
    try:
        spec = orjson.loads(wire.spec_json)
    except orjson.JSONDecodeError:
        spec = None
    if not isinstance(spec, dict):
        found.add("/spec", "The spec must be a JSON object.")
        return {}
    return spec


def _duration(
    wire: GenerateRequest, model: ModelDescription | None, structure: tuple[Section, ...], found: _Violations
) -> float:
    """Seconds: as asked, else as long as a form that is given in seconds, else the model's default."""
    highest = model.max_duration_seconds if model else math.inf
    pointer = "/duration"
    if wire.HasField("duration_seconds"):
        duration = wire.duration_seconds
    elif structure and all(section.seconds is not None for section in structure):
        duration = sum(section.seconds or 0.0 for section in structure)
        pointer = "/structure"
    else:
        duration = model.default_duration_seconds if model else SHORTEST_SECONDS
    if not math.isfinite(duration) or not SHORTEST_SECONDS <= duration <= highest:
        limit = f" and {highest:g} seconds (the most that {model.id} makes)" if model else " seconds or more"
        between = "between " if model else ""
        found.add(pointer, f"The duration must be {between}{SHORTEST_SECONDS:g}{limit}.")
    return duration
