"""A song that one likes, in another version; and one section of it played anew."""

import io

import mido
import pytest

from tests.support.platform import Caller, Platform

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def singer(platform: Platform) -> Caller:
    return platform.sign_up()


@pytest.fixture(scope="module")
def song(singer: Caller) -> dict:
    return made(singer, prompt="pop with a bridge", duration=45, seed=5, bpm=110)


def made(caller: Caller, **body: object) -> dict:
    answer = caller.call("POST", "/generate", json=body)
    assert answer.status_code == 202, answer.text
    ended = caller.finished(answer.json()["id"])
    assert ended["status"] == "succeeded", ended
    (track_id,) = ended["result"]["track_ids"]
    return caller.call("GET", f"/tracks/{track_id}").json()


def notes_of(caller: Caller, track: dict) -> set[tuple[str, int, int, int]]:
    """Part, tick, pitch and velocity of every note."""
    midi = mido.MidiFile(file=io.BytesIO(caller.call("GET", f"/tracks/{track['id']}/midi").content))
    found = set()
    for part in midi.tracks:
        tick = 0
        for message in part:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                found.add((part.name, tick, message.note, message.velocity))
    return found


def test_a_variation_keeps_the_form_and_names_its_origin(singer: Caller, song: dict) -> None:
    other = made(singer, variation_of=song["id"], seed=77)
    assert other["parent_id"] == song["id"]
    assert (other["bpm"], other["key"], other["spec"]["structure"]) == (
        song["bpm"],
        song["key"],
        song["spec"]["structure"],
    )
    assert notes_of(singer, other) != notes_of(singer, song)


def test_a_section_is_played_anew_and_the_rest_stays(singer: Caller, song: dict) -> None:
    section = song["spec"]["structure"][-1]["section"]
    other = made(singer, variation_of=song["id"], regenerate={"section": section}, title="Once more")
    assert (other["title"], other["parent_id"]) == ("Once more", song["id"])
    begin = 0
    spans = []
    for part in song["spec"]["structure"]:
        end = begin + part["bars"] * 4 * 960
        spans += [(begin - 200, end + 960)] if part["section"] == section else []
        begin = end
    changed = notes_of(singer, song) ^ notes_of(singer, other)
    assert changed
    assert all(any(low <= tick < high for low, high in spans) for _, tick, _, _ in changed)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"regenerate": {"section": "polka"}}, "/regenerate/section"),
        ({"regenerate": {"section": "intro", "occurrence": 9}}, "/regenerate/occurrence"),
        ({"prompt": "something else"}, "/prompt"),
        ({"bpm": 90}, "/bpm"),
        ({"variation_of": "01a1fdea-3ed7-76fa-b20f-cd595922d4bd"}, "/variation_of"),
    ],
)
def test_what_cannot_be_varied_is_said_by_name(
    singer: Caller, song: dict, body: dict[str, object], pointer: str
) -> None:
    if "intro" in str(body) and song["spec"]["structure"][0]["section"] != "intro":
        body = {"regenerate": {"section": song["spec"]["structure"][0]["section"], "occurrence": 9}}
    answer = singer.call("POST", "/generate", json={"variation_of": song["id"], **body})
    assert answer.status_code == 422
    assert [item["pointer"] for item in answer.json()["errors"]] == [pointer]


def test_somebody_elses_song_cannot_be_varied(platform: Platform, song: dict) -> None:
    answer = platform.sign_up().call("POST", "/generate", json={"variation_of": song["id"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/variation_of"


def test_a_public_song_is_remixed_and_its_maker_is_named(platform: Platform, singer: Caller, song: dict) -> None:
    fan = platform.sign_up()
    refused = fan.call("POST", f"/tracks/{song['id']}/remix", json={})
    assert refused.status_code == 404
    singer.call("PATCH", f"/tracks/{song['id']}", json={"public": True, "title": "Bridge over"})
    job = fan.call("POST", f"/tracks/{song['id']}/remix", json={"seed": 9})
    assert job.status_code == 202, job.text
    ended = fan.finished(job.json()["id"])
    assert ended["status"] == "succeeded", ended
    remix = fan.call("GET", f"/tracks/{ended['result']['track_ids'][0]}").json()
    assert (remix["title"], remix["parent_id"], remix["relation"]) == ("Bridge over (remix)", song["id"], "remix")
    credit = f"“Bridge over” by {song['owner']['username']}"
    assert remix["licence"]["attributions"] == [*song["licence"]["attributions"], credit]
    assert remix["licence"]["commercial_use"] == song["licence"]["commercial_use"]
    tree = fan.call("GET", f"/tracks/{remix['id']}/versions").json()["items"]
    assert [item["id"] for item in tree] == [song["id"], remix["id"]]
    wrong = fan.call("POST", f"/tracks/{song['id']}/remix", json={"regenerate": {"section": "polka"}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/regenerate/section"
