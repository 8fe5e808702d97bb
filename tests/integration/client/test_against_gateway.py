"""What the client believes about the API, held against the gateway that serves it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import ApiError, AsyncClient, Client, FileTokenStore, JobFailedError, MemoryTokenStore
from musicgen_client.calls.library import audio_path
from musicgen_client.downloads import PartialFile
from musicgen_client.tokens import Tokens

from protos.users.v1 import jobs_pb2
from tests.support.gateway_platform import Gateway

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery"


async def aside(call: Any, *arguments: Any, **options: Any) -> Any:
    return await asyncio.to_thread(call, *arguments, **options)


async def test_account_from_registration_to_logout(client: Client, new_name: str) -> None:
    pair = await aside(client.register, new_name, f"{new_name}@example.org", PASSWORD, "Ada L.")
    assert (pair.user.username, pair.user.full_name) == (new_name, "Ada L.")
    assert (await aside(client.me)).email == f"{new_name}@example.org"
    assert (await aside(client.usage)).balance_seconds > 0
    [session] = (await aside(client.sessions)).items
    assert session.current
    assert session.user_agent.startswith("musicgen-client/")
    await aside(client.logout)
    with pytest.raises(ApiError) as raised:
        await aside(client.me)
    assert raised.value.status == 401
    await aside(client.login, new_name, PASSWORD)
    assert (await aside(client.me)).username == new_name


async def test_refresh_happens_by_itself(server_url: str, new_name: str) -> None:
    store = MemoryTokenStore()
    with Client(server_url, tokens=store) as client:
        await aside(client.register, new_name, f"{new_name}@example.org", PASSWORD)
        first = store.load()
        assert first is not None
        store.save(Tokens(first.access_token, first.refresh_token, expires_at=0.0, username=new_name))
        assert (await aside(client.me)).username == new_name
        second = store.load()
        assert second is not None
        assert second.refresh_token != first.refresh_token
        store.save(Tokens("not.a.token", second.refresh_token, expires_at=9e9, username=new_name))
        assert (await aside(client.me)).username == new_name


async def test_wrong_password_is_a_readable_refusal(client: Client, new_name: str) -> None:
    with pytest.raises(ApiError) as raised:
        await aside(client.login, new_name, "wrong password")
    assert (raised.value.status, raised.value.code) == (401, "unauthenticated")
    assert raised.value.request_id


async def test_models_and_version_are_understood(client: Client, new_name: str) -> None:
    await aside(client.register, new_name, f"{new_name}@example.org", PASSWORD)
    models = await aside(client.models)
    [default] = [model for model in models if model.default]
    assert default.max_duration > 0
    assert default.licence
    assert await aside(client.model, default.id) == default
    assert (await aside(client.version)).version


async def test_refusals_name_their_fields(client: Client, new_name: str) -> None:
    await aside(client.register, new_name, f"{new_name}@example.org", PASSWORD)
    with pytest.raises(ApiError) as raised:
        await aside(client.generate, "x", duration=-1)
    assert (raised.value.status, [error.pointer for error in raised.value.errors]) == (422, ["/duration"])
    with pytest.raises(ApiError) as raised:
        await aside(client.job, "0198c0de-0000-7000-8000-000000000000")
    assert raised.value.status == 404


@pytest.fixture
async def member(gateway: Gateway) -> Any:
    """Somebody who is signed in, with the gateway's own tokens."""
    async with gateway.person() as person:
        yield person


@pytest.fixture
def music(gateway: Gateway, member: Any) -> AsyncClient:
    tokens = Tokens(member.tokens.access_token, member.tokens.refresh_token, 9e9, member.user.username)
    return AsyncClient(gateway.url, tokens=MemoryTokenStore(tokens))


async def test_song_is_followed_heard_and_fetched(
    gateway: Gateway, member: Any, music: AsyncClient, tmp_path: Path
) -> None:
    backend = gateway.backend
    audio = bytes(range(256)) * 4000
    job = await music.generate("rain on tin", duration=30, seed=7, structure=[{"section": "verse", "bars": 4}])
    track = backend.tracks.add(member.user)
    key = track.content.master_object_key
    backend.processing.content.update({key: audio, track.content.stems[0].object_key: b"drums"})
    await backend.store.put(track.content.midi_object_key, b"MThd")

    await backend.jobs.sound(job.id, b"RIFF", b"first")
    listening = aiter(music.stream(job.id))
    heard = await anext(listening)
    await backend.jobs.publish(job.id, "progress", {"progress": 0.5, "stage": "making the bass"})
    await backend.jobs.sound(job.id, b"second")
    await backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=(track.id,))
    heard += b"".join([data async for data in listening])
    events = [event async for event in music.events(job.id)]
    assert heard == b"RIFFfirstsecond"
    assert [event.type for event in events if event.type != "status"] == ["progress", "done"]
    done = await music.wait(job.id)
    assert done.track_ids == [track.id]
    assert (await music.download(track.id, tmp_path / "song.mp3", format="mp3")).read_bytes() == audio
    [stem] = await music.download_stems(track.id, tmp_path / "stems")
    assert stem.read_bytes() == b"drums"
    assert (await music.download_midi(track.id, tmp_path / "song.mid")).read_bytes() == b"MThd"
    found = await music.track(track.id)
    assert (found.title, found.owner.username if found.owner else "") == ("Rain on tin", member.user.username)
    assert (found.spec, found.licence.name, found.has_midi) == ({"genre": "lofi"}, "MIT", True)
    outline = await music.waveform(track.id, points=16)
    assert (len(outline.minima), outline.duration) == (16, 30.0)
    changed = await music.update_track(track.id, title="New", tags=["calm"], public=True)
    assert (changed.title, changed.tags, changed.public) == ("New", ["calm"], True)
    assert [item.id for item in (await music.tracks()).items] == [track.id]
    assert [item.id for item in (await music.jobs(status="succeeded")).items] == [job.id]
    await music.delete_track(track.id)
    with pytest.raises(ApiError):
        await music.track(track.id)
    await music.close()


