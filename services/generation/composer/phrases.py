"""Finding known phrases in free text: tokens, longest match, negation. Knows no music."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

V = TypeVar("V")

_TOKEN = re.compile(r"[^\W_]+(?:['&./][^\W_]+)*|&")
# French and Italian articles that cling to their noun: "l'accordéon", "d'orgue".
_ELIDED = re.compile(r"^(?:l|d|qu|dell|all|un)'(?=[^\W\d_]{2})")
_BREAK = re.compile(r"[.,;:!?()\n\r]|\s[-–—]\s|\bbut\b|\baber\b|\bpero\b|\bmais\b")
_WEAK = frozenset({"not", "never", "nicht", "isn't", "pas"})
_INTENSIFIERS = frozenset({"too", "so", "very", "overly", "that", "zu", "muy", "trop"})
_LISTING = frozenset({"or", "nor", "and", "oder", "und", "ou", "et", "ni", "y", "o", "e", "&"})
_REACH = 2  # words that may stand between a negation and its noun ("no loud drums")


@dataclass(frozen=True, slots=True)
class Match(Generic[V]):
    """A phrase that was found: tokens `start`…`end`−1, what it means, and whether it was negated."""

    phrase: str
    start: int
    end: int
    value: V
    negated: bool


def words_of(text: str) -> list[str]:
    """Lower-case tokens of a text; hyphens separate, apostrophes and ampersands inside words do not."""
    return [_ELIDED.sub("", token) for token in _TOKEN.findall(fold(text))]


def fold(text: str) -> str:
    """Lower case, compatibility forms, plain apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'")


class PhraseTable(Generic[V]):
    """Phrases with meanings, indexed for longest match. Scripts without word spaces are searched as substrings.

    The last word of phrases in `bending` may stand in another English form ("slow dance": "slow dancing").
    """

    def __init__(self, phrases: Mapping[str, V], bending: Container[str] = ()) -> None:
        self._bending = bending
        self._by_tokens: dict[tuple[str, ...], tuple[str, V]] = {}
        self._unspaced: list[tuple[str, V]] = []
        for phrase, value in phrases.items():
            if _is_unspaced(phrase):
                self._unspaced.append((fold(phrase), value))
            else:
                self._by_tokens.setdefault(tuple(words_of(phrase)), (phrase, value))
        self._longest = max((len(key) for key in self._by_tokens), default=0)

    def find(self, text: Text) -> list[Match[V]]:
        """Every phrase in the text, in order, the longest first at each place and without overlaps."""
        found: list[Match[V]] = []
        tokens = text.tokens
        at = 0
        while at < len(tokens):
            for length in range(min(self._longest, len(tokens) - at), 0, -1):
                hit = self._look_up(tokens[at : at + length])
                if hit is not None and not text.broken(at, at + length):
                    negated = text.negated(at)
                    found.append(Match(hit[0], at, at + length, hit[1], negated))
                    at += length
                    if negated:
                        text.settle(at)
                    break
            else:
                at += 1
        for phrase, value in self._unspaced:
            if phrase in text.folded:
                found.append(Match(phrase, len(tokens), len(tokens), value, False))
        return found

    def _look_up(self, tokens: list[str]) -> tuple[str, V] | None:
        hit = self._by_tokens.get(tuple(tokens))
        if hit is not None or not self._bending:
            return hit
        for form in _base_forms(tokens[-1]):
            hit = self._by_tokens.get((*tokens[:-1], form))
            if hit is not None and hit[0] in self._bending:
                return hit
        return None


_SUFFIXES = ("ing", "ers", "er", "ed", "es", "s")
_SHORTEST_STEM = 4


@lru_cache(maxsize=4096)
def _base_forms(word: str) -> tuple[str, ...]:
    """What an English word may be a form of: "dancers" of "dance", "running" of "run", "tuxedo" of "tuxedos"."""
    if len(word) < _SHORTEST_STEM or not word.isascii():
        return ()
    forms = [f"{word}s"]
    for suffix in _SUFFIXES:
        stem = word.removesuffix(suffix)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            forms += [stem, f"{stem}e"]
        if stem != word and len(stem) >= _SHORTEST_STEM and stem[-1] == stem[-2]:
            forms.append(stem[:-1])
    return tuple(forms)


def _is_unspaced(phrase: str) -> bool:
    return any(ord(character) > 0x2E80 for character in phrase)


class Text:
    """A prompt, taken apart once."""

    def __init__(self, raw: str, negations: frozenset[str]) -> None:
        self.raw = raw
        self.folded = fold(raw)
        self.tokens: list[str] = []
        self._clause: list[int] = []
        breaks = [match.start() for match in _BREAK.finditer(self.folded)]
        clause = 0
        for match in _TOKEN.finditer(self.folded):
            while clause < len(breaks) and breaks[clause] <= match.start():
                clause += 1
            self.tokens.append(_ELIDED.sub("", match.group()))
            self._clause.append(clause)
        self._negations = _split(negations)
        self._negated = self._mark_negated()

    def broken(self, start: int, end: int) -> bool:
        """Whether punctuation stands between these tokens."""
        return self._clause[start] != self._clause[end - 1]

    def negated(self, at: int) -> bool:
        """Whether the word at this place is meant to be left out."""
        return self._negated[at]

    def settle(self, at: int) -> None:
        """A negation has found its noun: what follows is meant again, unless "or" or "and" joins it on."""
        while at < len(self.tokens) and self._negated[at] and self.tokens[at - 1] not in _LISTING:
            self._negated[at] = False
            at += 1

    def near(self, at: int, words: Iterable[str], before: int) -> bool:
        """Whether one of the words stands at most `before` tokens before this place, in the same clause."""
        wanted = set(words)
        first = max(0, at - before)
        return any(
            self.tokens[index] in wanted and self._clause[index] == self._clause[at] for index in range(first, at)
        )

    def _mark_negated(self) -> list[bool]:
        marks = [False] * len(self.tokens)
        reach = 0
        index = 0
        while index < len(self.tokens):
            if index and self._clause[index] != self._clause[index - 1]:
                reach = 0
            length = self._negation_at(index)
            if length:
                reach = 1 if length == 1 and self.tokens[index] in _WEAK else _REACH + 1
                index += length
                continue
            if self.tokens[index] in _LISTING:
                follows = index + 1 < len(marks) and index > 0 and marks[index - 1]
                reach = 1 if follows else reach
            elif reach:
                marks[index] = True
                reach -= self.tokens[index] not in _INTENSIFIERS
            index += 1
        return marks

    def _negation_at(self, index: int) -> int:
        for words in self._negations:
            if tuple(self.tokens[index : index + len(words)]) == words:
                return len(words)
        return 0


@lru_cache(maxsize=8)
def _split(negations: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(words_of(phrase)) for phrase in negations), key=lambda words: (-len(words), words)))
