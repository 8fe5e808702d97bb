"""Bodies of generation calls."""

from __future__ import annotations

from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from protos.generation.v1 import generation_pb2
from services.gateway.schemas.body import Body, Line, SaidText, Text
from services.gateway.schemas.jobs import Job

LONGEST_PROMPT = 2_000
# Beyond every model; the model's own limit is checked by the generation service.
LONGEST_SECONDS = 3_600.0
# JSON numbers are exact up to here in every client (RFC 8259 §6).
HIGHEST_SEED = 2**53 - 1
MOST_SECTIONS = 64
LARGEST_SPEC_BYTES = 16_384
LARGEST_BATCH = 32
MOST_TAKES = 8
LONGEST_TITLE = 200


def _spec_is_small(spec: dict[str, Any] | None) -> dict[str, Any] | None:
    if spec is not None and len(orjson.dumps(spec)) > LARGEST_SPEC_BYTES:
        raise ValueError(f"Must be at most {LARGEST_SPEC_BYTES} bytes of JSON: leave out what the prompt says.")
    return spec


class Section(Body):
    """One part of a song's form; its length is given in seconds or in bars."""

    section: Annotated[Line, Field(min_length=1, max_length=40, examples=["verse"])]
    seconds: Annotated[float | None, Field(gt=0, le=LONGEST_SECONDS)] = None
    bars: Annotated[int | None, Field(ge=1, le=1_000)] = None
    prompt: Annotated[Text, Field(max_length=LONGEST_PROMPT, description="What this part should be like.")] = ""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.seconds is None) == (self.bars is None):
            raise ValueError("Give the section's length as either seconds or bars.")
        return self


TrackId = Annotated[Line, Field(min_length=1, max_length=64)]


class Regenerate(Body):
    """A section of a song that is to be played anew."""

    section: Annotated[Line, Field(min_length=1, max_length=40, examples=["bridge"])]
    occurrence: Annotated[
        int, Field(ge=0, le=MOST_SECTIONS, description="Which of several of that name, from 1 on; 0: each.")
    ] = 0

    def to_message(self) -> generation_pb2.Regenerate:
        """For the wire."""
        return generation_pb2.Regenerate(section=self.section, occurrence=self.occurrence)


