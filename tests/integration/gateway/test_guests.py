"""Guests: let in without an account, held to little, kept by signing up, and swept."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from protos.users.v1 import accounts_pb2, jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.user_management.accounts.farewell import Farewell
from services.user_management.database import Database, open_engine
from tests.support.account_server import PASSPHRASE, AccountServer, login
from tests.support.user_management import claimed, eventually

pytestmark = pytest.mark.integration

Start = Callable[..., Awaitable[AccountServer]]


@dataclass
class Guest:
    """A guest and its browser."""

    id: str
    username: str
    http: httpx.AsyncClient
    accounts: AccountServer

    def take_cookies(self, answer: httpx.Response) -> None:
        self.http.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        self.http.headers["x-csrf-token"] = answer.cookies["musicgen_csrf"]
        self.http.cookies.clear()

    async def sign_up(self, name: str, **changes: str) -> httpx.Response:
        body = {"username": name, "email": f"{name}@example.org", "password": PASSPHRASE, **changes}
        return await self.http.post("/api/v1/auth/guest/register", json=body)

    async def ask(self, seconds: float = 20, **fields: Any) -> jobs_pb2.Job:
        """A job, as generation asks for it in the guest's name."""
        users = self.accounts.users
        fields = {"kind": "generate", "queue": "generation", "request_json": "{}", "reserve_seconds": seconds} | fields
        token = users.token(user_id=self.id, role="guest")
        return (await call(users.jobs.Create, jobs_pb2.CreateRequest(**fields), token=token)).job

    async def make(self, seconds: float = 20) -> str:
        """A song; the id of its track."""
        job = await self.ask(seconds)
        leased = await claimed(self.accounts.users)
        assert leased.job.id == job.id
        folder = f"jobs/{job.id}/{leased.fencing_token}"
        request = jobs_pb2.CompleteRequest(
            job_id=job.id,
            lease_id=leased.lease_id,
            fencing_token=leased.fencing_token,
            made_seconds=seconds,
            tracks=[tracks_pb2.TrackContent(title="Rain", master_object_key=f"{folder}/master.flac")],
        )
        return (await call(self.accounts.users.jobs.Complete, request)).job.track_ids[0]


async def enter(accounts: AccountServer, address: str = "203.0.113.7") -> Guest:
    http = accounts.client(host="localhost", **{"x-forwarded-for": address})
    answer = await http.post("/api/v1/auth/guest")
    assert answer.status_code == 201, answer.text
    user = answer.json()
    assert (user["role"], user["email"]) == ("guest", "")
    guest = Guest(user["id"], user["username"], http, accounts)
    guest.take_cookies(answer)
    return guest


@pytest.fixture
async def open_house(start_accounts: Start) -> AccountServer:
    return await start_accounts(gateway={"guests": True}, guests=True)


async def test_guests_are_let_in_only_where_the_operator_says_so(accounts: AccountServer) -> None:
    async with accounts.client(host="localhost") as http:
        assert (await http.get("/version")).json()["guests"] is False
        answer = await http.post("/api/v1/auth/guest")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_guest_is_somebody_with_little(open_house: AccountServer) -> None:
    guest = await enter(open_house)
    assert (await guest.http.get("/version")).json()["guests"] is True
    usage = (await guest.http.get("/api/v1/users/me/usage")).json()
    assert (usage["tier"], usage["day_seconds_limit"], usage["jobs_limit"]) == ("guest", 180, 1)
    assert usage["longest_seconds_limit"] == 30
    again = await guest.http.post("/api/v1/auth/guest")
    assert again.status_code == 409, "pressing twice makes no second guest"
    async with open_house.somebody() as other:
        assert (await other.get(f"/api/v1/users/{guest.username}")).status_code == 404, "nobody sees a guest"


async def test_another_sites_page_lets_nobody_in(open_house: AccountServer) -> None:
    async with open_house.client(host="localhost", origin="https://evil.example") as http:
        answer = await http.post("/api/v1/auth/guest")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_guests_of_an_address_are_counted(start_accounts: Start) -> None:
    accounts = await start_accounts(gateway={"guests": True, "rate_limits": "on"}, guests=True)
    first = await enter(accounts, "198.51.100.1")
    for headers, status in (({}, 409), ({"origin": "https://evil.example"}, 403)):
        for _ in range(6):
            refused = await first.http.post("/api/v1/auth/guest", headers=headers)
            assert refused.status_code == status, "and counts as nobody"
    statuses = []
    for number in range(1, 11):
        async with accounts.client(host="localhost", **{"x-forwarded-for": "198.51.100.1"}) as http:
            answer = await http.post("/api/v1/auth/guest")
            statuses.append(answer.status_code)
            assert number < 10 or int(answer.headers["retry-after"]) > 3600
    assert statuses == [201] * 9 + [429]
    await enter(accounts, "198.51.100.2")


