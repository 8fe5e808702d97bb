"""Models, songs and the jobs that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Required, TypedDict, Unpack

import httpx

from musicgen_client.calls.call import (
    LONGEST_WAIT_SECONDS,
    READ_JOB,
    Call,
    given,
    once,
    path_to,
    read_nothing,
    reader_of,
)
from musicgen_client.models import (
    Job,
    JobList,
    JobStatus,
    Model,
    Page,
)

LiveFormat = Literal["wav", "mp3", "opus"]


class Section(TypedDict, total=False):
    """One part of an asked form: its name, and `seconds` or `bars`."""

    section: Required[str]
    seconds: float
    bars: int
    prompt: str


class GenerateOptions(TypedDict, total=False):
    """What may be asked for beside the prompt; what is left out is the model's choice. `duration` is in seconds."""

    duration: float
    model: str
    seed: int
    negative_prompt: str
    guidance_scale: float
    temperature: float
    top_k: int
    top_p: float
    lyrics: str
    structure: Sequence[Section]
    bpm: float
    key: str
    title: str
    public: bool
    spec: Mapping[str, Any]
    melody_id: str
    style_id: str
    guidance_beta: float
    style_codebooks: int
    continue_from_id: str
    continue_at: float
    count: int
    webhook_url: str


class GenerateRequest(GenerateOptions, total=False):
    """One song of a batch."""

    prompt: Required[str]


def _read_models(response: httpx.Response) -> list[Model]:
    return READ_MODELS(response).items


READ_MODELS: Final = reader_of(Page[Model])


READ_JOBS: Final = reader_of(Page[Job])


def models() -> Call[list[Model]]:
    """The models of the catalogue."""
    return Call("GET", path_to("models"), _read_models)


def model(model_id: str) -> Call[Model]:
    """One model."""
    return Call("GET", path_to("models", model_id), reader_of(Model))


def pull_model(model_id: str, *, idempotency_key: str | None = None) -> Call[Job]:
    """Have a model fetched into the server's models folder; for administrators. The job tells how far it is."""
    return Call("POST", path_to("models", model_id, "pull"), READ_JOB, headers=once(idempotency_key))


def remove_model(model_id: str) -> Call[None]:
    """Have a model removed from the server's models folder; for administrators."""
    return Call("DELETE", path_to("models", model_id), read_nothing)


def generate(prompt: str, *, idempotency_key: str | None = None, **options: Unpack[GenerateOptions]) -> Call[Job]:
    """Ask for a song. The same `idempotency_key` again answers the first job; one is drawn when none is given."""
    return Call(
        "POST",
        path_to("generate"),
        READ_JOB,
        body={"prompt": prompt, **given(**options)},
        headers=once(idempotency_key),
    )


def vary(
    track_id: str,
    *,
    section: str | None = None,
    occurrence: int = 0,
    seed: int | None = None,
    title: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a variation of a song of the composer: its form and harmony stay.

    With `section`, only that one is played anew (`occurrence`: which of several, from 1 on; 0: each).
    """
    body: dict[str, Any] = {"variation_of": track_id, **given(title=title)}
    if seed is not None:
        body["seed"] = seed
    if section is not None:
        body["regenerate"] = {"section": section, "occurrence": occurrence}
    return Call("POST", path_to("generate"), READ_JOB, body=body, headers=once(idempotency_key))


def extend(
    track_id: str,
    *,
    duration: float | None = None,
    at: float | None = None,
    prompt: str | None = None,
    structure: Sequence[Section] | None = None,
    seed: int | None = None,
    title: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a song of the composer made longer: key, tempo, players and motifs stay.

    `duration` is the new length of the whole in seconds, `at` the second from which on there is new music (left out:
    before its ending); `prompt` and `structure` are about what is added.
    """
    body = {
        "continue_from_id": track_id,
        **given(duration=duration, continue_at=at, prompt=prompt, structure=structure, seed=seed, title=title),
    }
    return Call("POST", path_to("generate"), READ_JOB, body=body, headers=once(idempotency_key))


def generate_batch(requests: Sequence[GenerateRequest], *, idempotency_key: str | None = None) -> Call[list[Job]]:
    """Ask for up to 32 songs at once."""
    reader = reader_of(JobList)
    return Call(
        "POST",
        path_to("generate", "batch"),
        lambda response: reader(response).jobs,
        body={"requests": [given(**request) for request in requests]},
        headers=once(idempotency_key),
    )


def remix(
    track_id: str,
    *,
    seed: int | None = None,
    title: str | None = None,
    public: bool = False,
    section: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a song after one of yours or a public one; with `section` only that part is made anew."""
    body: dict[str, Any] = given(seed=seed, title=title, public=public or None)
    if section is not None:
        body["regenerate"] = {"section": section}
    return Call("POST", path_to("tracks", track_id, "remix"), READ_JOB, body=body, headers=once(idempotency_key))


def jobs(*, limit: int = 20, cursor: str | None = None, status: JobStatus | None = None) -> Call[Page[Job]]:
    """The caller's jobs, newest first."""
    params = given(limit=str(limit), cursor=cursor, status=status)
    return Call("GET", path_to("jobs"), READ_JOBS, params=params)


def job(job_id: str, *, wait_seconds: float = 0.0) -> Call[Job]:
    """One job; with `wait_seconds` (at most 60) the answer comes when the job ends, or at that time."""
    wait = max(0.0, min(LONGEST_WAIT_SECONDS, wait_seconds))
    params = {"wait": f"{wait:g}"} if wait else {}
    return Call("GET", path_to("jobs", job_id), READ_JOB, params=params, wait_seconds=wait)


def cancel(job_id: str) -> Call[Job]:
    """Ask for the end of a job."""
    return Call("POST", path_to("jobs", job_id, "cancel"), READ_JOB, headers=once(None))


def events_path(job_id: str) -> str:
    """Where a job's server-sent events are."""
    return path_to("jobs", job_id, "events")


def live_path(job_id: str) -> str:
    """Where a job's audio is while it is made."""
    return path_to("stream", job_id)
