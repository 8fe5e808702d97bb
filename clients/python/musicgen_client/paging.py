"""Lists that come in pages, walked from the first to the last, one request at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from musicgen_client.calls.call import Call
from musicgen_client.errors import UnexpectedAnswerError
from musicgen_client.models import Page

ItemT = TypeVar("ItemT")

MOST_PER_PAGE: Final = 100  # what the server gives at once


class PageWalk(Generic[ItemT]):
    """Where somebody is in a list: `next_call` asks for the page that follows; None behind the last."""

    def __init__(self, call: Call[Page[ItemT]]) -> None:
        self.next_call: Call[Page[ItemT]] | None = call
        self._first = call
        self._cursors = {call.params.get("cursor")}
        self._given: set[object] = set()

    def take(self, page: Page[ItemT]) -> list[ItemT]:
        """The items of the page that was asked for, without those that an earlier page had.

        A list may change while it is walked: what moves to a later page is given once.
        Raises `UnexpectedAnswerError` when the server names a page that was there already, since that has no end.
        """
        cursor = page.next_cursor
        if not cursor:
            self.next_call = None
        elif cursor in self._cursors:
            raise UnexpectedAnswerError(f"{self._first.path} answered the cursor {cursor!r} twice: its pages never end")
        else:
            self._cursors.add(cursor)
            self.next_call = replace(self._first, params={**self._first.params, "cursor": cursor})
        return [item for item in page.items if self._is_new(item)]

    def _is_new(self, item: ItemT) -> bool:
        name = _name_of(item)
        if name is None:
            return True
        known = name in self._given
        self._given.add(name)
        return not known


def _name_of(item: Any) -> object | None:
    """What tells an item from the others of its list; some have no id and stand for something that has."""
    for field in ("id", "number"):
        name: object = getattr(item, field, None)
        if name is not None:
            return name
    for field in ("track", "user"):
        subject = getattr(item, field, None)
        if subject is not None:
            return field, subject.id
    return None
