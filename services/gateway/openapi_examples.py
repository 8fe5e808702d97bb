"""Examples of answers, put together from the examples of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {"date-time": "2026-11-21T10:00:00Z"}
_BY_TYPE: Mapping[str, Any] = {"string": "…", "integer": 1, "number": 1.0, "boolean": False, "object": {}, "null": None}
_ID = "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits `schema`; `schemas` holds what its references name, `name` is the property that it is for."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for keyword in ("example", "const"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    if "anyOf" in schema:
        # An optional value is shown as it is when it is there; a problem only where there is one.
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        is_error = any(option.get("$ref", "").endswith("/Problem") for option in options)
        return None if is_error else example_of(options[0], schemas, name)
    kind = schema.get("type", "object")
    if kind == "array":
        return [example_of(schema["items"], schemas, name)]
    if kind == "object" and "properties" in schema:
        return {key: example_of(value, schemas, key) for key, value in schema["properties"].items()}
    if kind == "string" and (name in {"id", "track_ids"} or name.endswith("_id")):
        return _ID
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])
