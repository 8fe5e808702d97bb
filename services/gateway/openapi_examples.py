"""Examples of answers, put together from the examples of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {"date-time": "2026-11-21T10:00:00Z"}
_BY_TYPE: Mapping[str, Any] = {"string": "…", "integer": 1, "number": 1.0, "boolean": False, "object": {}, "null": None}
_ID = "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"
# What text of such a name looks like, where its field shows none itself.
_BY_NAME: Mapping[str, str] = {
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTk2ZjFjMiJ9.q1Xm…Dw",
    "attributions": "Instruments: MuseScore_General (MIT)",
    "description": "For the end of the day.",
    "detail": "There is no such track.",
    "details": "It is my recording, and I was not asked.",
    "disabled_reason": "20 deliveries in a row failed.",
    "engine_version": "0.1.0",
    "error": "The server answered 500.",
    "license": "Free to use and sell",
    "link": "/track/?id=0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11",
    "message": "Open the link in the mail that is on its way.",
    "model_revision": "composer-8",
    "name": "Evenings",
    "next_cursor": "AZbxwns6fUKaYT8Pb2ybEQ",
    "note": "Taken down: somebody else's recording.",
    "prompt": "rainy-night lofi, dusty piano, 80 bpm",
    "refresh_token": "mgr_5s8Qx1…",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "subject_text": "That last chord hangs beautifully",
    "tags": "lofi",
    "title": "Rainy night",
    "uri": "otpauth://totp/Music%20Gen%20AI:ada?secret=JBSWY3DPEHPK3PXP&issuer=Music%20Gen%20AI",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
}


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
    if kind == "string" and name in _BY_NAME:
        return _BY_NAME[name]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])
