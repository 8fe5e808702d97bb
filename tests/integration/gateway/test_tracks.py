import pytest

from protos.users.v1 import tracks_pb2
from tests.support.gateway_platform import Gateway, Person

AUDIO = bytes(range(256)) * 4_000


def add_track(gateway: Gateway, person: Person, **content: object) -> tracks_pb2.Track:
    track = gateway.backend.tracks.add(person.user, **content)
    gateway.backend.processing.content[track.content.master_object_key] = AUDIO
    return track


async def test_a_track_is_told_in_full(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada, loudness_lufs=-14.0, true_peak_dbtp=-1.0, mastering_gain_db=2.5, bpm=84.0)
    answer = (await ada.http.get(f"/api/v1/tracks/{track.id}")).json()
    assert answer["owner"] == {"id": ada.user.id, "username": ada.user.username}
    assert answer["licence"] == {"name": "MIT", "commercial_use": True, "attributions": []}
    assert answer["spec"] == {"genre": "lofi"}
    assert (answer["loudness_lufs"], answer["true_peak_dbtp"], answer["mastering_gain_db"]) == (-14.0, -1.0, 2.5)
    assert (answer["bpm"], answer["key"], answer["stems"], answer["has_midi"]) == (84.0, None, ["drums"], True)
    assert (answer["duration"], answer["sample_rate"], answer["channels"], answer["seed"]) == (30.0, 44_100, 2, 7)
    assert set(answer["links"]) == {"self", "audio", "waveform", "spectrogram", "cover", "stems", "midi", "job"}
    assert (await ada.http.get("/api/v1/tracks")).json()["items"] == [answer]


