"""Lists from their first page to their last, over both clients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from musicgen_client import AsyncClient, Client, UnexpectedAnswerError
from musicgen_client.calls import library
from musicgen_client.paging import MOST_PER_PAGE


@pytest.fixture
def tracks(server: Any, answer: Any) -> Callable[..., None]:
    """Serves a list of tracks: `tracks(first=(["a"], "c1"), c1=(["b"], None))`, pages by their cursors."""

    def serve(**pages: tuple[list[str], str | None]) -> None:
        def page(asked: Any) -> Any:
            names, following = pages[asked.query.get("cursor", "first")]
            return answer({"items": [{"id": name} for name in names], "next_cursor": following})

        server.on("GET", "/api/v1/tracks", page)

    return serve


def test_every_page_is_read_in_turn(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a", "b"], "c1"), c1=(["c"], "c2"), c2=(["d"], None))
    with Client(server.url) as client:
        assert [track.id for track in client.all_tracks(query="rain", tags=["lofi"])] == ["a", "b", "c", "d"]
    asked = {"limit": "100", "q": "rain", "tag": "lofi"}
    assert [one.query for one in server.asked] == [asked, {**asked, "cursor": "c1"}, {**asked, "cursor": "c2"}]


def test_pages_are_asked_for_when_they_are_reached(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a", "b"], "c1"), c1=(["c"], None))
    with Client(server.url) as client:
        found = client.all_tracks()
        assert server.asked == []
        assert [track.id for track in islice(found, 2)] == ["a", "b"]
        assert len(server.asked) == 1


def test_page_size_and_beginning_are_the_callers(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a"], "c1"), c1=(["b"], None))
    with Client(server.url) as client:
        assert [track.id for track in client.all_tracks(limit=5, cursor="c1")] == ["b"]
    assert server.asked[0].query == {"limit": "5", "cursor": "c1"}


def test_empty_list_ends_at_once_and_empty_page_is_passed(server: Any, tracks: Callable[..., None]) -> None:
    with Client(server.url) as client:
        tracks(first=([], None))
        assert list(client.all_tracks()) == []
        tracks(first=([], "c1"), c1=(["a"], None))
        assert [track.id for track in client.all_tracks()] == ["a"]


def test_what_slid_to_the_next_page_is_given_once(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a", "b"], "c1"), c1=(["b", "c"], None))
    with Client(server.url) as client:
        assert [track.id for track in client.all_tracks()] == ["a", "b", "c"]


@pytest.mark.parametrize("again", ["c1", "c2"])
def test_pages_in_a_circle_are_refused(server: Any, tracks: Callable[..., None], again: str) -> None:
    tracks(first=(["a"], "c1"), c1=(["b"], "c2"), c2=(["c"], again))
    with Client(server.url) as client, pytest.raises(UnexpectedAnswerError, match=f"the cursor '{again}' twice"):
        list(client.all_tracks())
    assert len(server.asked) == 3


def test_the_page_where_it_began_is_not_read_again(server: Any, tracks: Callable[..., None]) -> None:
    tracks(c1=(["b"], "c2"), c2=(["c"], "c1"))
    with Client(server.url) as client, pytest.raises(UnexpectedAnswerError, match="twice"):
        list(client.all_tracks(cursor="c1"))


def test_items_without_an_id_are_told_apart_by_what_they_stand_for(server: Any, answer: Any) -> None:
    hits = [{"type": "track", "track": {"id": "x"}}, {"type": "user", "user": {"id": "x", "username": "ada"}}]
    pages = {"": {"items": hits, "next_cursor": "c1"}, "c1": {"items": [hits[0]], "next_cursor": None}}
    server.on("GET", "/api/v1/search", lambda asked: answer(pages[asked.query.get("cursor", "")]))
    versions = [{"mix_id": "m1", "number": number} for number in (2, 1)]
    server.on("GET", "/api/v1/mixes/m1/versions", answer({"items": [*versions, versions[0]], "next_cursor": None}))
    with Client(server.url) as client:
        assert [hit.type for hit in client.all_search("rain")] == ["track", "user"]
        assert [version.number for version in client.all_mix_versions("m1")] == [2, 1]


def test_any_list_call_can_be_walked(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a"], "c1"), c1=(["b"], None))
    with Client(server.url) as client:
        assert [track.id for track in client.iterate(library.tracks(limit=1))] == ["a", "b"]
    assert [asked.query["limit"] for asked in server.asked] == ["1", "1"]


async def test_the_asynchronous_client_walks_the_same_way(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a", "b"], "c1"), c1=(["b", "c"], "c2"), c2=(["d"], None))
    async with AsyncClient(server.url) as client:
        found = client.all_tracks(public=True)
        assert server.asked == []
        assert [track.id async for track in found] == ["a", "b", "c", "d"]
    assert [one.query.get("cursor") for one in server.asked] == [None, "c1", "c2"]
    assert server.asked[0].query["public"] == "true"


async def test_the_asynchronous_client_refuses_pages_in_a_circle(server: Any, tracks: Callable[..., None]) -> None:
    tracks(first=(["a"], "c1"), c1=(["b"], "c1"))
    async with AsyncClient(server.url) as client:
        with pytest.raises(UnexpectedAnswerError, match="twice"):
            [track async for track in client.all_tracks()]


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_every_list_with_a_cursor_can_be_walked(client_class: type) -> None:
    methods = {name: getattr(client_class, name) for name in dir(client_class) if not name.startswith("_")}
    paged = {name for name, method in methods.items() if "cursor" in inspect.signature(method).parameters}
    lists = {name for name in paged if not name.startswith("all_")}
    assert len(lists) > 20
    assert {f"all_{name}" for name in lists} == paged - lists
    for name in lists:
        walk = inspect.signature(methods[f"all_{name}"]).parameters
        assert list(walk) == list(inspect.signature(methods[name]).parameters)
        assert walk["limit"].default == MOST_PER_PAGE
