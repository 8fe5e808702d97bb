"""What the words of each style mean: vectors by all-MiniLM-L6-v2, as `scripts/embed_style_words.py` writes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.generation.backends.protocol import StyleGuess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEAREST = 5
_SHOWN = 3
_DIGITS = 3
FILE = Path(__file__).with_name("style_words.safetensors")


class StyleWords:
    """The words of every style, and a vector of unit length for each: `[words, width]`."""

    def __init__(self, words: Mapping[str, list[str]], vectors: NDArray[np.integer[Any]]) -> None:
        import numpy as np

        scaled = vectors.astype(np.float32)
        scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
        self.words = words
        self._vectors: dict[str, NDArray[np.float32]] = {}
        first = 0
        for style, names in words.items():
            self._vectors[style] = scaled[first : first + len(names)]
            first += len(names)

    def nearest(self, vector: NDArray[np.float32], styles: Collection[str]) -> StyleGuess:
        """The style of these (one at least) whose five nearest words are the nearest on average.

        Likenesses are rounded before they are compared, so that no choice hangs on the order of a sum; among equals the
        first by name wins.
        """
        best = StyleGuess("", -1.0, ())
        for style in sorted(set(styles) & self._vectors.keys()):
            alike = [round(float(value), _DIGITS) for value in self._vectors[style] @ vector]
            nearest = sorted(range(len(alike)), key=lambda index: (-alike[index], index))[:_NEAREST]
            likeness = round(sum(alike[index] for index in nearest) / len(nearest), _DIGITS)
            if likeness > best.likeness:
                best = StyleGuess(style, likeness, tuple(self.words[style][index] for index in nearest[:_SHOWN]))
        return best


@cache
def learned_style_words() -> StyleWords:
    """The words of the package, read once."""
    from safetensors import safe_open

    with safe_open(FILE, framework="numpy") as file:
        return StyleWords(json.loads(file.metadata()["words"]), file.get_tensor("vectors"))
