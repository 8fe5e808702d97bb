"""A song's form: which words condition it from when on. Pure Python.

A form comes as the API's `structure`, or inside the prompt: `warm lo-fi [intro 8s] soft piano [chorus @0:20] full
band`. What stands before the first bracket holds for the whole song. A bracket names its section and may say its length
(`8s`) or its beginning (`@m:ss` or `@20s`); sections without either share what is left between their neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.generation.backends.protocol import Section
from services.shared.errors import AppError, ErrorCode, FieldViolation

_TAG = re.compile(
    r"\[\s*(?P<name>[A-Za-z][A-Za-z -]{0,38}?)\s*"
    r"(?:(?P<length>\d+(?:\.\d+)?)\s*s|@\s*(?:(?P<minutes>\d{1,2}):(?P<rest>\d{2})|(?P<start>\d+(?:\.\d+)?)\s*s))?\s*\]"
)
_BEATS_PER_BAR = 4
# As many as a request's `structure` may have.
_MOST_SECTIONS = 64
_LONGEST_SECONDS = 3_600.0
# Of all sections together, each with the words that it shares: every one of them is encoded, and its keys and values of
# every layer lie in memory until the song is over.
_MOST_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Passage:
    """From `seconds` on the song is conditioned on `prompt`."""

    seconds: float
    prompt: str


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    prompt: str
    length: float | None = None
    start: float | None = None


def with_tempo_and_key(prompt: str, bpm: float | None, key: str) -> str:
    """A prompt with tempo and key in the words that MusicGen was trained on (audiocraft's merged metadata)."""
    said = [prompt.rstrip(". ")] if prompt else []
    if key:
        said.append(f"key: {key}")
    if bpm is not None:
        said.append(f"bpm: {bpm:g}")
    return ". ".join(said) if len(said) > 1 else prompt


def passages(prompt: str, structure: Sequence[Section], bpm: float | None, duration_seconds: float) -> list[Passage]:
    """The passages of a song, the first at 0, in order, each with all its words; sections after the end are left out.

    Raises VALIDATION when a section has bars and nobody says how fast they are, when times run backwards or beyond an
    hour, and when there are more sections, or more words in them, than a song may have.
    """
    common, drafts = _from_prompt(prompt)
    if structure:
        if drafts:
            raise _wrong("/structure", "The prompt holds a form in brackets already. Keep one of the two.")
        drafts = [
            _Draft(section.section, section.prompt, _seconds(section, bpm, index))
            for index, section in enumerate(structure)
        ]
    if not drafts:
        return [Passage(0.0, prompt)]
    where = "/structure" if structure else "/prompt"
    if len(drafts) > _MOST_SECTIONS:
        raise _wrong(where, f"These are {len(drafts)} sections; {_MOST_SECTIONS} are allowed.")
    if any(max(draft.length or 0.0, draft.start or 0.0) > _LONGEST_SECONDS for draft in drafts):
        raise _wrong(where, "A section begins or lasts longer than an hour. Give it a time within the song.")
    starts = _starts(drafts, duration_seconds)
    found = [
        Passage(0.0 if index == 0 else start, _words(common, draft))
        for index, (start, draft) in enumerate(zip(starts, drafts, strict=True))
        if index == 0 or start < duration_seconds
    ]
    if starts[0] > 0.0 and common:
        found = [Passage(0.0, common), Passage(starts[0], found[0].prompt), *found[1:]]
    if sum(map(len, {passage.prompt for passage in found})) > _MOST_CHARACTERS:
        raise _wrong(
            where,
            "The sections hold too many words, those before the first bracket counted with each of them: "
            f"{_MOST_CHARACTERS:,} characters are allowed. Shorten what they share.",
        )
    return found


def _from_prompt(prompt: str) -> tuple[str, list[_Draft]]:
    tags = list(_TAG.finditer(prompt))
    if not tags:
        return prompt.strip(), []
    ends = [tag.start() for tag in tags[1:]] + [len(prompt)]
    drafts = []
    for tag, end in zip(tags, ends, strict=True):
        start = None
        if tag["minutes"] is not None:
            start = 60.0 * int(tag["minutes"]) + int(tag["rest"])
        elif tag["start"] is not None:
            start = float(tag["start"])
        length = float(tag["length"]) if tag["length"] is not None else None
        drafts.append(_Draft(tag["name"].strip().lower(), prompt[tag.end() : end].strip(" ,;\n"), length, start))
    return prompt[: tags[0].start()].strip(" ,;\n"), drafts


def _seconds(section: Section, bpm: float | None, index: int) -> float | None:
    if section.bars is None:
        return section.seconds
    if bpm is None:
        raise _wrong(f"/structure/{index}/bars", "Bars need a tempo here: give bpm, or lengths in seconds.")
    return section.bars * _BEATS_PER_BAR * 60.0 / bpm


def _starts(drafts: Sequence[_Draft], duration: float) -> list[float]:
    """When each section begins. Known beginnings and lengths hold; the others share what lies between."""
    starts: list[float | None] = []
    running: float | None = 0.0
    for index, draft in enumerate(drafts):
        start = draft.start if draft.start is not None else (0.0 if index == 0 else running)
        starts.append(start)
        running = start + draft.length if start is not None and draft.length is not None else None
    known = [*starts, duration]
    index = 0
    while index < len(starts):
        if known[index] is None:
            after = next(place for place in range(index, len(known)) if known[place] is not None)
            first, last = known[index - 1] or 0.0, known[after] or 0.0
            # Lengths that are said count; the rest is shared by the sections that say none.
            group = drafts[index - 1 : after]
            said = sum(draft.length or 0.0 for draft in group)
            silent = sum(draft.length is None for draft in group)
            share = max(0.0, last - first - said) / max(1, silent)
            for place in range(index, after):
                length = drafts[place - 1].length
                known[place] = (known[place - 1] or 0.0) + (share if length is None else length)
            index = after
        index += 1
    answers = [start or 0.0 for start in known[:-1]]
    if answers != sorted(answers):
        raise _wrong("/prompt", "The sections' times run backwards. Put them in order.")
    return answers


def _words(common: str, draft: _Draft) -> str:
    return ", ".join(part for part in (common, draft.name, draft.prompt) if part)


def _wrong(pointer: str, detail: str) -> AppError:
    return AppError(ErrorCode.VALIDATION, detail, violations=[FieldViolation(pointer, detail)])
