"""What tracks, and collections of them, may be called and tagged with: pure checks that answer the form to store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from services.shared.errors import AppError

LONGEST_TITLE: Final = 200
LONGEST_TAG: Final = 50
MOST_TAGS: Final = 20
LONGEST_DESCRIPTION: Final = 2_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\ud800-\udfff]")
# Line breaks and tabs may stand in a description.
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")


def title(text: str) -> str:
    """The title without surrounding blanks. Raises `AppError` (VALIDATION)."""
    found = text.strip()
    if not 1 <= len(found) <= LONGEST_TITLE or _CONTROL.search(found):
        raise AppError.field("/title", f"A title has 1 to {LONGEST_TITLE} characters and no control characters.")
    return found


def tags(texts: Iterable[str]) -> tuple[str, ...]:
    """The tags in lower case, each once, in order. Raises `AppError` (VALIDATION)."""
    found = tuple(dict.fromkeys(text.strip().lower() for text in texts))
    if len(found) > MOST_TAGS:
        raise AppError.field("/tags", f"A track has at most {MOST_TAGS} tags.")
    for tag in found:
        if not 1 <= len(tag) <= LONGEST_TAG or _CONTROL.search(tag):
            raise AppError.field("/tags", f"A tag has 1 to {LONGEST_TAG} characters and no control characters.")
    return found


def description(text: str) -> str:
    """The description of a collection without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    found = text.strip()
    if len(found) > LONGEST_DESCRIPTION or _CONTROL_IN_TEXT.search(found):
        raise AppError.field(
            "/description", f"A description has at most {LONGEST_DESCRIPTION} characters and no control characters."
        )
    return found
