import asyncio

import httpx
import pytest

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from tests.support.gateway_platform import Backend, Gateway, Person, eventually, running_gateway


@pytest.mark.parametrize(
    ("audio_format", "media_type"),
    [("wav", "audio/wav"), ("mp3", "audio/mpeg"), ("opus", "audio/ogg; codecs=opus")],
)
async def test_audio_arrives_while_the_job_runs(
    gateway: Gateway, ada: Person, audio_format: str, media_type: str
) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    await jobs.sound(job.id, b"head", b"one")
    async with ada.http.stream("GET", f"/api/v1/stream/{job.id}", params={"format": audio_format}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        assert answer.headers["cache-control"] == "no-store"
        assert "content-length" not in answer.headers
        pieces = answer.aiter_raw()
        got = b""
        while len(got) < 7:
            got += await anext(pieces)
        await jobs.sound(job.id, b"two")
        got += await anext(pieces)
        await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
        got += b"".join([piece async for piece in pieces])
    assert got == b"headonetwo"


async def test_a_listener_of_a_queued_job_waits_for_its_first_sound(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    listening = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await eventually(lambda: jobs.songs[job.id].watchers == 1, "nobody listens")
    assert not listening.done()
    await jobs.sound(job.id, b"sound")
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    assert (await asyncio.wait_for(listening, 60)).content == b"sound"


async def test_a_late_listener_hears_it_from_the_beginning(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    await jobs.sound(job.id, b"head", b"one")
    early = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await eventually(lambda: jobs.songs[job.id].watchers == 1, "nobody listens")
    late = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await eventually(lambda: jobs.songs[job.id].watchers == 2, "nobody else listens")
    await jobs.sound(job.id, b"two")
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    assert {answer.content for answer in await asyncio.gather(early, late)} == {b"headonetwo"}


async def test_a_listener_that_leaves_ends_the_call_at_once(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    await jobs.sound(job.id, b"head")
    async with ada.http.stream("GET", f"/api/v1/stream/{job.id}") as answer:
        await anext(answer.aiter_raw())
    await eventually(lambda: jobs.songs[job.id].watchers == 0, "the call goes on without a listener")


async def test_a_listener_that_leaves_before_the_first_sound_ends_the_call(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    listening = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await eventually(lambda: jobs.songs[job.id].watchers == 1, "nobody listens")
    listening.cancel()
    await eventually(lambda: jobs.songs[job.id].watchers == 0, "the call goes on without a listener")


async def test_after_the_end_the_whole_track_is_served_with_ranges(gateway: Gateway, ada: Person) -> None:
    track = gateway.backend.tracks.add(ada.user)
    gateway.backend.processing.content[track.content.master_object_key] = b"0123456789"
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=(track.id,))
    whole = await ada.http.get(f"/api/v1/stream/{job.id}")
    assert whole.content == b"0123456789"
    assert whole.headers["accept-ranges"] == "bytes"
    part = await ada.http.get(f"/api/v1/stream/{job.id}", headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


async def test_a_song_that_ends_while_one_connects_is_served_from_its_file(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    track = gateway.backend.tracks.add(ada.user)
    gateway.backend.processing.content[track.content.master_object_key] = b"file"
    job = await jobs.add(ada.user.id)
    jobs.songs[job.id].gone = True
    listening = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await asyncio.sleep(0.3)
    assert not listening.done()
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=(track.id,))
    assert (await asyncio.wait_for(listening, 60)).content == b"file"


@pytest.mark.parametrize(
    ("status", "word"), [(jobs_pb2.JOB_STATUS_FAILED, "failed"), (jobs_pb2.JOB_STATUS_CANCELLED, "cancelled")]
)
async def test_a_job_without_a_track_has_nothing_to_hear(gateway: Gateway, ada: Person, status: int, word: str) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, status)
    answer = await ada.http.get(f"/api/v1/stream/{job.id}")
    assert answer.status_code == 409
    assert word in answer.json()["detail"]


async def test_a_job_of_another_kind_has_nothing_to_hear(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id, kind="convert")
    assert (await ada.http.get(f"/api/v1/stream/{job.id}")).status_code == 409


async def test_a_job_that_does_not_begin_is_not_waited_for_forever(backend: Backend) -> None:
    async with running_gateway(backend, stream_start_seconds=0.3) as gateway, gateway.person() as person:
        job = await backend.jobs.add(person.user.id)
        answer = await person.http.get(f"/api/v1/stream/{job.id}")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "number 1 in the queue" in answer.json()["detail"]
        await eventually(lambda: backend.jobs.songs[job.id].watchers == 0, "the call goes on")


async def test_a_restarted_generation_service_is_bridged(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    jobs.songs[job.id].failures.append(AppError(ErrorCode.UNAVAILABLE, "Going down."))
    await jobs.sound(job.id, b"head", b"one")
    listening = asyncio.create_task(ada.http.get(f"/api/v1/stream/{job.id}"))
    await eventually(lambda: not jobs.songs[job.id].failures and jobs.songs[job.id].watchers == 1, "not resumed")
    await jobs.sound(job.id, b"two")
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    assert (await asyncio.wait_for(listening, 60)).content == b"headonetwo"


async def test_a_stream_that_breaks_is_not_taken_for_a_whole_one(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    jobs.songs[job.id].failures.append(AppError(ErrorCode.INTERNAL, "Broken."))
    await jobs.sound(job.id, b"head")
    with pytest.raises(httpx.RemoteProtocolError):
        await ada.http.get(f"/api/v1/stream/{job.id}")


async def test_resumed_audio_that_differs_is_not_joined(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    song = jobs.songs[job.id]
    song.failures.append(AppError(ErrorCode.UNAVAILABLE, "Going down."))
    await jobs.sound(job.id, b"head")
    async with ada.http.stream("GET", f"/api/v1/stream/{job.id}") as answer:
        song.chunks[:] = [b"tail"]
        with pytest.raises(httpx.RemoteProtocolError):
            await answer.aread()


async def test_a_signed_link_plays_without_a_header(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    await jobs.sound(job.id, b"sound")
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    jobs.jobs[job.id].status = jobs_pb2.JOB_STATUS_RUNNING
    link = (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()["links"]["stream"]
    async with gateway.client() as http:
        answer = await http.get(f"{link}&format=mp3")
        assert (answer.status_code, answer.content) == (200, b"sound")
        head = await http.head(link)
        assert (head.status_code, head.content) == (200, b"")


async def test_an_unknown_format_is_named(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    answer = await ada.http.get(f"/api/v1/stream/{job.id}", params={"format": "midi"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/format", "detail": "Must be one of 'wav', 'mp3' or 'opus'.", "in": "query"}
    ]


async def test_an_ended_session_stops_its_listeners(backend: Backend) -> None:
    async with running_gateway(backend, heartbeat_seconds=0.05) as gateway, gateway.person() as person:
        jobs = backend.jobs
        job = await jobs.add(person.user.id)
        await jobs.sound(job.id, b"head")
        async with person.http.stream("GET", f"/api/v1/stream/{job.id}") as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"head"
            await person.http.delete(f"/api/v1/auth/sessions/{person.session_id}")
            await asyncio.sleep(0.1)
            await jobs.sound(job.id, b"more")
            assert await anext(pieces) == b"more"
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(pieces)
        await eventually(lambda: jobs.songs[job.id].watchers == 0, "the call goes on")
