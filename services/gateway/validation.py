"""Sentences for people from what pydantic found: each says what to change, none repeats the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from services.gateway.schemas.problems import ProblemError

Location = Literal["body", "query", "path", "header"]

_NO_BODY = "Send a JSON object as the body, with Content-Type: application/json."


def sentence_of(item: Mapping[str, Any]) -> ProblemError:
    """One entry of pydantic's error list as an entry of a problem document."""
    where, *path = item["loc"]
    location = cast(Location, where if where in {"query", "path", "header"} else "body")
    kind = str(item["type"])
    context = item.get("ctx") or {}
    if kind == "json_invalid":
        # `path` is the position in the text, not a place in the document.
        return ProblemError(
            pointer="",
            detail=f"The body is not valid JSON: {context.get('error')} at character {path[0] if path else 0}. "
            "NaN and Infinity are not JSON numbers.",
        )
    if location == "body" and not path and kind in {"missing", "model_attributes_type", "dict_type"}:
        return ProblemError(pointer="", detail=_NO_BODY)
    if kind in {"too_short", "too_long"} and isinstance(item.get("input"), str):
        kind = f"string_{kind}"
    return ProblemError(pointer=json_pointer(path), detail=_detail(kind, context, str(item["msg"])), location=location)


def json_pointer(path: list[Any]) -> str:
    """RFC 6901: `["structure", 0, "bars"]` is `/structure/0/bars`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _detail(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "missing":
            return "This value is required: add it."
        case "extra_forbidden":
            return "There is no value of this name here: remove it, or correct its spelling."
        case "string_type":
            return "Must be a string: put it in quotes."
        case "int_type" | "int_parsing" | "int_from_float":
            return "Must be a whole number."
        case "float_type" | "float_parsing" | "finite_number":
            return "Must be a number."
        case "bool_type" | "bool_parsing":
            return "Must be true or false."
        case "list_type":
            return "Must be an array: put it in [ ]."
        case "dict_type" | "model_type" | "model_attributes_type":
            return "Must be an object: put it in { }."
        case "string_too_short":
            least = context["min_length"]
            return "Must not be empty." if least == 1 else f"Must have at least {least} characters."
        case "string_too_long":
            return f"Must have at most {context['max_length']} characters: shorten it."
        case "too_short":
            return f"Must have at least {context['min_length']} entries."
        case "too_long":
            return f"Must have at most {context['max_length']} entries."
        case "greater_than":
            return f"Must be greater than {_number(context['gt'])}."
        case "greater_than_equal":
            return f"Must be {_number(context['ge'])} or more."
        case "less_than":
            return f"Must be less than {_number(context['lt'])}."
        case "less_than_equal":
            return f"Must be {_number(context['le'])} or less."
        case "literal_error" | "enum":
            return f"Must be one of {context['expected']}."
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return f"{message}."


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
