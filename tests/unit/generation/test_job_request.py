"""A request survives its way through the ledger."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation import job_request
from services.generation.backends.protocol import GenerationRequest, Section
from services.shared.errors import AppError, ErrorCode

texts = st.text(max_size=30).map(lambda text: text.encode("utf-8", "ignore").decode())
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
requests = st.builds(
    GenerationRequest,
    prompt=texts,
    duration_seconds=st.floats(1, 600),
    model=texts,
    seed=st.integers(0, 2**63 - 1),
    negative_prompt=texts,
    guidance_scale=numbers,
    temperature=numbers,
    top_k=st.none() | st.integers(0, 1000),
    top_p=numbers,
    lyrics=texts,
    structure=st.lists(
        st.builds(Section, section=texts.filter(bool), seconds=st.floats(1, 10), prompt=texts)
        | st.builds(Section, section=texts.filter(bool), bars=st.integers(1, 9))
    ).map(tuple),
    style_id=texts,
    guidance_beta=numbers,
    style_codebooks=st.none() | st.integers(1, 6),
    bpm=numbers,
    key=texts,
    title=texts,
    public=st.booleans(),
    spec=st.dictionaries(texts, st.integers() | texts, max_size=3).map(
        lambda spec: {k: v for k, v in spec.items() if not isinstance(v, int) or abs(v) < 2**63}
    ),
)


@given(request=requests)
def test_what_was_encoded_is_decoded(request: GenerationRequest) -> None:
    trace = {"traceparent": "00-1-2-01"}
    assert job_request.decode(job_request.encode(request, trace)) == (request, trace)


def test_fields_have_the_apis_names_and_only_what_was_asked_for() -> None:
    request = GenerationRequest("lofi", 30.0, "composer", 7, structure=(Section("verse", bars=8),), bpm=80.0)
    assert orjson.loads(job_request.encode(request, {})) == {
        "prompt": "lofi",
        "duration": 30.0,
        "model": "composer",
        "seed": 7,
        "bpm": 80.0,
        "structure": [{"section": "verse", "bars": 8}],
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"duration": 1}', '{"duration": 1, "prompt": "x", "surprise": 1}'])
def test_what_was_never_written_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(AppError) as caught:
        job_request.decode(text)
    assert caught.value.code is ErrorCode.INTERNAL
