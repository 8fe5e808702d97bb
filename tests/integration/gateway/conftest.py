"""The shared gateway, people who are signed in there, and a gateway whose accounts are real."""

from tests.support.account_server import accounts, sql, start_accounts
from tests.support.gateway_fixtures import ada, backend, bob, gateway, gateway_valkey_url

__all__ = ["accounts", "ada", "backend", "bob", "gateway", "gateway_valkey_url", "sql", "start_accounts"]
