"""Whatever the server says on the studio's pages is there to be said in every language that the studio speaks."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.gateway.problems import PROBLEM_KINDS
from services.generation.composer.genres.forms import ENERGIES
from tests.support.server_words import ENGLISH, MESSAGES, Scope, health_parts, server_words, stages

LANGUAGES = sorted(path.stem for path in MESSAGES.glob("*.json"))
OTHERS = [language for language in LANGUAGES if language != "en"]
# Names, numbers and signs that are the same in every language.
_UNTRANSLATED = re.compile(r"(unit|choice|model|style|instrument|preset|effect)\.[^.]+(\.licence|\.title)?")


def catalogue(language: str) -> Any:
    return json.loads((MESSAGES / f"{language}.json").read_text(encoding="utf-8"))


def said_in(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((MESSAGES / "server" / f"{language}.json").read_text(encoding="utf-8"))
    return found


def test_english_of_the_catalogue_is_what_the_server_says() -> None:
    assert said_in("en") == server_words(), f"Run `python -m tests.support.server_words`, then translate: {ENGLISH}"


@pytest.mark.parametrize("language", OTHERS)
def test_every_effect_model_preset_and_sentence_of_the_server_is_translated(language: str) -> None:
    own = said_in(language)
    assert own.keys() == server_words().keys()
    assert [name for name, text in own.items() if not text.strip()] == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_are_no_copies_and_are_about_the_same(language: str) -> None:
    own, english = said_in(language), server_words()
    places = re.compile(r"\{\d\}")
    assert [
        name for name in english if sorted(places.findall(own[name])) != sorted(places.findall(english[name]))
    ] == []
    copies = [name for name in english if own[name] == english[name] and " " in own[name]]
    assert [name for name in copies if not _UNTRANSLATED.fullmatch(name)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_stage_that_a_job_can_be_at_has_its_words(language: str) -> None:
    assert set(catalogue(language)["stages"]) == stages()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_that_the_composer_plays_has_a_name(language: str) -> None:
    assert set(ENERGIES) <= set(catalogue(language)["advanced"]["sections"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_problem_has_its_sentence(language: str) -> None:
    assert set(catalogue(language)["problems"]["kinds"]) == set(PROBLEM_KINDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_of_the_server_has_a_name(language: str) -> None:
    assert set(catalogue(language)["admin"]["parts"]) == health_parts()


def test_a_stage_that_nobody_can_read_off_the_source_is_told() -> None:
    module = ast.parse('def run(report, share):\n    report(share, f"tuning {name}")\n    report(share, words())\n')
    told = Scope(module, Path("run.py")).told({"report"}, place=1)
    assert next(told) == "tuning {1}"
    with pytest.raises(AssertionError, match=r"run.py:3: words\(\) says what"):
        next(told)
