"""What is said of a request that does not fit its model."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.shared.findings import json_pointer, sentence_of


@pytest.mark.parametrize(
    ("path", "pointer"), [([], ""), (["a"], "/a"), (["a", 0, "b"], "/a/0/b"), (["a/b", "m~n"], "/a~1b/m~0n")]
)
def test_places_are_json_pointers(path: list[object], pointer: str) -> None:
    # RFC 6901 §3 for the escapes.
    assert json_pointer(path) == pointer


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    few: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    level: Annotated[float, Field(ge=-36, lt=1e7, allow_inf_nan=False)] = 0.0
    name: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    count: Annotated[int, Field(gt=0, le=16)] = 1
    on: bool = True
    version: Literal[1] = 1
    kind: Literal["a", "b"] = "a"
    inner: Model | None = None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"few": ()}, "Must have at least 1 entry."),
        ({"few": (1, 2, 3)}, "Must have at most 2 entries."),
        ({"few": 1}, "Must be an array: put it in [ ]."),
        ({"level": -100.0}, "Must be -36 or more."),
        ({"level": float("nan")}, "Must be a number."),
        ({"level": 1e8}, "Must be less than 10000000.0."),
        ({"name": ""}, "Must not be empty."),
        ({"name": "long"}, "Must have at most 3 characters: shorten it."),
        ({"name": None}, "Must be a string: put it in quotes."),
        ({"count": 0}, "Must be greater than 0."),
        ({"count": 17}, "Must be 16 or less."),
        ({"count": 1.5}, "Must be a whole number."),
        ({"on": 1}, "Must be true or false."),
        ({"version": 2}, "Must be 1."),
        ({"kind": "c"}, "Must be one of 'a' or 'b'."),
        ({"inner": 3}, "Must be an object: put it in { }."),
        ({"other": 3}, "There is no value of this name here: remove it, or correct its spelling."),
    ],
)
def test_a_finding_says_what_to_change(body: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Model.model_validate(body)
    assert [sentence_of(item) for item in raised.value.errors(include_url=False)] == [sentence]
