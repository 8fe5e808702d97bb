"""What every request body shares."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Body(BaseModel):
    """A request body: unknown fields are refused, and values have the type that they are said to have."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _without_control_characters(text: str) -> str:
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            raise ValueError(f"Must not hold control characters: remove U+{ord(character):04X}.")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("Must be one line: remove line breaks and tabs.")
    return _without_control_characters(text)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Must not be empty or only blanks: write what it should be.")
    return text


# Free text of several lines.
Text = Annotated[str, AfterValidator(_without_control_characters)]
# A name or title.
Line = Annotated[str, AfterValidator(_one_line)]
# Free text that has to say something.
SaidText = Annotated[str, AfterValidator(_not_blank), AfterValidator(_without_control_characters)]
