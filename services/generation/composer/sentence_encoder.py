"""Sentences as vectors of their meaning: a small BERT (all-MiniLM-L6-v2) in numpy.

Layout of the weights as in the transformers library's `BertModel`; post-norm layers, exact GELU, mean over the tokens,
unit length (Devlin et al. 2018, arXiv:1810.04805; Reimers and Gurevych 2019, arXiv:1908.10084).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

MOST_TOKENS: Final = 256
"""What the model was trained to read; the rest of a longer text is not looked at."""

_HEAD_WIDTH: Final = 32
_EPSILON: Final = 1e-12
_SENTENCES_AT_ONCE: Final = 64

Floats = NDArray[np.float32]


class SentenceEncoder:
    """Weights and words of a BERT whose attention heads are 32 wide."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], tokenizer: Tokenizer) -> None:
        """Raises ValueError for tensors that are not those of such a BERT, or fewer than the tokenizer has words."""
        self._tensors = tensors
        self._tokenizer = tokenizer
        tokenizer.enable_truncation(MOST_TOKENS)
        tokenizer.no_padding()
        self._width = self._checked_width()
        self._layers = self._checked_layers()

    @classmethod
    def load(cls, weights: Path, tokenizer: Path) -> Self:
        """From `model.safetensors` and `tokenizer.json`. Raises ValueError for files that are not what they should be,
        OSError for those that cannot be read.
        """
        try:
            words = Tokenizer.from_str(tokenizer.read_text(encoding="utf-8"))
        except OSError:
            raise
        except Exception as error:  # the library raises nothing closer
            raise ValueError(f"{tokenizer} is no tokenizer: {error}") from error
        try:
            return cls(load_file(weights), words)
        except SafetensorError as error:
            raise ValueError(f"{weights} holds no tensors: {error}") from error

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors of unit length, `[texts, width]`, in the order of the texts."""
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for place, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            by_length[len(encoding.ids)].append((place, encoding.ids))
        vectors = np.zeros((len(texts), self._width), np.float32)
        # Texts of one length need neither padding nor a mask.
        for rows in by_length.values():
            for first in range(0, len(rows), _SENTENCES_AT_ONCE):
                places, ids = zip(*rows[first : first + _SENTENCES_AT_ONCE], strict=True)
                vectors[list(places)] = self._forward(np.array(ids))
        return vectors

    def known_words(self, text: str) -> tuple[int, int]:
        """How many words of a text the model knows whole, and how many there are. English has hardly any that it takes
        apart; other languages, other scripts and what a cat types have little else.
        """
        pieces: dict[int, list[str]] = defaultdict(list)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        for word, token, (start, end) in zip(encoding.word_ids, encoding.tokens, encoding.offsets, strict=True):
            if word is not None and any(sign.isalpha() for sign in text[start:end]):
                pieces[word].append(token)
        whole = sum(len(tokens) == 1 and tokens[0].isascii() and tokens[0].isalpha() for tokens in pieces.values())
        return whole, len(pieces)

    def _forward(self, ids: NDArray[np.int64]) -> Floats:
        """`[B, T]` tokens to `[B, width]`."""
        embedded = (
            self._tensors["embeddings.word_embeddings.weight"][ids]
            + self._tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + self._tensors["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm("embeddings.LayerNorm", embedded)
        for layer in range(self._layers):
            at = f"encoder.layer.{layer}"
            attended = self._linear(f"{at}.attention.output.dense", self._attend(f"{at}.attention.self", hidden))
            hidden = self._norm(f"{at}.attention.output.LayerNorm", hidden + attended)
            wide = self._linear(f"{at}.intermediate.dense", hidden)
            wide *= np.float32(0.5) * (1 + erf(wide * np.float32(np.sqrt(0.5))))
            hidden = self._norm(f"{at}.output.LayerNorm", hidden + self._linear(f"{at}.output.dense", wide))
        mean: Floats = hidden.mean(axis=1)
        unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _attend(self, name: str, hidden: Floats) -> Floats:
        """Attention of every token to every other, `[B, T, width]` both ways."""
        batch, tokens, _ = hidden.shape

        def heads(part: str) -> Floats:
            split = self._linear(f"{name}.{part}", hidden).reshape(batch, tokens, -1, _HEAD_WIDTH)
            return split.transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(np.sqrt(_HEAD_WIDTH))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = scores / scores.sum(axis=-1, keepdims=True) @ heads("value")
        joined: Floats = mixed.transpose(0, 2, 1, 3).reshape(batch, tokens, -1)
        return joined

    def _linear(self, name: str, values: Floats) -> Floats:
        result: Floats = values @ self._tensors[f"{name}.weight"].T
        result += self._tensors[f"{name}.bias"]
        return result

    def _norm(self, name: str, values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        scaled: Floats = centred / deviation * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return scaled

    def _checked_width(self) -> int:
        words = self._tensors.get("embeddings.word_embeddings.weight")
        if words is None or words.ndim != 2 or words.shape[1] % _HEAD_WIDTH:
            raise ValueError("the weights have no table of words whose width suits their heads")
        if self._tokenizer.get_vocab_size() > words.shape[0]:
            raise ValueError("the tokenizer has more words than the weights")
        width = int(words.shape[1])
        self._require("embeddings.token_type_embeddings.weight", (None, width))
        self._require("embeddings.position_embeddings.weight", (None, width))
        if len(self._tensors["embeddings.position_embeddings.weight"]) < MOST_TOKENS:
            raise ValueError(f"the weights know fewer than {MOST_TOKENS} places of a text")
        self._require_norm("embeddings.LayerNorm", width)
        return width

    def _checked_layers(self) -> int:
        width, layer = self._width, 0
        while f"encoder.layer.{layer}.intermediate.dense.weight" in self._tensors:
            at = f"encoder.layer.{layer}"
            wide = len(self._tensors[f"{at}.intermediate.dense.weight"])
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                self._require_linear(f"{at}.attention.{part}", width, width)
            self._require_linear(f"{at}.intermediate.dense", width, wide)
            self._require_linear(f"{at}.output.dense", wide, width)
            self._require_norm(f"{at}.attention.output.LayerNorm", width)
            self._require_norm(f"{at}.output.LayerNorm", width)
            layer += 1
        if not layer:
            raise ValueError("the weights have no layers")
        return layer

    def _require_linear(self, name: str, takes: int, gives: int) -> None:
        self._require(f"{name}.weight", (gives, takes))
        self._require(f"{name}.bias", (gives,))

    def _require_norm(self, name: str, width: int) -> None:
        self._require(f"{name}.weight", (width,))
        self._require(f"{name}.bias", (width,))

    def _require(self, name: str, shape: tuple[int | None, ...]) -> None:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.dtype != np.float32 or tensor.ndim != len(shape):
            raise ValueError(f"the weights have no float32 tensor {name} of {len(shape)} dimensions")
        if any(asked not in (None, has) for asked, has in zip(shape, tensor.shape, strict=True)):
            raise ValueError(f"the tensor {name} has the shape {tensor.shape} and not {shape}")
