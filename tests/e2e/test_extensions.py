"""A song that one likes, made longer: the same notes up to the join, the same key and tempo beyond it."""

import pytest

from tests.e2e.test_variations import made, notes_of
from tests.support.platform import Caller, Platform

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def singer(platform: Platform) -> Caller:
    return platform.sign_up()


@pytest.fixture(scope="module")
def song(singer: Caller) -> dict:
    return made(singer, prompt="happy pop", duration=20, seed=5, bpm=120)


@pytest.mark.slow
def test_a_song_goes_on_without_a_seam(singer: Caller, song: dict) -> None:
    other = made(singer, continue_from_id=song["id"], duration=40, seed=3)
    assert (other["parent_id"], other["title"]) == (song["id"], f"{song['title']} (extended)")
    assert other["duration"] == pytest.approx(40.0, abs=0.01)
    assert (other["bpm"], other["key"], other["model"]) == (song["bpm"], song["key"], song["model"])
    (note,) = [line for line in other["spec"]["understood"]["notes"] if line.startswith("The song goes on from")]
    bar = int(note.split("bar ")[1].split(",")[0]) - 1
    join = bar * 4 * 960 - 200
    old, new = notes_of(singer, song), notes_of(singer, other)
    assert {each for each in old if each[1] < join} == {each for each in new if each[1] < join}
    assert any(tick > join + 8 * 4 * 960 for _, tick, _, _ in new)
    # And on once more, from a second of it, with words for what is added.
    third = made(singer, continue_from_id=other["id"], continue_at=16.0, duration=30, prompt="no drums", title="Third")
    assert (third["parent_id"], third["title"], third["key"]) == (other["id"], "Third", song["key"])
    # What was made longer can be varied.
    varied = made(singer, variation_of=third["id"], seed=9)
    assert varied["spec"]["structure"] == third["spec"]["structure"]


def test_a_song_grows_by_half_a_minute_unasked(singer: Caller, song: dict) -> None:
    other = made(singer, continue_from_id=song["id"], model="composer")
    assert song["duration"] + 10 < other["duration"] <= song["duration"] + 30.1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"continue_at": 20.5}, "/continue_at"),
        ({"duration": 3}, "/duration"),
        ({"duration": 601}, "/duration"),
        ({"bpm": 90}, "/bpm"),
        ({"key": "A minor"}, "/key"),
        ({"spec": {"genre": "metal"}}, "/spec"),
        ({"lyrics": "la la"}, "/lyrics"),
        ({"melody_id": "01a1fdea-3ed7-76fa-b20f-cd595922d4bd"}, "/melody_id"),
        ({"structure": [{"section": "bridge", "bars": 999}]}, "/structure"),
        ({"continue_from_id": "01a1fdea-3ed7-76fa-b20f-cd595922d4bd"}, "/continue_from_id"),
        ({"model": "nothing"}, "/model"),
    ],
)
def test_what_cannot_go_on_is_said_by_name(singer: Caller, song: dict, body: dict[str, object], pointer: str) -> None:
    answer = singer.call("POST", "/generate", json={"continue_from_id": song["id"], **body})
    assert answer.status_code == 422, answer.text
    assert pointer in [item["pointer"] for item in answer.json()["errors"]]


def test_a_song_that_only_exists_as_sound_is_refused_by_name(singer: Caller) -> None:
    sound = made(singer, prompt="a tone", model="tone", duration=2)
    answer = singer.call("POST", "/generate", json={"continue_from_id": sound["id"]})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/continue_from_id"
    assert "from its own songs" in error["detail"]


def test_somebody_elses_song_cannot_go_on(platform: Platform, song: dict) -> None:
    answer = platform.sign_up().call("POST", "/generate", json={"continue_from_id": song["id"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/continue_from_id"
