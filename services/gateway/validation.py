"""What pydantic found in a request as entries of a problem document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from services.gateway.schemas.problems import ProblemError
from services.shared import findings

Location = Literal["body", "query", "path", "header"]

# As far as bodies are read. What writes them again gives up at some two hundred levels.
DEEPEST_LEVELS: Final = 64
TOO_DEEP: Final = f"more than {DEEPEST_LEVELS} levels within one another"

_NO_BODY = "Send a JSON object as the body, with Content-Type: application/json."


def entry_of(item: Mapping[str, Any]) -> ProblemError:
    """One entry of pydantic's error list as an entry of a problem document."""
    where, *path = item["loc"]
    location = cast(Location, where if where in {"query", "path", "header"} else "body")
    kind = str(item["type"])
    if kind == "json_invalid":
        # `path` is the position in the text, not a place in the document.
        error = (item.get("ctx") or {}).get("error")
        return ProblemError(
            pointer="",
            detail=f"The body is nested too deeply: {error}."
            if error == TOO_DEEP
            else f"The body is not valid JSON: {error} at character {path[0] if path else 0}. "
            "NaN and Infinity are not JSON numbers.",
        )
    if location == "body" and not path and kind in {"missing", "model_attributes_type", "dict_type"}:
        return ProblemError(pointer="", detail=_NO_BODY)
    return ProblemError(pointer=findings.json_pointer(path), detail=findings.sentence_of(item), location=location)
