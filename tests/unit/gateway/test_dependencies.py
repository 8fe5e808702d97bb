"""What the framework does for a call before its endpoint."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS


def within(dependant: Dependant) -> Iterator[Dependant]:
    for item in dependant.dependencies:
        yield item
        yield from within(item)


def test_no_call_waits_for_a_thread() -> None:
    """The framework sends whatever is no coroutine through one of its few threads."""
    routes = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
    found = {route.name: [item.call for item in within(route.dependant)] for route in routes}
    assert any(found.values())
    threaded = {
        name: calls for name, calls in found.items() if not all(inspect.iscoroutinefunction(call) for call in calls)
    }
    assert threaded == {}
