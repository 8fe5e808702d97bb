"""Entity tags of JSON answers (RFC 9110 §8.8.3): what is read again only when it changed, and what edits are bound to.

Every reading call has one, a digest of its answer. The tag of a thing that people edit is strong and begins with the
thing's revision, `"7-1f0c…"`: a change that brings it in If-Match is made only while that revision is the present one,
which user_management decides in the statement that changes it. What others count (likes, tracks of a playlist) makes
another tag, so nobody is told that nothing changed, but keeps nobody from editing. Lists have weak tags.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.media.conditional import entity_tags, unchanged_tag
from services.shared.errors import AppError, ErrorCode

_DIGEST_CHARACTERS: Final = 20
_OF_A_REVISION: Final = re.compile(r'"([0-9]{1,18})-[0-9a-f]{20}(?:-gzip)?"', re.ASCII)
# As many as user_management compares.
_MOST: Final = 20

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=4_000,
        description="The `ETag` of what you read: nothing is done, and the answer is 412, if it was edited since.",
        examples=['"7-1f0c3b2a9d8e7f605142"'],
    ),
]


def revised(request: Request, revision: int) -> None:
    """Give the answer the strong tag of a thing of this revision."""
    request.scope["state"]["revision"] = revision


def revisions_of(if_match: str | None) -> tuple[int, ...]:
    """The revisions that an edit is bound to; none without the header, or for `*`: whatever is there.

    Raises `AppError` (PRECONDITION_FAILED) when none of its tags can match: If-Match compares strongly (§13.1.1).
    """
    if if_match is None or if_match.strip() == "*":
        return ()
    found = (_OF_A_REVISION.fullmatch(tag) for tag in entity_tags(if_match))
    revisions = tuple(dict.fromkeys(int(match[1]) for match in found if match is not None))[:_MOST]
    if not revisions:
        raise AppError(
            ErrorCode.PRECONDITION_FAILED,
            "`If-Match` names no state of this. Send the `ETag` of the answer to its GET as it came, or `*`.",
        )
    return revisions


def tagged(request: Request, response: Response) -> Response:
    """The answer with its tag; 304 in its place where the client has it already (If-None-Match)."""
    revision: int | None = request.scope["state"].get("revision")
    reads = request.method == "GET"
    if response.status_code != 200 or "etag" in response.headers or not (reads or revision is not None):
        return response
    if response.headers.get("content-type") != "application/json":
        return response
    digest = hashlib.sha256(response.body).hexdigest()[:_DIGEST_CHARACTERS]
    etag = f'"{revision}-{digest}"' if revision is not None else f'W/"{digest}"'
    known = unchanged_tag(request.headers.get("if-none-match"), etag) if reads else None
    if known is None:
        response.headers["etag"] = etag
        return response
    # The 200 may have been packed, as the tag that the client holds says.
    return Response(status_code=304, headers={"etag": known, "vary": "Accept-Encoding"})
