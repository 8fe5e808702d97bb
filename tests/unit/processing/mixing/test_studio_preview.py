"""What the studio's preview is held against is what the server makes."""

import json

import pytest

from tests.support.studio_effects import CASES, GOLDEN, Case, document, heard


@pytest.fixture(scope="module")
def golden() -> dict[str, object]:
    read: dict[str, object] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return read


def test_the_studio_is_held_against_the_effects_of_today(golden: dict[str, object]) -> None:
    ours = document()
    names = ("type", "values", "lanes", "keyed", "moves", "latency", "lags")
    kept = golden["cases"]
    assert isinstance(kept, list)
    assert [[case[name] for name in names] for case in kept] == [
        [case[name] for name in names] for case in ours["cases"]
    ]
    assert {**golden, "cases": 0} == {**ours, "cases": 0}


@pytest.mark.parametrize(
    ("number", "case"), list(enumerate(CASES)), ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)]
)
def test_it_sounds_as_it_is_written_down(golden: dict[str, object], number: int, case: Case) -> None:
    kept = golden["cases"]
    assert isinstance(kept, list)
    assert heard(case) == pytest.approx(kept[number]["heard"], abs=1e-6)
