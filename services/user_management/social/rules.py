"""What people may say about themselves and about tracks, and how much: pure checks that answer the form to store."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from services.shared.direction import TURNING
from services.shared.errors import AppError, ErrorCode

LONGEST_DISPLAY_NAME: Final = 50
LONGEST_BIO: Final = 1_000
MOST_LINKS: Final = 5
LONGEST_LINK: Final = 200
LONGEST_COMMENT: Final = 2_000
# How many people one may follow, block or mute, each: what a page of the feed asks for stays bounded.
MOST_TIES: Final = 5_000
# How many comments one person may leave on one track.
MOST_COMMENTS: Final = 500

_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")


def display_name(text: str) -> str:
    """The name without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > LONGEST_DISPLAY_NAME:
        raise AppError.field("/display_name", f"A display name has at most {LONGEST_DISPLAY_NAME} characters.")
    if _UNSTORABLE.search(name) or TURNING.search(name) or "\n" in name or "\t" in name:
        raise AppError.field("/display_name", "A display name is one line without control characters.")
    return name


def bio(text: str) -> str:
    """The text without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    return _lines(text, "/bio", LONGEST_BIO)


def links(texts: Sequence[str]) -> tuple[str, ...]:
    """The addresses, each once. Raises `AppError` (VALIDATION) for any that is not plain https."""
    found = tuple(dict.fromkeys(text.strip() for text in texts))
    if len(found) > MOST_LINKS:
        raise AppError.field("/links", f"A profile has at most {MOST_LINKS} links.")
    for position, link in enumerate(found):
        if not _is_link(link):
            raise AppError.field(
                f"/links/{position}",
                f"A link is an https address of at most {LONGEST_LINK} characters, without a user.",
            )
    return found


def comment(text: str) -> str:
    """What somebody says, without surrounding blanks. Raises `AppError` (VALIDATION)."""
    said = _lines(text, "/body", LONGEST_COMMENT)
    if not said:
        raise AppError.field("/body", f"A comment has 1 to {LONGEST_COMMENT} characters.")
    return said


def position(seconds: float | None, duration_seconds: float) -> float | None:
    """A place within a track. Raises `AppError` (VALIDATION)."""
    if seconds is None:
        return None
    if not math.isfinite(seconds) or not 0 <= seconds <= duration_seconds:
        raise AppError.field(
            "/position", f"The position has to lie within the track: 0 to {duration_seconds:g} seconds."
        )
    # Without the sign of a negative zero.
    return seconds + 0.0


def too_many(most: int) -> AppError:
    """The refusal of one more."""
    return AppError(ErrorCode.CONFLICT, f"These are {most:,} people, as many as one can. Let somebody go first.")


def _is_link(text: str) -> bool:
    if (
        len(text) > LONGEST_LINK
        or not text.isascii()
        or any(character <= " " or character in '"<>\\`' for character in text)
    ):
        return False
    try:
        parts = urlsplit(text)
        # Reading it refuses what is no port.
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "https" and parts.username is None and parts.password is None and port in {None, 443}
    return plain and _HOST.fullmatch((parts.hostname or "").lower()) is not None


def _lines(text: str, pointer: str, longest: int) -> str:
    found = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    if len(found) > longest:
        raise AppError.field(pointer, f"This text has at most {longest:,} characters.")
    if _UNSTORABLE.search(found):
        raise AppError.field(pointer, "This text must not hold control characters.")
    return found
