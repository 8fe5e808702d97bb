"""The shared gateway, people who are signed in there, and gateways whose accounts are real."""

from tests.support.account_server import accounts, sql, start_accounts
from tests.support.gateway_fixtures import ada, backend, bob, gateway, gateway_valkey_url
from tests.support.oidc_door import door, provider, provider_process, start_door

__all__ = [
    "accounts",
    "ada",
    "backend",
    "bob",
    "door",
    "gateway",
    "gateway_valkey_url",
    "provider",
    "provider_process",
    "sql",
    "start_accounts",
    "start_door",
]
