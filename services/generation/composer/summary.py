"""What was understood, in the API's terms, and a title for songs that were given none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.generation.composer.form import Section
from services.generation.composer.genres.profile import Genre
from services.generation.composer.plan import Plan
from services.generation.composer.score import Part

_TITLE_CHARACTERS = 60
_EDGE = " ,.;:!?-–—\"'"
_LEADING = frozenset(
    {"a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "over", "the", "to", "with"}
)


def describe_spec(plan: Plan, parts: Sequence[Part]) -> dict[str, Any]:
    """The job's `spec`: its fields can be sent back in a request; `understood` says what was asked and what assumed."""
    spec = plan.spec
    fields = ("genre", "mood", "energy", "bpm", "key", "meter", "instruments", "only", "without", "curve", "structure")
    asked = {
        *spec.explicit,
        *({"bpm"} if "tempo" in spec.explicit else ()),
        *({"key"} if "mode" in spec.explicit else ()),
        *({"only"} if spec.only else ()),
    }
    return {
        "genre": plan.genre.id,
        "mood": spec.mood,
        "energy": round(spec.energy, 3),
        "bpm": plan.bpm,
        "key": plan.key.name,
        "meter": spec.meter,
        "instruments": list(spec.instruments),
        "only": spec.only,
        "without": list(spec.without),
        "curve": spec.curve,
        "structure": [_shown(section) for section in plan.sections],
        "understood": {
            "explicit": [name for name in fields if name in asked],
            "assumed": [name for name in fields if name not in asked],
            "notes": list(spec.notes),
            "parts": [{"name": part.name, "stem": part.stem, "program": part.program} for part in parts],
        },
    }


def _shown(section: Section) -> dict[str, Any]:
    shown: dict[str, Any] = {"section": section.name, "bars": section.bars}
    if section.asked is not None and section.asked.prompt:
        shown["prompt"] = section.asked.prompt
    return shown


def make_title(prompt: str, genre: Genre) -> str:
    """The prompt's first words as a title; the genre's name when there are none."""
    words: list[str] = []
    for word in prompt.split():
        clean = "".join(character for character in word if character.isprintable())
        if not clean or len(" ".join([*words, clean])) > _TITLE_CHARACTERS:
            break
        words.append(clean)
    # What was cut in mid-phrase should not end on a word that waits for the next.
    while len(words) > 1 and len(words) < len(prompt.split()) and words[-1].lower().strip(_EDGE) in _LEADING:
        words.pop()
    text = " ".join(words).strip(_EDGE)
    return text[:1].upper() + text[1:] if text else genre.title
