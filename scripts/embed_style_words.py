"""Write `learned/style_words.safetensors`, what the words of the styles mean: `python scripts/embed_style_words.py`.

The words are the styles' own: title, first names, typical phrases and scenes of the lexicon, as far as they are
English. Fetches all-MiniLM-L6-v2 (83 MB) if it is not there. To be run when styles are added; new words of old styles
change little.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.generation.composer.learned.style_words import FILE  # noqa: E402
from services.generation.composer.lexicon import GENRE_WORDS  # noqa: E402
from services.generation.composer.sentence_encoder import SentenceEncoder  # noqa: E402
from services.generation.composer.style_guesser import TOKENIZER, WEIGHTS  # noqa: E402
from services.shared.assets.store import AssetStore  # noqa: E402

_TAKEN = {10: 3, 6: 3, 3: 12}
"""How many of a style's words of each weight."""


def words_of(style: str) -> list[str]:
    """A style's title and the first of its English words."""
    words = [GENRES[style].title]
    for wanted, count in _TAKEN.items():
        words += [
            word
            for word, (genre, weight) in GENRE_WORDS.items()
            if (genre, weight) == (style, wanted) and word.isascii()
        ][:count]
    return words


def main() -> int:
    """Embed and write."""
    store = AssetStore(ROOT / "var" / "assets")
    encoder = SentenceEncoder.load(store.fetch(WEIGHTS), store.fetch(TOKENIZER))
    words = {style: words_of(style) for style in GENRES}
    vectors = encoder.encode([word for names in words.values() for word in names])
    steps = np.rint(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    save_file({"vectors": steps}, FILE, {"words": json.dumps(words)})
    print(f"{FILE.relative_to(ROOT)}: {len(steps)} words of {len(words)} styles, {FILE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
