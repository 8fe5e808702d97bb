"""The model catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from protos.generation.v1 import generation_pb2

_CONTINUES: Mapping[str, Literal["notes", "sound"]] = {"notes": "notes", "sound": "sound"}


class Model(BaseModel):
    """A model that makes music."""

    id: Annotated[str, Field(examples=["composer"])]
    family: Annotated[str, Field(examples=["composer"])]
    title: str
    description: str
    licence: Annotated[str, Field(description="SPDX id or a plain name.", examples=["Apache-2.0"])]
    commercial_use: Annotated[bool, Field(description="Whether what it makes may be sold.")]
    installed: bool
    loaded: Annotated[bool, Field(description="Whether a worker has it in memory now.")]
    size_bytes: int
    sample_rate: Annotated[int, Field(description="Hertz.", examples=[44100])]
    channels: Annotated[int, Field(examples=[2])]
    max_duration: Annotated[float, Field(description="Seconds.", examples=[600.0])]
    conditioning: Annotated[list[str], Field(examples=[["text", "structure"]])]
    outputs: Annotated[list[str], Field(examples=[["audio", "stems", "midi"]])]
    parameters: Annotated[
        list[str],
        Field(
            description="What it takes beside prompt, duration, model, seed, title and public.",
            examples=[["bpm", "key"]],
        ),
    ]
    continues_from: Annotated[
        Literal["notes", "sound"] | None,
        Field(
            description="What `continue_from_id` goes on from: `notes` (its own songs, as it wrote them; `duration` is "
            "that of the whole), `sound` (any track; `duration` is that of what is added), null: nothing.",
            examples=["notes"],
        ),
    ] = None
    default: Annotated[bool, Field(description="Whether it is used when a request names none.")]
    can_pull: Annotated[bool, Field(description="Whether an administrator can have it fetched.")] = False
    can_remove: Annotated[bool, Field(description="Whether an administrator can have it removed.")] = False
    real_time_factor: Annotated[
        float | None,
        Field(
            description="Seconds of audio for each second of work here: the median of its latest songs, from when a "
            "worker took them up. Null before the first.",
            examples=[9.4],
        ),
    ] = None

    @classmethod
    def from_message(cls, message: generation_pb2.Model) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            family=message.family,
            title=message.title,
            description=message.description,
            licence=message.licence,
            commercial_use=message.commercial_use,
            installed=message.installed,
            loaded=message.loaded,
            size_bytes=message.size_bytes,
            sample_rate=message.sample_rate_hz,
            channels=message.channels,
            max_duration=message.max_duration_seconds,
            conditioning=list(message.conditioning),
            outputs=list(message.outputs),
            parameters=list(message.parameters),
            continues_from=_CONTINUES.get(message.continues_from),
            default=message.default,
            can_pull=message.can_pull,
            can_remove=message.can_remove,
            real_time_factor=round(message.real_time_factor, 3) or None,
        )


class ModelList(BaseModel):
    """The catalogue."""

    items: list[Model]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None
