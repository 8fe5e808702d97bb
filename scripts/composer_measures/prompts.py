"""How well strangers are understood: prompts that were frozen before anybody tuned the lexicon on them.

`direct` name a style in many words, `scenario` describe places, moods and scenes with the styles that a musician would
accept, `oblique` are scenes with hardly a word of music about them, `requests` ask for tempi, keys, meters, instruments
and their absence. docs/guides/composer.md says how they were written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.generation.backends.protocol import GenerationRequest, StyleGuess
from services.generation.composer.compose import compose
from services.generation.composer.instruments import family_programs, find_instrument
from services.generation.composer.prompt import read_prompt
from services.generation.composer.score import Score
from services.generation.composer.style_guesser import StyleGuesser

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "unit" / "generation" / "composer" / "prompts"
GENRE_IDS = {
    "boom-bap": "hiphop",
    "drum and bass": "dnb",
    "classical piano": "piano",
    "jazz swing": "jazz",
    "bossa nova": "bossa",
    "pop ballad": "ballad",
}
"""The prompts' names of styles as the catalogue has them, where they differ."""


def prompts(name: str) -> list[dict[str, Any]]:
    """One of the frozen lists."""
    return list(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def misheard(name: str) -> list[str]:
    """The prompts whose genre is none of the accepted ones, each with what was understood."""
    wrong = []
    for row in prompts(name):
        genre = read_prompt(row["text"]).genre
        if genre not in {GENRE_IDS.get(accepted, accepted) for accepted in row["genres"]}:
            wrong.append(f"{row['text']} → {genre}")
    return wrong


@dataclass(frozen=True, slots=True)
class Understood:
    """A frozen prompt: the styles that are accepted, the one by the lexicon alone, and the one with a guess."""

    text: str
    accepted: frozenset[str]
    lexicon: str
    style: str
    guess: StyleGuess | None


def guessed(name: str, guesser: StyleGuesser) -> list[Understood]:
    """What a list of prompts is understood as, with the optional guesses at a style."""
    found = []
    for row in prompts(name):
        request = guesser.settle(GenerationRequest(row["text"], 30.0, "composer", 1))
        accepted = frozenset(GENRE_IDS.get(accepted, accepted) for accepted in row["genres"])
        lexicon, style = read_prompt(request.prompt).genre, read_prompt(request.prompt, request.guess).genre
        found.append(Understood(request.prompt, accepted, lexicon, style, request.guess))
    return found


def not_honoured(row: Mapping[str, Any], seed: int) -> list[str]:
    """What a prompt asks for and the song that it becomes does not have."""
    score = compose(GenerationRequest(row["text"], 40.0, "composer", seed))
    wishes = {
        **({"tempo": abs(score.bpm - row["tempo"]) < 0.01} if "tempo" in row else {}),
        **({"key": score.key == row["key"]} if "key" in row else {}),
        **({"meter": score.spec["meter"] == row["meter"]} if "meter" in row else {}),
        **{f"with {name}": _plays(score, name) for name in row.get("with", ())},
        **{f"without {name}": not _plays(score, name) for name in row.get("without", ())},
    }
    return [f"{row['text']}: {wish}" for wish, granted in wishes.items() if not granted]


def wishes_of(row: Mapping[str, Any]) -> int:
    """How many things a prompt of `requests` asks for."""
    return (
        sum(name in row for name in ("tempo", "key", "meter")) + len(row.get("with", ())) + len(row.get("without", ()))
    )


def _plays(score: Score, name: str) -> bool:
    if name == "drums":
        return any(part.drums for part in score.parts)
    if name == "bass":
        return any(part.stem == "bass" for part in score.parts)
    instrument = find_instrument(name)
    programs = {part.program for part in score.parts if not part.drums}
    return instrument is not None and bool(programs & family_programs(instrument.family))