async def test_there_are_not_more_guests_than_may_be(start_accounts: Start) -> None:
    accounts = await start_accounts(gateway={"guests": True}, guests=True, most_guests=2)

    async def one(number: int) -> int:
        async with accounts.client(host="localhost", **{"x-forwarded-for": f"198.51.100.{number}"}) as http:
            return (await http.post("/api/v1/auth/guest")).status_code

    statuses = sorted(await asyncio.gather(*map(one, range(5))))
    assert statuses == [201, 201, 503, 503, 503]


@pytest.fixture
async def small_house(start_accounts: Start, tmp_path: Path) -> AccountServer:
    """Where quotas are used up quickly."""
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(
        "tiers:\n  standard: {}\n"
        "  guest: { day_seconds: 60, network_day_seconds: 80, longest_seconds: 30, jobs: 1, stored_bytes: 1000000 }\n"
    )
    return await start_accounts(gateway={"guests": True}, guests=True, tiers_file=tiers)


async def test_songs_are_short_one_at_a_time_and_a_few_a_day(small_house: AccountServer) -> None:
    guest = await enter(small_house)
    with pytest.raises(AppError, match="at most 30 s at once"):
        await guest.ask(31)
    outcomes = await asyncio.gather(*(guest.ask(20) for _ in range(4)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, AppError)]
    assert [error.code for error in refused] == [ErrorCode.QUOTA_EXCEEDED] * 3
    (job,) = [outcome for outcome in outcomes if isinstance(outcome, jobs_pb2.Job)]
    assert (await guest.http.post(f"/api/v1/jobs/{job.id}/cancel")).status_code == 202
    for _ in range(2):
        await guest.make(30)
    with pytest.raises(AppError, match="60 s of audio a day"):
        await guest.ask(5)


async def test_a_new_cookie_brings_no_new_quota(small_house: AccountServer) -> None:
    """What all guests of one address make is counted together; an IPv6 subscriber has a /64 of them."""
    first = await enter(small_house, "2001:db8:0:1::a")
    for _ in range(2):
        await first.make(30)
    second, third = [await enter(small_house, f"2001:db8:0:1:ffff::{host}") for host in "bc"]
    await second.make(15)
    with pytest.raises(AppError, match="guests of your network") as refusal:
        await third.ask(6)
    assert refusal.value.code is ErrorCode.QUOTA_EXCEEDED
    assert (await third.ask(5)).id
    neighbour = await enter(small_house, "2001:db8:0:2::a")
    assert (await neighbour.ask(30)).id


async def test_guests_of_one_address_cannot_race_past_its_quota(small_house: AccountServer) -> None:
    guests = [await enter(small_house) for _ in range(5)]
    outcomes = await asyncio.gather(*(guest.ask(30) for guest in guests), return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, jobs_pb2.Job)]
    assert len(made) == 2, "80 s hold two songs of 30 s"
    assert {error.code for error in outcomes if isinstance(error, AppError)} == {ErrorCode.QUOTA_EXCEEDED}


async def test_signing_up_takes_nothing_off_what_the_networks_guests_made(
    small_house: AccountServer, sql: asyncpg.Connection
) -> None:
    first, second = await enter(small_house), await enter(small_house)
    for _ in range(2):
        await first.make(30)
    first.take_cookies(await first.sign_up(f"u{uuid.uuid4().hex[:12]}"))
    assert (await first.ask(40)).id, "a member's songs are nobody else's affair"
    with pytest.raises(AppError, match="guests of your network"):
        await second.ask(21)
    assert (await second.ask(20)).id
    engine = open_engine(small_house.users.settings.database_url)
    database = Database(engine)
    farewell = Farewell(database, ObjectStore.from_url(small_house.users.settings.storage_url))
    await farewell.once()
    assert await sql.fetchval("SELECT count(*) FROM guests") == 2
    await sql.execute("UPDATE guests SET signed_up_at = signed_up_at - interval '25 hours'")
    await farewell.once()
    await database.close()
    assert await sql.fetchval("SELECT user_id FROM guests") == uuid.UUID(second.id), "who was a guest is forgotten"


