"""Conditional requests (RFC 9110 §13): is what the client has still current?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')

# What the tag of a packed answer ends with: another representation of the same state.
GZIP_SUFFIX = "-gzip"


def http_date(moment: datetime) -> str:
    """`moment` as an HTTP-date (§5.6.7)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def is_unchanged(
    if_none_match: str | None, if_modified_since: str | None, etag: str, modified: datetime | None
) -> bool:
    """Whether to answer 304:

    If-None-Match by weak comparison (§13.1.2), else If-Modified-Since (§13.1.3). `etag` is quoted; `modified` is None
    where nobody may rely on it.
    """
    if if_none_match is not None:
        return unchanged_tag(if_none_match, etag) is not None
    since = _parse_date(if_modified_since)
    return since is not None and modified is not None and modified.replace(microsecond=0) <= since


def entity_tags(header: str) -> list[str]:
    """The entity tags that a header lists, as they stand there."""
    return [match[0] for match in _ENTITY_TAG.finditer(header)]


def unchanged_tag(if_none_match: str | None, etag: str) -> str | None:
    """The tag by which a client has what `etag` stands for (§13.1.2), packed or not; None: it has not."""
    if if_none_match is None:
        return None
    if if_none_match.strip() == "*":
        return etag
    state = _state(etag)
    return next((tag for tag in entity_tags(if_none_match) if _state(tag) == state), None)


def _state(etag: str) -> str:
    return etag.removeprefix("W/").strip('"').removesuffix(GZIP_SUFFIX)


def range_applies(if_range: str | None, etag: str, modified: datetime | None) -> bool:
    """Whether the Range header is to be heeded: If-Range (§13.1.5) by strong comparison of tag or date."""
    if if_range is None:
        return True
    if_range = if_range.strip()
    if if_range.startswith(('"', "W/")):
        return if_range == etag and not etag.startswith("W/")
    return modified is not None and _parse_date(if_range) == modified.replace(microsecond=0)


def _parse_date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
