"""Prompt → MusicSpec: a lexicon and regular expressions. What is written wins over what is implied."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from services.generation.backends.protocol import Extension, GenerationRequest, Section, StyleGuess
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.instruments import INSTRUMENT_WORDS, INSTRUMENTS
from services.generation.composer.lexicon import (
    ABSENT_WORDS,
    CURVES,
    DEFAULT_GENRE,
    ENERGY_WORDS,
    ENSEMBLES,
    GENRE_WORDS,
    INSTRUMENT_GENRES,
    MOOD_GENRES,
    MOOD_WORDS,
    MOODS,
    NEGATIONS,
    NOT_INSTRUMENTS,
    SOLO_WORDS,
    TEMPO_MARKINGS,
    TEMPO_WORDS,
    VOICE_WORDS,
)
from services.generation.composer.phrases import Match, PhraseTable, Text
from services.generation.composer.pitch import MODES, Key, parse_key
from services.generation.composer.spec import (
    HIGHEST_BPM,
    LOWEST_BPM,
    METERS,
    MOST_INSTRUMENTS,
    AskedSection,
    MusicSpec,
    apply_overrides,
    checked_bpm,
    checked_key,
    checked_structure,
)

_NAMING_WEIGHT = 6
"""Words of this weight name a style; lighter ones only suggest it."""

_READ_CHARACTERS = 4_000
"""How much of a prompt is read; the API allows half of it."""

_SCENE_WEIGHT = 3
"""Words of this weight are places and things, which English bends: "a skateboarder", "slow dancing"."""

_genres = PhraseTable(
    GENRE_WORDS, frozenset(word for word, (_, weight) in GENRE_WORDS.items() if weight == _SCENE_WEIGHT)
)
_moods = PhraseTable(MOOD_WORDS)
_tempi = PhraseTable(TEMPO_WORDS)
_markings = PhraseTable(TEMPO_MARKINGS)
_energies = PhraseTable(ENERGY_WORDS)
_curves = PhraseTable(CURVES)
_absent = PhraseTable(ABSENT_WORDS)
_ensembles = PhraseTable(ENSEMBLES)
_voices = PhraseTable(dict.fromkeys(VOICE_WORDS, True))
_instruments = PhraseTable({**INSTRUMENT_WORDS, **dict.fromkeys(NOT_INSTRUMENTS, "")})

_BPM = (
    re.compile(r"([0-9]{2,3})\s*(?:-|–|to|bis)\s*([0-9]{2,3})\s*-?\s*bpm"),
    re.compile(r"([0-9]{1,4}(?:[.,][0-9]+)?)\s*-?\s*(?:bpm|b\.p\.m|beats per minute|beats a minute|schläge)"),
    re.compile(r"(?:bpm|tempo)\s*(?:of|is|=|:|at|around|about|von|de)?\s*([0-9]{2,3}(?:[.,][0-9]+)?)\b"),
    re.compile(
        r"(?:@|\bat|\bbeats?)\s*((?:[6-9][0-9])|(?:1[0-9]{2}))(?![0-9:%]|\s*(?:am|pm|o'clock|miles|mph|km|years|degrees|percent|/))\b"
    ),
)
_METER = re.compile(r"(?<![0-9/])([0-9]{1,2})\s?/\s?(2|4|8|16)(?![0-9/])")
_MODE = r"major|minor|maj|min|dur|moll|dorian|phrygian|lydian|mixolydian|locrian|aeolian|ionian|harmonic minor|melodic minor|natural minor"  # noqa: E501
_LEAD = r"(?:\bin(?: the)?(?: key(?: of)?)?|\bkey(?: of)?\s*:?|\btonart|\ben|\bem)\s+"
_NOT_A_KEY = (
    r"(?!\s+(?:key|keys|mode|scale|tonality|way|feel|feeling|mood|tone|setting|setback|chord|chords|part|role)\b)"
)
_KEY_LED = re.compile(
    rf"{_LEAD}([a-h](?:\s?[#♯♭]|b(?=[\s-])|\s?-?(?:sharp|flat)|is(?=[\s-])|e?s(?=-))?[\s-]+(?:{_MODE}))\b{_NOT_A_KEY}",
    re.IGNORECASE,
)
_KEY_BARE = re.compile(
    rf"(?<![\w#'])((?:[B-Hb-hA]|a(?=\s?[#♯♭b-]))(?:\s?[#♯♭]|b(?=[\s-])|\s?-?(?:sharp|flat|Sharp|Flat)|is(?=[\s-])|e?s(?=-))?[\s-]+"
    rf"(?:{_MODE}|Major|Minor|Dur|Moll|Dorian|Phrygian|Lydian|Mixolydian|Locrian))\b{_NOT_A_KEY}"
)
_KEY_SHORT = re.compile(r"(?<![\w#'])([A-G](?:#|♯|b|♭)?m)(?![\w'])(?!\s+I\b)")
_KEY_TONIC = re.compile(
    r"(?:\b[Ii]n|\b[Kk]ey of|\bkey:)\s+([A-G](?:#|♯|b|♭|[\s-]?(?:sharp|flat))?)(?=\s*(?:[,.;:!?)]|$|and\b|at\b|with\b))"
)
_SOLFEGE = {"do": "C", "ut": "C", "ré": "D", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
_KEY_SOLFEGE = re.compile(
    r"\b(do|ut|ré|re|mi|fa|sol|la|si)\s*(#|dièse|sostenido|diesis|bémol|bemol|bemolle)?\s+"
    r"(majeur|mineur|mayor|menor|maggiore|minore|maior)\b"
)
_MODE_ONLY = re.compile(
    r"\b(?:(major|minor)\s+(?:key|mode|scale|tonality|chords?)|in\s+(?:a\s+)?(major|minor)\b(?!\s*[0-9])"
    r"|(dorian|phrygian|lydian|mixolydian|locrian|harmonic minor|melodic minor))\b"
)


def read_request(request: GenerationRequest) -> MusicSpec:
    """Everything that a request says: its prompt, then `spec` on top, then the fields `bpm`, `key` and `structure`.

    Raises `AppError` for fields and values that do not make sense, naming them by their JSON pointer.
    """
    spec = apply_overrides(read_prompt(request.prompt, request.guess), request.spec)
    if request.bpm is not None:
        spec = spec.asked("bpm", bpm=checked_bpm(request.bpm, "/bpm"))
    if request.key:
        key = checked_key(request.key, "/key")
        spec = spec.asked("key", key=key, mode=key.mode)
    if request.structure:
        spec = spec.asked("structure", structure=checked_structure(_asked(request.structure), "/structure"))
    return replace(spec, structure=tuple(_read_section(section) for section in spec.structure))


def asked_of(extension: Extension) -> tuple[AskedSection, ...]:
    """The form that an extension asks for. Raises `AppError` for one that makes no sense."""
    return tuple(_read_section(section) for section in checked_structure(_asked(extension.structure), "/structure"))


def wish_of(extension: Extension) -> AskedSection:
    """What an extension's prompt says of everything that is added: its energy and what stays silent."""
    return _read_section(AskedSection("", bars=1, prompt=extension.prompt))