async def test_tracks_are_listed_page_by_page(gateway: Gateway, ada: Person) -> None:
    ids = [add_track(gateway, ada).id for _ in range(3)]
    first = (await ada.http.get("/api/v1/tracks", params={"limit": 2})).json()
    second = (await ada.http.get("/api/v1/tracks", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [track["id"] for track in (*first["items"], *second["items"])] == ids


async def test_a_patch_changes_what_it_names_and_nothing_else(gateway: Gateway, ada: Person, bob: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}"
    changed = (await ada.http.patch(path, json={"title": "New", "tags": ["a", "b"]})).json()
    assert (changed["title"], changed["tags"], changed["public"]) == ("New", ["a", "b"], False)
    changed = (await ada.http.patch(path, json={"tags": [], "public": True})).json()
    assert (changed["title"], changed["tags"], changed["public"]) == ("New", [], True)
    assert (await bob.http.get(path)).status_code == 200
    assert (await bob.http.patch(path, json={"title": "Mine"})).status_code == 404


async def test_a_deleted_track_lies_in_the_trash_until_it_is_restored_or_removed(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}"
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404
    trash = (await ada.http.get("/api/v1/tracks", params={"trashed": "true"})).json()["items"]
    assert [item["id"] for item in trash] == [track.id]
    assert trash[0]["deleted_at"] is not None
    assert (await ada.http.post(f"{path}/restore")).json()["deleted_at"] is None
    assert (await ada.http.delete(path, params={"forever": "true"})).status_code == 204
    assert (await ada.http.post(f"{path}/restore")).status_code == 404


async def test_filters_reach_the_library(gateway: Gateway, ada: Person) -> None:
    query = {"q": "rain", "tag": ["lofi", "calm"], "model": "composer", "public": "false", "sort": "relevance"}
    assert (await ada.http.get("/api/v1/tracks", params=query)).status_code == 200
    asked = gateway.backend.tracks.asked[-1]
    assert (asked.query, list(asked.tags), asked.model, asked.public) == ("rain", ["lofi", "calm"], "composer", False)
    assert asked.order == tracks_pb2.TRACK_ORDER_RELEVANCE
    wrong = await ada.http.get("/api/v1/tracks", params={"sort": "loudest", "q": "x" * 201})
    assert wrong.status_code == 422
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/sort", "/q"}


async def test_versions_come_with_their_parents(gateway: Gateway, ada: Person) -> None:
    root = add_track(gateway, ada)
    child = add_track(gateway, ada, parent_id=root.id)
    items = (await ada.http.get(f"/api/v1/tracks/{child.id}/versions")).json()["items"]
    assert [(item["id"], item["parent_id"]) for item in items] == [(root.id, None), (child.id, root.id)]


@pytest.mark.parametrize(
    ("audio_format", "media_type"),
    [
        ("wav", "audio/wav"),
        ("flac", "audio/flac"),
        ("mp3", "audio/mpeg"),
        ("ogg", "audio/ogg; codecs=vorbis"),
        ("opus", "audio/ogg; codecs=opus"),
    ],
)
async def test_audio_comes_in_each_format(gateway: Gateway, ada: Person, audio_format: str, media_type: str) -> None:
    track = add_track(gateway, ada, title='Été "1/2"')
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio", params={"format": audio_format})
    assert answer.status_code == 200
    assert answer.content == AUDIO
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(AUDIO))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["content-disposition"] == (
        f"inline; filename=\"_t_ 1 2.{audio_format}\"; filename*=UTF-8''%C3%89t%C3%A9%201%202.{audio_format}"
    )


async def test_an_unknown_format_is_named(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio", params={"format": "wma"})
    assert answer.status_code == 422
    assert "'wav', 'flac', 'mp3', 'ogg', 'opus' or 'm4a'" in answer.json()["errors"][0]["detail"]


async def test_a_download_is_an_attachment(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio", params={"download": "true"})
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_a_download_says_what_it_holds_and_what_is_played_does_not(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    track.cover_object_key = "jobs/x/cover/y.jpg"
    path = f"/api/v1/tracks/{track.id}"
    await ada.http.get(f"{path}/audio")
    assert gateway.backend.processing.tags is None
    await ada.http.get(f"{path}/stems/drums/audio", params={"download": "true", "format": "flac"})
    tags = gateway.backend.processing.tags
    assert tags is not None
    assert (tags.title, tags.artist, tags.copyright) == ("Rain on tin (drums)", ada.user.username, "MIT")
    assert (tags.master_object_key, tags.cover_object_key) == (track.content.master_object_key, "jobs/x/cover/y.jpg")


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=1023990-", 1_023_990, None),
        ("bytes=-5", -5, None),
    ],
)
async def test_a_range_is_cut_out(gateway: Gateway, ada: Person, header: str, start: int, end: int | None) -> None:
    track = add_track(gateway, ada)
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio", headers={"range": header})
    expected = AUDIO[start:end]
    first = start % len(AUDIO)
    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(AUDIO)}"
    assert answer.headers["content-length"] == str(len(expected))


async def test_a_range_beyond_the_end_is_not_satisfiable(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio", headers={"range": f"bytes={len(AUDIO)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(AUDIO)}"
    assert answer.json()["type"] == "/problems/range-not-satisfiable"


async def test_if_range_sends_the_whole_when_the_file_is_another(gateway: Gateway, ada: Person) -> None:
    path = f"/api/v1/tracks/{add_track(gateway, ada).id}/audio"
    etag = (await ada.http.head(path)).headers["etag"]
    same = await ada.http.get(path, headers={"range": "bytes=0-9", "if-range": etag})
    other = await ada.http.get(path, headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert (same.status_code, len(same.content)) == (206, 10)
    assert (other.status_code, len(other.content)) == (200, len(AUDIO))


async def test_what_has_not_changed_is_not_sent_again(gateway: Gateway, ada: Person) -> None:
    path = f"/api/v1/tracks/{add_track(gateway, ada).id}/audio"
    first = await ada.http.head(path)
    for validator in (
        {"if-none-match": f'"x", W/{first.headers["etag"]}'},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        answer = await ada.http.get(path, headers=validator)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]
    assert (await ada.http.get(path, headers={"if-none-match": '"x"'})).status_code == 200


async def test_head_says_everything_but_the_bytes(gateway: Gateway, ada: Person) -> None:
    path = f"/api/v1/tracks/{add_track(gateway, ada).id}/audio"
    head, get = await ada.http.head(path), await ada.http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    skipped = {"date", "x-request-id", "ratelimit"}
    assert {key: value for key, value in head.headers.items() if key not in skipped} == {
        key: value for key, value in get.headers.items() if key not in skipped
    }


async def test_an_empty_file_is_served_too(gateway: Gateway, ada: Person) -> None:
    track = gateway.backend.tracks.add(ada.user)
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/audio")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_stems_have_links_that_play(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    gateway.backend.processing.content[track.content.stems[0].object_key] = b"drums"
    stems = (await ada.http.get(f"/api/v1/tracks/{track.id}/stems")).json()["items"]
    assert [stem["name"] for stem in stems] == ["drums"]
    async with gateway.client() as http:
        answer = await http.get(stems[0]["links"]["audio"] + "&format=flac")
    assert answer.content == b"drums"
    assert 'filename="Rain on tin (drums).flac"' in answer.headers["content-disposition"]


async def test_an_unknown_stem_is_not_found(gateway: Gateway, ada: Person) -> None:
    answer = await ada.http.get(f"/api/v1/tracks/{add_track(gateway, ada).id}/stems/vocals/audio")
    assert answer.status_code == 404
    assert "drums" in answer.json()["detail"]


async def test_midi_is_a_file_of_its_own(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    await gateway.backend.store.put(track.content.midi_object_key, b"MThd")
    answer = await ada.http.get(f"/api/v1/tracks/{track.id}/midi")
    assert (answer.content, answer.headers["content-type"]) == (b"MThd", "audio/midi")
    assert answer.headers["content-disposition"].startswith('attachment; filename="Rain on tin.mid"')


async def test_a_track_without_midi_says_so(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada, midi_object_key="")
    assert (await ada.http.get(f"/api/v1/tracks/{track.id}/midi")).status_code == 404


async def test_a_waveform_has_as_many_points_as_asked_for(gateway: Gateway, ada: Person) -> None:
    path = f"/api/v1/tracks/{add_track(gateway, ada).id}/waveform"
    answer = await ada.http.get(path, params={"points": 16})
    assert answer.json() == {"duration": 30.0, "points": 16, "minima": [-0.1235] * 16, "maxima": [0.5] * 16}
    again = await ada.http.get(path, params={"points": 16}, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await ada.http.get(path, params={"points": 15})).status_code == 422


async def test_a_stem_has_a_waveform_of_its_own(gateway: Gateway, ada: Person, bob: Person) -> None:
    track = f"/api/v1/tracks/{add_track(gateway, ada).id}"
    answer = await ada.http.get(f"{track}/stems/drums/waveform", params={"points": 16})
    assert answer.json()["points"] == 16
    whole = await ada.http.get(f"{track}/waveform", params={"points": 16})
    assert answer.headers["etag"] != whole.headers["etag"]
    missing = await ada.http.get(f"{track}/stems/vocals/waveform")
    assert (missing.status_code, "drums" in missing.json()["detail"]) == (404, True)
    assert (await bob.http.get(f"{track}/stems/drums/waveform")).status_code == 404


async def test_a_link_is_the_same_for_a_while_so_that_caches_work(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    links = [(await ada.http.get(f"/api/v1/tracks/{track.id}")).json()["links"]["audio"] for _ in range(2)]
    assert links[0] == links[1]
