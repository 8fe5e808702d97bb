"""What administrators do, from HTTP to PostgreSQL: accounts, roles, quotas, jobs, the audit log."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from services.shared.ids import new_id
from services.user_management.background.cleanup import prune_audit
from services.user_management.database import Database, open_engine
from tests.support.account_server import OTHER, login, me, signs_out

pytestmark = pytest.mark.integration


async def admin_of(accounts: Any, sql: asyncpg.Connection) -> httpx.AsyncClient:
    person = await accounts.users.sign_up()
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", person.id)
    token = (await login(accounts, person.username)).json()["access_token"]
    return accounts.client(token)


async def test_administration_is_for_administrators_at_this_moment(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http, await admin_of(accounts, sql) as admin:
        user = await me(http)
        calls = [
            ("GET", "/api/v1/admin/users", None),
            ("GET", f"/api/v1/admin/users/{user['id']}", None),
            ("PATCH", f"/api/v1/admin/users/{user['id']}", {"role": "admin"}),
            ("POST", f"/api/v1/admin/users/{user['id']}/quota", {"seconds": 1e6}),
            ("GET", "/api/v1/admin/stats", None),
            ("GET", "/api/v1/admin/audit-log", None),
        ]
        for method, path, body in calls:
            assert (await http.request(method, path, json=body)).status_code == 403, path
        # A role that the database took back counts for nothing, although the token still names it.
        await sql.execute("UPDATE users SET role = 'user' WHERE id = $1", (await me(admin))["id"])
        for method, path, body in calls:
            assert (await admin.request(method, path, json=body)).status_code == 403, path


async def test_suspending_shuts_out_at_once_and_says_why(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http, await admin_of(accounts, sql) as admin, accounts.client() as program:
        user = await me(http)
        program.headers["x-api-key"] = (
            await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})
        ).json()["secret"]
        await me(program)
        change = {"suspended": True, "reason": "Spam."}
        answer = await admin.patch(f"/api/v1/admin/users/{user['id']}", json=change)
        assert (answer.status_code, answer.json()["suspended"]) == (200, True)
        await signs_out(http)
        await signs_out(program)
        refused = await login(accounts, user["username"])
        assert (refused.status_code, "Spam." in refused.json()["detail"]) == (403, True)
        assert (await login(accounts, user["username"], OTHER)).status_code == 401
        await admin.patch(f"/api/v1/admin/users/{user['id']}", json={"suspended": False})
        assert (await login(accounts, user["username"])).status_code == 200
        log = (await admin.get("/api/v1/admin/audit-log", params={"user_id": user["id"]})).json()["items"]
        actions = [entry["action"] for entry in reversed(log)]
        assert actions[:3] == ["account.register", "api_key.made", "admin.suspended"]
        suspended = next(entry for entry in log if entry["action"] == "admin.suspended")
        assert suspended["actor_id"] == (await me(admin))["id"]
        assert (suspended["address"], suspended["details"]) == ("127.0.0.1", {"reason": "Spam."})


async def test_roles_and_quotas_change_and_the_last_admin_stays(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http, await admin_of(accounts, sql) as admin:
        user, own = await me(http), await me(admin)
        granted = await admin.post(f"/api/v1/admin/users/{user['id']}/quota", json={"seconds": 90})
        assert granted.json()["balance_seconds"] == 36_090
        emptied = await admin.post(f"/api/v1/admin/users/{user['id']}/quota", json={"seconds": -1e6})
        assert emptied.json()["balance_seconds"] == 0
        entries = await sql.fetchval("SELECT sum(amount_ms) FROM quota_entries WHERE owner_id = $1", user["id"])
        assert entries == 0
        changed = await admin.patch(f"/api/v1/admin/users/{user['id']}", json={"role": "moderator"})
        assert changed.json()["role"] == "moderator"
        await signs_out(http)
        await sql.execute("UPDATE users SET role = 'user' WHERE role = 'admin' AND id <> $1", own["id"])
        for change in ({"role": "user"}, {"suspended": True}):
            assert (await admin.patch(f"/api/v1/admin/users/{own['id']}", json=change)).status_code == 409
        page = (await admin.get("/api/v1/admin/users", params={"limit": 1})).json()
        assert (len(page["items"]), page["next_cursor"] is not None) == (1, True)
        found = (await admin.get("/api/v1/admin/users", params={"search": user["username"][:8]})).json()["items"]
        assert [item["id"] for item in found] == [user["id"]]
        stats = (await admin.get("/api/v1/admin/stats")).json()
        assert stats["users"] >= 2
        assert (await admin.get(f"/api/v1/admin/users/{new_id()}")).status_code == 404


async def test_administrators_see_how_jobs_stand_and_not_what_they_are_about(
    accounts: Any, sql: asyncpg.Connection
) -> None:
    ann, ben = await accounts.users.sign_up(), await accounts.users.sign_up()
    made = [await accounts.users.create(owner) for owner in (ann, ben, ann)]
    async with await admin_of(accounts, sql) as admin:
        page = (await admin.get("/api/v1/admin/jobs", params={"limit": 2})).json()
        rest = (await admin.get("/api/v1/admin/jobs", params={"limit": 2, "cursor": page["next_cursor"]})).json()
        listed = [*page["items"], *rest["items"]]
        assert [item["id"] for item in listed] == [job.id for job in reversed(made)]
        assert [item["owner"] for item in listed] == [person.username for person in (ann, ben, ann)]
        assert "tone" not in str(listed)
        hers = (await admin.get("/api/v1/admin/jobs", params={"user_id": ann.id, "status": "queued"})).json()["items"]
        assert [item["owner_id"] for item in hers] == [ann.id, ann.id]
        assert (await admin.get("/api/v1/admin/jobs", params={"status": "failed"})).json()["items"] == []
        assert (await admin.get("/api/v1/admin/stats")).json()["jobs"] == {"queued": 3}


async def test_the_audit_log_is_pruned_at_its_age_in_batches_and_younger_entries_by_nobody(
    accounts: Any, sql: asyncpg.Connection
) -> None:
    entry = (
        "INSERT INTO audit_entries (id, at, actor, action, address, outcome) "
        "SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now() - make_interval(days => $1), "
        "'', 'test.old', '', 'ok' FROM generate_series($2::integer, $3::integer) n"
    )
    await sql.execute(entry, 400, 1, 1_200)
    await sql.execute(entry, 40, 2_001, 2_003)
    await sql.execute(entry, 29, 3_001, 3_002)
    database = Database(open_engine(accounts.users.settings.database_url, connections=2))
    left = "SELECT count(*) FROM audit_entries WHERE action = 'test.old'"
    try:
        assert await prune_audit(database, timedelta(days=365)) == 1_200
        assert await sql.fetchval(left) == 5
        assert await prune_audit(database, timedelta(days=365)) == 0
        assert await prune_audit(database, timedelta(days=30)) == 3
        with pytest.raises(DBAPIError, match="append-only"):
            # Whatever the configuration would say: the database holds on to what is young.
            await prune_audit(database, timedelta(days=1))
    finally:
        await database.close()
    for statement in ("DELETE FROM audit_entries WHERE action = 'test.old'", "TRUNCATE audit_entries"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.execute(statement)
    assert await sql.fetchval(left) == 2


async def test_the_audit_log_cannot_be_changed(accounts: Any, sql: asyncpg.Connection) -> None:
    async with accounts.somebody() as http:
        await me(http)
    assert await sql.fetchval("SELECT count(*) FROM audit_entries") >= 1
    for statement in (
        "UPDATE audit_entries SET outcome = 'ok'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.execute(statement)
