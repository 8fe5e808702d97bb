"""Addresses, passwords, second factors and keys, from HTTP to PostgreSQL."""

import asyncio
import base64
import time
import uuid
from typing import Any

import asyncpg
import pyotp
import pytest

from services.shared.ids import new_id
from services.shared.storage import ObjectStore
from services.user_management.accounts.farewell import Farewell
from services.user_management.database import Database, open_engine
from tests.support.account_server import OTHER, PASSPHRASE, login, me, signs_out
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration


# Addresses


async def test_required_verification_lets_nobody_in_before_and_tells_nobody_who_is_there(start_accounts: Any) -> None:
    accounts = await start_accounts(email_verification="required")
    name = f"u{uuid.uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSPHRASE}
    async with accounts.client() as http:
        first = await http.post("/api/v1/auth/register", json=body)
        assert (first.status_code, "access_token" in first.json()) == (202, False)
        assert (await login(accounts, name)).status_code == 403
        assert (await login(accounts, name, OTHER)).status_code == 401
        taken = await http.post("/api/v1/auth/register", json=body | {"username": f"{name}x"})
        assert (taken.status_code, taken.json()) == (202, first.json())
        token = await accounts.token_to(body["email"])
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        # Twice at once, and later: people press twice.
        again = [http.post("/api/v1/auth/email/verify", json={"token": token}) for _ in range(3)]
        assert [answer.status_code for answer in await asyncio.gather(*again)] == [204] * 3
        assert (await http.post("/api/v1/auth/email/verify", json={"token": f"{token}x"})).status_code == 422
    assert (await login(accounts, name)).json()["user"]["email_verified"]
    assert (
        "already" in (await accounts.mails_to(body["email"], 2))[1]
        or "has an account" in (await accounts.mails_to(body["email"], 2))[1]
    )


async def test_another_address_counts_once_its_link_was_opened(accounts: Any) -> None:
    async with accounts.somebody() as http:
        old = (await me(http))["email"]
        new = f"{uuid.uuid4().hex}@example.net"
        wrong = await http.post("/api/v1/auth/email/change", json={"password": OTHER, "email": new})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/password")
        asked = await http.post("/api/v1/auth/email/change", json={"password": PASSPHRASE, "email": new})
        assert asked.status_code == 202
        assert (await me(http))["email"] == old
        token = await accounts.token_to(new)
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        changed = await me(http)
        assert (changed["email"], changed["email_verified"]) == (new, True)
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        # Not once the address is not the account's any more: the link is worth nothing then, and changes nothing back.
        body = {"password": PASSPHRASE, "email": old}
        assert (await http.post("/api/v1/auth/email/change", json=body)).status_code == 202
        back = await accounts.token_to(old, 3)
        assert (await http.post("/api/v1/auth/email/verify", json={"token": back})).status_code == 204
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 422
        assert (await me(http))["email"] == old
        asked_for, changed_to, *_ = await accounts.mails_to(old, 2)
        assert "another e-mail address" in asked_for
        assert "was changed" in changed_to


# Passwords


@pytest.mark.parametrize("password", ["password1", "qwertyuiop", "aaaaaaaaaa", "iloveyou12", "short", "abcdefgh" * 4])
async def test_passwords_that_others_have_are_refused(accounts: Any, password: str) -> None:
    async with accounts.client() as http:
        name = f"u{uuid.uuid4().hex[:12]}"
        body = {"username": name, "email": f"{name}@example.org", "password": password}
        answer = await http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/password"]


async def test_a_forgotten_password_is_replaced_once_and_ends_everything(
    accounts: Any, sql: asyncpg.Connection
) -> None:
    async with accounts.somebody() as http, accounts.client() as stranger:
        user = await me(http)
        key = (await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})).json()["secret"]
        answers = [
            await stranger.post("/api/v1/auth/password/forgot", json={"email": email})
            for email in (user["email"], "nobody@example.org", "no address")
        ]
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        token = await accounts.token_to(user["email"])
        assert token not in str(await sql.fetch("SELECT * FROM mail_tokens"))
        weak = await stranger.post("/api/v1/auth/password/reset", json={"token": token, "password": "password1"})
        assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (422, "/password")
        used = await asyncio.gather(
            *(stranger.post("/api/v1/auth/password/reset", json={"token": token, "password": OTHER}) for _ in range(10))
        )
        assert sorted(answer.status_code for answer in used) == [204] + [422] * 9
        await signs_out(http)
        assert (await stranger.get("/api/v1/users/me", headers={"x-api-key": key})).status_code == 401
        assert (await login(accounts, user["username"])).status_code == 401
        assert (await login(accounts, user["username"], OTHER)).json()["user"]["email_verified"]

        async def outbox_is_empty() -> bool:
            return await sql.fetchval("SELECT count(*) FROM mails") == 0

        await eventually(outbox_is_empty, what="nothing that holds a token stays")


