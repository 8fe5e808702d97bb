"""Finds the route of a call by the noun in its path, instead of trying every route of the API one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

_PREFIX = "/api/v1/"


class RouteTable(BaseRoute):
    """Stands before the routes that it knows.

    What it does not answer (no such path, another method, a socket) it leaves to the framework, which looks at all.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_noun: defaultdict[str, list[Route]] = defaultdict(list)
        for route in routes:
            noun = noun_of(route.path)
            if "{" not in noun:
                self._by_noun[noun].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The route that answers, as the framework would find it."""
        if scope["type"] == "http":
            # In their order: the first that fits answers.
            for route in self._by_noun.get(noun_of(scope["path"]), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that matched answer."""
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """None of its own: the routes themselves know theirs."""
        raise NoMatchFound(name, path_params)


def noun_of(path: str) -> str:
    """`tracks` of `/api/v1/tracks/…`, `health` of `/health/…`."""
    start = len(_PREFIX) if path.startswith(_PREFIX) else 1
    end = path.find("/", start)
    return path[start:] if end < 0 else path[start:end]
