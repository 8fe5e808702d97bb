"""Where texts stand in the bodies of an OpenAPI document, and bodies with another text there."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.gateway.openapi_examples import example_of

# Of a place: the key of whatever a free object holds, and the position in an array.
KEY: Final = "\x00key"
Place = tuple[str | int, ...]

_DEEPEST: Final = 8


def places(schema: Mapping[str, Any], schemas: Mapping[str, Any], _above: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every place of `schema` that holds a text or may hold anything, those of optional fields too."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in _above and len(_above) < _DEEPEST:
            yield from places(schemas[name], schemas, (*_above, name))
        return
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from places(option, schemas, _above)
    kind = schema.get("type")
    if kind == "string" or "const" in schema or "enum" in schema:
        yield ()
    elif kind == "array":
        for place in places(schema.get("items", {"type": "string"}), schemas, _above):
            yield (0, *place)
    elif kind == "object":
        for name, item in schema.get("properties", {}).items():
            for place in places(item, schemas, _above):
                yield (name, *place)
        free = schema.get("additionalProperties", not schema.get("properties"))
        if free:
            yield (KEY,)
            inner = free if isinstance(free, dict) and free else {"type": "string"}
            for place in places(inner, schemas, _above):
                yield ("k", *place)


def texts_in(value: Any) -> Iterator[Place]:
    """Every place of an example that holds a text: where the schema leaves it free what an object holds."""
    if isinstance(value, str):
        yield ()
    parts = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for step, item in parts:
        for place in texts_in(item):
            yield (step, *place)


def with_text(body: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], place: Place, text: str) -> Any:
    """`body` with `text` at `place`; what is missing on the way is made like the schema's example."""
    if not place:
        return text
    schema = _resolved(schema, schemas, place[0])
    step, rest = place[0], place[1:]
    changed = copy.deepcopy(body)
    if step == KEY:
        return {**changed, text: 1} if isinstance(changed, dict) else {text: 1}
    if step == 0:
        items = changed if isinstance(changed, list) else []
        inner = schema.get("items", {"type": "string"})
        first = items[0] if items else example_of(inner, schemas)
        return [with_text(first, inner, schemas, rest, text), *items[1:]]
    held = changed if isinstance(changed, dict) else {}
    inner = schema.get("properties", {}).get(step)
    if inner is None:
        free = schema.get("additionalProperties")
        inner = free if isinstance(free, dict) and free else {"type": "string"}
    present = held[step] if step in held and held[step] is not None else None
    if present is None and rest:
        present = example_of(_resolved(inner, schemas, rest[0]), schemas)
    return {**held, step: with_text(present, inner, schemas, rest, text)}


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    """The part of `schema` that has the step: behind references, and of several options the one that holds it."""
    if "$ref" in schema:
        return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas, step)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found = _resolved(option, schemas, step)
        if _has(found, step):
            return found
    return schema


def _has(schema: Mapping[str, Any], step: str | int) -> bool:
    if step == 0:
        return schema.get("type") == "array"
    if schema.get("type") != "object":
        return False
    return step in schema.get("properties", {}) or bool(schema.get("additionalProperties", step == KEY or step == "k"))
