# ruff: noqa: E501 — word lists read best with one row per instrument
"""Instruments that people ask for by name: General MIDI programs, compass, and the part that each usually plays."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument: `role` is "lead", "chords", "either", "pad", "bass", "drums" or "percussion" (then `lane` names the drum)."""

    name: str
    family: str
    program: int
    role: str
    low: int = 0
    high: int = 127
    lane: str = ""
    generic: bool = False
    """Whether the word only names a family, so that any member that the genre already has will do."""


def _table() -> dict[str, Instrument]:
    rows = [
        Instrument("piano", "piano", 0, "either", 36, 96),
        Instrument("electric piano", "electric piano", 4, "either", 40, 88),
        Instrument("honky-tonk piano", "piano", 3, "either", 40, 91),
        Instrument("harpsichord", "harpsichord", 6, "either", 41, 89),
        Instrument("clavinet", "clavinet", 7, "chords", 40, 84),
        Instrument("celesta", "bells", 8, "lead", 60, 96),
        Instrument("glockenspiel", "bells", 9, "lead", 67, 100),
        Instrument("music box", "bells", 10, "lead", 60, 96),
        Instrument("vibraphone", "vibraphone", 11, "either", 53, 89),
        Instrument("marimba", "marimba", 12, "either", 45, 89),
        Instrument("xylophone", "marimba", 13, "lead", 65, 96),
        Instrument("bells", "bells", 14, "lead", 60, 84, generic=True),
        Instrument("dulcimer", "dulcimer", 15, "either", 48, 84),
        Instrument("organ", "organ", 16, "chords", 36, 84, generic=True),
        Instrument("rock organ", "organ", 18, "chords", 36, 84),
        Instrument("harmonium", "organ", 20, "chords", 41, 84),
        Instrument("church organ", "organ", 19, "chords", 36, 84),
        Instrument("accordion", "accordion", 21, "either", 53, 86),
        Instrument("harmonica", "harmonica", 22, "lead", 60, 88),
        Instrument("bandoneon", "accordion", 23, "either", 48, 84),
        Instrument("guitar", "guitar", 25, "either", 40, 81, generic=True),
        Instrument("nylon guitar", "guitar", 24, "either", 40, 81),
        Instrument("acoustic guitar", "guitar", 25, "either", 40, 81),
        Instrument("jazz guitar", "guitar", 26, "either", 40, 84),
        Instrument("electric guitar", "guitar", 27, "either", 40, 84),
        Instrument("muted guitar", "guitar", 28, "chords", 40, 76),
        Instrument("overdriven guitar", "guitar", 29, "either", 40, 86),
        Instrument("distorted guitar", "guitar", 30, "either", 40, 86),
        Instrument("bass", "bass", 33, "bass", 28, 52, generic=True),
        Instrument("upright bass", "bass", 32, "bass", 28, 52),
        Instrument("electric bass", "bass", 33, "bass", 28, 52),
        Instrument("picked bass", "bass", 34, "bass", 28, 52),
        Instrument("fretless bass", "bass", 35, "bass", 28, 55),
        Instrument("slap bass", "bass", 36, "bass", 28, 52),
        Instrument("synth bass", "synth bass", 38, "bass", 24, 50),
        Instrument("violin", "violin", 40, "lead", 55, 93),
        Instrument("viola", "violin", 41, "lead", 48, 84),
        Instrument("cello", "cello", 42, "lead", 36, 74),
        Instrument("double bass", "bass", 43, "bass", 28, 52),
        Instrument("strings", "strings", 48, "pad", 43, 86, generic=True),
        Instrument("pizzicato strings", "strings", 45, "chords", 43, 86),
        Instrument("harp", "harp", 46, "either", 36, 91),
        Instrument("timpani", "timpani", 47, "percussion", 36, 55),
        Instrument("choir", "choir", 52, "pad", 48, 79, generic=True),
        Instrument("trumpet", "trumpet", 56, "lead", 55, 82),
        Instrument("trombone", "trombone", 57, "lead", 43, 70),
        Instrument("muted trumpet", "trumpet", 59, "lead", 55, 80),
        Instrument("tuba", "tuba", 58, "bass", 28, 53),
        Instrument("french horn", "horn", 60, "lead", 45, 74),
        Instrument("brass", "brass", 61, "chords", 46, 77, generic=True),
        Instrument("saxophone", "saxophone", 66, "lead", 47, 76, generic=True),
        Instrument("soprano saxophone", "saxophone", 64, "lead", 58, 86),
        Instrument("alto saxophone", "saxophone", 65, "lead", 52, 81),
        Instrument("tenor saxophone", "saxophone", 66, "lead", 47, 76),
        Instrument("oboe", "oboe", 68, "lead", 59, 88),
        Instrument("english horn", "oboe", 69, "lead", 53, 80),
        Instrument("bassoon", "bassoon", 70, "lead", 36, 67),
        Instrument("clarinet", "clarinet", 71, "lead", 52, 86),
        Instrument("flute", "flute", 73, "lead", 60, 93, generic=True),
        Instrument("piccolo", "flute", 72, "lead", 74, 102),
        Instrument("recorder", "flute", 74, "lead", 62, 91),
        Instrument("pan flute", "flute", 75, "lead", 60, 89),
        Instrument("shakuhachi", "flute", 77, "lead", 57, 84),
        Instrument("whistle", "flute", 78, "lead", 64, 90),
        Instrument("ocarina", "flute", 79, "lead", 60, 84),
        Instrument("synth lead", "synth", 81, "lead", 52, 91),
        Instrument("square lead", "synth", 80, "lead", 52, 96),
        Instrument("synth", "synth", 81, "either", 48, 91, generic=True),
        Instrument("pad", "pad", 89, "pad", 43, 84, generic=True),
        Instrument("sitar", "sitar", 104, "lead", 48, 77),
        Instrument("banjo", "banjo", 105, "either", 48, 84),
        Instrument("shamisen", "banjo", 106, "lead", 50, 81),
        Instrument("koto", "koto", 107, "either", 50, 86),
        Instrument("kalimba", "kalimba", 108, "lead", 53, 84),
        Instrument("bagpipes", "bagpipes", 109, "lead", 57, 77),
        Instrument("fiddle", "violin", 110, "lead", 55, 88),
        Instrument("steel drums", "steel drums", 114, "lead", 52, 84),
        Instrument("drums", "drums", 0, "drums", generic=True),
        Instrument("808", "drums", 25, "drums"),
        Instrument("brushes", "drums", 40, "drums"),
        Instrument("shaker", "percussion", 0, "percussion", lane="shaker"),
        Instrument("tambourine", "percussion", 0, "percussion", lane="tambourine"),
        Instrument("claps", "percussion", 0, "percussion", lane="clap"),
        Instrument("congas", "percussion", 0, "percussion", lane="conga"),
        Instrument("bongos", "percussion", 0, "percussion", lane="bongo"),
        Instrument("cowbell", "percussion", 0, "percussion", lane="cowbell"),
        Instrument("claves", "percussion", 0, "percussion", lane="claves"),
        Instrument("triangle", "percussion", 0, "percussion", lane="triangle"),
    ]
    return {row.name: row for row in rows}


