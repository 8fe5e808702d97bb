"""Ids of other people's things in the calls that the matrix cannot reach without the making services, and in bodies.

Which operations and which fields these are, the OpenAPI document says. Whoever names something that is somebody else's
is told what they are told of an id of nothing.
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.security.test_hostile_texts import SCHEMAS, fields_of, media_of
from tests.security.test_matrix import ALONE, MODERATION, OPERATIONS, OWNED, SIGNED_IN, Operation, ids_of, things_of
from tests.support.account_server import AccountServer
from tests.support.real_services import real_services
from tests.support.schema_places import Place, with_text
from tests.support.user_management import Person, UserManagement

pytestmark = pytest.mark.integration

# Fields of bodies that name a thing, by the last word of their place, and which kind of thing it is.
NAMING = {
    "track_id": "track_id",
    "track_ids": "track_id",
    "melody_id": "track_id",
    "style_id": "track_id",
    "continue_from_id": "track_id",
    "reference_track_id": "track_id",
    "after": "track_id",
    "project_id": "project_id",
    "id": "track_id",
    "ids": "notification_id",
}
# Sessions that are kept may name what is gone: their ids are looked at when they are rendered. What is none of the
# caller's is passed over in lists.
LATER = {"POST /api/v1/mixes", "POST /api/v1/mixes/{mix_id}/versions"}
PASSED_OVER = {"POST /api/v1/notifications/read", "POST /api/v1/tracks/bulk"}

BEHIND_SERVICES = [
    operation
    for operation in SIGNED_IN
    if operation not in ALONE and operation not in MODERATION and OWNED.search(operation.path)
]


def naming_fields() -> list[tuple[Operation, Place, str]]:
    """Every field of a body that holds an id: its operation, its place, and the kind of thing."""
    found = []
    for operation in OPERATIONS:
        schema = media_of(operation, "application/json")
        for place in fields_of(schema) if schema else ():
            last = next(step for step in reversed(place) if isinstance(step, str)) if place else ""
            if last in NAMING:
                found.append((operation, place, NAMING[last]))
    return found


FIELDS = naming_fields()


def test_every_field_that_names_a_thing_is_known() -> None:
    """A new one is named above, with what it names."""
    unknown = set()
    for operation in OPERATIONS:
        schema = media_of(operation, "application/json")
        for place in fields_of(schema) if schema else ():
            for step in place:
                if isinstance(step, str) and (step.endswith(("_id", "_ids")) or step in {"id", "ids"}):
                    unknown.add(step)
    assert unknown <= NAMING.keys()
    names = {f"{operation.name} {'.'.join(map(str, place))}" for operation, place, _ in FIELDS}
    assert {
        "POST /api/v1/generate melody_id",
        "POST /api/v1/generate/batch requests.0.continue_from_id",
        "POST /api/v1/processing/separate track_id",
        "POST /api/v1/processing/mix tracks.0.track_id",
        "POST /api/v1/processing/master reference_track_id",
        "POST /api/v1/processing/transcribe track_id",
        "PUT /api/v1/playlists/{playlist_id}/tracks/{track_id} after",
        "POST /api/v1/tracks/bulk track_ids.0",
        "PATCH /api/v1/tracks/{track_id} project_id",
    } <= names


@pytest_asyncio.fixture
async def platform(
    user_management: UserManagement, servers_folder: Path, tmp_path: Path
) -> AsyncIterator[AccountServer]:
    async with real_services(user_management, servers_folder, tmp_path, worker=False, rate_limits="off") as url:
        yield AccountServer(url, user_management)


def told(answer: httpx.Response, *ids: str) -> tuple[int, Any]:
    """What an answer says, without what differs from call to call, and without the ids themselves."""
    document = answer.json()
    for volatile in ("instance", "request_id"):
        document.pop(volatile, None)
    text = str(document)
    for known in ids:
        text = text.replace(known, "…")
    return answer.status_code, text


async def people(platform: AccountServer) -> tuple[Person, Person]:
    return await platform.users.sign_up(), await platform.users.sign_up()


async def test_what_is_somebody_elses_is_not_found_behind_any_service(platform: AccountServer) -> None:
    ann, ben = await people(platform)
    async with (
        platform.client(ann.tokens.access_token) as hers,
        platform.client(ben.tokens.access_token) as his,
    ):
        ids, wrong = await things_of(platform, ann, hers), []
        for operation in BEHIND_SERVICES:
            nothing = ids_of()
            foreign, unknown = await operation.send(his, ids), await operation.send(his, nothing)
            if told(foreign, *ids.values()) != told(unknown, *nothing.values()) or foreign.status_code != 404:
                wrong.append((operation.name, foreign.status_code, unknown.status_code, foreign.text[:200]))
    print(f"matrix: {len(BEHIND_SERVICES)} operations behind other services on somebody else's things, all 404")
    assert len(BEHIND_SERVICES) >= 12
    assert wrong == []


async def test_bodies_that_name_what_is_somebody_elses_are_answered_like_those_that_name_nothing(
    platform: AccountServer, sql: asyncpg.Connection
) -> None:
    ann, ben = await people(platform)
    async with (
        platform.client(ann.tokens.access_token) as hers,
        platform.client(ben.tokens.access_token) as his,
    ):
        foreign, own = await things_of(platform, ann, hers), await things_of(platform, ben, his)
        foreign["notification_id"] = str(uuid.uuid4())
        before = await state(sql)
        wrong, statuses = [], {}
        for operation, place, noun in FIELDS:
            answers = []
            for named in (foreign[noun], str(uuid.uuid4())):
                body = with_text(
                    own_body(operation, own), media_of(operation, "application/json"), SCHEMAS, place, named
                )
                for session in (body, body.get("session")):
                    if isinstance(session, dict) and "tracks" in session and "track_id" in session:
                        # The session's own track is that of channels which name a stem alone.
                        session["tracks"] = [{"stem": "bass"}]
                path = operation.path
                for name, value in own.items():
                    path = path.replace(f"{{{name}}}", value)
                answer = await his.request(operation.method, path, json=body)
                if operation.name in LATER:
                    assert answer.status_code == 201, answer.text
                    answer = await his.post(rendering(answer.json()))
                answers.append(told(answer, named))
            name = f"{operation.name} {'.'.join(map(str, place))}"
            statuses[name] = answers[0][0]
            expected = {404, 422} | ({200} if operation.name in PASSED_OVER else set())
            if answers[0] != answers[1] or answers[0][0] not in expected:
                wrong.append((name, *answers))
        assert wrong == [], "\n".join(map(str, wrong))
        assert await state(sql) == before, "nothing of hers was touched, and no job was made of it"
    print(f"matrix: {len(FIELDS)} fields of bodies that name somebody else's things:", statuses)


def rendering(kept: dict[str, Any]) -> str:
    """Where a session that was kept is rendered, by the answer to its keeping."""
    return f"/api/v1/mixes/{kept.get('mix_id') or kept['id']}/versions/{kept.get('number', 1)}/render"


def own_body(operation: Operation, own: dict[str, str]) -> Any:
    """A body that would pass: the example, about the caller's own track."""
    if operation.path == "/api/v1/generate":
        return {"prompt": "a tone", "model": "tone", "duration": 1}
    if operation.path == "/api/v1/generate/batch":
        return {"requests": [{"prompt": "a tone", "model": "tone", "duration": 1}]}
    body = operation.body()
    body.pop("base_version", None)
    return replaced(body, {"0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11": own["track_id"]})


def replaced(value: Any, by: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, by) for item in value]
    return by.get(value, value) if isinstance(value, str) else value


async def state(sql: asyncpg.Connection) -> list[Any]:
    """What may not change: all tracks, who is in which playlist, which jobs there are."""
    return [
        await sql.fetch("SELECT id, title, tags, public, project_id, deleted_at FROM tracks ORDER BY id"),
        await sql.fetch("SELECT playlist_id, track_id FROM playlist_tracks ORDER BY 1, 2"),
        await sql.fetchval("SELECT count(*) FROM jobs"),
    ]