class RemixRequest(Body):
    """How a song is to differ from the one that it is a remix of; what is left out is drawn or taken over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seed": 11}, {"regenerate": {"section": "bridge"}}]})

    seed: Annotated[
        int | None, Field(ge=0, le=HIGHEST_SEED, description="The same seed makes the same remix again.")
    ] = None
    title: Annotated[
        Line | None, Field(max_length=200, description="Left out: the song's, and that it is a remix.")
    ] = None
    public: Annotated[bool, Field(description="Whether everybody may hear the remix.")] = False
    regenerate: Annotated[
        Regenerate | None, Field(description="Play one section of the song anew and leave all others as they are.")
    ] = None

    def to_message(self, track_id: str, title: str) -> generation_pb2.GenerateRequest:
        """For the wire: a remix of a song of that title."""
        return generation_pb2.GenerateRequest(
            variation_of_id=track_id,
            seed=self.seed,
            title=(self.title or "").strip() or f"{title} (remix)"[:LONGEST_TITLE],
            public=self.public,
            regenerate=self.regenerate.to_message() if self.regenerate else None,
        )


class GenerateRequest(Body):
    """What to make. What is left out is the model's choice; what a model does not take is refused by name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "warm lo-fi hip hop with a lazy piano", "duration": 30, "seed": 7},
                {"continue_from_id": "01a1fdea-3ed7-76fa-b20f-cd595922d4bd", "duration": 120},
                {
                    "prompt": "driving synthwave",
                    "model": "composer",
                    "bpm": 104,
                    "key": "A minor",
                    "structure": [{"section": "intro", "bars": 4}, {"section": "verse", "bars": 8}],
                },
            ]
        }
    )

    variation_of: Annotated[
        TrackId | None,
        Field(
            description="A song of the composer: its form and harmony stay, the rest is made anew. "
            "Only `seed`, `title`, `public`, `webhook_url` and `regenerate` go with it."
        ),
    ] = None
    continue_from_id: Annotated[
        TrackId | None,
        Field(
            description="A track that the song goes on from. Models that hear it make a track of what comes after it; "
            "the composer makes one of its own songs longer, as one song with the same key, tempo, players and motifs. "
            "It then takes `duration` (of the whole), `continue_at`, `prompt` and `structure` (of what is added), "
            "`seed`, `title` and `public`."
        ),
    ] = None
    prompt: Annotated[
        SaidText | None,
        Field(
            min_length=1,
            max_length=LONGEST_PROMPT,
            validate_default=True,
            description="The music in words. Needed, except with `variation_of` and where the composer goes on with a "
            "song.",
        ),
    ] = None
    duration: Annotated[float | None, Field(gt=0, le=LONGEST_SECONDS, description="Seconds.", examples=[30])] = None
    model: Annotated[
        Line | None, Field(max_length=100, description="Id in `GET /api/v1/models`; left out: the default one.")
    ] = None
    seed: Annotated[
        int | None, Field(ge=0, le=HIGHEST_SEED, description="The same seed makes the same song again.")
    ] = None
    spec: Annotated[
        dict[str, Any] | None,
        AfterValidator(_spec_is_small),
        Field(description="Fields of the composer's specification that win over the prompt."),
    ] = None
    negative_prompt: Annotated[Text | None, Field(max_length=LONGEST_PROMPT)] = None
    guidance_scale: Annotated[float | None, Field(ge=0, le=20)] = None
    temperature: Annotated[
        float | None, Field(ge=0, le=5, description="0: always the likeliest token, whatever the seed; 1 unless said.")
    ] = None
    top_k: Annotated[int | None, Field(ge=0, le=100_000)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    lyrics: Annotated[Text | None, Field(max_length=10_000)] = None
    structure: Annotated[list[Section] | None, Field(max_length=MOST_SECTIONS)] = None
    bpm: Annotated[float | None, Field(ge=20, le=400, description="Beats a minute.", examples=[104])] = None
    key: Annotated[Line | None, Field(max_length=40, description="Tonic and mode.", examples=["A minor"])] = None
    count: Annotated[
        int,
        Field(ge=1, le=MOST_TAKES, description="How many takes; with a `seed` each has the next one. In a batch: 1."),
    ] = 1
    title: Annotated[Line | None, Field(max_length=200)] = None
    public: Annotated[bool, Field(description="Whether everybody may hear the track.")] = False
    melody_id: Annotated[TrackId | None, Field(description="A track whose melody the song follows.")] = None
    style_id: Annotated[
        TrackId | None,
        Field(
            description="A track in whose manner the song is (style models), of at least 1.5 seconds: three seconds of "
            "its middle are heard."
        ),
    ] = None
    guidance_beta: Annotated[
        float | None,
        Field(
            ge=0,
            le=20,
            description="With `style_id`: how far the words push beyond the style (β of double guidance, 5 unless "
            "said; 1: style and words alike). `guidance_scale` is for both.",
        ),
    ] = None
    style_codebooks: Annotated[
        int | None,
        Field(
            ge=1, le=6, description="With `style_id`: how finely it is heard. Fewer make a freer song; 3 unless said."
        ),
    ] = None
    continue_at: Annotated[
        float | None,
        Field(
            ge=0,
            le=36_000,
            description="The second of that track from which on there is new music; the composer takes the nearest "
            "bar. Left out: its end.",
        ),
    ] = None
    regenerate: Annotated[
        Regenerate | None, Field(description="Play one section of that song anew and leave all others as they are.")
    ] = None

    @field_validator("prompt")
    @classmethod
    def _says_what_to_make(cls, value: str | None, info: ValidationInfo) -> str | None:
        # These stand before it, so that they are known here.
        beginnings = ("variation_of", "continue_from_id")
        if value is None and all(info.data.get(name) is None for name in beginnings):
            raise PydanticCustomError("missing", "This value is required.")
        return value

    webhook_url: Annotated[
        Line | None,
        Field(
            max_length=2_000,
            description="An https address that hears of the job's end, signed with the secret of "
            "`POST /api/v1/users/me/webhook-secret`.",
            examples=["https://example.org/hooks/music"],
        ),
    ] = None

    def to_message(self, take: int = 0) -> generation_pb2.GenerateRequest:
        """For the wire. `take` counts from 0: each has a seed of its own, also where one was given."""
        return generation_pb2.GenerateRequest(
            prompt=self.prompt or "",
            duration_seconds=self.duration,
            model=self.model or "",
            seed=(self.seed + take) % (HIGHEST_SEED + 1) if self.seed is not None else None,
            negative_prompt=self.negative_prompt or "",
            guidance_scale=self.guidance_scale,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            lyrics=self.lyrics or "",
            structure=[
                generation_pb2.Section(section=part.section, seconds=part.seconds, bars=part.bars, prompt=part.prompt)
                for part in self.structure or ()
            ],
            bpm=self.bpm,
            key=self.key or "",
            title=self.title or "",
            public=self.public,
            spec_json=orjson.dumps(self.spec).decode() if self.spec else "",
            melody_id=self.melody_id or "",
            style_id=self.style_id or "",
            guidance_beta=self.guidance_beta,
            style_codebooks=self.style_codebooks,
            continue_from_id=self.continue_from_id or "",
            continue_at=self.continue_at,
            variation_of_id=self.variation_of or "",
            regenerate=self.regenerate.to_message() if self.regenerate else None,
            webhook_url=self.webhook_url or "",
        )


def _is_one_take(request: GenerateRequest) -> GenerateRequest:
    if request.count != 1:
        raise ValueError("A batch names each song: leave count out, and repeat the request.")
    return request


class GenerateBatchRequest(Body):
    """Several generations at once; all of them are taken, or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"requests": [{"prompt": "slow blues", "duration": 20}, {"prompt": "fast bebop", "duration": 20}]}
            ]
        }
    )

    requests: Annotated[
        list[Annotated[GenerateRequest, AfterValidator(_is_one_take)]], Field(min_length=1, max_length=LARGEST_BATCH)
    ]


class JobBatch(BaseModel):
    """The jobs of a batch, in the order of its requests."""

    jobs: list[Job]


class GeneratedJob(Job):
    """The job that was asked for; with several takes the first of them."""

    jobs: Annotated[list[Job] | None, Field(description="Every take, where `count` was more than 1.")] = None
