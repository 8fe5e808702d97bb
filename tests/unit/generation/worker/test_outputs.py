"""Titles and keys."""

from __future__ import annotations

import pytest

from services.generation.worker.outputs import engine_version, title_from


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("slow piano", "Slow piano"),
        ("\n one line\nand another", "One line"),
        ("word " * 40, "Word" + " word" * 14 + "…"),
        ("雨の夜", "雨の夜"),
    ],
)
def test_title_is_the_prompts_first_line_cut_at_a_word(prompt: str, title: str) -> None:
    assert title_from(prompt) == title
    assert len(title_from(prompt)) <= 80


def test_engine_has_a_version() -> None:
    assert engine_version()