def _asked(sections: Iterable[Section]) -> tuple[AskedSection, ...]:
    return tuple(AskedSection(section.section, section.seconds, section.bars, section.prompt) for section in sections)


def read_prompt(prompt: str, guess: StyleGuess | None = None) -> MusicSpec:
    """What a text asks for; never fails. The guess counts where nothing says a style."""
    text = Text(prompt[:_READ_CHARACTERS], NEGATIONS)
    spec = _read_instruments(text, MusicSpec(DEFAULT_GENRE))
    genre_matches = _genres.find(text)
    mood_matches = [match for match in _moods.find(text) if not match.negated]
    spec = _choose_genre(genre_matches, mood_matches, guess, spec)
    spec = _read_mood(text, mood_matches, spec)
    spec = _read_tempo(text, spec)
    spec = _read_key(text, spec)
    spec = _read_meter(text, spec)
    for curve in _curves.find(text)[:1]:
        spec = spec.asked("curve", curve=curve.value)
    if any(not match.negated for match in _voices.find(text)):
        spec = spec.noted("The composer plays instruments only, so the voice was left out.")
    return spec


def _choose_genre(
    genres: list[Match[tuple[str, int]]], moods: list[Match[str]], guess: StyleGuess | None, spec: MusicSpec
) -> MusicSpec:
    """The style: the one that is named or suggested most, else one that suits instruments or mood, else the one that
    was guessed, else the default.
    """
    scores, places = _score_genres(genres)
    heard = any(score > 0 for score in scores.values())
    for instrument in spec.instruments:
        for name, weight in INSTRUMENT_GENRES.get(instrument, ()):
            if scores.get(name, 0) >= 0:
                scores[name] = scores.get(name, 0) + weight
    if "solo" in spec.explicit and spec.instruments == ("piano",):
        scores["piano"] = scores.get("piano", 0) + 30
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], places.get(pair[0], 1_000), pair[0]))
    if ranked and ranked[0][1] > 0:
        genre = GENRES[ranked[0][0]]
        spec = replace(spec, genre=genre.id, energy=genre.energy)
        if any(match.value[0] == genre.id and match.value[1] >= _NAMING_WEIGHT for match in genres):
            return spec.asked("genre")
        return spec.noted(f"No style was named; {genre.title} suits the {'scene' if heard else 'instruments'}.")
    suited = (MOOD_GENRES[mood.value] for mood in moods if scores.get(MOOD_GENRES[mood.value], 0) >= 0)
    genre = GENRES[next(suited, DEFAULT_GENRE)]
    note = f"No style was recognised in the prompt, so the default was used: {genre.title}."
    if moods and genre.id in {MOOD_GENRES[mood.value] for mood in moods}:
        note = f"No style was named; {genre.title} suits the mood."
    else:
        spec = replace(spec, open_styles=tuple(name for name in GENRES if scores.get(name, 0) >= 0))
    if guess is not None and guess.genre in spec.open_styles:
        genre, words = GENRES[guess.genre], ", ".join(f"“{word}”" for word in guess.words)
        note = (
            f"No style was recognised in the prompt; {genre.title} is nearest to its meaning (likeness "
            f"{guess.likeness:.2f}, by {words}). Name a style if you meant another."
        )
    return replace(spec, genre=genre.id, energy=genre.energy).noted(note)


