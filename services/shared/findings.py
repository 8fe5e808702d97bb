"""Sentences for people from what pydantic found in a request: each says what to change, none repeats the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def json_pointer(path: Iterable[object]) -> str:
    """RFC 6901: `["structure", 0, "bars"]` is `/structure/0/bars`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def sentence_of(item: Mapping[str, Any]) -> str:
    """One entry of pydantic's error list in words."""
    kind = str(item["type"])
    context = item.get("ctx") or {}
    if kind in {"too_short", "too_long"} and isinstance(item.get("input"), str):
        kind = f"string_{kind}"
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
        case "list_type" | "tuple_type":
            return "Must be an array: put it in [ ]."
        case "dict_type" | "model_type" | "model_attributes_type" | "mapping_type":
            return "Must be an object: put it in { }."
        case "string_too_short":
            least = context["min_length"]
            return "Must not be empty." if least == 1 else f"Must have at least {least} characters."
        case "string_too_long":
            return f"Must have at most {context['max_length']} characters: shorten it."
        case "too_short":
            return f"Must have at least {_entries(context['min_length'])}."
        case "too_long":
            return f"Must have at most {_entries(context['max_length'])}."
        case "greater_than":
            return f"Must be greater than {_number(context['gt'])}."
        case "greater_than_equal":
            return f"Must be {_number(context['ge'])} or more."
        case "less_than":
            return f"Must be less than {_number(context['lt'])}."
        case "less_than_equal":
            return f"Must be {_number(context['le'])} or less."
        case "literal_error" | "enum":
            expected = str(context["expected"])
            return f"Must be one of {expected}." if " or " in expected else f"Must be {expected}."
        case "value_error":
            return str(item["msg"]).removeprefix("Value error, ")
        case _:
            return f"{item['msg']}."


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
