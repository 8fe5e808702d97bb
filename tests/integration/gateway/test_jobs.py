import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from tests.support.gateway_platform import Backend, Gateway, Person, eventually, running_gateway
from tests.support.timing import promised


@dataclass
class Event:
    id: str = ""
    event: str = ""
    data: str = ""


async def read_events(answer: httpx.Response) -> AsyncIterator[Event | str]:
    """Events and comments of a stream, parsed as a browser does."""
    event = Event()
    async for line in answer.aiter_lines():
        if not line:
            if event.data:
                yield event
            event = Event()
        elif line.startswith(":"):
            yield line
        else:
            name, _, value = line.partition(": ")
            if hasattr(event, name):
                setattr(event, name, value)


async def test_jobs_are_listed_newest_first_page_by_page(gateway: Gateway, ada: Person) -> None:
    ids = [(await gateway.backend.jobs.add(ada.user.id)).id for _ in range(5)]
    await gateway.backend.jobs.end(ids[0], jobs_pb2.JOB_STATUS_CANCELLED)
    first = (await ada.http.get("/api/v1/jobs", params={"limit": 3})).json()
    second = (await ada.http.get("/api/v1/jobs", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in (*first["items"], *second["items"])] == ids[::-1]
    assert second["next_cursor"] is None
    cancelled = (await ada.http.get("/api/v1/jobs", params={"status": "cancelled"})).json()["items"]
    assert [job["id"] for job in cancelled] == [ids[0]]


async def test_waiting_answers_when_the_job_ends(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    waiting = asyncio.create_task(ada.http.get(f"/api/v1/jobs/{job.id}", params={"wait": 20}))
    await gateway.backend.jobs.sound(job.id, b"x")
    assert not waiting.done()
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=("t1",))
    answer = (await asyncio.wait_for(waiting, 60)).json()
    assert answer["status"] == "succeeded"
    assert answer["result"] == {"track_ids": ["t1"], "files": []}
    assert answer["finished_at"].endswith("Z")


async def test_waiting_answers_at_the_time(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    answer = await ada.http.get(f"/api/v1/jobs/{job.id}", params={"wait": 0.2})
    assert answer.status_code == 200
    assert answer.json()["status"] == "queued"


async def test_a_failed_job_tells_why_as_a_problem(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_FAILED, error=("storage-full", "The disk is full."))
    answer = (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()
    assert answer["status"] == "failed"
    assert answer["result"] is None
    assert answer["error"]["type"] == "/problems/storage-full"
    assert answer["error"]["detail"] == "The disk is full."
    assert answer["error"]["errors"] is None


async def test_a_job_that_fails_by_a_field_names_it_wherever_it_is_told(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    words = "The track's audio is damaged. Choose another one."
    await gateway.backend.jobs.end(
        job.id, jobs_pb2.JOB_STATUS_FAILED, error=("validation", words), pointers=("/melody_id",)
    )
    named = [{"pointer": "/melody_id", "detail": words, "in": "body"}]
    assert (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()["error"]["errors"] == named
    events = (await ada.http.get(f"/api/v1/jobs/{job.id}/events")).text
    error = json.loads(events.split("event: error")[1].split("data: ")[1].splitlines()[0])
    assert (error["type"], error["errors"]) == ("/problems/validation", named)


async def test_cancelling_ends_a_job_and_may_be_repeated(gateway: Gateway, ada: Person, bob: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    assert (await bob.http.post(f"/api/v1/jobs/{job.id}/cancel")).status_code == 404
    for _ in range(2):
        answer = await ada.http.post(f"/api/v1/jobs/{job.id}/cancel")
        assert answer.status_code == 202
        assert answer.json()["status"] == "cancelled"


async def test_events_come_as_they_happen_and_end_with_the_job(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    seen = []
    async with ada.http.stream("GET", f"/api/v1/jobs/{job.id}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        stream = read_events(answer)
        seen.append(await anext(stream))
        await jobs.publish(job.id, "progress", {"progress": 0.5, "stage": "making the bass"})
        seen.append(await anext(stream))
        await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED, track_ids=("t1",))
        seen.extend([event async for event in stream])
    assert [event.event for event in seen] == ["status", "progress", "status", "done"]
    assert [event.id for event in seen] == ["1-0", "2-0", "3-0", "4-0"]
    assert json.loads(seen[1].data) == {"progress": 0.5, "stage": "making the bass"}
    done = json.loads(seen[3].data)
    assert done == {**(await ada.http.get(f"/api/v1/jobs/{job.id}")).json(), "links": done["links"]}


async def test_events_resume_after_the_last_one_seen(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    await jobs.publish(job.id, "progress", {"progress": 0.1})
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_FAILED, error=("internal", "It broke."))
    answer = await ada.http.get(f"/api/v1/jobs/{job.id}/events", headers={"last-event-id": "2-0"})
    assert [line for line in answer.text.splitlines() if line.startswith("event")] == ["event: status", "event: error"]
    assert '"type":"/problems/internal"' in answer.text
    assert '"detail":"It broke."' in answer.text


async def test_who_has_heard_everything_is_told_to_stop_asking(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_CANCELLED)
    answer = await ada.http.get(f"/api/v1/jobs/{job.id}/events", headers={"last-event-id": "2-0"})
    assert answer.status_code == 204


async def test_a_cancelled_job_ends_its_events_with_its_status(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    reading = asyncio.create_task(ada.http.get(f"/api/v1/jobs/{job.id}/events"))
    await eventually(lambda: gateway.backend.jobs.watchers.get(job.id), "nobody watches")
    await ada.http.post(f"/api/v1/jobs/{job.id}/cancel")
    answer = await asyncio.wait_for(reading, 60)
    assert answer.text.rstrip().endswith('data: {"status":"cancelled"}')


async def test_events_bridge_a_service_that_is_away(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    jobs.watch_failures.append(AppError(ErrorCode.UNAVAILABLE, "Away."))
    reading = asyncio.create_task(ada.http.get(f"/api/v1/jobs/{job.id}/events"))
    await eventually(lambda: not jobs.watch_failures, "nobody watched")
    await jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    answer = await asyncio.wait_for(reading, 60)
    assert [line for line in answer.text.splitlines() if line.startswith("id")] == ["id: 1-0", "id: 2-0", "id: 3-0"]


async def test_a_client_that_leaves_lets_go_of_the_service(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    async with ada.http.stream("GET", f"/api/v1/jobs/{job.id}/events") as answer:
        await anext(read_events(answer))
        assert jobs.watchers[job.id] == 1
    await eventually(lambda: jobs.watchers[job.id] == 0, "the watch goes on without a listener")


async def test_a_signed_link_opens_the_events(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_CANCELLED)
    link = (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()["links"]["events"]
    async with gateway.client() as http:
        answer = await http.get(link)
    assert answer.status_code == 200
    assert "event: status" in answer.text


async def test_silence_is_bridged_by_heartbeats_and_an_ended_session_ends_the_stream(
    backend: Backend,
) -> None:
    async with running_gateway(backend, heartbeat_seconds=0.05) as gateway, gateway.person() as person:
        job = await backend.jobs.add(person.user.id)
        async with person.http.stream("GET", f"/api/v1/jobs/{job.id}/events") as answer:
            stream = read_events(answer)
            assert (await anext(stream)).event == "status"
            assert await anext(stream) == ": keep-alive"
            await person.http.delete(f"/api/v1/auth/sessions/{person.session_id}")
            async with asyncio.timeout(60):
                assert {event async for event in stream} <= {": keep-alive"}


async def test_shutdown_ends_events_and_waits_at_once(backend: Backend) -> None:
    async with running_gateway(backend) as gateway, gateway.person() as person:
        job = await backend.jobs.add(person.user.id)
        reading = asyncio.create_task(person.http.get(f"/api/v1/jobs/{job.id}/events"))
        waiting = asyncio.create_task(person.http.get(f"/api/v1/jobs/{job.id}", params={"wait": 60}))
        await eventually(lambda: backend.jobs.watchers.get(job.id), "nobody watches")
        with promised(3, "the end of what waits"):
            gateway.server.should_exit = True
            answers = await asyncio.wait_for(asyncio.gather(reading, waiting), 60)
        assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_conversions_file_is_behind_a_link(gateway: Gateway, ada: Person, bob: Person) -> None:
    backend = gateway.backend
    track = backend.tracks.add(ada.user)
    job = await backend.jobs.add(ada.user.id, kind="convert", request={"track_id": track.id, "format": "wav"})
    path = f"/api/v1/jobs/{job.id}/file"
    assert (await ada.http.get(path)).status_code == 409
    key = f"jobs/{job.id}/1/audio.wav"
    await backend.store.put(key, b"RIFF")
    job.result_json = json.dumps({"format": "wav", "files": [file_of(key, "audio/wav", b"RIFF")]})
    await backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    told = (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()
    [file] = told["result"]["files"]
    assert file.keys() == {"name", "media_type", "size_bytes", "sha256", "link"}
    async with gateway.client() as http:
        answer = await http.get(told["links"]["file"])
        assert (await http.get(file["link"])).content == b"RIFF"
    assert (answer.content, answer.headers["content-type"]) == (b"RIFF", "audio/wav")
    assert 'filename="Rain on tin.wav"' in answer.headers["content-disposition"]
    assert (await bob.http.get(path)).status_code == 404
    await ada.http.delete(f"/api/v1/tracks/{track.id}")
    assert 'filename="audio.wav"' in (await ada.http.head(path)).headers["content-disposition"]


def file_of(key: str, media_type: str, data: bytes) -> dict[str, object]:
    """A file as a worker reports it."""
    return {
        "name": key.rpartition("/")[2],
        "object_key": key,
        "media_type": media_type,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


async def test_each_of_several_files_has_its_name(gateway: Gateway, ada: Person, bob: Person) -> None:
    backend = gateway.backend
    job = await backend.jobs.add(ada.user.id, kind="transcribe", request={"track_id": "gone"})
    contents = {"notes.mid": ("audio/midi", b"MThd"), "notes.json": ("application/json", b"{}")}
    files = []
    for name, (media_type, data) in contents.items():
        files.append(file_of(f"jobs/{job.id}/1/files/{name}", media_type, data))
        await backend.store.put(str(files[-1]["object_key"]), data)
    job.result_json = json.dumps({"files": files})
    await backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    path = f"/api/v1/jobs/{job.id}/files"
    for name, (media_type, data) in contents.items():
        answer = await ada.http.get(f"{path}/{name}")
        assert (answer.content, answer.headers["content-type"]) == (data, media_type)
        again = await ada.http.get(f"{path}/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    part = await ada.http.get(f"{path}/notes.mid", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"Th")
    assert (await ada.http.get(f"{path}/score.pdf")).json()["detail"].endswith("notes.mid, notes.json.")
    assert (await ada.http.get(f"/api/v1/jobs/{job.id}/file")).status_code == 404
    assert (await bob.http.get(f"{path}/notes.mid")).status_code == 404


async def test_a_file_that_had_its_time_says_so(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id, kind="convert", request={"track_id": "gone"})
    job.result_json = json.dumps({"files": [file_of("jobs/j/1/files/audio.wav", "audio/wav", b"")]})
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    answer = await ada.http.get(f"/api/v1/jobs/{job.id}/file")
    assert (answer.status_code, "7 days" in answer.json()["detail"]) == (404, True)


async def test_a_job_without_a_file_says_so(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    await gateway.backend.jobs.end(job.id, jobs_pb2.JOB_STATUS_SUCCEEDED)
    assert (await ada.http.get(f"/api/v1/jobs/{job.id}/file")).status_code == 404


async def test_the_services_own_words_are_not_part_of_a_request(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    assert (await ada.http.get(f"/api/v1/jobs/{job.id}")).json()["request"] == {"prompt": "x", "duration": 30.0}


async def test_one_person_holds_a_bounded_number_of_long_answers(gateway: Gateway, ada: Person, bob: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    theirs = await jobs.add(bob.user.id)
    calls = [f"/api/v1/jobs/{job.id}/events", f"/api/v1/stream/{job.id}", f"/api/v1/jobs/{job.id}?wait=60"]
    async with contextlib.AsyncExitStack() as opened:
        long_answers = gateway.app.state.collaborators.long_answers
        for _ in range(long_answers.most - 1):
            answer = await opened.enter_async_context(ada.http.stream("GET", calls[0]))
            assert answer.status_code == 200
        waiting = asyncio.create_task(ada.http.get(calls[2]))
        await eventually(lambda: long_answers.count_of(ada.user.id) == long_answers.most, "the wait is not counted")
        for path in calls:
            refused = await ada.http.get(path)
            assert refused.status_code == 429, path
            assert refused.json()["type"] == "/problems/rate-limited"
            assert int(refused.headers["retry-after"]) >= 1
        # What is short goes on, and so do others.
        assert (await ada.http.get(f"/api/v1/jobs/{job.id}")).status_code == 200
        assert (await bob.http.get(f"/api/v1/jobs/{theirs.id}?wait=0.05")).status_code == 200
        waiting.cancel()
    # Those who leave make room.
    await eventually(lambda: long_answers.count_of(ada.user.id) == 0, "places are still taken")
    assert (await ada.http.get(f"/api/v1/jobs/{job.id}?wait=0.05")).status_code == 200
    assert (await ada.http.get(f"/api/v1/jobs/{new_id()}?wait=0.05")).status_code == 404
    await eventually(lambda: long_answers.count_of(ada.user.id) == 0, "a refused wait keeps its place")
