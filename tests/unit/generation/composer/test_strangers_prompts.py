"""Prompts of somebody who knew neither code nor lexicon, frozen before tuning (docs/guides/composer.md)."""

from __future__ import annotations

import hashlib

import pytest

from scripts.composer_measures.prompts import FOLDER, misheard, not_honoured, prompts, wishes_of

FROZEN = {
    "direct": "372d328fb3c822084eeff2bb4adbf5f4c548ab94b63db21b2af56a3f86e947cc",
    "requests": "0866052d20a36f6d8498e6a8ca50be1cfe4c4858eb1f7e195108c2d454bd1215",
    "scenario": "afb724e2d5c1b3258515653ab9523cc19fd44a5f2b9b34ffb047acb444086be5",
}


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_the_prompts_are_the_frozen_ones(name: str) -> None:
    assert hashlib.sha256((FOLDER / f"{name}.json").read_bytes()).hexdigest() == FROZEN[name]
    assert len(prompts(name)) == len({row["text"] for row in prompts(name)}) == 60


@pytest.mark.parametrize(("name", "share"), [("direct", 0.85), ("scenario", 0.60)])
def test_the_genre_is_understood(name: str, share: float) -> None:
    wrong = misheard(name)
    assert len(wrong) <= (1 - share) * 60, wrong


@pytest.mark.parametrize("seed", [3, 4])
def test_tempo_key_and_instruments_are_honoured(seed: int) -> None:
    rows = prompts("requests")
    wrong = [wish for row in rows for wish in not_honoured(row, seed)]
    assert len(wrong) <= 0.02 * sum(map(wishes_of, rows)), wrong