async def test_all_guests_together_cannot_race_past_the_servers_quota(start_accounts: Start, tmp_path: Path) -> None:
    figures = "day_seconds: 60, network_day_seconds: 60, longest_seconds: 30, jobs: 1, stored_bytes: 1000000"
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(f"tiers:\n  standard: {{}}\n  guest: {{ {figures}, guests_day_seconds: 80 }}\n")
    accounts = await start_accounts(gateway={"guests": True}, guests=True, tiers_file=tiers)
    guests = [await enter(accounts, f"198.51.100.{number}") for number in range(5)]
    outcomes = await asyncio.gather(*(guest.ask(30) for guest in guests), return_exceptions=True)
    refused = [error for error in outcomes if isinstance(error, AppError)]
    assert len(refused) == 3, "80 s hold two songs of 30 s"
    assert {error.code for error in refused} == {ErrorCode.QUOTA_EXCEEDED}
    assert "guests of this server" in refused[0].message
    asked = next(place for place, outcome in enumerate(outcomes) if isinstance(outcome, jobs_pb2.Job))
    job = outcomes[asked]
    assert isinstance(job, jobs_pb2.Job)
    assert (await guests[asked].http.post(f"/api/v1/jobs/{job.id}/cancel")).status_code == 202
    assert (await guests[asked].ask(30)).id, "a cancelled song comes back to all"


@pytest.mark.parametrize(
    "order",
    [
        {"webhook_url": "https://example.org/hook"},
        {"request_json": '{"public": true}'},
        {"kind": "separate", "queue": "processing"},
        {"kind": "import", "queue": "processing"},
    ],
)
async def test_what_a_guest_may_not_order_says_to_sign_up(open_house: AccountServer, order: dict[str, str]) -> None:
    guest = await enter(open_house)
    with pytest.raises(AppError, match="sign up") as refusal:
        await guest.ask(10, **order)
    assert refusal.value.code is ErrorCode.SIGN_UP_REQUIRED


async def test_a_guests_songs_are_its_own(open_house: AccountServer) -> None:
    guest = await enter(open_house)
    track = f"/api/v1/tracks/{await guest.make()}"
    assert (await guest.http.patch(track, json={"title": "Mine"})).json()["title"] == "Mine"
    published = await guest.http.patch(track, json={"public": True})
    assert published.status_code == 403
    assert published.json()["type"] == "/problems/sign-up-required"
    async with open_house.somebody() as other:
        assert (await other.get(track)).status_code == 404
    assert (await guest.http.delete(track)).status_code == 204


async def test_signing_up_keeps_everything(open_house: AccountServer, sql: asyncpg.Connection) -> None:
    guest = await enter(open_house)
    track = await guest.make()
    old = dict(guest.http.headers)
    name = f"u{uuid.uuid4().hex[:12]}"
    answer = await guest.sign_up(name)
    assert answer.status_code == 201, answer.text
    user = answer.json()
    assert (user["id"], user["username"], user["role"]) == (guest.id, name, "user")
    assert user["deletion_due_at"] is None
    stale = await guest.http.get("/api/v1/users/me", headers=old)
    assert stale.status_code == 401, "whoever had the guest's cookie has nothing"
    guest.take_cookies(answer)
    assert (await guest.http.get(f"/api/v1/tracks/{track}")).status_code == 200
    usage = (await guest.http.get("/api/v1/users/me/usage")).json()
    assert (usage["tier"], usage["used_seconds"], usage["jobs_limit"]) == ("standard", 20, 100)
    assert (await guest.http.patch(f"/api/v1/tracks/{track}", json={"public": True})).status_code == 200
    assert (await login(open_house, name)).status_code == 200
    assert (await guest.sign_up(f"{name}x")).status_code == 409
    assert (
        await sql.fetchval("SELECT count(*) FROM guests WHERE signed_up_at IS NULL OR wanted_password_hash != ''") == 0
    )
    actions = await sql.fetch("SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY id", uuid.UUID(guest.id))
    assert [row["action"] for row in actions][:2] == ["account.guest_made", "account.guest_signed_up"]


async def test_of_two_sign_ups_at_once_one_counts(open_house: AccountServer) -> None:
    guest = await enter(open_house)
    names = [f"u{uuid.uuid4().hex[:12]}" for _ in range(2)]
    answers = await asyncio.gather(*map(guest.sign_up, names))
    assert sorted(answer.status_code for answer in answers) in ([201, 401], [201, 409])
    winner = next(name for name, answer in zip(names, answers, strict=True) if answer.status_code == 201)
    assert [(await login(open_house, name)).status_code for name in names] == [
        200 if name == winner else 401 for name in names
    ]


