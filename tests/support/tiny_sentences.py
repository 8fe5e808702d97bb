"""A sentence model of random numbers in the real one's layout: two layers, two heads, a few dozen words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from services.generation.composer.sentence_encoder import MOST_TOKENS
from services.generation.composer.style_guesser import TOKENIZER, WEIGHTS
from services.shared.assets.store import AssetStore

WIDTH, WIDE, LAYERS, HEADS = 64, 96, 2, 2
WORDS = (
    *(
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "the",
        "a",
        "of",
        "at",
        "and",
        "quiet",
        "kitchen",
        "evening",
        "busy",
        "plates",
    ),
    *("after", "long", "goodbye", "he", "walks", "home", "through", "town", ",", ".", "q", "##w", "##e"),
)


def tiny_tensors(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random weights by the names of the transformers library's `BertModel`."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (MOST_TOKENS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        **_norm("embeddings.LayerNorm"),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= {f"{at}.attention.{part}.weight": (WIDTH, WIDTH), f"{at}.attention.{part}.bias": (WIDTH,)}
        shapes |= {f"{at}.intermediate.dense.weight": (WIDE, WIDTH), f"{at}.intermediate.dense.bias": (WIDE,)}
        shapes |= {f"{at}.output.dense.weight": (WIDTH, WIDE), f"{at}.output.dense.bias": (WIDTH,)}
        shapes |= _norm(f"{at}.attention.output.LayerNorm") | _norm(f"{at}.output.LayerNorm")
    return {
        name: random.normal(float(name.endswith("LayerNorm.weight")), 0.2, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def tiny_tokenizer() -> Tokenizer:
    """Word pieces as BERT cuts them; like the real file, it comes with a truncation and a padding of its own."""
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    return tokenizer


def tiny_store(folder: Path) -> AssetStore:
    """A store whose catalogue pins a tiny model, which lies in its place."""
    entries = {}
    store = folder / "assets"
    for name, file in ((WEIGHTS, "model.safetensors"), (TOKENIZER, "tokenizer.json")):
        path = store / name / file
        path.parent.mkdir(parents=True)
        if name == WEIGHTS:
            save_file(tiny_tensors(), path)
        else:
            tiny_tokenizer().save(str(path))
        content = path.read_bytes()
        entries[name] = {
            "title": name,
            "source": f"file:{path}",
            "file": file,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "licence": {"name": "CC0-1.0", "commercial_use": True},
        }
    catalogue = folder / "assets.yaml"
    catalogue.write_text(yaml.safe_dump({"assets": entries}), encoding="utf-8")
    return AssetStore(store, catalogue)


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