async def test_an_expired_token_is_worth_nothing(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http:
        email = (await me(http))["email"]
        await http.post("/api/v1/auth/password/forgot", json={"email": email})
        token = await accounts.token_to(email)
        await sql.execute("UPDATE mail_tokens SET expires_at = now() - interval '1 second'")
        late = await http.post("/api/v1/auth/password/reset", json={"token": token, "password": OTHER})
        assert (late.status_code, late.json()["errors"][0]["pointer"]) == (422, "/token")


async def test_nobodys_mailbox_is_flooded(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http:
        email = (await me(http))["email"]
        for _ in range(12):
            await http.post("/api/v1/auth/password/forgot", json={"email": email})
        assert len(await accounts.mails_to(email, 5)) == 5
        assert await sql.fetchval("SELECT count(*) FROM mail_tokens") == 5


async def test_sign_ups_with_anothers_address_flood_no_mailbox(start_accounts: Any, sql: asyncpg.Connection) -> None:
    accounts = await start_accounts(email_verification="required")
    name = f"u{uuid.uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSPHRASE}
    async with accounts.client() as http:
        first = await http.post("/api/v1/auth/register", json=body)
        for number in range(8):
            body |= {"username": f"{name}x{number}", "email": f"{name}@Example.org" if number % 2 else body["email"]}
            answer = await http.post("/api/v1/auth/register", json=body)
            assert (answer.status_code, answer.json()) == (202, first.json()), "nobody learns that it was enough"
        assert len(await sent_to(accounts, sql, f"{name}@example.org")) == 1 + 5
        await sql.execute("UPDATE mail_counts SET since = since - interval '1 day'")
        await http.post("/api/v1/auth/register", json=body)
        assert len(await sent_to(accounts, sql, f"{name}@example.org")) == 1 + 6, "the next day is another one"


async def test_changes_of_address_flood_no_mailbox(accounts: Any, sql: asyncpg.Connection) -> None:
    victim = f"{uuid.uuid4().hex}@example.net"
    async with accounts.somebody() as http:
        for _ in range(7):
            asked = await http.post("/api/v1/auth/email/change", json={"password": PASSPHRASE, "email": victim})
            assert asked.status_code == 202
    assert len(await sent_to(accounts, sql, victim)) == 5


async def sent_to(accounts: Any, sql: asyncpg.Connection, address: str) -> list[str]:
    """The texts of all mails to an address, once none waits to be sent."""

    async def outbox_is_empty() -> bool:
        return await sql.fetchval("SELECT count(*) FROM mails") == 0

    await eventually(outbox_is_empty, what="every mail is sent")
    return await accounts.mails_to(address)


async def test_a_changed_password_keeps_this_session_and_ends_the_others(accounts: Any) -> None:
    async with accounts.somebody() as http:
        user = await me(http)
        other_token = (await login(accounts, user["username"])).json()["access_token"]
        body = {"present_password": OTHER, "password": OTHER}
        assert (await http.post("/api/v1/auth/password/change", json=body)).status_code == 422
        body = {"present_password": PASSPHRASE, "password": OTHER}
        assert (await http.post("/api/v1/auth/password/change", json=body)).status_code == 204
        async with accounts.client(other_token) as other:
            await signs_out(other)
        assert (await me(http))["id"] == user["id"]
        assert (await login(accounts, user["username"])).status_code == 401
        assert (await login(accounts, user["username"], OTHER)).status_code == 200


# Second factor


async def test_a_second_factor_is_asked_for_and_each_code_works_once(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http:
        name = (await me(http))["username"]
        assert (await http.post("/api/v1/auth/totp/enroll", json={"password": OTHER})).status_code == 422
        enrolment = (await http.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE})).json()
        app = pyotp.parse_uri(enrolment["uri"])
        assert app.secret == enrolment["secret"]
        assert (await login(accounts, name)).status_code == 200, "not confirmed yet"
        assert (await http.post("/api/v1/auth/totp/confirm", json={"code": "000000"})).status_code == 422
        codes = (await http.post("/api/v1/auth/totp/confirm", json={"code": app.now()})).json()["recovery_codes"]
        assert len(set(codes)) == 10
        secret = base64.b32decode(enrolment["secret"] + "=" * (-len(enrolment["secret"]) % 8))
        stored = await sql.fetchrow("SELECT * FROM users WHERE username = $1", name)
        assert secret not in bytes(stored["totp_sealed"])

        asked = await login(accounts, name)
        assert (asked.status_code, asked.json()["type"]) == (401, "/problems/second-factor-required")
        assert asked.headers["www-authenticate"].startswith("Bearer")
        assert (await login(accounts, name, OTHER)).json()["type"] == "/problems/unauthenticated"
        assert (await login(accounts, name, totp="123456")).status_code == 401
        # The present code was used to confirm; the next one is within the window.
        code = app.at(time.time() + 30)
        once = await asyncio.gather(*(login(accounts, name, totp=code) for _ in range(6)))
        assert sorted(answer.status_code for answer in once) == [200] + [401] * 5
        recovered = await login(accounts, name, totp=codes[0].upper().replace("-", " "))
        assert recovered.status_code == 200
        assert (await login(accounts, name, totp=codes[0])).status_code == 401

        wrong = {"password": PASSPHRASE, "code": "000000"}
        assert (await http.post("/api/v1/auth/totp/disable", json=wrong)).status_code == 422
        right = {"password": PASSPHRASE, "code": codes[1]}
        assert (await http.post("/api/v1/auth/totp/disable", json=right)).status_code == 204
        assert (await login(accounts, name)).status_code == 200


async def test_a_second_factor_is_turned_on_once_and_not_replaced_meanwhile(accounts: Any) -> None:
    async with accounts.somebody() as http:
        name = (await me(http))["username"]
        enrolment = (await http.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE})).json()
        app = pyotp.parse_uri(enrolment["uri"])
        now = time.time()
        answers = await asyncio.gather(
            *(http.post("/api/v1/auth/totp/confirm", json={"code": app.at(now + ahead)}) for ahead in (0, 30, 0, 30))
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {409, 422}, "one set of recovery codes"
        again = await asyncio.gather(
            *(http.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE}) for _ in range(4))
        )
        assert {answer.status_code for answer in again} == {409}
        [codes] = [answer.json()["recovery_codes"] for answer in answers if answer.status_code == 200]
        assert (await login(accounts, name, totp=codes[0])).status_code == 200


