"""What a song is conditioned on, as tensors: made once for a request, in its own thread, read by the runner.

Text models read the prompt's states by cross-attention. Melody and style models have none: chroma frames or style
vectors, and then text states, are prepended to the song as a prefix. The unconditional row of a text model reads
nothing (its states are zeroed), that of a melody model gets zeroed text states and the chroma of pitch class 0
throughout. A style model has three rows, style and words, style, nothing: what a row is without is zeros of the same
length, and where no style is asked for a single vector of zeros stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.generation.musicgen.decoder import CrossMemory
from services.generation.musicgen.gathering import Gathering
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import TextConditioner, Tokenizer


@dataclass(frozen=True, slots=True)
class SongCondition:
    """One slot's conditioning: `memories` of its two rows for cross-attention, or a `prefix` `[G, P, d]`."""

    memories: tuple[CrossMemory | None, CrossMemory | None] = (None, None)
    prefix: Tensor | None = None

    @property
    def prefix_length(self) -> int:
        """Positions of the prefix; 0 without one."""
        return 0 if self.prefix is None else self.prefix.shape[1]


class TooManyWords(ValueError):  # noqa: N818 — an outcome, not an error
    """A song's prompts would take more memory than its own past."""


class Conditioner:
    """Prompts, negative prompt, melody and style to conditions. May be used by several threads at once."""

    def __init__(self, model: MusicGen, tokenizer: Tokenizer) -> None:
        self._model = model
        self._text = TextConditioner(model.configuration.text, tokenizer, model.text_encoder, model.enc_to_dec_proj)
        self._memory = Gathering(model.decoder.cross_memories)

    @torch.inference_mode()
    def text(self, prompt: str) -> Tensor:
        """States `[S, d]` of a prompt, as wide as the decoder."""
        return self._text(prompt)

    @torch.inference_mode()
    def style(self, excerpt: NDArray[np.float32], codebooks: int | None = None) -> Tensor:
        """Style vectors `[S, d]` of an excerpt `[n]` at the encoder's sample rate, as wide as the decoder.

        `codebooks` is how many let it through (None: as usual). ValueError for an excerpt that is too short, and for a
        model that follows no styles.
        """
        model, style = self._model, self._model.configuration.style
        if (
            style is None
            or model.style_encoder is None
            or model.style_conditioner is None
            or model.audio_enc_to_dec_proj is None
        ):
            raise ValueError("This model does not follow styles.")
        heard = model.style_encoder(torch.from_numpy(excerpt))
        vectors: Tensor = model.audio_enc_to_dec_proj(
            model.style_conditioner(heard, codebooks or style.usual_codebooks)
        )
        return vectors

    @torch.inference_mode()
    def conditions(
        self,
        prompts: Sequence[str],
        negative_prompt: str = "",
        melodies: Sequence[Tensor | None] | None = None,
        check: Callable[[], None] = lambda: None,
        style: Tensor | None = None,
    ) -> list[SongCondition]:
        """A condition for each prompt; all of one song at once, because their prefixes have one length.

        `melodies` are pitch classes `[T]` (0–11) for each prompt; None: no melody. `style` are the vectors of `style`.
        `check` is called before each prompt is encoded, which takes a moment, and may raise. ValueError for a melody or
        style that the model cannot follow, `TooManyWords` where several prompts have more tokens together than the
        song's rows have positions: each takes as much memory, for as long as the song is made.
        """
        melodies = [None] * len(prompts) if melodies is None else melodies
        # A chorus comes back: the same words are encoded, and held, once.
        words: dict[str, Tensor] = {}
        for prompt in dict.fromkeys(prompts):
            check()
            words[prompt] = self.text(prompt)
        decoder = self._model.configuration.decoder
        if len(words) > 1 and sum(map(len, words.values())) > decoder.guidance_rows * decoder.cache_positions:
            raise TooManyWords("The prompts are too long together.")
        texts = [words[prompt] for prompt in prompts]
        negative = self.text(negative_prompt) if negative_prompt else None
        configuration = self._model.configuration
        if configuration.chroma is None and any(melody is not None for melody in melodies):
            raise ValueError("This model does not follow melodies.")
        if configuration.style is None and style is not None:
            raise ValueError("This model does not follow styles.")
        if self._model.audio_enc_to_dec_proj is not None:
            longest = max(len(states) for states in (*texts, *([] if negative is None else [negative])))
            if configuration.style is not None:
                return [SongCondition(prefix=_styled(states, negative, style, longest)) for states in texts]
            return [
                SongCondition(prefix=self._prefix(states, negative, melody, longest))
                for states, melody in zip(texts, melodies, strict=True)
            ]
        null = None if negative is None else self._memory(negative)
        memories = {prompt: self._memory(states) for prompt, states in words.items()}
        return [SongCondition(memories=(memories[prompt], null)) for prompt in prompts]

    def _prefix(self, text: Tensor, negative: Tensor | None, melody: Tensor | None, longest: int) -> Tensor:
        chroma = self._model.configuration.chroma
        projection = self._model.audio_enc_to_dec_proj
        if chroma is None or projection is None:
            raise RuntimeError("A model without chroma has no prefix.")
        null_classes = torch.zeros(chroma.frames, dtype=torch.long)
        classes = null_classes if melody is None else fit_melody(melody, chroma.frames)
        rows = []
        for states, pitches in ((text, classes), (negative, null_classes)):
            tones = projection(torch.nn.functional.one_hot(pitches, chroma.bins).float())
            words = tones.new_zeros(longest, tones.shape[1])
            if states is not None:
                words[: len(states)] = states
            rows.append(torch.cat([tones, words]))
        return torch.stack(rows)


def _styled(text: Tensor, negative: Tensor | None, style: Tensor | None, longest: int) -> Tensor:
    """The prefix `[3, P, d]` of a style model's song: style and words, style, nothing."""
    heard = text.new_zeros(1, text.shape[1]) if style is None else style
    prefix = text.new_zeros(3, len(heard) + longest, text.shape[1])
    prefix[:2, : len(heard)] = heard
    prefix[0, len(heard) : len(heard) + len(text)] = text
    if negative is not None:
        prefix[2, len(heard) : len(heard) + len(negative)] = negative
    return prefix


def fit_melody(classes: Tensor, frames: int) -> Tensor:
    """A melody `[T]` repeated or cut to `[frames]`. ValueError when it is empty."""
    if not len(classes):
        raise ValueError("A melody holds at least one frame.")
    return classes.repeat(-(-frames // len(classes)))[:frames]
