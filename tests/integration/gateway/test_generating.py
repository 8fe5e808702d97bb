import pytest

from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from tests.support.gateway_platform import Gateway, Person

GENERATE = "/api/v1/generate"


async def test_a_prompt_becomes_a_job_with_links(ada: Person) -> None:
    answer = await ada.http.post(GENERATE, json={"prompt": "slow blues", "duration": 20, "seed": 7})
    assert answer.status_code == 202
    job = answer.json()
    assert job["status"] == "queued"
    assert job["queue_position"] == 1
    assert job["request"] == {"prompt": "slow blues", "duration": 20.0}
    assert job["result"] is None
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (await ada.http.get(answer.headers["location"])).json()["id"] == job["id"]


async def test_every_field_reaches_the_service(gateway: Gateway, ada: Person) -> None:
    body = {
        "prompt": "p",
        "duration": 12.5,
        "model": "composer",
        "seed": 2**53 - 1,
        "negative_prompt": "n",
        "guidance_scale": 3.5,
        "temperature": 0.0,
        "top_k": 250,
        "top_p": 0.5,
        "lyrics": "la\nla",
        "structure": [{"section": "intro", "bars": 4}, {"section": "verse", "seconds": 8.5, "prompt": "soft"}],
        "bpm": 104,
        "key": "A minor",
        "title": "Title",
        "public": True,
        "spec": {"genre": "lofi"},
    }
    assert (await ada.http.post(GENERATE, json=body)).status_code == 202
    sent = gateway.backend.generation.submitted[-1]
    assert (sent.prompt, sent.duration_seconds, sent.model, sent.seed) == ("p", 12.5, "composer", 2**53 - 1)
    assert (sent.negative_prompt, sent.guidance_scale, sent.temperature) == ("n", 3.5, 0.0)
    # Zero is not the same as nothing said.
    assert sent.HasField("temperature")
    assert (sent.top_k, sent.top_p, sent.lyrics, sent.bpm, sent.key) == (250, 0.5, "la\nla", 104, "A minor")
    assert (sent.title, sent.public, sent.spec_json) == ("Title", True, '{"genre":"lofi"}')
    first, second = sent.structure
    assert (first.section, first.bars, first.HasField("seconds")) == ("intro", 4, False)
    assert (second.section, second.seconds, second.HasField("bars"), second.prompt) == ("verse", 8.5, False, "soft")


async def test_what_was_left_out_stays_unset(gateway: Gateway, ada: Person) -> None:
    await ada.http.post(GENERATE, json={"prompt": "p", "model": None, "duration": None})
    sent = gateway.backend.generation.submitted[-1]
    assert [field.name for field, _ in sent.ListFields()] == ["prompt"]