async def test_two_guests_cannot_take_one_name(open_house: AccountServer) -> None:
    guests = [await enter(open_house) for _ in range(2)]
    name = f"u{uuid.uuid4().hex[:12]}"
    answers = await asyncio.gather(*(guest.sign_up(name) for guest in guests))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    loser = next(guest for guest, answer in zip(guests, answers, strict=True) if answer.status_code == 409)
    assert (await loser.http.get("/api/v1/users/me")).json()["role"] == "guest", "and may try another one"
    assert (await loser.sign_up(f"{name}b")).status_code == 201


async def test_a_guest_takes_over_nobodys_address(open_house: AccountServer) -> None:
    async with open_house.somebody() as other:
        theirs = (await other.get("/api/v1/users/me")).json()
    guest = await enter(open_house)
    answer = await guest.sign_up(f"u{uuid.uuid4().hex[:12]}", email=theirs["email"].upper())
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/email"]
    assert (await guest.sign_up("guest-abc", email="guest-abc@guest.invalid")).status_code == 422


async def test_nobodys_new_session_travels_in_the_open(open_house: AccountServer) -> None:
    guest = await enter(open_house)
    guest.http.headers["host"] = "192.168.1.5:8000"
    answer = await guest.sign_up(f"u{uuid.uuid4().hex[:12]}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "HTTPS" in answer.json()["detail"]
    assert (await guest.http.get("/api/v1/users/me")).json()["role"] == "guest"


async def test_a_guest_without_csrf_token_signs_up_nowhere(open_house: AccountServer) -> None:
    guest = await enter(open_house)
    del guest.http.headers["x-csrf-token"]
    assert (await guest.sign_up("somebody")).status_code == 403
    assert (await guest.http.get("/api/v1/users/me")).json()["role"] == "guest"


async def test_where_addresses_are_verified_a_guest_stays_one_until_then(start_accounts: Start) -> None:
    accounts = await start_accounts(
        gateway={"guests": True}, guests=True, email_verification="required", public_url="http://localhost"
    )
    guest = await enter(accounts)
    track = await guest.make()
    name = f"u{uuid.uuid4().hex[:12]}"
    answer = await guest.sign_up(name)
    assert answer.status_code == 202
    assert (await guest.http.get("/api/v1/users/me")).json()["role"] == "guest"
    assert (await login(accounts, name)).status_code == 401
    token = await accounts.token_to(f"{name}@example.org")
    assert (await guest.http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
    assert (await guest.http.get("/api/v1/users/me")).status_code == 401, "the guest's session has ended"
    tokens = (await login(accounts, name)).json()
    async with accounts.client(tokens["access_token"]) as http:
        me = (await http.get("/api/v1/users/me")).json()
        assert (me["id"], me["role"], me["email_verified"]) == (guest.id, "user", True)
        assert (await http.get(f"/api/v1/tracks/{track}")).status_code == 200
    other = await enter(accounts)
    taken = await other.sign_up(f"{name}x", email=f"{name}@example.org")
    assert (taken.status_code, taken.json()) == (202, answer.json()), "the same for an address that has an account"
    texts = await accounts.mails_to(f"{name}@example.org", 2)
    assert any("It has an account" in text for text in texts)
    assert (await other.http.get("/api/v1/users/me")).json()["role"] == "guest"


async def test_guests_flood_nobodys_mailbox_and_stay_no_longer_for_it(
    start_accounts: Start, sql: asyncpg.Connection
) -> None:
    """Each guest may ask, all of them together as often as a mailbox bears; no answer tells the difference."""
    accounts = await start_accounts(gateway={"guests": True}, guests=True, email_verification="required")
    member, stranger = (f"{uuid.uuid4().hex}@example.org" for _ in range(2))
    async with accounts.client() as http:
        body = {"username": f"u{uuid.uuid4().hex[:12]}", "email": member, "password": PASSPHRASE}
        assert (await http.post("/api/v1/auth/register", json=body)).status_code == 202
    guests = [await enter(accounts) for _ in range(4)]
    answers = [
        await guest.sign_up(f"u{uuid.uuid4().hex[:12]}", email=email)
        for guest in guests
        for email in (stranger, member, stranger, member)
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}

    async def outbox_is_empty() -> bool:
        return await sql.fetchval("SELECT count(*) FROM mails") == 0

    await eventually(outbox_is_empty, what="every mail is sent")
    assert len(await accounts.mails_to(stranger)) == 5
    assert len(await accounts.mails_to(member)) == 1 + 5
    query = "SELECT extract(epoch FROM deletion_due_at - now()) / 3600 FROM users WHERE id = $1"
    hours = [float(await sql.fetchval(query, uuid.UUID(guest.id))) for guest in guests]
    # Two mails each for the first two, one for the third.
    assert [stay > 72 for stay in hours] == [True, True, True, False]


async def test_a_link_for_another_address_than_wanted_makes_nobody(start_accounts: Start) -> None:
    accounts = await start_accounts(gateway={"guests": True}, guests=True, email_verification="required")
    guest = await enter(accounts)
    first, second = (f"u{uuid.uuid4().hex[:12]}" for _ in range(2))
    assert (await guest.sign_up(first)).status_code == 202
    token = await accounts.token_to(f"{first}@example.org")
    assert (await guest.sign_up(second)).status_code == 202
    assert (await guest.http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 422
    assert (await login(accounts, second)).status_code == 401
    assert (await guest.http.get("/api/v1/users/me")).json()["role"] == "guest"


async def test_guests_are_swept_with_all_they_made(
    open_house: AccountServer, sql: asyncpg.Connection, database_url: str
) -> None:
    guest, present, busy = [await enter(open_house) for _ in range(3)]
    track = await guest.make()
    job = await busy.ask(10)
    settings = open_house.users.settings
    store = ObjectStore.from_url(settings.storage_url)
    key = await sql.fetchval("SELECT master_object_key FROM tracks WHERE id = $1", uuid.UUID(track))
    await store.put(key, b"song")
    database = Database(open_engine(database_url, connections=2))
    try:
        farewell = Farewell(database, store)
        assert await farewell.once() == 0, "nobody's day is over"
        due = "UPDATE users SET deletion_due_at = now() - interval '1 second' WHERE id = ANY($1)"
        await sql.execute(due, [uuid.UUID(guest.id), uuid.UUID(busy.id)])
        assert await farewell.once() == 1
        assert not await store.exists(key)
        left = {str(row["id"]) for row in await sql.fetch("SELECT id FROM users WHERE role = 'guest'")}
        assert left == {present.id, busy.id}, "a song in the making holds its guest"
        await busy.http.post(f"/api/v1/jobs/{job.id}/cancel")
        assert await farewell.once() == 1
    finally:
        await database.close()
    assert await sql.fetchval("SELECT count(*) FROM tracks WHERE id = $1", uuid.UUID(track)) == 0
    entry = await sql.fetchrow(
        "SELECT actor, details FROM audit_entries WHERE subject_id = $1 AND action = 'account.deleted'",
        uuid.UUID(guest.id),
    )
    assert entry is not None
    assert entry["actor"] == "musicgen"
    assert "guest" in entry["details"]


async def test_a_guest_that_comes_back_stays(open_house: AccountServer, sql: asyncpg.Connection) -> None:
    guest = await enter(open_house)
    await sql.execute(
        "UPDATE users SET deletion_due_at = now() + interval '1 minute' WHERE id = $1", uuid.UUID(guest.id)
    )
    await sql.execute(
        "UPDATE sessions SET last_used_at = now() - interval '20 minutes', expires_at = now() + interval '1 minute' "
        "WHERE user_id = $1",
        uuid.UUID(guest.id),
    )
    secret = guest.http.headers["cookie"].partition("musicgen_session=")[2].partition(";")[0]
    # Straight to user_management: the gateway remembers a cookie for half a minute.
    answer = await call(
        open_house.users.accounts.ResolveBrowserSession, accounts_pb2.ResolveBrowserSessionRequest(secret=secret)
    )
    assert answer.renewed
    assert answer.session.lifetime_seconds == 86_400
    hours = await sql.fetchval(
        "SELECT extract(epoch FROM deletion_due_at - now()) / 3600 FROM users WHERE id = $1", uuid.UUID(guest.id)
    )
    assert 24 < float(hours) <= 25


async def test_administrators_give_guests_no_rights(open_house: AccountServer, sql: asyncpg.Connection) -> None:
    guest = await enter(open_house)
    async with open_house.somebody("boss") as admin:
        await sql.execute("UPDATE users SET role = 'admin' WHERE username = 'boss'")
        token = (await login(open_house, "boss")).json()["access_token"]
        admin.headers["authorization"] = f"Bearer {token}"
        path = f"/api/v1/admin/users/{guest.id}"
        assert (await admin.patch(path, json={"role": "admin"})).status_code == 409
        assert (await admin.patch(path, json={"suspended": True})).status_code == 200
    assert (await guest.http.get("/api/v1/users/me")).status_code == 401
