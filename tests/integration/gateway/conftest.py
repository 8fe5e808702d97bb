"""The shared gateway, and people who are signed in there."""

from tests.support.gateway_fixtures import ada, backend, bob, gateway, gateway_valkey_url

__all__ = ["ada", "backend", "bob", "gateway", "gateway_valkey_url"]