INSTRUMENTS: dict[str, Instrument] = _table()

EXTRA_FAMILIES: dict[str, frozenset[int]] = {
    "piano": frozenset({0, 1, 2, 3}),
    "electric piano": frozenset({4, 5}),
    "bells": frozenset({8, 9, 10, 14, 98, 112}),
    "organ": frozenset({16, 17, 18, 19, 20}),
    "guitar": frozenset(range(24, 32)),
    "bass": frozenset({32, 33, 34, 35, 36, 37, 43}),
    "synth bass": frozenset({38, 39}),
    "violin": frozenset({40, 41, 110}),
    "strings": frozenset({40, 41, 42, 44, 45, 48, 49, 50, 51}),
    "choir": frozenset({52, 53, 54}),
    "trumpet": frozenset({56, 59}),
    "brass": frozenset({56, 57, 58, 59, 60, 61, 62, 63}),
    "saxophone": frozenset({64, 65, 66, 67}),
    "flute": frozenset({72, 73, 74, 75, 76, 77, 78, 79}),
    "synth": frozenset({38, 39, 50, 51, 54, 62, 63, *range(80, 104)}),
    "pad": frozenset(range(88, 96)),
}
"""Programs that a family's name covers, beyond the instruments' own."""

_WORDS: dict[str, tuple[str, ...]] = {
    "piano": ("piano", "pianos", "grand piano", "upright piano", "felt piano", "klavier", "pianoforte", "keys", "ピアノ", "钢琴", "пианино", "фортепиано", "피아노"),
    "electric piano": ("electric piano", "rhodes", "fender rhodes", "wurlitzer", "e-piano", "epiano", "e piano", "dx7"),
    "honky-tonk piano": ("honky tonk piano", "honky-tonk piano", "saloon piano", "barroom piano", "ragtime piano"),
    "harpsichord": ("harpsichord", "cembalo", "clavecin", "clavicembalo", "clave barroco"),
    "clavinet": ("clavinet", "clav"),
    "celesta": ("celesta", "celeste"),
    "glockenspiel": ("glockenspiel", "glock"),
    "music box": ("music box", "spieluhr", "caja de musica", "boîte à musique", "musical box"),
    "vibraphone": ("vibraphone", "vibes solo", "vibraphon", "mallets"),
    "marimba": ("marimba", "marimbas"),
    "xylophone": ("xylophone", "xylophon"),
    "bells": ("tubular bells", "church bells", "bells", "bell", "chimes", "glocken"),
    "dulcimer": ("dulcimer", "hammered dulcimer", "santur", "cimbalom"),
    "organ": ("organ", "hammond", "b3", "orgel", "orgue", "organo", "órgano"),
    "harmonium": ("harmonium", "reed organ", "pump organ"),
    "church organ": ("church organ", "pipe organ", "kirchenorgel"),
    "accordion": ("accordion", "akkordeon", "accordéon", "acordeón", "acordeon", "musette", "squeezebox"),
    "harmonica": ("harmonica", "mouth organ", "mundharmonika", "armónica", "blues harp"),
    "bandoneon": ("bandoneon", "bandoneón"),
    "nylon guitar": ("nylon guitar", "classical guitar", "spanish guitar", "nylon-string guitar", "nylon string guitar", "flamenco guitar", "guitarra española", "konzertgitarre"),
    "guitar": ("guitar", "guitars", "gitarre", "guitare", "guitarra", "chitarra", "гитара", "ギター", "吉他", "기타"),
    "acoustic guitar": ("acoustic guitar", "acoustic guitars", "steel guitar", "steel-string guitar", "steel string guitar", "akustikgitarre", "guitare acoustique", "guitarra acústica", "violão", "violao", "ukulele", "mandolin"),
    "jazz guitar": ("jazz guitar", "hollow body guitar", "archtop"),
    "electric guitar": ("electric guitar", "clean guitar", "clean electric guitar", "e-gitarre", "telecaster", "stratocaster", "guitarra eléctrica", "guitare électrique"),
    "muted guitar": ("muted guitar", "palm muted guitar", "palm-muted guitar"),
    "overdriven guitar": ("overdriven guitar", "crunchy guitar", "crunch guitar", "overdrive guitar"),
    "distorted guitar": ("distorted guitar", "distortion guitar", "distorted guitars", "heavy guitar", "heavy guitars", "power chords", "guitar riffs", "fuzz guitar"),
    "upright bass": ("upright bass", "acoustic bass", "walking bass", "kontrabass", "contrebasse", "contrabajo"),
    "bass": ("bass", "basse", "bajo", "basso", "baixo", "deep bass", "bassline", "bass line", "ベース", "бас", "贝斯"),
    "electric bass": ("electric bass", "bass guitar", "e-bass", "fingered bass"),
    "picked bass": ("picked bass",),
    "fretless bass": ("fretless bass", "fretless"),
    "slap bass": ("slap bass", "slapped bass"),
    "synth bass": ("synth bass", "sub bass", "sub-bass", "808 bass", "reese bass", "acid bass", "moog bass", "bassline synth", "303"),
    "violin": ("violin", "violins", "geige", "violine", "violon", "violín", "violino", "バイオリン", "小提琴", "скрипка"),
    "viola": ("viola", "bratsche"),
    "cello": ("cello", "cellos", "violoncello", "violoncelle", "violonchelo", "チェロ", "大提琴"),
    "double bass": ("double bass", "contrabass", "bowed bass"),
    "strings": ("strings", "string section", "string ensemble", "string orchestra", "streicher", "cordes", "cuerdas", "archi", "cordas", "orchestral strings"),
    "pizzicato strings": ("pizzicato", "pizzicato strings", "plucked strings"),
    "harp": ("harp", "harfe", "harpe", "arpa", "harpa"),
    "timpani": ("timpani", "kettledrums", "pauken"),
    "choir": ("choir", "choirs", "chorus voices", "choral", "chor", "chœur", "coro", "vocal pads", "voices", "oohs", "aahs", "gregorian"),
    "trumpet": ("trumpet", "trumpets", "trompete", "trompette", "trompeta", "tromba", "flugelhorn", "cornet"),
    "muted trumpet": ("muted trumpet", "harmon mute"),
    "trombone": ("trombone", "trombones", "posaune"),
    "tuba": ("tuba", "tubas", "sousaphone", "basstuba"),
    "french horn": ("french horn", "french horns", "horn", "horns section", "waldhorn"),
    "brass": ("brass", "brass section", "horn section", "horns", "brass stabs", "bläser", "metales", "cuivres", "fiati"),
    "soprano saxophone": ("soprano sax", "soprano saxophone"),
    "saxophone": ("sax", "saxophone", "saxophones", "saxophon", "saxofón", "saxofone", "サックス", "萨克斯"),
    "alto saxophone": ("alto sax", "alto saxophone"),
    "tenor saxophone": ("tenor sax", "tenor saxophone"),
    "oboe": ("oboe", "hautbois"),
    "english horn": ("english horn", "cor anglais"),
    "bassoon": ("bassoon", "fagott"),
    "clarinet": ("clarinet", "klarinette", "clarinette", "clarinete"),
    "flute": ("flute", "flutes", "flöte", "flûte", "flauta", "flauto", "フルート", "长笛"),
    "piccolo": ("piccolo", "piccolo flute", "piccoloflöte"),
    "recorder": ("recorder", "blockflöte"),
    "pan flute": ("pan flute", "panpipes", "pan pipes", "panflöte", "zampoña"),
    "shakuhachi": ("shakuhachi", "bamboo flute"),
    "whistle": ("whistle", "whistling", "tin whistle", "whistled"),
    "ocarina": ("ocarina",),
    "synth lead": ("synth lead", "lead synth", "saw lead", "sawtooth lead", "supersaw", "supersaws"),
    "square lead": ("square lead", "square wave", "pulse wave"),
    "synth": ("synth", "synths", "synthesizer", "synthesizers", "synthesiser", "analog synths", "analogue synths", "sintetizador", "synthé", "シンセ"),
    "pad": ("pad", "pads", "warm pad", "synth pad", "synth pads", "warm pads", "drone", "drones"),
    "sitar": ("sitar",),
    "banjo": ("banjo",),
    "shamisen": ("shamisen",),
    "koto": ("koto", "guzheng"),
    "kalimba": ("kalimba", "thumb piano", "mbira"),
    "bagpipes": ("bagpipes", "bagpipe", "dudelsack", "uilleann pipes"),
    "fiddle": ("fiddle",),
    "steel drums": ("steel drums", "steelpan", "steel pan", "steel drum"),
    "drums": ("drums", "drum", "drum kit", "drumkit", "beats", "schlagzeug", "batterie", "batería", "bateria", "batteria", "ドラム", "ударные", "드럼", "drum machine", "percussion", "perkussion", "percusión"),
    "808": ("808", "808s", "tr-808", "808 drums", "808 kick"),
    "brushes": ("brushes", "brushed drums", "brush kit", "brushed snare"),
    "shaker": ("shaker", "shakers", "maracas"),
    "tambourine": ("tambourine", "pandeiro"),
    "claps": ("claps", "handclaps", "hand claps", "clapping"),
    "congas": ("congas", "conga"),
    "bongos": ("bongos", "bongo"),
    "cowbell": ("cowbell", "cowbells"),
    "claves": ("claves",),
    "triangle": ("triangle",),
}  # fmt: skip

