"""What a song is conditioned on, as tensors: made once for a request, in its own thread, read by the runner.

Text models read the prompt's states by cross-attention. Melody models have none: chroma frames and text states are
prepended to the song as a prefix. The unconditional row of a text model reads nothing (its states are zeroed), that of
a melody model gets zeroed text states and the chroma of pitch class 0 throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.generation.musicgen.decoder import CrossMemory
from services.generation.musicgen.gathering import Gathering
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import TextConditioner, Tokenizer


@dataclass(frozen=True, slots=True)
class SongCondition:
    """One slot's conditioning: `memories` of its two rows for cross-attention, or a `prefix` `[2, P, d]`."""

    memories: tuple[CrossMemory | None, CrossMemory | None] = (None, None)
    prefix: Tensor | None = None

    @property
    def prefix_length(self) -> int:
        """Positions of the prefix; 0 without one."""
        return 0 if self.prefix is None else self.prefix.shape[1]


class Conditioner:
    """Prompts, negative prompt and melody to conditions. May be used by several threads at once."""

    def __init__(self, model: MusicGen, tokenizer: Tokenizer) -> None:
        self._model = model
        self._text = TextConditioner(model.configuration.text, tokenizer, model.text_encoder, model.enc_to_dec_proj)
        self._memory = Gathering(model.decoder.cross_memories)

    @torch.inference_mode()
    def text(self, prompt: str) -> Tensor:
        """States `[S, d]` of a prompt, as wide as the decoder."""
        return self._text(prompt)

    @torch.inference_mode()
    def conditions(
        self,
        prompts: Sequence[str],
        negative_prompt: str = "",
        melodies: Sequence[Tensor | None] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> list[SongCondition]:
        """A condition for each prompt; all of one song at once, because their prefixes have one length.

        `melodies` are pitch classes `[T]` (0–11) for each prompt; None: no melody. `check` is called before each prompt
        is encoded, which takes a moment, and may raise. ValueError for a melody that the model cannot follow.
        """
        melodies = [None] * len(prompts) if melodies is None else melodies
        # A chorus comes back: the same words are encoded, and held, once.
        words: dict[str, Tensor] = {}
        for prompt in dict.fromkeys(prompts):
            check()
            words[prompt] = self.text(prompt)
        texts = [words[prompt] for prompt in prompts]
        negative = self.text(negative_prompt) if negative_prompt else None
        if self._model.audio_enc_to_dec_proj is not None:
            longest = max(len(states) for states in (*texts, *([] if negative is None else [negative])))
            return [
                SongCondition(prefix=self._prefix(states, negative, melody, longest))
                for states, melody in zip(texts, melodies, strict=True)
            ]
        if any(melody is not None for melody in melodies):
            raise ValueError("This model does not follow melodies.")
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


def fit_melody(classes: Tensor, frames: int) -> Tensor:
    """A melody `[T]` repeated or cut to `[frames]`. ValueError when it is empty."""
    if not len(classes):
        raise ValueError("A melody holds at least one frame.")
    return classes.repeat(-(-frames // len(classes)))[:frames]
