"""Webhooks as tests make them, and the worker's turn at what they are owed."""

from typing import Any

import httpx

from services.shared.secrets import Secrets
from services.user_management.auth.sealing import Sealer
from services.user_management.database import Database
from services.user_management.webhooks.deliveries import Deliveries, Tally
from services.user_management.webhooks.names import Names
from services.user_management.webhooks.sender import WebhookSender
from tests.support.account_server import AccountServer
from tests.support.user_management import Person

ENDINGS = ["job.succeeded", "job.failed", "job.cancelled"]


async def deliver(accounts: AccountServer, database: Database, *, private: bool = True, **options: Any) -> Tally:
    sealer = Sealer(Secrets(accounts.users.secrets_dir).service_token_key())
    resolver = options.pop("resolver", None) or Names().resolve
    sender = WebhookSender(private=private, resolver=resolver, seconds=options.pop("seconds", 5.0))
    return await Deliveries(database, sealer, sender, private=private, **options).run()


async def person(accounts: AccountServer) -> tuple[Person, httpx.AsyncClient]:
    found = await accounts.users.sign_up()
    return found, accounts.client(found.tokens.access_token)


async def make(http: httpx.AsyncClient, url: str, events: list[str] | None = None, **headers: str) -> Any:
    body = {"url": url, "events": events or ENDINGS}
    answer = await http.post("/api/v1/webhooks", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()
