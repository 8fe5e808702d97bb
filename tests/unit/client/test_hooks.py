"""Webhooks and exports over both clients and the command."""

from typing import Any

import pytest
from musicgen_client import AsyncClient, Client
from musicgen_client.cli import run

HOOK = {"id": "w1", "url": "https://example.org/hook", "events": ["job.failed"], "active": True}
SENT = {"id": "d1", "webhook_id": "w1", "event": "webhook.test", "status": "pending", "attempts": 0}


@pytest.fixture
def hooks(server: Any, answer: Any) -> Any:
    base = "/api/v1/webhooks"
    server.on("GET", base, answer({"items": [HOOK], "next_cursor": None}))
    server.on("POST", base, answer({"webhook": HOOK, "secret": "whs_x"}, 201))
    server.on("PATCH", f"{base}/w1", answer({**HOOK, "active": False}))
    server.on("POST", f"{base}/w1/secret", answer({"secret": "whs_y"}))
    server.on("POST", "/api/v1/users/me/webhook-secret", answer({"secret": "whs_z"}))
    server.on("POST", f"{base}/w1/test", answer(SENT, 202))
    server.on("GET", f"{base}/w1/deliveries", answer({"items": [SENT], "next_cursor": "c"}))
    server.on("GET", f"{base}/deliveries/dead", answer({"items": [{**SENT, "status": "dead"}], "next_cursor": None}))
    server.on("POST", f"{base}/deliveries/d1/redeliver", answer(SENT, 202))
    server.on("POST", "/api/v1/users/me/export", answer({"id": "e1", "status": "queued", "progress": 0}, 202))
    return server


def test_webhooks_are_made_changed_and_tried(hooks: Any) -> None:
    with Client(hooks.url) as client:
        made = client.create_webhook("https://example.org/hook", ["job.failed"])
        assert (made.webhook.id, made.secret) == ("w1", "whs_x")
        assert hooks.asked[-1].document == {"url": "https://example.org/hook", "events": ["job.failed"]}
        assert hooks.asked[-1].headers["idempotency-key"]
        assert not client.update_webhook("w1", active=False).active
        assert hooks.asked[-1].document == {"active": False}
        assert client.renew_webhook_secret("w1").secret == "whs_y"
        assert client.renew_webhook_secret().secret == "whs_z"
        assert client.test_webhook("w1").status == "pending"
        assert client.webhook_deliveries("w1", status="dead").next_cursor == "c"
        assert hooks.asked[-1].query == {"limit": "20", "status": "dead"}
        assert client.dead_letters().items[0].status == "dead"
        assert client.redeliver("d1").id == "d1"


async def test_the_asynchronous_client_asks_the_same(hooks: Any) -> None:
    async with AsyncClient(hooks.url) as client:
        assert (await client.webhooks()).items[0].url == "https://example.org/hook"
        assert (await client.start_export()).status == "queued"


def test_the_command_prints_the_secret_once(hooks: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["webhooks", "create", "https://example.org/hook", "--event", "job.failed", "--url", hooks.url]) == 0
    assert capsys.readouterr().out == "whs_x\n"
    assert run(["webhooks", "--url", hooks.url]) == 0
    said = capsys.readouterr().out
    assert "https://example.org/hook" in said
    assert "whs_" not in said
    assert run(["webhooks", "dead-letters", "--url", hooks.url]) == 0
    assert "d1" in capsys.readouterr().out
