"""A prompt that says no style gets the nearest in meaning, if its optional model lies there; nothing else changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from scripts.composer_measures.prompts import guessed, prompts
from services.generation import job_request
from services.generation.backends.composer import ComposerBackend
from services.generation.backends.protocol import BackendEnvironment, Extension, GenerationRequest, StyleGuess
from services.generation.composer import style_guesser
from services.generation.composer.compose import compose
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.learned.style_words import StyleWords, learned_style_words
from services.generation.composer.lexicon import DEFAULT_GENRE
from services.generation.composer.prompt import read_prompt, read_request
from services.generation.composer.recipe import request_from
from services.generation.composer.sentence_encoder import SentenceEncoder
from services.generation.composer.style_guesser import TOKENIZER, WEIGHTS, StyleGuesser, guess_style
from services.shared.assets.store import AssetStore, sha256_of
from tests.support.tiny_sentences import tiny_store, tiny_tensors, tiny_tokenizer

ASSETS = Path(__file__).resolve().parents[4] / "var" / "assets"
OBLIQUE = "a busy kitchen, the plates"
REQUEST = GenerationRequest(OBLIQUE, 12.0, "composer", 5)
GUESS = StyleGuess("bossa", 0.31, ("yacht", "terrace"))
# Random weights know nothing: what they should find near is the prompt itself, and everything else is far.
WORDS = {"funk": [OBLIQUE], "jazz": ["he walks home through the town"], "ambient": ["quiet"]}


@pytest.fixture
def store(tmp_path: Path) -> AssetStore:
    return tiny_store(tmp_path)


@pytest.fixture
def guesser(store: AssetStore) -> StyleGuesser:
    encoder = SentenceEncoder(tiny_tensors(), tiny_tokenizer())
    vectors = np.rint(encoder.encode([word for words in WORDS.values() for word in words]) * 127).astype(np.int8)
    return StyleGuesser(store, lambda: StyleWords(WORDS, vectors))


def pointing(vectors: Mapping[str, list[list[int]]]) -> StyleWords:
    """Words that are called after their places."""
    rows = [row for style in vectors.values() for row in style]
    return StyleWords(
        {style: [f"{style} {n}" for n in range(len(rows))] for style, rows in vectors.items()}, np.array(rows)
    )


def test_the_nearest_style_is_taken_and_said_with_its_words(guesser: StyleGuesser) -> None:
    settled = guesser.settle(REQUEST)
    assert settled.guess is not None
    assert settled.guess.genre == "funk"
    assert settled == replace(REQUEST, guess=settled.guess)
    spec = read_request(settled)
    assert (spec.genre, spec.energy) == ("funk", GENRES["funk"].energy)
    assert "genre" not in spec.explicit
    [note] = spec.notes
    assert all(said in note for said in ("Funk", f"{settled.guess.likeness:.2f}", f"“{OBLIQUE}”", "Name a style"))


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, prompt=f"{OBLIQUE}, jazz"),
        replace(REQUEST, prompt="rain after a busy kitchen"),
        replace(REQUEST, prompt=f"{OBLIQUE}, violins"),
        replace(REQUEST, prompt=f"a sad evening, {OBLIQUE}"),
        replace(REQUEST, spec={"genre": "metal"}),
        replace(REQUEST, variation_of_id="track"),
        replace(REQUEST, continue_from_id="track", extensions=(Extension(4, 12.0, 1),)),
        replace(REQUEST, guess=GUESS),
    ],
    ids=["style", "scene", "instrument", "mood", "field", "variation", "extension", "guessed before"],
)
def test_what_says_its_style_or_has_one_is_left_alone(guesser: StyleGuesser, request_: GenerationRequest) -> None:
    assert guesser.settle(request_) is request_


def test_a_style_that_is_not_wanted_is_not_guessed(guesser: StyleGuesser) -> None:
    settled = guesser.settle(replace(REQUEST, prompt=f"no funk; {OBLIQUE}"))
    assert settled.guess is None or settled.guess.genre != "funk"
    assert "funk" not in read_prompt("no funk; the plates").open_styles
    assert read_prompt("no funk; the plates", replace(GUESS, genre="funk")).genre == DEFAULT_GENRE


def test_what_is_near_to_nothing_keeps_the_default(guesser: StyleGuesser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_guesser, "LEAST_LIKENESS", 1.01)
    assert guesser.settle(REQUEST) is REQUEST
    assert read_request(REQUEST).genre == DEFAULT_GENRE


@pytest.mark.parametrize(
    "prompt",
    ["", " ", "kitchen", "😀😀😀", "\x00\x1b\x07", "夜の海辺を歩く", "qwe qwe qwe", "sista bussen hem", "q" * 100_000],
)
def test_no_english_no_guess(guesser: StyleGuesser, prompt: str) -> None:
    assert guesser.settle(replace(REQUEST, prompt=prompt)).guess is None


def test_foreign_articles_among_words_that_the_model_knows_are_no_english(guesser: StyleGuesser) -> None:
    assert guesser.settle(replace(REQUEST, prompt="la kitchen de the evening")).guess is None
    assert guesser.settle(
        replace(REQUEST, prompt="he walks home through the town after a long evening at la town")
    ).guess


def test_a_prompt_without_end_is_read_to_a_point(guesser: StyleGuesser) -> None:
    assert guesser.settle(replace(REQUEST, prompt="the plates at home " * 20_000)).guess is not None


def test_likenesses_that_differ_by_rounding_are_one_and_the_first_name_wins() -> None:
    words = pointing({"soul": [[4, 1_000]], "funk": [[5, 1_000]], "jazz": [[100, 1_000]]})
    vector = np.array([0.0, 1.0], np.float32)
    assert words.nearest(vector, ("soul", "funk", "jazz")).genre == "funk"
    assert words.nearest(vector, ("soul", "jazz")).genre == "soul"
    assert words.nearest(np.array([-1.0, 0.0], np.float32), ("soul", "jazz")).likeness <= 0.0


def test_five_near_words_count_more_than_one() -> None:
    words = pointing({"house": [[1, 0], *[[0, 1]] * 9], "techno": [[9, 5]] * 6})
    guess = words.nearest(np.array([1.0, 0.0], np.float32), ("house", "techno"))
    assert (guess.genre, len(guess.words)) == ("techno", 3)
    assert guess.words[0] == "techno 0"


def test_a_guess_stays_with_its_song(tmp_path: Path) -> None:
    song = compose(replace(REQUEST, guess=GUESS))
    assert song.genre == "bossa"
    again = request_from(song.spec["recipe"], "composer")
    assert again.guess == GUESS
    assert compose(again).parts == song.parts
    varied = replace(again, seed=9, frame_seed=5, variation_of_id="track")
    decoded, _ = job_request.decode(job_request.encode(varied, {}))
    assert decoded == varied
    assert StyleGuesser(AssetStore(tmp_path)).settle(decoded) is decoded
    assert compose(decoded).genre == "bossa"
    longer = replace(again, duration_seconds=30.0, extensions=(Extension(4, 12.0, 1),), continue_from_id="track")
    assert compose(longer).genre == "bossa"


def test_songs_without_a_guess_have_the_recipe_that_they_had() -> None:
    assert "guess" not in compose(REQUEST).spec["recipe"]
    assert "guess" not in job_request.encode(REQUEST, {})


def test_nobody_is_told_about_files_that_nobody_fetched(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert StyleGuesser(AssetStore(tmp_path)).settle(REQUEST) is REQUEST
    assert logs == []


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_damaged_files_are_said_once_and_used_when_mended(
    guesser: StyleGuesser, store: AssetStore, name: str, damage: str
) -> None:
    file = store.place(name)
    content = file.read_bytes()
    file.write_bytes(content[:-7] if damage == "cut off" else content[:-1] + b"\x00")
    with capture_logs() as logs:
        assert guesser.settle(REQUEST) is REQUEST
        assert guesser.settle(REQUEST) is REQUEST
    assert [log["event"] for log in logs] == ["style_guesser_unusable"]
    file.unlink()
    file.write_bytes(content)
    assert guesser.settle(REQUEST).guess is not None


def test_the_backend_asks_before_it_composes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[GenerationRequest] = []

    class Asked(Exception):  # noqa: N818 — it is no error
        pass

    def remember(_: Any, request: GenerationRequest) -> GenerationRequest:
        asked.append(request)
        raise Asked

    backend = ComposerBackend(BackendEnvironment(tmp_path, tmp_path))
    monkeypatch.setattr(backend, "_open_studio", lambda: None)
    monkeypatch.setattr(StyleGuesser, "settle", remember)
    with pytest.raises(Asked):
        backend._make(REQUEST, context=_Silent(), abandoned=None)  # type: ignore[arg-type]
    assert asked == [REQUEST]
    backend.close()


class _Silent:
    def check(self) -> None: ...

    def progress(self, *_: object) -> None: ...


def test_every_style_has_words_and_vectors_of_the_models_width() -> None:
    words = learned_style_words()
    assert words.words.keys() == set(GENRES)
    assert all(len(names) >= 10 and names[0] == GENRES[style].title for style, names in words.words.items())
    guess = words.nearest(words._vectors["reggae"][0], GENRES)
    assert guess.genre == "reggae"
    assert words._vectors["reggae"].shape[1] == 384


def test_the_oblique_prompts_are_the_frozen_ones() -> None:
    text = (Path(__file__).parent / "prompts" / "oblique.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "c029e7a0c9e6930e6a21df2faf0c1addfca364b8112b5000a1592c65beaa2369"
    assert all(set(row["genres"]) <= set(GENRES) for row in prompts("oblique"))
    assert len({row["text"] for row in prompts("oblique")}) == 40


@pytest.fixture(scope="module")
def real() -> StyleGuesser:
    store = AssetStore(ASSETS)
    if not (store.has(WEIGHTS) and store.has(TOKENIZER)):
        pytest.skip(f"needs {WEIGHTS}: python scripts/fetch_assets.py {WEIGHTS}")
    return StyleGuesser(store)


@pytest.mark.slow
def test_oblique_prompts_are_understood_better_than_without(real: StyleGuesser) -> None:
    rows = guessed("oblique", real)
    without = sum(row.lexicon in row.accepted for row in rows)
    assert sum(row.style in row.accepted for row in rows) >= without + 5, rows


@pytest.mark.slow
def test_the_shipped_vectors_are_the_real_models(real: StyleGuesser) -> None:
    encoder, words = real._loaded(), learned_style_words()
    assert encoder is not None
    for style, names in words.words.items():
        assert (encoder.encode(names) * words._vectors[style]).sum(axis=1).min() > 0.9995


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompt",
    [
        *("qwertz uiop", "hello", "the", "lorem ipsum dolor sit amet", "my invoice number is 4711"),
        *("der Geruch von frischem Brot am Sonntag", "la sensación de volver a casa", "le matin où tu es partie"),
        *("la casa de mi padre", "une maison en hiver", "Die Hand in der Sand", "El amor de la casa"),
        *("ночной поезд уходит на север", "o cheiro da chuva no sertão", "jazda nocą przez miasto"),
    ],
)
def test_nonsense_and_other_languages_keep_the_default(real: StyleGuesser, prompt: str) -> None:
    encoder = real._loaded()
    assert encoder is not None
    assert guess_style(encoder, learned_style_words(), prompt, tuple(GENRES)) is None


def test_the_stand_in_is_what_its_catalogue_pins(store: AssetStore) -> None:
    assert all(sha256_of(store.place(name)) == store.spec(name).sha256 for name in (WEIGHTS, TOKENIZER))
