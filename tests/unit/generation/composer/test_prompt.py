"""Prompts are understood: what is written wins, what is unknown is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.lexicon import DEFAULT_GENRE
from services.generation.composer.prompt import find_key, read_prompt

DIRECT = [
    ("epic orchestral battle", "cinematic"),
    ("techno 130 bpm", "techno"),
    ("bossa nova nylon guitar", "bossa"),
    ("sad solo piano", "piano"),
    ("drum and bass", "dnb"),
    ("lofi no drums", "lofi"),
    ("jazz trio", "jazz"),
    ("8-bit", "chiptune"),
    ("metal", "metal"),
    ("90s boom bap beat", "hiphop"),
    ("dark trap with 808s", "trap"),
    ("deep house", "house"),
    ("uplifting trance anthem", "trance"),
    ("80s synthwave", "synthwave"),
    ("floating ambient drones", "ambient"),
    ("a waltz for string orchestra", "orchestral"),
    ("salsa with brass", "latin"),
    ("funky slap bass groove", "funk"),
    ("disco strings", "disco"),
    ("neo-soul with rhodes", "soul"),
    ("slow 12-bar blues", "blues"),
    ("punk rock", "rock"),
    ("fingerpicked acoustic folk", "folk"),
    ("country with banjo", "country"),
    ("roots reggae", "reggae"),
    ("bright dance pop", "pop"),
    ("piano ballad about goodbye", "ballad"),
    ("heavy dubstep drop", "dubstep"),
]


@pytest.mark.parametrize(("prompt", "genre"), DIRECT)
def test_a_named_style_is_chosen(prompt: str, genre: str) -> None:
    spec = read_prompt(prompt)
    assert spec.genre == genre
    assert "genre" in spec.explicit
    assert not spec.notes


def test_every_genre_can_be_named() -> None:
    assert {genre for _, genre in DIRECT} == set(GENRES)


@pytest.mark.parametrize(
    ("prompt", "genre"),
    [
        ("calm beat for a rainy study session", "lofi"),
        ("a knight rides against the dragon", "cinematic"),
        ("driving at night through neon lights", "synthwave"),
        ("help me sleep, soft and slow", "ambient"),
        ("something for my workout at the gym", "trance"),
        ("cowboy riding across the prairie", "country"),
        ("our first dance at the wedding", "ballad"),
        ("haunted house", "cinematic"),
        ("car chase with adrenaline", "dnb"),
        ("campfire in the forest", "folk"),
    ],
)
def test_scenes_suggest_a_style(prompt: str, genre: str) -> None:
    assert read_prompt(prompt).genre == genre


def test_a_suggested_style_is_not_taken_for_an_asked_one() -> None:
    spec = read_prompt("kids at a birthday party")
    assert "genre" not in spec.explicit
    assert any("suits the scene" in note for note in spec.notes)


@pytest.mark.parametrize(
    ("prompt", "genre"),
    [
        ("ein trauriges Klavierstück", "piano"),
        ("ruhige Entspannung zum Schlafen, Schlaf", "ambient"),
        ("una balada romántica", "ballad"),
        ("música electrónica techno", "techno"),
        ("valse avec orchestre symphonique, classique", "orchestral"),
        ("jazz calmo con sassofono", "jazz"),
        ("грустная песня на пианино", "piano"),
        ("ジャズ", "jazz"),
        ("激しいロック", "rock"),
        ("吉他", "folk"),
    ],
)
def test_other_languages_degrade_politely(prompt: str, genre: str) -> None:
    assert read_prompt(prompt).genre == genre


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("lofi at 80 bpm", 80.0),
        ("techno 130BPM", 130.0),
        ("house, 124-126 bpm", 125.0),
        ("tempo 95, pop", 95.0),
        ("tempo: 101.5 rock", 101.5),
        ("150 beats per minute metal", 150.0),
        ("trap beat 140 in C# minor", 140.0),
        ("adagio for strings", 70.0),
        ("presto piano", 180.0),
    ],
)
def test_a_written_tempo_is_taken(prompt: str, bpm: float) -> None:
    assert read_prompt(prompt).bpm == bpm


@pytest.mark.parametrize(
    "prompt", ["80s pop", "song from 1984", "800 bpm speedcore", "5 bpm", "at 10 am", "100 years ago"]
)
def test_numbers_that_are_no_tempo_are_left_alone(prompt: str) -> None:
    assert read_prompt(prompt).bpm is None


def test_an_impossible_tempo_is_said() -> None:
    assert any("800" in note for note in read_prompt("800 bpm speedcore").notes)


@pytest.mark.parametrize(
    ("prompt", "key"),
    [
        ("lofi in A minor", "A minor"),
        ("funk in f# dorian", "F# dorian"),
        ("house in Bb minor, 122 bpm", "Bb minor"),
        ("ballad in E flat major", "Eb major"),
        ("Klavier in c-moll", "C minor"),
        ("Walzer in Es-Dur", "Eb major"),
        ("una canción en la menor", "A minor"),
        ("morceau en ré mineur", "D minor"),
        ("key of G, folk", "G major"),
        ("rock, F#m", "F# minor"),
        ("upbeat pop in C", "C major"),
        ("D mixolydian jam", "D mixolydian"),
    ],
)
def test_a_written_key_is_taken(prompt: str, key: str) -> None:
    found = find_key(prompt)
    assert found is not None
    assert found.name == key


@pytest.mark.parametrize(
    "prompt",
    [
        "music in a minor key",
        "a major hit",
        "in a minor setback",
        "Am I dreaming",
        "I am in Amsterdam",
        "a sad song",
        "plan b minor details",
    ],
)
def test_words_that_only_look_like_keys_are_not(prompt: str) -> None:
    found = find_key(prompt)
    assert found is None or found.name == "B minor"


@pytest.mark.parametrize(
    ("prompt", "mode"),
    [
        ("music in a minor key", "minor"),
        ("pop in major", "major"),
        ("dorian funk", "dorian"),
        ("happy folk", "major"),
        ("sad folk", "minor"),
    ],
)
def test_a_mode_without_a_tonic_is_understood(prompt: str, mode: str) -> None:
    spec = read_prompt(prompt)
    assert spec.key is None
    assert spec.mode == mode


@pytest.mark.parametrize(
    ("prompt", "meter"),
    [
        ("jazz in 5/4", "5/4"),
        ("a 3/4 ballad", "3/4"),
        ("waltz", "3/4"),
        ("6/8 jig", "6/8"),
        ("prog rock 7/8", "7/4"),
        ("12/8 blues", "12/8"),
    ],
)
def test_a_written_meter_is_taken(prompt: str, meter: str) -> None:
    assert read_prompt(prompt).meter == meter


def test_an_unknown_meter_is_said() -> None:
    spec = read_prompt("rock in 13/8")
    assert spec.meter == ""
    assert any("13/8" in note for note in spec.notes)


@pytest.mark.parametrize(
    ("prompt", "wanted", "unwanted"),
    [
        ("lofi no drums", (), ("drums",)),
        ("dusty piano lofi", ("piano",), ()),
        ("rock without bass", (), ("bass",)),
        ("pop without drums and bass", (), ("drums", "bass")),
        ("no drums, piano and cello", ("piano", "cello"), ("drums",)),
        ("no drums piano", ("piano",), ("drums",)),
        ("no loud drums or bass, just strings", ("strings",), ("drums", "bass")),
        ("drumless jazz", (), ("drums",)),
        ("ohne Schlagzeug, Gitarre", ("guitar",), ("drums",)),
        ("sans batterie avec violon", ("violin",), ("drums",)),
        ("drum and bass", (), ()),
        ("house with saxophone and congas", ("saxophone", "congas"), ()),
        ("I don't want to hear any drums, techno", (), ("drums",)),
        ("please do not use any strings, ballad", (), ("strings",)),
        ("everything but drums, pop", (), ("drums",)),
        ("rock, pas de piano ni d'orgue", (), ("piano", "organ")),
        ("valse à l'accordéon", ("accordion",), ()),
        ("jazz zonder piano", (), ("piano",)),
        ("techno ohne Melodie", (), ("melody",)),
        ("not only piano but also violin", ("piano", "violin"), ()),
    ],
)
def test_instruments_are_wanted_or_not(prompt: str, wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> None:
    spec = read_prompt(prompt)
    assert set(spec.instruments) == set(wanted)
    assert set(spec.without) == set(unwanted)


@pytest.mark.parametrize(
    "prompt", ["solo piano", "sad solo piano piece", "just acoustic guitar", "acoustic guitar only", "piano alone"]
)
def test_solo_leaves_everybody_else_out(prompt: str) -> None:
    assert read_prompt(prompt).only


@pytest.mark.parametrize(
    "prompt", ["rock with a guitar solo", "jazz featuring solo trumpet", "piano, drums, bass and strings only"]
)
def test_a_solo_inside_a_band_does_not(prompt: str) -> None:
    assert not read_prompt(prompt).only


def test_who_is_asked_for_and_refused_does_not_play_and_it_is_said() -> None:
    spec = read_prompt("rock with drums, no drums")
    assert (spec.instruments, spec.without) == ((), ("drums",))
    assert any("drums" in note for note in spec.notes)
    assert not read_prompt("string quartet without viola").notes


@pytest.mark.parametrize("prompt", ["anything but rock", "not rock", "pas rock"])
def test_a_refused_style_is_not_chosen(prompt: str) -> None:
    assert read_prompt(prompt).genre != "rock"


@pytest.mark.parametrize("prompt", ["don't make it sad", "nicht traurig", "pas trop triste"])
def test_a_refused_mood_is_not_taken(prompt: str) -> None:
    assert not read_prompt(prompt).mood


def test_negation_ends_with_its_noun() -> None:
    spec = read_prompt("no drums calm piano")
    assert spec.mood == "calm"
    assert read_prompt("not too fast rock").genre == "rock"
    assert read_prompt("no jazz, just blues").genre == "blues"


@pytest.mark.parametrize(
    ("slow", "fast"),
    [("slow rock", "fast rock"), ("langsamer Rock, langsam", "schneller Rock"), ("very slow pop", "uptempo pop")],
)
def test_tempo_words_pull_apart(slow: str, fast: str) -> None:
    assert read_prompt(slow).tempo_hint < 0 < read_prompt(fast).tempo_hint


def test_energy_words_pull_apart() -> None:
    assert read_prompt("quiet sparse pop").energy < read_prompt("pop").energy < read_prompt("huge loud pop").energy


def test_a_prompt_about_nothing_gets_the_default_and_says_so() -> None:
    spec = read_prompt("qwertz uiop")
    assert spec.genre == DEFAULT_GENRE
    assert "genre" not in spec.explicit
    assert any("default" in note for note in spec.notes)


def test_a_voice_is_said_to_be_missing() -> None:
    assert any("voice" in note for note in read_prompt("pop with female vocals").notes)
    assert not read_prompt("pop, no vocals").notes


def test_curves_are_heard() -> None:
    assert read_prompt("cinematic that builds up slowly").curve == "build"
    assert read_prompt("ambient that fades").curve == "fade"


@given(st.text(max_size=4_500))
def test_any_text_is_understood_somehow(text: str) -> None:
    assert read_prompt(text).genre in GENRES


WORDS = (
    *("no", "not", "and", "or", "without", "solo", "slow", "in", "-", ",", "."),
    *("piano", "drums", "bass", "jazz", "A", "minor", "3/4", "120", "bpm"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_any_order_of_known_words_is_understood_somehow(words: list[str]) -> None:
    spec = read_prompt(" ".join(words))
    assert not set(spec.instruments) & set(spec.without)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("in B-flat major", "Bb major"),
        ("F-sharp minor, slow", "F# minor"),
        ("in the key of A-flat", "Ab major"),
        ("E -flat minor", "Eb minor"),
    ],
)
def test_accidentals_may_hang_on_a_hyphen(text: str, name: str) -> None:
    key = find_key(text)
    assert key is not None
    assert key.name == name


@pytest.mark.parametrize(
    ("prompt", "absent"),
    [
        ("soul, leave out the drums", "drums"),
        ("rock, skip the piano", "piano"),
        ("folk avoiding guitars", "guitar"),
        ("omit strings, cinematic", "strings"),
    ],
)
def test_verbs_leave_instruments_out_too(prompt: str, absent: str) -> None:
    assert absent in read_prompt(prompt).without


@pytest.mark.parametrize(
    ("prompt", "genre"),
    [
        ("a skateboarder downtown", "hiphop"),
        ("slow dancing, nobody else there", "soul"),
        ("two bullfighters", "latin"),
        ("he hikes alone", "folk"),
    ],
)
def test_scenes_are_known_in_other_forms_of_their_words(prompt: str, genre: str) -> None:
    assert read_prompt(prompt).genre == genre


@pytest.mark.parametrize("prompt", ["rocking chair", "trapped in a lift", "counties", "souls", "new houses"])
def test_names_of_styles_are_not_bent(prompt: str) -> None:
    assert read_prompt(prompt).genre == DEFAULT_GENRE