def _score_genres(genres: list[Match[tuple[str, int]]]) -> tuple[dict[str, int], dict[str, int]]:
    """How strongly each style is named, and where first."""
    scores: dict[str, int] = {}
    places: dict[str, int] = {}
    previous: Match[tuple[str, int]] | None = None
    for match in genres:
        name, weight = match.value
        if match.negated:
            scores[name] = scores.get(name, 0) - 1_000
            continue
        scores[name] = scores.get(name, 0) + weight * 10
        places.setdefault(name, match.start)
        # In "epic rock" or "lofi jazz" the last word is the noun that the others colour.
        if previous is not None and previous.end == match.start and previous.value[1] == weight == 10:
            scores[name] += 5
        previous = match
    return scores, places


def _read_mood(text: Text, moods: list[Match[str]], spec: MusicSpec) -> MusicSpec:
    energy = spec.energy
    if moods:
        names = list(dict.fromkeys(match.value for match in moods))
        energy += sum(MOODS[name].energy for name in names) / len(names)
        mode = next((MOODS[name].mode for name in names if MOODS[name].mode), "")
        hint = sum(MOODS[name].tempo for name in names) / len(names)
        spec = spec.asked("mood", mood=names[0], mode=mode, tempo_hint=hint)
    shifts = [match.value * (-0.5 if match.negated else 1.0) for match in _energies.find(text)]
    energy += max(-0.3, min(0.3, sum(shifts)))
    return replace(spec, energy=round(min(1.0, max(0.1, energy)), 3))


def _read_tempo(text: Text, spec: MusicSpec) -> MusicSpec:
    for pattern in _BPM:
        match = pattern.search(text.folded)
        if match is not None:
            values = [float(group.replace(",", ".")) for group in match.groups() if group]
            bpm = sum(values) / len(values)
            if LOWEST_BPM <= bpm <= HIGHEST_BPM:
                return spec.asked("bpm", bpm=bpm)
            spec = spec.noted(
                f"{bpm:g} beats a minute cannot be played; tempi lie between {LOWEST_BPM:g} and {HIGHEST_BPM:g}."
            )
            break
    hints = [match for match in _tempi.find(text) if match.phrase != "upbeat" or not spec.tempo_hint]
    if hints:
        hint = sum(match.value * (-0.3 if match.negated else 1.0) for match in hints) / len(hints)
        return spec.asked("tempo", tempo_hint=hint)
    marking = next((match for match in _markings.find(text) if not match.negated), None)
    if marking is not None:
        return spec.asked("tempo", bpm=float(marking.value))
    return spec


def _read_key(text: Text, spec: MusicSpec) -> MusicSpec:
    key = find_key(text.raw)
    if key is not None:
        return spec.asked("key", key=key, mode=key.mode)
    match = _MODE_ONLY.search(text.folded)
    if match is not None:
        return spec.asked("mode", mode=next(group for group in match.groups() if group))
    return spec


