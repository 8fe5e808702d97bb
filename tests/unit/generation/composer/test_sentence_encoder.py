"""Sentences become the vectors that other software gives for the same weights, and no text breaks the encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from services.generation.composer.sentence_encoder import MOST_TOKENS, SentenceEncoder
from services.generation.composer.style_guesser import TOKENIZER, WEIGHTS
from services.shared.assets.store import AssetStore
from tests.support.tiny_sentences import HEADS, LAYERS, WIDE, WIDTH, WORDS, tiny_store, tiny_tensors, tiny_tokenizer

ASSETS = Path(__file__).resolve().parents[4] / "var" / "assets"
TEXTS = ("A busy kitchen, the plates.", "he walks home through the quiet town after a long evening", "", "goodbye")
GOLDEN = np.array(
    [
        [0.1479870, -0.0537835, 0.0254005, 0.0921274, 0.0062527, -0.0459429],
        [0.1602526, -0.0131116, -0.0141141, 0.0203676, 0.0149592, -0.0383872],
        [0.0472619, -0.0685034, 0.0352908, 0.0705770, 0.0074231, 0.0021258],
        [0.0763556, -0.1028090, -0.0048319, 0.1173556, -0.0047456, -0.0019942],
    ]
)
"""The first six numbers of each text's vector, from transformers' `BertModel` (see the slow test)."""


def reference(
    tensors: dict[str, NDArray[np.float32]], ids: list[list[int]], heads: int, wide: int
) -> NDArray[np.float32]:
    """Mean over the tokens of what transformers' `BertModel` gives, as vectors of unit length."""
    import torch
    from transformers import BertConfig, BertModel

    words, width = tensors["embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=len([name for name in tensors if name.endswith("intermediate.dense.bias")]),
        num_attention_heads=heads,
        intermediate_size=wide,
        max_position_embeddings=len(tensors["embeddings.position_embeddings.weight"]),
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items() if "pooler" not in name}
    state.pop("embeddings.position_ids", None)
    model.load_state_dict(state, strict=False)
    assert state.keys() == {name for name, _ in model.named_parameters()}
    with torch.no_grad():
        means = [model(torch.tensor([row])).last_hidden_state[0].mean(0).numpy() for row in ids]
    return np.stack([mean / np.linalg.norm(mean) for mean in means])


@pytest.fixture(scope="module")
def tiny() -> SentenceEncoder:
    return SentenceEncoder(tiny_tensors(), tiny_tokenizer())


def test_vectors_are_those_of_another_implementation(tiny: SentenceEncoder) -> None:
    vectors = tiny.encode(TEXTS)
    assert np.abs(vectors[:, :6] - GOLDEN).max() < 2e-6
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


@pytest.mark.slow
def test_the_other_implementation_says_so_itself(tiny: SentenceEncoder) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.no_padding()
    expected = reference(tiny_tensors(), [tokenizer.encode(text).ids for text in TEXTS], HEADS, WIDE)
    assert np.abs(expected[:, :6] - GOLDEN).max() < 2e-6
    assert np.abs(tiny.encode(TEXTS) - expected).max() < 2e-6


@pytest.mark.slow
def test_the_real_model_gives_what_the_other_implementation_gives() -> None:
    store = AssetStore(ASSETS)
    if not (store.has(WEIGHTS) and store.has(TOKENIZER)):
        pytest.skip(f"needs {WEIGHTS}: python scripts/fetch_assets.py {WEIGHTS}")
    encoder = SentenceEncoder.load(store.path(WEIGHTS), store.path(TOKENIZER))
    texts = ["a busy kitchen on a saturday evening", "Rain, rain; at 2 a.m. …", "", "ночной поезд", "word " * 1_000]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(store.path(TOKENIZER)))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.no_padding()
    expected = reference(load_file(store.path(WEIGHTS)), [tokenizer.encode(text).ids for text in texts], 12, 1_536)
    assert np.abs(encoder.encode(texts) - expected).max() < 1e-5


def test_a_text_means_the_same_alone_and_among_others(tiny: SentenceEncoder) -> None:
    together = tiny.encode([*TEXTS, *TEXTS])
    alone = np.concatenate([tiny.encode([text]) for text in TEXTS])
    assert np.abs(together - np.concatenate([alone, alone])).max() < 1e-6


def test_what_is_beyond_the_models_reach_is_not_read(tiny: SentenceEncoder) -> None:
    inside = "the plates " * (MOST_TOKENS // 2)
    assert np.array_equal(tiny.encode([inside]), tiny.encode([inside + "goodbye " * 2_000]))


@pytest.mark.parametrize(
    "text", ["", "\x00\x1b[31m", "😀🎷", "\ud800".encode("utf-8", "ignore").decode(), "a" * 100_000]
)
def test_any_text_has_a_vector(tiny: SentenceEncoder, text: str) -> None:
    assert np.isfinite(tiny.encode([text])).all()


@pytest.mark.parametrize(
    ("text", "known", "words"),
    [
        ("A busy kitchen, the plates.", 5, 5),
        ("the qwe qwe", 1, 3),
        ("夜の海", 0, 3),
        ("🎷 4711", 0, 0),
    ],
)
def test_words_that_the_model_knows_whole_are_counted(tiny: SentenceEncoder, text: str, known: int, words: int) -> None:
    assert tiny.known_words(text) == (known, words)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embeddings.word_embeddings.weight", None),
        ("embeddings.word_embeddings.weight", np.zeros((len(WORDS), 40), np.float32)),
        ("embeddings.word_embeddings.weight", np.zeros((3, WIDTH), np.float32)),
        ("embeddings.position_embeddings.weight", np.zeros((9, WIDTH), np.float32)),
        (f"encoder.layer.{LAYERS - 1}.attention.self.key.weight", None),
        (f"encoder.layer.{LAYERS - 1}.output.dense.weight", np.zeros((WIDTH, WIDE), np.float16)),
        (f"encoder.layer.{LAYERS - 1}.output.LayerNorm.bias", np.zeros((1, WIDTH), np.float32)),
    ],
)
def test_weights_of_another_shape_are_refused(name: str, change: NDArray[np.float32] | None) -> None:
    tensors = tiny_tensors()
    del tensors[name]
    with pytest.raises(ValueError, match=r"weights|tensor"):
        SentenceEncoder(tensors if change is None else {**tensors, name: change}, tiny_tokenizer())


def test_weights_without_layers_are_refused() -> None:
    tensors = {name: tensor for name, tensor in tiny_tensors().items() if name.startswith("embeddings")}
    with pytest.raises(ValueError, match="no layers"):
        SentenceEncoder(tensors, tiny_tokenizer())


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    weights, tokenizer = store.path(WEIGHTS), store.path(TOKENIZER)
    assert SentenceEncoder.load(weights, tokenizer).encode(["the plates"]).shape == (1, WIDTH)
    with pytest.raises(ValueError, match="no tokenizer"):
        SentenceEncoder.load(weights, weights)
    with pytest.raises(ValueError, match="no tensors"):
        SentenceEncoder.load(tokenizer, tokenizer)
    save_file({"other": np.zeros(3, np.float32)}, weights)
    with pytest.raises(ValueError, match="no table of words"):
        SentenceEncoder.load(weights, tokenizer)
    with pytest.raises(OSError, match="absent"):
        SentenceEncoder.load(weights, tmp_path / "absent")
