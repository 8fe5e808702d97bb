"""A newcomer's first song: from words to files, through the public API only."""

import io

import httpx
import mido
import numpy as np
import pytest
import soundfile

from tests.support.listening import loudness, sounding_seconds
from tests.support.platform import Caller, Platform

pytestmark = pytest.mark.e2e

GENRES = {
    "rainy-night lofi, dusty piano, 80 bpm": 80,
    "driving techno 132 bpm": 132,
    "gentle bossa nova with nylon guitar, 120 bpm": 120,
    "epic orchestral battle, 140 bpm": 140,
    "jazz trio swing at 160 bpm": 160,
}


@pytest.fixture(scope="module")
def singer(platform: Platform) -> Caller:
    return platform.sign_up()


@pytest.fixture(scope="module", params=list(GENRES), ids=lambda prompt: prompt.split(",")[0].replace(" ", "-"))
def song(request: pytest.FixtureRequest, singer: Caller) -> tuple[str, dict[str, object]]:
    job = singer.generate(request.param, duration=12, seed=7)
    ended = singer.finished(job["id"])
    assert ended["status"] == "succeeded", ended
    (track_id,) = ended["result"]["track_ids"]
    return request.param, singer.call("GET", f"/tracks/{track_id}").json()


def test_song_has_the_asked_length_tempo_and_a_stated_loudness(song: tuple[str, dict], singer: Caller) -> None:
    prompt, track = song
    data = singer.call("GET", f"/tracks/{track['id']}/audio", params={"format": "flac"}).content
    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    integrated, peak = loudness(audio, rate)
    assert len(audio) / rate == pytest.approx(12, abs=0.01)
    assert track["bpm"] == pytest.approx(GENRES[prompt], abs=0.01)
    assert np.isfinite(audio).all()
    assert peak <= -0.9
    assert integrated == pytest.approx(track["loudness_lufs"], abs=0.2)
    assert -24 < integrated < -9
    assert abs(float(audio.mean())) < 1e-3
    assert sounding_seconds(audio, rate) > 8


def test_stems_sum_to_the_song(song: tuple[str, dict], singer: Caller) -> None:
    _, track = song
    master, _ = read(singer, f"/tracks/{track['id']}/audio", "flac")
    stems = singer.call("GET", f"/tracks/{track['id']}/stems").json()["items"]
    assert len(stems) >= 2
    total = sum(read(singer, f"/tracks/{track['id']}/stems/{stem['name']}/audio", "flac")[0] for stem in stems)
    assert np.abs(total - master).max() < 10 ** (-80 / 20)


def test_midi_tells_the_tempo_and_holds_notes_for_every_part(song: tuple[str, dict], singer: Caller) -> None:
    prompt, track = song
    data = singer.call("GET", f"/tracks/{track['id']}/midi").content
    midi = mido.MidiFile(file=io.BytesIO(data))
    tempo = next(message.tempo for message in midi.tracks[0] if message.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(GENRES[prompt], abs=0.01)
    sounding = [part for part in midi.tracks if any(m.type == "note_on" and m.velocity for m in part)]
    assert len(sounding) >= 2
    assert all(part.name for part in sounding)


def test_songs_count_for_storage_and_take_no_more_than_was_held_for_them(
    song: tuple[str, dict], singer: Caller
) -> None:
    songs = len(singer.call("GET", "/tracks").json()["items"])
    stored = singer.call("GET", "/users/me/usage").json()["stored_bytes"]
    # Six files of two bytes, two channels, 44,100 Hz and twelve seconds each.
    assert songs * 500_000 < stored < songs * 6 * 2 * 2 * 44_100 * 12


@pytest.mark.parametrize("audio_format", ["wav", "flac", "mp3", "ogg", "opus"])
def test_every_format_is_the_same_song(singer: Caller, platform: Platform, audio_format: str) -> None:
    track_id = singer.call("GET", "/tracks").json()["items"][0]["id"]
    master, rate = read(singer, f"/tracks/{track_id}/audio", "flac")
    other, other_rate = read(singer, f"/tracks/{track_id}/audio", audio_format)
    assert len(other) / other_rate == pytest.approx(len(master) / rate, abs=0.1)
    # LAME scales its input by 0.97 at 192 kbit/s, so that decoders do not clip.
    assert np.sqrt((other**2).mean()) == pytest.approx(np.sqrt((master**2).mean()), rel=0.05)


def test_part_of_a_file_is_served_by_range_and_unchanged_files_are_not_sent_again(singer: Caller) -> None:
    path = f"/tracks/{singer.call('GET', '/tracks').json()['items'][0]['id']}/audio"
    whole = singer.call("GET", path, params={"format": "mp3"})
    part = singer.call("GET", path, params={"format": "mp3"}, headers={"Range": "bytes=100-199"})
    again = singer.call("GET", path, params={"format": "mp3"}, headers={"If-None-Match": whole.headers["etag"]})
    beyond = singer.call("GET", path, params={"format": "mp3"}, headers={"Range": "bytes=999999999-"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert again.status_code == 304
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"


def test_the_waveform_covers_the_song(singer: Caller) -> None:
    track_id = singer.call("GET", "/tracks").json()["items"][0]["id"]
    waveform = singer.call("GET", f"/tracks/{track_id}/waveform", params={"points": 200}).json()
    assert len(waveform["minima"]) == len(waveform["maxima"]) == 200
    assert max(waveform["maxima"]) > 0.3


def test_same_seed_is_the_same_song(singer: Caller) -> None:
    jobs = [singer.generate("funk groove", duration=5, seed=99) for _ in range(2)]
    tracks = [singer.finished(job["id"])["result"]["track_ids"][0] for job in jobs]
    midis = [singer.call("GET", f"/tracks/{track}/midi").content for track in tracks]
    audio = [read(singer, f"/tracks/{track}/audio", "flac")[0] for track in tracks]
    assert midis[0] == midis[1]
    assert np.array_equal(audio[0], audio[1])


def test_the_debug_neural_model_makes_a_track_too(singer: Caller) -> None:
    job = singer.generate("noise for developers", model="musicgen-debug", duration=2, seed=1)
    ended = singer.finished(job["id"])
    assert ended["status"] == "succeeded", ended
    track = singer.call("GET", f"/tracks/{ended['result']['track_ids'][0]}").json()
    assert (track["model"], track["duration"]) == ("musicgen-debug", pytest.approx(2, abs=0.05))


def test_repeated_request_with_one_key_makes_one_job(singer: Caller) -> None:
    headers = {"Idempotency-Key": f"k-{singer.username}"}
    body = {"prompt": "house piano", "duration": 2, "seed": 3}
    first = singer.call("POST", "/generate", json=body, headers=headers)
    second = singer.call("POST", "/generate", json=body, headers=headers)
    other = singer.call("POST", "/generate", json={**body, "seed": 4}, headers=headers)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    singer.finished(first.json()["id"])


def test_events_tell_the_story_of_a_job(singer: Caller, platform: Platform) -> None:
    job = singer.generate("house piano", duration=3)
    events = []
    url = f"{platform.url}/api/v1/jobs/{job['id']}/events"
    with httpx.stream("GET", url, headers=singer.headers, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                events.append(line.removeprefix("event: "))
    assert events[-1] == "done"
    assert {"status", "progress"} <= set(events)


def read(singer: Caller, path: str, audio_format: str) -> tuple[np.ndarray, int]:
    answer = singer.call("GET", path, params={"format": audio_format})
    assert answer.status_code == 200, answer.text
    return soundfile.read(io.BytesIO(answer.content), dtype="float32", always_2d=True)