async def test_the_same_key_and_body_answer_the_first_job_again(ada: Person) -> None:
    headers = {"idempotency-key": new_id()}
    first = await ada.http.post(GENERATE, json={"prompt": "x", "duration": 20}, headers=headers)
    # The same body, written otherwise.
    again = await ada.http.post(
        GENERATE,
        content=b'{ "duration": 20,\n "prompt": "x" }',
        headers={**headers, "content-type": "application/json"},
    )
    assert first.status_code == again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_same_key_with_another_body_is_refused(ada: Person) -> None:
    headers = {"idempotency-key": new_id()}
    await ada.http.post(GENERATE, json={"prompt": "x"}, headers=headers)
    answer = await ada.http.post(GENERATE, json={"prompt": "y"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-mismatch"


async def test_a_key_belongs_to_one_person(ada: Person, bob: Person) -> None:
    headers = {"idempotency-key": new_id()}
    first = await ada.http.post(GENERATE, json={"prompt": "x"}, headers=headers)
    second = await bob.http.post(GENERATE, json={"prompt": "x"}, headers=headers)
    assert first.json()["id"] != second.json()["id"]


async def test_a_batch_makes_a_job_for_each_request(ada: Person) -> None:
    body = {"requests": [{"prompt": "one"}, {"prompt": "two"}]}
    headers = {"idempotency-key": "k" * 255}
    answer = await ada.http.post("/api/v1/generate/batch", json=body, headers=headers)
    assert answer.status_code == 202
    assert [job["request"]["prompt"] for job in answer.json()["jobs"]] == ["one", "two"]
    again = await ada.http.post("/api/v1/generate/batch", json=body, headers=headers)
    assert [job["id"] for job in again.json()["jobs"]] == [job["id"] for job in answer.json()["jobs"]]
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "batch-1"}])
async def test_a_batch_that_fails_in_the_middle_leaves_no_job_behind(
    gateway: Gateway, ada: Person, headers: dict[str, str]
) -> None:
    gateway.backend.generation.failures.append(AppError(ErrorCode.QUEUE_FULL, "Full.", retry_after_seconds=1))
    body = {"requests": [{"prompt": "one"}, {"prompt": "fail"}]}
    answer = await ada.http.post("/api/v1/generate/batch", json=body, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert (await ada.http.get("/api/v1/jobs")).json()["items"] == []
    taken = await ada.http.post("/api/v1/generate/batch", json=body, headers=headers)
    assert [job["status"] for job in taken.json()["jobs"]] == ["queued", "queued"]


async def test_what_is_wrong_with_one_request_of_a_batch_is_named_with_its_position(ada: Person) -> None:
    body = {"requests": [{"prompt": "one"}, {"prompt": "two", "model": "muzak"}]}
    answer = await ada.http.post("/api/v1/generate/batch", json=body)
    assert answer.status_code == 422
    assert [item["pointer"] for item in answer.json()["errors"]] == ["/requests/1/model"]


async def test_converting_asks_processing_for_a_job(gateway: Gateway, ada: Person, bob: Person) -> None:
    track = gateway.backend.tracks.add(ada.user)
    body = {"track_id": track.id, "format": "wav", "sample_rate": 48_000, "bit_depth": 24}
    answer = await ada.http.post("/api/v1/processing/convert", json=body)
    assert answer.status_code == 202
    assert answer.json()["kind"] == "convert"
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    assert gateway.backend.processing.submitted[-1].kind == "convert"
    assert (await bob.http.post("/api/v1/processing/convert", json=body)).status_code == 404
    wrong = await ada.http.post("/api/v1/processing/convert", json={**body, "format": "aiff"})
    assert wrong.status_code == 422
    assert "Must be one of 'wav', 'flac'" in wrong.json()["errors"][0]["detail"]


async def test_models_are_listed_with_licence_and_limits(ada: Person) -> None:
    listed = (await ada.http.get("/api/v1/models")).json()
    assert [model["id"] for model in listed["items"]] == ["composer"]
    model = (await ada.http.get("/api/v1/models/composer")).json()
    assert model == listed["items"][0]
    assert (model["licence"], model["commercial_use"], model["max_duration"]) == ("MIT", True, 600.0)
    assert model["real_time_factor"] == 9.4
    assert model["default"]
    assert model["parameters"] == ["bpm", "key"]


async def test_models_are_pulled_and_removed_in_an_administrators_name(gateway: Gateway, ada: Person) -> None:
    path = "/api/v1/models/musicgen-small"
    for refused in (await ada.http.post(f"{path}/pull"), await ada.http.delete(path)):
        assert (refused.status_code, refused.json()["detail"]) == (403, "Only administrators may do this.")
    assert gateway.backend.generation.pulled == gateway.backend.generation.removed == []
    ada.user.role = "admin"
    async with gateway.client(gateway.backend.accounts.access_token(ada.user, ada.session_id)) as admin:
        answer = await admin.post(f"{path}/pull", headers={"idempotency-key": "once"})
        assert (answer.status_code, answer.json()["kind"]) == (202, "pull_model")
        assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
        [asked] = gateway.backend.generation.pulled
        assert (asked.model_id, asked.idempotency.key) == ("musicgen-small", "once")
        assert asked.idempotency.route == "POST /api/v1/models/{model_id}/pull"
        assert (await admin.delete(path)).status_code == 204
        assert gateway.backend.generation.removed == ["musicgen-small"]
        for missing in (
            await admin.post("/api/v1/models/nonesuch/pull"),
            await admin.delete("/api/v1/models/nonesuch"),
        ):
            assert missing.status_code == 404


async def test_takes_have_seeds_of_their_own_and_are_taken_together(gateway: Gateway, ada: Person) -> None:
    headers = {"idempotency-key": new_id()}
    answer = await ada.http.post(
        "/api/v1/generate", json={"prompt": "x", "seed": 2**53 - 2, "count": 3}, headers=headers
    )
    assert answer.status_code == 202
    job = answer.json()
    assert job["jobs"][0]["id"] == job["id"]
    assert len({take["id"] for take in job["jobs"]}) == 3
    assert answer.headers["location"] == job["links"]["self"]
    assert [request.seed for request in gateway.backend.generation.submitted[-3:]] == [2**53 - 2, 2**53 - 1, 0]
    again = await ada.http.post(
        "/api/v1/generate", json={"prompt": "x", "seed": 2**53 - 2, "count": 3}, headers=headers
    )
    assert again.headers["idempotency-replayed"] == "true"
    assert [take["id"] for take in again.json()["jobs"]] == [take["id"] for take in job["jobs"]]
    unseeded = await ada.http.post("/api/v1/generate", json={"prompt": "x", "count": 2})
    assert unseeded.status_code == 202
    assert not any(request.HasField("seed") for request in gateway.backend.generation.submitted[-2:])


async def test_wrong_takes_are_refused_by_the_bodys_own_fields(gateway: Gateway, ada: Person) -> None:
    for body, pointer in (
        ({"prompt": "x", "count": 0}, "/count"),
        ({"prompt": "x", "count": 9}, "/count"),
        ({"prompt": "x", "style_codebooks": 7}, "/style_codebooks"),
        ({"prompt": "x", "count": 2, "duration": 601}, "/duration"),
    ):
        answer = await ada.http.post("/api/v1/generate", json=body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    batch = {"requests": [{"prompt": "x", "count": 2}]}
    answer = await ada.http.post("/api/v1/generate/batch", json=batch)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/requests/0"]
    assert (await ada.http.get("/api/v1/jobs")).json()["items"] == []


async def test_melody_and_continuation_reach_the_generation_service(gateway: Gateway, ada: Person) -> None:
    track = new_id()
    sources = {"melody_id": track, "style_id": track, "continue_from_id": track}
    body = {"prompt": "x", **sources, "continue_at": 12.5, "guidance_beta": 4.5, "style_codebooks": 2}
    assert (await ada.http.post("/api/v1/generate", json=body)).status_code == 202
    sent = gateway.backend.generation.submitted[-1]
    assert (sent.melody_id, sent.continue_from_id, sent.continue_at) == (track, track, 12.5)
    assert (sent.style_id, sent.guidance_beta, sent.style_codebooks) == (track, 4.5, 2)
    assert (await ada.http.post("/api/v1/generate", json={"prompt": "x"})).status_code == 202
    assert not gateway.backend.generation.submitted[-1].HasField("continue_at")
    assert not gateway.backend.generation.submitted[-1].HasField("guidance_beta")


async def test_a_remix_is_a_variation_of_a_song_that_one_may_hear(gateway: Gateway, ada: Person, bob: Person) -> None:
    track = gateway.backend.tracks.add(ada.user, title="Rain " * 50)
    path = f"/api/v1/tracks/{track.id}/remix"
    assert (await bob.http.post(path, json={})).status_code == 404
    await ada.http.patch(f"/api/v1/tracks/{track.id}", json={"public": True})
    headers = {"idempotency-key": "remix"}
    body = {"seed": 3, "regenerate": {"section": "bridge"}}
    answer = await bob.http.post(path, json=body, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["links"]["self"]
    asked = gateway.backend.generation.submitted[-1]
    assert (asked.variation_of_id, asked.seed, asked.public, asked.prompt) == (track.id, 3, False, "")
    assert (len(asked.title), asked.regenerate.section) == (200, "bridge")
    again = await bob.http.post(path, json={"regenerate": {"section": "bridge"}, "seed": 3}, headers=headers)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (answer.json()["id"], "true")
    # The same body about another song is another request.
    other = gateway.backend.tracks.add(bob.user)
    wrong = await bob.http.post(f"/api/v1/tracks/{other.id}/remix", json=body, headers=headers)
    assert wrong.status_code == 422
    named = await bob.http.post(path, json={"title": "Mine", "public": True})
    assert named.status_code == 202
    asked = gateway.backend.generation.submitted[-1]
    assert (asked.title, asked.public, asked.HasField("seed")) == ("Mine", True, False)
    assert (await bob.http.post(path, json={"prompt": "x"})).status_code == 422