def find_key(text: str) -> Key | None:
    """The key that a text names: "in A minor", "F# dorian", "Bbm", "la menor", "key of G"; None if it names none."""
    for pattern in (_KEY_LED, _KEY_BARE, _KEY_SHORT, _KEY_TONIC):
        match = pattern.search(text)
        if match is not None:
            key = parse_key(match.group(1))
            if key is not None and key.mode in MODES:
                return key
    match = _KEY_SOLFEGE.search(text.lower())
    if match is None:
        return None
    accidental = {"": "", "#": "#", "dièse": "#", "sostenido": "#", "diesis": "#"}.get(match.group(2) or "", "b")
    return parse_key(f"{_SOLFEGE[match.group(1)]}{accidental} {match.group(3)}")


def _read_meter(text: Text, spec: MusicSpec) -> MusicSpec:
    match = _METER.search(text.folded)
    if match is not None:
        meter = f"{match.group(1)}/{match.group(2)}"
        if meter in METERS:
            return spec.asked("meter", meter=meter)
        near = {"7/8": "7/4", "9/8": "3/4", "5/8": "5/4", "2/2": "4/4", "3/8": "3/4", "3/2": "3/4"}.get(meter)
        if near is None:
            return spec.noted(f"The meter {meter} is not known to the composer.")
        return spec.noted(f"The meter {meter} is written as {near}.").asked("meter", meter=near)
    if any(word in text.tokens for word in ("waltz", "waltzes", "walzer", "valse", "vals")):
        return spec.asked("meter", meter="3/4")
    return spec


def _read_instruments(text: Text, spec: MusicSpec) -> MusicSpec:
    wanted: list[str] = []
    unwanted: list[str] = []
    for absent in _absent.find(text):
        unwanted.append(absent.value)
    matches = [match for match in _instruments.find(text) if match.value]
    for match in matches:
        (unwanted if match.negated else wanted).append(match.value)
    for name in dict.fromkeys(name for name in wanted if name in unwanted):
        spec = spec.noted(f"The prompt both asks for {name} and refuses it, so none plays.")
    only = _is_solo(text, [match for match in matches if not match.negated])
    for ensemble in _ensembles.find(text)[:1]:
        players, absent_roles = ensemble.value
        wanted = [*players, *wanted]
        unwanted.extend(absent_roles)
        only = True
    wanted = [name for name in dict.fromkeys(wanted) if name not in unwanted][:MOST_INSTRUMENTS]
    if wanted:
        spec = spec.asked("instruments", instruments=tuple(wanted), only=only)
    if only and len(wanted) == 1:
        spec = spec.asked("solo")
    if unwanted:
        spec = spec.asked("without", without=tuple(dict.fromkeys(unwanted)))
    return spec


def _is_solo(text: Text, wanted: list[Match[str]]) -> bool:
    """Whether "solo", "just" or "only" beside the instruments makes them the whole line-up."""
    names = {INSTRUMENTS[match.value].family for match in wanted}
    if not wanted or len(names) > 2:
        return False
    first = wanted[0]
    if text.near(first.start, ("with", "featuring", "feat", "and", "plus", "mit", "con", "avec"), 4):
        return False
    if text.near(first.start, SOLO_WORDS, 2):
        return True
    last = wanted[-1].end
    if last < len(text.tokens) and not text.broken(last - 1, last + 1):
        return text.tokens[last] in {"only", "alone"} or (text.tokens[last] == "solo" and len(text.tokens) <= last + 2)
    return False


def _read_section(section: AskedSection) -> AskedSection:
    """A section's own prompt: its energy and what stays silent there."""
    if not section.prompt:
        return section
    text = Text(section.prompt[:_READ_CHARACTERS], NEGATIONS)
    moods = [MOODS[match.value].energy for match in _moods.find(text) if not match.negated]
    shifts = [match.value for match in _energies.find(text) if not match.negated]
    energy = section.energy
    if moods or shifts:
        energy = min(1.0, max(0.1, 0.55 + 1.6 * (sum(moods) + sum(shifts)) / (len(moods) + len(shifts))))
    without = [match.value for match in _absent.find(text)]
    without += [match.value for match in _instruments.find(text) if match.value and match.negated]
    return replace(section, energy=energy, without=tuple(dict.fromkeys(without)))