INSTRUMENT_WORDS: dict[str, str] = {word: name for name, words in _WORDS.items() for word in words}
"""Lower-case phrase → instrument name."""

_SPACE = re.compile(r"\s+")


def find_instrument(text: str) -> Instrument | None:
    """The instrument that a free name means ("Rhodes", "nylon-string guitar"); None if it is unknown."""
    word = _SPACE.sub(" ", text.strip().lower())
    name = word if word in INSTRUMENTS else INSTRUMENT_WORDS.get(word) or INSTRUMENT_WORDS.get(word.rstrip("s"))
    return INSTRUMENTS.get(name) if name else None


def family_programs(family: str) -> frozenset[int]:
    """Every General MIDI program that counts as this family of instruments."""
    own = frozenset(row.program for row in INSTRUMENTS.values() if row.family == family)
    return own | EXTRA_FAMILIES.get(family, frozenset())


def honest_name(name: str, program: int) -> str:
    """A part's name; if it names an instrument that the program is not, the name of the program's own instrument."""
    named = find_instrument(name)
    if named is None or program in family_programs(named.family):
        return name
    return next((row.name for row in INSTRUMENTS.values() if row.program == program and not row.lane), name)


SUSTAINING = frozenset({*range(16, 24), 29, 30, *range(40, 45), *range(48, 80), *range(80, 104), 109, 110, 111})
"""Programs whose held notes keep sounding: they are released before a song's end, so that its last chord can fade."""
