from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from tests.support.gateway_platform import Gateway, Person


async def test_registering_signs_in(gateway: Gateway) -> None:
    name = f"u{new_id()[-12:]}"
    async with gateway.client() as http:
        answer = await http.post(
            "/api/v1/auth/register",
            json={
                "username": name,
                "email": f"{name}@example.org",
                "password": "a long passphrase",
                "full_name": "Ada",
            },
        )
        assert answer.status_code == 201
        pair = answer.json()
        assert pair["token_type"] == "bearer"
        assert pair["expires_in"] == 900
        assert answer.headers["cache-control"] == "no-store"
        me = await http.get("/api/v1/users/me", headers={"authorization": f"Bearer {pair['access_token']}"})
    assert me.status_code == 200
    assert me.json()["username"] == name
    assert me.json() == pair["user"]


async def test_a_taken_name_is_a_conflict(gateway: Gateway, ada: Person) -> None:
    body = {"username": ada.user.username, "email": "other@example.org", "password": "a long passphrase"}
    async with gateway.client() as http:
        answer = await http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/conflict"


async def test_a_field_that_the_service_refuses_is_named(gateway: Gateway) -> None:
    body = {"username": f"u{new_id()[-12:]}", "email": "a@example.org", "password": "short"}
    async with gateway.client() as http:
        answer = await http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/password", "detail": "Must have 8 to 256 characters.", "in": "body"}
    ]


async def test_signing_in_by_name_and_by_address(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        for identifier in (ada.user.username, ada.user.email):
            answer = await http.post("/api/v1/auth/login", json={"identifier": identifier, "password": "correct horse"})
            assert answer.status_code == 200
            assert answer.json()["user"]["id"] == ada.user.id


async def test_a_wrong_password_is_unauthenticated(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        answer = await http.post("/api/v1/auth/login", json={"identifier": ada.user.username, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_stale_token_does_not_keep_anybody_from_signing_in(gateway: Gateway, ada: Person) -> None:
    async with gateway.client("not-a-token") as http:
        answer = await http.post(
            "/api/v1/auth/login", json={"identifier": ada.user.username, "password": "correct horse"}
        )
    assert answer.status_code == 200


async def test_a_refresh_token_works_once(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        first = await http.post("/api/v1/auth/refresh", json={"refresh_token": ada.tokens.refresh_token})
        second = await http.post("/api/v1/auth/refresh", json={"refresh_token": ada.tokens.refresh_token})
    assert first.status_code == 200
    assert first.json()["refresh_token"] != ada.tokens.refresh_token
    assert second.status_code == 401


async def test_an_access_token_ends_with_its_session(ada: Person) -> None:
    assert (await ada.http.get("/api/v1/users/me")).status_code == 200
    assert (await ada.http.post("/api/v1/auth/logout")).status_code == 204
    answer = await ada.http.get("/api/v1/users/me")
    assert answer.status_code == 401
    assert "ended" in answer.json()["detail"]


async def test_sessions_are_listed_and_ended_one_by_one(gateway: Gateway, ada: Person, bob: Person) -> None:
    async with gateway.client() as http:
        await http.post(
            "/api/v1/auth/login",
            json={"identifier": ada.user.username, "password": "correct horse"},
            headers={"user-agent": "second device"},
        )
    sessions = (await ada.http.get("/api/v1/auth/sessions")).json()["items"]
    assert [session["current"] for session in sessions] == [True, False]
    assert sessions[1]["user_agent"] == "second device"
    assert sessions[1]["address"] == "127.0.0.1"
    assert (await bob.http.delete(f"/api/v1/auth/sessions/{sessions[1]['id']}")).status_code == 404
    assert (await ada.http.delete(f"/api/v1/auth/sessions/{sessions[1]['id']}")).status_code == 204
    assert len((await ada.http.get("/api/v1/auth/sessions")).json()["items"]) == 1


async def test_usage_is_told_in_seconds(ada: Person) -> None:
    answer = await ada.http.get("/api/v1/users/me/usage")
    seconds = {"balance_seconds": 3570.0, "reserved_seconds": 30.0, "used_seconds": 120.0}
    spans = {"day_seconds": 0.0, "day_seconds_limit": None, "month_seconds": 0.0, "month_seconds_limit": None}
    kept = {"stored_bytes": 0, "stored_bytes_limit": None, "jobs": 0, "jobs_limit": None, "tier": ""}
    assert answer.json() == {**seconds, **spans, **kept, "longest_seconds_limit": None}


async def test_a_service_error_becomes_its_status_without_inner_words(gateway: Gateway, ada: Person) -> None:
    gateway.backend.accounts.me_failures.append(AppError(ErrorCode.QUEUE_FULL, "Full.", retry_after_seconds=7.2))
    answer = await ada.http.get("/api/v1/users/me")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "8"
    assert answer.json()["type"] == "/problems/queue-full"