async def test_resumed_download_is_whole(gateway: Gateway, member: Any, music: AsyncClient, tmp_path: Path) -> None:
    audio = bytes(range(251)) * 4000
    track = gateway.backend.tracks.add(member.user)
    gateway.backend.processing.content[track.content.master_object_key] = audio
    with PartialFile(tmp_path / "song.wav") as partial:
        for stop in (300_000, None):
            async with music._http.stream("GET", audio_path(track.id), headers=partial.headers()) as response:
                partial.begin(response)
                async for data in response.aiter_raw():
                    partial.write(data)
                    if stop is not None and partial.received > stop:
                        break
        assert partial.whole()
        assert partial.commit().read_bytes() == audio
    await music.close()


async def test_same_key_answers_the_same_job(music: AsyncClient) -> None:
    first = await music.generate("rain", idempotency_key="once")
    assert (await music.generate("rain", idempotency_key="once")).id == first.id
    with pytest.raises(ApiError) as raised:
        await music.generate("other", idempotency_key="once")
    assert (raised.value.status, raised.value.code) == (422, "idempotency-mismatch")
    jobs = await music.generate_batch([{"prompt": "a"}, {"prompt": "b", "duration": 5}])
    assert len({job.id for job in jobs}) == 2
    await music.close()


async def test_cancelled_and_failed_jobs_end_their_followers(gateway: Gateway, music: AsyncClient) -> None:
    cancelled, failed = await music.generate("a"), await music.generate("b")
    following = asyncio.create_task(_types(music, cancelled.id))
    assert (await music.cancel(cancelled.id)).status == "cancelled"
    assert (await asyncio.wait_for(following, 60))[-1] == "status"
    await gateway.backend.jobs.end(failed.id, jobs_pb2.JOB_STATUS_FAILED, error=("internal", "the engine broke"))
    assert (await _types(music, failed.id))[-1] == "error"
    with pytest.raises(JobFailedError, match="the engine broke"):
        await music.wait(failed.id)
    await music.close()


async def _types(music: AsyncClient, job_id: str) -> list[str]:
    return [event.type async for event in music.events(job_id)]


async def test_heard_everything_ends_at_once(gateway: Gateway, music: AsyncClient) -> None:
    job = await music.generate("a")
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    events = [event async for event in music.events(job.id)]
    assert [event async for event in music.events(job.id, last_event_id=events[-1].id)] == []
    await music.close()


async def test_command_makes_a_song(
    gateway: Gateway, member: Any, musicgen: Callable[..., Any], tmp_path: Path
) -> None:
    backend = gateway.backend
    store = FileTokenStore(gateway.url, tmp_path / "config" / "credentials.json")
    store.save(Tokens(member.tokens.access_token, member.tokens.refresh_token, 9e9, member.user.username))
    track = backend.tracks.add(member.user)
    backend.processing.content[track.content.master_object_key] = b"audio"

    async def finish_when_asked() -> None:
        async with asyncio.timeout(60), backend.jobs.changed:
            await backend.jobs.changed.wait_for(lambda: mine(backend, member))
        await backend.jobs.end(mine(backend, member)[0], jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=(track.id,))

    making = asyncio.create_task(finish_when_asked())
    code, out, _ = await musicgen("generate", "rain", "--duration", "30", "-o", "song.flac", "--json")
    await making
    document = json.loads(out)
    assert (code, document["files"], document["job"]["status"]) == (0, ["song.flac"], "succeeded")
    assert (tmp_path / "song.flac").read_bytes() == b"audio"
    for name in ("jobs", "tracks", "models", "whoami"):
        code, out, _ = await musicgen(name, "--json")
        assert (code, json.loads(out) != {}) == (0, True)


def mine(backend: Any, member: Any) -> list[str]:
    return [job.id for job in backend.jobs.jobs.values() if job.owner_id == member.user.id]
