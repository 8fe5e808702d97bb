"""A song that another begins with has to say what it was made from, and to be playable note by note."""

from __future__ import annotations

import pytest

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.users.v1 import tracks_pb2
from services.generation.composer.description import DESCRIPTION
from services.generation.extensions import Extensions
from services.generation.origins import Origin, refuse_others
from services.generation.submission import asked_addition
from services.shared.errors import AppError

SPEC = '{"recipe": {"seconds": 30.0, "seed": 4, "prompt": "pop"}}'


def content(spec: str = SPEC, revision: str = DESCRIPTION.revision) -> tracks_pb2.TrackContent:
    return tracks_pb2.TrackContent(model=DESCRIPTION.id, spec_json=spec, model_revision=revision)


def test_a_recipe_is_read_back() -> None:
    origin = Origin.exactly(content(), DESCRIPTION, "/variation_of")
    assert (origin.request.prompt, origin.request.seed, origin.request.duration_seconds) == ("pop", 4, 30.0)


@pytest.mark.parametrize("spec", ["", "{", "[]", "{}", '{"recipe": 3}', '{"recipe": {"seconds": "long", "seed": 1}}'])
def test_a_track_without_a_recipe_is_refused_by_name(spec: str) -> None:
    with pytest.raises(AppError) as caught:
        Origin.of(content(spec), DESCRIPTION, "/variation_of")
    assert caught.value.violations[0].pointer == "/variation_of"


@pytest.mark.parametrize("revision", ["composer-1", ""])
def test_where_notes_are_promised_an_earlier_composers_song_is_refused(revision: str) -> None:
    assert Origin.of(content(revision=revision), DESCRIPTION, "/variation_of").request.seed == 4
    with pytest.raises(AppError, match="other notes"):
        Origin.exactly(content(revision=revision), DESCRIPTION, "/continue_from_id")


def test_everything_that_does_not_go_with_an_origin_is_named_at_once() -> None:
    wire = GenerateRequest(continue_from_id="x", bpm=90.0, duration_seconds=3.0, seed=-1, title="t" * 300)
    with pytest.raises(AppError) as caught:
        refuse_others(wire, frozenset({"continue_from_id", "seed", "title"}), "Leave this out.")
    assert [each.pointer for each in caught.value.violations] == ["/duration", "/bpm", "/seed", "/title"]


def test_control_characters_in_what_is_added_are_refused() -> None:
    with pytest.raises(AppError) as caught:
        asked_addition(GenerateRequest(prompt="calm\x07"))
    assert caught.value.violations[0].pointer == "/prompt"


def test_only_the_composer_goes_on_from_notes() -> None:
    class Catalogue:
        def find(self, model_id: str) -> object:
            return {"": DESCRIPTION, DESCRIPTION.id: DESCRIPTION}.get(model_id)

    extensions = Extensions(Catalogue(), None)  # type: ignore[arg-type]
    assert extensions.takes(GenerateRequest(continue_from_id="x"))
    assert not extensions.takes(GenerateRequest())
    assert not extensions.takes(GenerateRequest(continue_from_id="x", model="musicgen-small"))
