"""What all answers of the server have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Answer(BaseModel):
    """Base of every answer: immutable, tolerant of what a newer server adds, and of null where nothing is known."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _null_means_absent(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value


class Edited(Answer):
    """Base of what people edit. `etag` names the state that was read, empty in lists: a change that is handed it as
    `if_match` is refused (`ChangedMeanwhileError`) when somebody edited the thing in between.
    """

    etag: str = Field(default="", exclude=True)
