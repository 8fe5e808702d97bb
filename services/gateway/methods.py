"""Which methods a path takes, over all routes of it: what the Allow header of a 405 has to list (RFC 9110 §10.2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.routing import Route


class MethodTable:
    """The routes of the application by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: Sequence[Route] = tuple(routes)

    def allowed(self, path: str) -> list[str]:
        """The methods of `path`, sorted; HEAD comes with GET.

        A path that is named word by word is its own resource, though its last word could be an id: `/playlists/{id}`
        says nothing about `/playlists/invitations`.
        """
        matching = [route for route in self._routes if route.path_regex.match(path)]
        nearest = min((len(route.param_convertors) for route in matching), default=0)
        found: set[str] = set()
        for route in matching:
            if len(route.param_convertors) == nearest:
                found |= route.methods or set()
        return sorted(found | {"HEAD"}) if "GET" in found else sorted(found)