# Keys


async def test_a_key_opens_what_its_scopes_say_and_nothing_of_the_account(
    accounts: Any, sql: asyncpg.Connection
) -> None:
    async with accounts.somebody() as http, accounts.somebody() as other, accounts.client() as program:
        made = await http.post(
            "/api/v1/api-keys", json={"name": " my DAW ", "scopes": ["read", "read"], "expires_in_days": 1}
        )
        assert made.status_code == 201
        key, secret = made.json()["key"], made.json()["secret"]
        assert (key["name"], key["scopes"], key["last_used_at"]) == ("my DAW", ["read"], None)
        assert secret.startswith(key["prefix"])
        assert secret not in str(await sql.fetch("SELECT * FROM api_keys"))
        program.headers["x-api-key"] = secret
        assert (await me(program))["id"] == (await me(http))["id"]
        assert (await program.get("/api/v1/tracks")).status_code == 200
        # A picture is read: the key may ask for one, and there is none.
        assert (await program.get(f"/api/v1/tracks/{new_id()}/spectrogram.png")).status_code == 404
        for method, path, body in (
            ("POST", "/api/v1/generate", {"prompt": "x"}),
            ("PATCH", f"/api/v1/tracks/{new_id()}", {"title": "x"}),
            ("GET", "/api/v1/auth/sessions", None),
            ("GET", "/api/v1/api-keys", None),
            ("POST", "/api/v1/api-keys", {"name": "more", "scopes": ["admin"]}),
            ("POST", "/api/v1/auth/password/change", {"present_password": PASSPHRASE, "password": OTHER}),
            ("PATCH", "/api/v1/users/me", {"full_name": "x"}),
            ("DELETE", "/api/v1/users/me", {"password": PASSPHRASE}),
            ("GET", "/api/v1/admin/users", None),
        ):
            answer = await program.request(method, path, json=body)
            assert answer.status_code == 403, path
        listed = (await http.get("/api/v1/api-keys")).json()["items"]
        assert [item["id"] for item in listed] == [key["id"]]
        assert listed[0]["last_used_at"] is not None
        assert "secret" not in listed[0]
        assert (await other.delete(f"/api/v1/api-keys/{key['id']}")).status_code == 404
        assert (await http.delete(f"/api/v1/api-keys/{key['id']}")).status_code == 204
        await signs_out(program)


