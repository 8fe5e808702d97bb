"""Which methods a path takes, over all routes of it: what the Allow header of a 405 has to list (RFC 9110 §10.2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.routing import Route


class MethodTable:
    """The routes of the application by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: Sequence[Route] = tuple(routes)

    def allowed(self, path: str) -> list[str]:
        """The methods of `path`, sorted; HEAD comes with GET."""
        found: set[str] = set()
        for route in self._routes:
            if route.path_regex.match(path):
                found |= route.methods or set()
        return sorted(found | {"HEAD"}) if "GET" in found else sorted(found)
