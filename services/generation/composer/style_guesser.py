"""The style of a prompt that says none, by likeness of meaning: optional, and only where its files are in the store.

What was guessed stays with the song (`GenerationRequest.guess`, the recipe's `guess`): songs that come from it ask no
second time, so they are the same whether or not the files are there.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.generation.backends.protocol import GenerationRequest, StyleGuess
from services.generation.composer.learned.style_words import StyleWords, learned_style_words
from services.generation.composer.phrases import words_of
from services.shared.assets.store import AssetStore, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from services.generation.composer.sentence_encoder import SentenceEncoder

WEIGHTS = "sentences.minilm-weights"
TOKENIZER = "sentences.minilm-tokenizer"
"""Names of the two files in the asset catalogue."""

LEAST_LIKENESS: Final = 0.25
"""Below it the default style stays. Chosen on every second of the frozen scenes (docs/guides/composer.md)."""

_FEWEST_WORDS: Final = 2
_LEAST_SHARE_OF_KNOWN_WORDS: Final = 0.75
_READ_CHARACTERS: Final = 4_000

_LEAST_SHARE_OF_FOREIGN_WORDS: Final = 0.2
_FOREIGN_WORDS: Final = frozenset(
    {
        "la", "le", "les", "un", "une", "des", "du", "de", "et", "est", "dans", "avec", "el", "los",
        "las", "una", "del", "que", "por", "para", "il", "lo", "gli", "di", "della", "os", "um", "uma",
        "da", "der", "das", "dem", "ein", "eine", "und", "mit", "von", "im", "ist", "auf", "het", "een",
        "ik", "och", "ett", "det", "en", "av", "og",
    }
)  # fmt: skip
"""Articles and the like of other languages: their nouns may be words that the model knows ("la casa de mi padre")."""


class StyleGuesser:
    """Guesses with the files of a store, which are read when they are first needed. For any thread."""

    def __init__(self, assets: AssetStore, words: Callable[[], StyleWords] = learned_style_words) -> None:
        self._assets = assets
        self._words = words
        self._lock = threading.Lock()
        self._encoder: SentenceEncoder | None = None
        self._refused: tuple[tuple[int, int], ...] = ()

    def settle(self, request: GenerationRequest) -> GenerationRequest:
        """The request with a guess if it needs one and there is a good one; raises what `read_request` raises."""
        # What comes from another song has its style, guessed or not.
        if request.guess or request.variation_of_id or request.continue_from_id:
            return request
        from services.generation.composer.prompt import read_request

        styles = read_request(request).open_styles
        encoder = self._loaded() if styles else None
        guess = guess_style(encoder, self._words(), request.prompt, styles) if encoder else None
        return replace(request, guess=guess) if guess else request

    def _loaded(self) -> SentenceEncoder | None:
        """The encoder; None while its files are missing, or are not what they should be."""
        with self._lock:
            if self._encoder is None:
                weights, tokenizer = self._assets.place(WEIGHTS), self._assets.place(TOKENIZER)
                try:
                    found = (_stamp(weights), _stamp(tokenizer))
                except OSError:
                    return None
                if found != self._refused:
                    self._encoder = self._load(weights, tokenizer)
                    self._refused = () if self._encoder else found
            return self._encoder

    def _load(self, weights: Path, tokenizer: Path) -> SentenceEncoder | None:
        from services.generation.composer.sentence_encoder import SentenceEncoder

        try:
            self._require_pinned(WEIGHTS, weights)
            self._require_pinned(TOKENIZER, tokenizer)
            return SentenceEncoder.load(weights, tokenizer)
        except (OSError, ValueError) as error:
            # A twentieth of the time to a first song, for a line that hardly anybody ever needs.
            import structlog

            structlog.get_logger(__name__).warning(
                "style_guesser_unusable", error=str(error), advice=f"Remove {weights.parent} and fetch anew."
            )
            return None

    def _require_pinned(self, name: str, file: Path) -> None:
        if sha256_of(file) != self._assets.spec(name).sha256:
            raise ValueError(f"{file} is not the pinned file: it is damaged or of another version")


def guess_style(
    encoder: SentenceEncoder, style_words: StyleWords, prompt: str, styles: Collection[str]
) -> StyleGuess | None:
    """The style of these that a prompt is nearest to; None for what is no English or near to nothing."""
    text = prompt[:_READ_CHARACTERS]
    known, words = encoder.known_words(text)
    if words < _FEWEST_WORDS or known < _LEAST_SHARE_OF_KNOWN_WORDS * words:
        return None
    tokens = words_of(text)
    if sum(token in _FOREIGN_WORDS for token in tokens) >= _LEAST_SHARE_OF_FOREIGN_WORDS * max(1, len(tokens)):
        return None
    guess = style_words.nearest(encoder.encode([text])[0], styles)
    return guess if guess.likeness >= LEAST_LIKENESS else None


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