async def test_expired_and_invented_keys_and_wrong_forms_are_refused(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http, accounts.client() as program:
        for body, pointer in (
            ({"name": "", "scopes": ["read"]}, "/name"),
            ({"name": "k", "scopes": []}, "/scopes"),
            ({"name": "k", "scopes": ["everything"]}, "/scopes/0"),
            ({"name": "k", "scopes": ["read"], "expires_in_days": 0}, "/expires_in_days"),
        ):
            answer = await http.post("/api/v1/api-keys", json=body)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        forbidden = await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["admin"]})
        assert forbidden.status_code == 403
        secret = (await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})).json()["secret"]
        await sql.execute("UPDATE api_keys SET expires_at = now() - interval '1 second'")
        for presented in (secret, "mga_" + "A" * 43, "x", "", secret + "x"):
            answer = await program.get("/api/v1/users/me", headers={"x-api-key": presented})
            assert answer.status_code == 401, presented


# The end


async def test_a_deleted_account_comes_back_by_signing_in_and_is_gone_after_the_grace(
    start_accounts: Any, sql: asyncpg.Connection
) -> None:
    accounts = await start_accounts(deletion_grace_days=14)
    async with accounts.somebody() as http:
        user = await me(http)
        assert (await http.request("DELETE", "/api/v1/users/me", json={"password": OTHER})).status_code == 422
        answer = await http.request("DELETE", "/api/v1/users/me", json={"password": PASSPHRASE})
        assert answer.status_code == 202
        assert answer.json()["deletion_due_at"] is not None
        await signs_out(http)
    back = await login(accounts, user["username"])
    assert back.status_code == 200
    assert await sql.fetchval("SELECT deletion_due_at FROM users WHERE username = $1", user["username"]) is None


async def test_what_an_account_made_goes_with_it(start_accounts: Any, sql: asyncpg.Connection) -> None:
    accounts = await start_accounts()
    store = ObjectStore.from_url(accounts.users.settings.storage_url)
    gone, stays = await accounts.users.sign_up(), await accounts.users.sign_up()
    jobs = [await accounts.users.create(person) for person in (gone, stays)]
    for job in jobs:
        await store.put(f"jobs/{job.id}/1/master.flac", b"song")
    await sql.execute("UPDATE users SET deletion_due_at = now() - interval '1 second' WHERE id = $1", gone.id)
    database = Database(open_engine(accounts.users.settings.database_url, connections=2))
    # The service's own loop may have been quicker.
    await Farewell(database, store).once()
    await database.close()
    for table in ("users", "jobs", "sessions", "quota_accounts"):
        column = {"users": "id", "jobs": "owner_id", "sessions": "user_id", "quota_accounts": "owner_id"}[table]
        counts = [
            await sql.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", person.id)
            for person in (gone, stays)
        ]
        assert counts[0] == 0, table
        assert counts[1] > 0, table
    assert [info.key async for info in store.list("jobs/")] == [f"jobs/{jobs[1].id}/1/master.flac"]
    line = await sql.fetchrow("SELECT * FROM audit_entries WHERE action = 'account.deleted'")
    assert (str(line["subject_id"]), line["actor"]) == (gone.id, "musicgen")


async def test_no_secret_lies_in_the_database_or_the_logs_in_clear(
    accounts: Any, sql: asyncpg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    async with accounts.somebody() as http:
        user = await me(http)
        await login(accounts, user["email"], "a very secret guess")
        key = (await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})).json()["secret"]
        async with accounts.client() as browser:
            body = {"identifier": user["email"], "password": PASSPHRASE}
            opened = await browser.post("/api/v1/auth/session", json=body, headers={"host": "localhost"})
            cookie = opened.cookies["musicgen_session"]
            assert (await browser.get("/api/v1/users/me", headers={"x-api-key": key})).status_code == 200
        await http.post("/api/v1/auth/password/forgot", json={"email": user["email"]})
        token = await accounts.token_to(user["email"])

        async def outbox_is_empty() -> bool:
            return await sql.fetchval("SELECT count(*) FROM mails") == 0

        await eventually(outbox_is_empty, what="the mail is sent and forgotten")
        names = await sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        dump = "".join([str(await sql.fetch(f'SELECT * FROM "{row["tablename"]}"')) for row in names])
        audit = str(await sql.fetch("SELECT * FROM audit_entries"))
        logs = "".join(capfd.readouterr())
        bearer = http.headers["authorization"].split()[1]
    assert "milliseconds=" in logs, "the services did log"
    for secret in (PASSPHRASE, "a very secret guess", key, bearer, cookie, token):
        assert secret not in dump
        assert secret not in logs
    for text in (audit, logs):
        assert user["email"] not in text
